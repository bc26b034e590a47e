/* SPDX-License-Identifier: MIT */
/* Reading what the kernel shows. */
#include "kernel_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "need.h"

bool kernel_file_read(const char *path, char *text, size_t size) {
    text[0] = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return false;
    }
    size_t length = 0;
    ssize_t got = 1;
    while (got != 0 && length < size - 1) {
        got = read(descriptor, text + length, size - 1 - length);
        if (got < 0 && errno != EINTR) {
            break;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    close(descriptor);
    for (size_t i = 0; i < length; i++) {
        text[i] = text[i] ? text[i] : ' ';
    }
    while (length > 0 && strchr(" \t\n", text[length - 1])) {
        length--;
    }
    text[length] = 0;
    return got >= 0;
}

bool kernel_file_read_in(const char *folder, const char *name, char *text, size_t size) {
    char *path = need_text("%s/%s", folder, name);
    bool done = kernel_file_read(path, text, size);
    free(path);
    return done;
}
