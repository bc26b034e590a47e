/* SPDX-License-Identifier: MIT */
/* Reading and replacing files on a drive. */
#include "drive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "need.h"

static int read_descriptor(int descriptor, char **bytes, size_t *length) {
    struct stat status;
    if (fstat(descriptor, &status) < 0) {
        return -errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
    if ((unsigned long long)status.st_size > DRIVE_FILE_LIMIT) {
        return -EFBIG;
    }
    size_t size = (size_t)status.st_size;
    char *buffer = need_memory(malloc(size + 1));
    size_t got = 0;
    while (got < size) {
        ssize_t count = read(descriptor, buffer + got, size - got);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            int error = count < 0 ? -errno : -EIO;
            free(buffer);
            return error;
        }
        got += (size_t)count;
    }
    buffer[size] = 0;
    *bytes = buffer;
    *length = size;
    return 0;
}

int drive_file_read(int folder, const char *name, char **bytes, size_t *length) {
    int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return -errno;
    }
    int error = read_descriptor(descriptor, bytes, length);
    close(descriptor);
    return error;
}

static int write_all(int descriptor, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        bytes += count > 0 ? count : 0;
        length -= count > 0 ? (size_t)count : 0;
    }
    return 0;
}

/* Leaves nothing behind when it fails. One that an earlier run left behind is written over. */
static int write_temporary(int folder, const char *name, const char *bytes, size_t length) {
    int descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return -errno;
    }
    int error = write_all(descriptor, bytes, length);
    if (!error && fsync(descriptor) < 0) {
        error = -errno;
    }
    if (close(descriptor) < 0 && !error) {
        error = -errno;
    }
    if (error) {
        unlinkat(folder, name, 0);
    }
    return error;
}

/* Whether `length` bytes find room where a file called `name` was. */
static bool fits_in_its_place(int folder, const char *name, size_t length) {
    struct stat old;
    struct statvfs drive;
    return fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && fstatvfs(folder, &drive) == 0 &&
           drive.f_bavail * drive.f_frsize + (unsigned long long)old.st_blocks * 512 >= length + drive.f_frsize;
}

int drive_file_write(int folder, const char *name, const char *bytes, size_t length) {
    char *temporary = need_text("%s.new", name);
    int error = write_temporary(folder, temporary, bytes, length);
    if (error == -ENOSPC && fits_in_its_place(folder, name, length) && unlinkat(folder, name, 0) == 0) {
        error = write_temporary(folder, temporary, bytes, length);
    }
    if (!error && renameat(folder, temporary, folder, name) < 0) {
        error = -errno;
        unlinkat(folder, temporary, 0);
    }
    free(temporary);
    return error;
}
