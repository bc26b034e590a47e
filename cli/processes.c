/* SPDX-License-Identifier: MIT */
/* Walking /proc. */
#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel_file.h"
#include "need.h"

/* Major numbers of pseudo terminals, from the kernel's devices.txt. */
#define MAJOR_PTY_FIRST 136
#define MAJOR_PTY_LAST  143

/* Whether a descriptor is the port, the other end of it, or neither. */
enum use { USE_NONE, USE_PORT, USE_OTHER_END };

static bool read_process(const char *proc, const char *pid, struct process *process) {
    char *folder = need_text("%s/%s", proc, pid);
    *process = (struct process){.pid = (pid_t)strtol(pid, NULL, 10)};
    bool found = kernel_file_read_in(folder, "comm", process->name, sizeof process->name);
    kernel_file_read_in(folder, "cmdline", process->command_line, sizeof process->command_line);
    free(folder);
    return found;
}

/* The next entry whose name is a number; NULL at the end. */
static const char *next_number(DIR *list) {
    for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list)) {
        if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name)) {
            return entry->d_name;
        }
    }
    return NULL;
}

static void close_list(DIR *list) {
    if (list) {
        closedir(list);
    }
}

bool processes_find(const char *proc, process_test *test, void *context, struct process *found) {
    DIR *list = opendir(proc);
    bool done = false;
    for (const char *pid = next_number(list); pid && !done; pid = done ? pid : next_number(list)) {
        done = read_process(proc, pid, found) && test(found, context);
    }
    close_list(list);
    return done;
}

/* Programs that are the other end of a pseudo terminal may have this end open as well; that takes it from nobody. */
static bool is_other_end(const char *process_folder, const char *descriptor, const struct stat *node) {
    char text[512];
    char *path = need_text("%s/fdinfo/%s", process_folder, descriptor);
    bool read = kernel_file_read(path, text, sizeof text);
    free(path);
    const char *index = read ? strstr(text, "tty-index:") : NULL;
    return index && strtoul(index + strlen("tty-index:"), NULL, 10) == minor(node->st_rdev) &&
           major(node->st_rdev) >= MAJOR_PTY_FIRST && major(node->st_rdev) <= MAJOR_PTY_LAST;
}

static enum use descriptor_use(const char *process_folder, const char *descriptor, const struct stat *node) {
    char target[PATH_MAX];
    char *path = need_text("%s/fd/%s", process_folder, descriptor);
    ssize_t length = readlink(path, target, sizeof target - 1);
    enum use use = USE_NONE;
    target[length > 0 ? length : 0] = 0;
    /* Asking about files elsewhere could mean to wait for a file server. */
    if (strncmp(target, "/dev/", strlen("/dev/")) == 0) {
        struct stat status;
        if (strstr(target, "ptmx")) {
            use = is_other_end(process_folder, descriptor, node) ? USE_OTHER_END : USE_NONE;
        } else if (stat(path, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == node->st_rdev) {
            use = USE_PORT;
        }
    }
    free(path);
    return use;
}

static enum use process_use(const char *proc, const char *pid, const struct stat *node, size_t *hidden) {
    char *folder = need_text("%s/%s", proc, pid);
    char *descriptors = need_text("%s/fd", folder);
    enum use use = USE_NONE;
    DIR *list = opendir(descriptors);
    *hidden += !list && errno == EACCES;
    for (const char *name = next_number(list); name && use != USE_OTHER_END; name = next_number(list)) {
        enum use one = descriptor_use(folder, name, node);
        use = one != USE_NONE ? one : use;
    }
    close_list(list);
    free(descriptors);
    free(folder);
    return use;
}

static bool is_listed(const struct process *found, size_t count, pid_t pid) {
    for (size_t i = 0; i < count; i++) {
        if (found[i].pid == pid) {
            return true;
        }
    }
    return false;
}

/* Locks are shown of all processes: "1: FLOCK  ADVISORY  WRITE 1234 00:05:678 0 EOF". */
static size_t add_lock_owners(const char *proc, const struct stat *node, struct process *found, size_t count,
                              size_t room) {
    char *path = need_text("%s/locks", proc);
    FILE *list = fopen(path, "re");
    char line[256];
    while (list && count < room && fgets(line, sizeof line, list)) {
        long pid;
        unsigned part;
        unsigned rest;
        unsigned long inode;
        if (sscanf(line, "%*s %*s %*s %*s %ld %x:%x:%lu", &pid, &part, &rest, &inode) != 4 || pid <= 0 ||
            pid > INT_MAX || part != major(node->st_dev) || rest != minor(node->st_dev) || inode != node->st_ino ||
            is_listed(found, count, (pid_t)pid)) {
            continue;
        }
        char number[24];
        snprintf(number, sizeof number, "%ld", pid);
        count += read_process(proc, number, &found[count]);
    }
    if (list) {
        fclose(list);
    }
    free(path);
    return count;
}

size_t processes_with_port(const char *proc, const struct stat *node, struct process *found, size_t room,
                           size_t *hidden) {
    DIR *list = opendir(proc);
    size_t count = 0;
    *hidden = 0;
    for (const char *pid = next_number(list); pid && count < room; pid = next_number(list)) {
        count += process_use(proc, pid, node, hidden) == USE_PORT && read_process(proc, pid, &found[count]);
    }
    close_list(list);
    return add_lock_owners(proc, node, found, count, room);
}
