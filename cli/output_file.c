/* SPDX-License-Identifier: MIT */
/* Writing by rename, and the little pattern language of file names. */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "need.h"

static bool write_all(int descriptor, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static bool write_straight(const char *path, const void *bytes, size_t length) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    bool written = write_all(descriptor, bytes, length);
    return close(descriptor) == 0 && written;
}

static bool write_and_rename(const char *path, const void *bytes, size_t length) {
    char *temporary = NULL;
    need_memory(asprintf(&temporary, "%s.part-%ld", path, (long)getpid()) < 0 ? NULL : temporary);
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    bool done = false;
    if (descriptor >= 0) {
        done = write_all(descriptor, bytes, length) && fsync(descriptor) == 0;
        done = close(descriptor) == 0 && done && rename(temporary, path) == 0;
        int cause = errno;
        if (!done) {
            unlink(temporary);
        }
        errno = cause;
    }
    free(temporary);
    return done;
}

/* Signals that would end the program wait meanwhile, so that an interrupted series leaves no temporary file behind. */
static bool write_and_rename_undisturbed(const char *path, const void *bytes, size_t length) {
    sigset_t ending;
    sigset_t before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigprocmask(SIG_BLOCK, &ending, &before);
    bool done = write_and_rename(path, bytes, length);
    int cause = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return done;
}

bool output_file_write(const char *path, const void *bytes, size_t length) {
    bool done;
    struct stat status;
    if (strcmp(path, "-") == 0) {
        path = "standard output";
        done = fflush(stdout) == 0 && write_all(STDOUT_FILENO, bytes, length);
    } else if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        done = write_straight(path, bytes, length);
    } else {
        /* Behind a symbolic link it is the file that is replaced, not the link. */
        char *real = realpath(path, NULL);
        done = write_and_rename_undisturbed(real ? real : path, bytes, length);
        free(real);
    }
    if (!done) {
        fprintf(stderr, "openmvctl: cannot write %s: %s\n", path, strerror(errno));
    }
    return done;
}

/* Reads d, Nd or 0Nd behind a percent sign; returns the place behind it, or NULL. */
static const char *read_conversion(const char *at, bool *zeros, int *width) {
    *zeros = *at == '0';
    at += *zeros ? 1 : 0;
    *width = *at >= '1' && *at <= '9' ? *at++ - '0' : 0;
    return *at == 'd' ? at + 1 : NULL;
}

char *output_file_name(const char *pattern, unsigned number) {
    char *name = NULL;
    size_t length = 0;
    FILE *out = need_memory(open_memstream(&name, &length));
    int conversions = 0;
    bool valid = true;
    const char *at = pattern;
    while (valid && *at) {
        if (*at != '%') {
            fputc(*at++, out);
        } else if (at[1] == '%') {
            fputc('%', out);
            at += 2;
        } else {
            bool zeros = false;
            int width = 0;
            at = read_conversion(at + 1, &zeros, &width);
            valid = at && ++conversions == 1;
            fprintf(out, zeros ? "%0*u" : "%*u", width, number);
        }
    }
    fclose(out);
    if (!valid || length == 0) {
        free(name);
        return NULL;
    }
    return need_memory(name);
}
