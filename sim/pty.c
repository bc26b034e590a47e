/* SPDX-License-Identifier: MIT */
/* The pseudo terminal's system calls. */

#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int prepare(struct sim_pty *pty) {
    if (grantpt(pty->master) < 0 || unlockpt(pty->master) < 0) {
        return -errno;
    }
    int error = ptsname_r(pty->master, pty->path, sizeof pty->path);
    if (error) {
        return -error;
    }
    pty->slave = open(pty->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pty->slave < 0) {
        return -errno;
    }
    struct termios settings;
    if (tcgetattr(pty->slave, &settings) < 0) {
        return -errno;
    }
    cfmakeraw(&settings);
    return tcsetattr(pty->slave, TCSANOW, &settings) < 0 ? -errno : 0;
}

int sim_pty_open(struct sim_pty *pty) {
    *pty = (struct sim_pty){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), .slave = -1};
    if (pty->master < 0) {
        return -errno;
    }
    int error = prepare(pty);
    if (error) {
        sim_pty_close(pty);
    }
    return error;
}

void sim_pty_close(struct sim_pty *pty) {
    /* The master first: it hangs the port up at once. Closing the slave while output waits in it could block. */
    if (pty->master >= 0) {
        close(pty->master);
    }
    if (pty->slave >= 0) {
        close(pty->slave);
    }
    pty->master = pty->slave = -1;
}

int sim_pty_link(const struct sim_pty *pty, const char *link_path) {
    struct stat found;
    if (lstat(link_path, &found) == 0 && !S_ISLNK(found.st_mode)) {
        return -EEXIST;
    }
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.%ld", link_path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof beside) {
        return -ENAMETOOLONG;
    }
    if (symlink(pty->path, beside) < 0) {
        return -errno;
    }
    if (rename(beside, link_path) < 0) {
        int error = -errno;
        unlink(beside);
        return error;
    }
    return 0;
}

void sim_pty_unlink(const struct sim_pty *pty, const char *link_path) {
    char target[sizeof pty->path];
    ssize_t length = readlink(link_path, target, sizeof target);
    if (length > 0 && (size_t)length == strlen(pty->path) && memcmp(target, pty->path, (size_t)length) == 0) {
        unlink(link_path);
    }
}
