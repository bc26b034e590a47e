/* SPDX-License-Identifier: MIT */
/* The processes of this machine, as far as this user may see them: who they are, and who has a port open. */
#ifndef OPENMVCTL_PROCESSES_H
#define OPENMVCTL_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    char name[32];          /* as the kernel shortens it, to 15 letters */
    char command_line[512]; /* its start; words with blanks between */
};

typedef bool process_test(const struct process *process, void *context);

/* Finds the first process that passes a test. `proc` is the root, "/proc" on a real machine. */
bool processes_find(const char *proc, process_test *test, void *context, struct process *found);

/*
 * Lists the processes that have a device open, by their descriptors and by the locks on it, but not those that are the
 * other end of a pseudo terminal. `node` is what stat() says of it. `hidden` receives how many processes this user may
 * not look into. Returns how many were found, at most `room`.
 */
size_t processes_with_port(const char *proc, const struct stat *node, struct process *found, size_t room,
                           size_t *hidden);

#endif
