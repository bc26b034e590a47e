/* SPDX-License-Identifier: MIT */
/* Looking through /proc for open files. */

#include "port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A node may go by several names, but has one number. */
static bool has_open(int descriptors, dev_t number) {
    DIR *folder = fdopendir(descriptors);
    if (folder == NULL) {
        close(descriptors);
        return false;
    }
    bool found = false;
    const struct dirent *entry;
    while (!found && (entry = readdir(folder)) != NULL) {
        struct stat status;
        found =
            fstatat(descriptors, entry->d_name, &status, 0) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == number;
    }
    closedir(folder);
    return found;
}

/* Appends a process, or nothing where it does not fit. Its name is its own to choose, so only what can be printed is
 * shown. */
static void append(int process, const char *pid, char *text, size_t size) {
    char name[32] = "a process";
    int file = openat(process, "comm", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t length = read(file, name, sizeof name - 1);
        name[length > 0 ? length : 0] = '\0';
        name[strcspn(name, "\n")] = '\0';
        close(file);
    }
    for (char *letter = name; *letter != '\0'; letter++) {
        if (!isprint((unsigned char)*letter)) {
            *letter = '?';
        }
    }
    size_t length = strlen(text);
    int added = snprintf(text + length, size - length, "%s%s (pid %s)", length > 0 ? ", " : "", name, pid);
    if (added < 0 || (size_t)added >= size - length) {
        text[length] = '\0';
    }
}

static void look_into(int processes, const char *pid, dev_t number, char *text, size_t size) {
    int process = openat(processes, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) {
        return;
    }
    int descriptors = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptors >= 0 && has_open(descriptors, number)) {
        append(process, pid, text, size);
    }
    close(process);
}

bool port_holder_find(const char *device, char *text, size_t size) {
    struct stat status;
    text[0] = '\0';
    if (stat(device, &status) < 0 || !S_ISCHR(status.st_mode)) {
        return false;
    }
    DIR *processes = opendir("/proc");
    if (processes == NULL) {
        return false;
    }
    const struct dirent *entry;
    while ((entry = readdir(processes)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && strtol(entry->d_name, NULL, 10) != (long)getpid()) {
            look_into(dirfd(processes), entry->d_name, status.st_rdev, text, size);
        }
    }
    closedir(processes);
    return text[0] != '\0';
}
