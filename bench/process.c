/* SPDX-License-Identifier: MIT */
/* Starting and ending the programs beside the bench. See process.h. */

#include "process.h"

#include "connect.h"
#include "openmvrpc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DAEMON_PATIENCE_US = 10000000, DAEMON_TRY_US = 5000 };

/* The callbacks of the cameras as somebody would configure them; `echo` and `blob` have no effect, so they may be
 * repeated. */
static const char configuration[] = "{\"cameras\":{\"camera\":{\"link\":"
                                    "{\"type\":\"serial\",\"device\":\"%s\",\"baud\":115200}}},\"callbacks\":{"
                                    "\"echo\":{\"result\":\"bytes\",\"repeatable\":true},"
                                    "\"blob\":{\"result\":\"bytes\",\"repeatable\":true},"
                                    "\"sleep\":{\"result\":\"bytes\"}},\"limits\":{\"clients\":100}}\n";

static void fail(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Writes the path of a built program: this one is in build/bench. */
static void find_program(const char *name, char *path, size_t size) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        fail("/proc/self/exe");
    }
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    if (snprintf(path, size, "%s/../%s", self, name) >= (int)size || access(path, X_OK) != 0) {
        fail(path);
    }
}

/* Runs a program whose standard output is `output`, and whose messages go nowhere: the cameras' and the daemon's are no
 * part of the table. */
static pid_t run(const char *program, const char **arguments, int output) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDERR_FILENO) < 0 ||
            dup2(output >= 0 ? output : nothing, STDOUT_FILENO) < 0) {
            _exit(127);
        }
        execv(program, (char *const *)arguments);
        _exit(127);
    }
    return pid;
}

/* Starts a program and waits for its first line. */
static pid_t run_and_read(const char *program, const char **arguments, char *text, size_t size) {
    char path[4200];
    int output[2];
    find_program(program, path, sizeof path);
    if (pipe2(output, O_CLOEXEC) != 0) {
        fail("pipe");
    }
    arguments[0] = path;
    pid_t pid = run(path, arguments, output[1]);
    close(output[1]);
    FILE *lines = fdopen(output[0], "r");
    if (lines == NULL || fgets(text, (int)size, lines) == NULL) {
        fail(program);
    }
    fclose(lines);
    text[strcspn(text, "\n")] = '\0';
    return pid;
}

void process_start_camera(struct process *process, const char *program, const char **arguments) {
    *process = (struct process){0};
    process->pid = run_and_read(program, arguments, process->path, sizeof process->path);
}

void process_read_line(const char *program, const char *argument, char *text, size_t size) {
    int status;
    const char *arguments[] = {NULL, argument, NULL};
    pid_t pid = run_and_read(program, arguments, text, size);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fail(program);
    }
}

static bool listens(const char *path) {
    int fd = connect_socket(path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Makes the folder that the server's socket will be in. */
static void make_folder(struct process *process) {
    *process = (struct process){.folder = "/tmp/openmvd-bench-XXXXXX"};
    if (mkdtemp(process->folder) == NULL) {
        fail(process->folder);
    }
    snprintf(process->path, sizeof process->path, "%s/socket", process->folder);
}

static void wait_until_it_listens(const struct process *process, const char *program) {
    int64_t give_up_us = omvrpc_now_us() + DAEMON_PATIENCE_US;
    while (!listens(process->path)) {
        if (omvrpc_now_us() > give_up_us || waitpid(process->pid, NULL, WNOHANG) != 0) {
            fprintf(stderr, "bench: %s does not listen at %s\n", program, process->path);
            exit(EXIT_FAILURE);
        }
        usleep(DAEMON_TRY_US);
    }
}

void process_start_echo_server(struct process *process) {
    char program[4200];
    make_folder(process);
    find_program("bench/echo_server", program, sizeof program);
    const char *arguments[] = {program, process->path, NULL};
    process->pid = run(program, arguments, -1);
    wait_until_it_listens(process, program);
}

void process_start_daemon(struct process *process, const char *device) {
    char program[4200], config[96];
    make_folder(process);
    find_program("openmvd", program, sizeof program);
    snprintf(config, sizeof config, "%s/config", process->folder);
    FILE *file = fopen(config, "w");
    if (file == NULL || fprintf(file, configuration, device) < 0 || fclose(file) != 0) {
        fail(config);
    }
    const char *arguments[] = {program, "--config", config, "--socket", process->path, NULL};
    process->pid = run(program, arguments, -1);
    wait_until_it_listens(process, program);
    unlink(config);
}

double process_cpu_seconds(const struct process *process) {
    clockid_t clock;
    struct timespec spent;
    int error = clock_getcpuclockid(process->pid, &clock);
    if (error == 0 && clock_gettime(clock, &spent) != 0) {
        error = errno;
    }
    if (error != 0) {
        errno = error;
        fail("the CPU time of a process");
    }
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

void process_stop(struct process *process) {
    kill(process->pid, SIGTERM);
    waitpid(process->pid, NULL, 0);
    if (process->folder[0] != '\0') {
        unlink(process->path); /* the daemon has done so itself */
        rmdir(process->folder);
    }
}
