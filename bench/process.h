/* SPDX-License-Identifier: MIT */
#ifndef PROCESS_H
#define PROCESS_H

/*
 * The programs beside the bench: cameras that print the path of their pty, and the daemon. They end with the bench,
 * however it ends. What cannot be started ends the bench, with a message.
 */

#include <sys/types.h>

struct process {
    pid_t pid;
    char path[128];  /* of a camera: its port; of a server: its socket */
    char folder[64]; /* of a server: where the socket is; otherwise empty */
};

/* Starts a camera. `program` is relative to the build folder; `arguments` begins with a place for the program's path
 * and ends with NULL. */
void process_start_camera(struct process *process, const char *program, const char **arguments);

/* Runs a program with one argument, or none for NULL, to its end and takes the first line that it prints, without its
 * end, as `size` has room for. */
void process_read_line(const char *program, const char *argument, char *text, size_t size);

/* Starts the daemon, in a folder of its own, for a camera at the port `device`, and waits until it listens. */
void process_start_daemon(struct process *process, const char *device);

/* Starts the server that the daemon is compared to, likewise. */
void process_start_echo_server(struct process *process);

/* The CPU time that the process has spent so far, all its threads, in the kernel as well. */
double process_cpu_seconds(const struct process *process);

/* Ends a process and removes what it has left. */
void process_stop(struct process *process);

#endif
