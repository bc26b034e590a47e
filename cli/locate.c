/* SPDX-License-Identifier: MIT */
/* Where the daemon's socket may be, and what each way of not reaching it means. */
#include "locate.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "need.h"

#define SYSTEM_SOCKET "/run/openmvd/openmvd.sock"

/* Returns a descriptor, or -1 with errno set. */
static int try_connect(const char *path, long patience_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return -1;
    }
    /* On Linux the send timeout also bounds how long connect() waits for a place in the backlog. */
    struct timeval patience = {patience_ms / 1000, patience_ms % 1000 * 1000};
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        int cause = errno;
        close(descriptor);
        errno = cause;
        return -1;
    }
    return descriptor;
}

static void fail_without_permission(const char *path, struct reply *failure) {
    struct stat status;
    char *hint = NULL;
    int length;
    if (stat(path, &status) < 0) {
        length = asprintf(&hint, "its folder is closed to you; ask who set openmvd up, or try with sudo");
    } else {
        const struct group *group = getgrgid(status.st_gid);
        bool group_may = (status.st_mode & S_IWGRP) && status.st_gid != 0 && group;
        const char *group_name = group_may ? group->gr_name : "";
        const struct passwd *user = getpwuid(geteuid());
        const char *user_name = user ? user->pw_name : "$USER";
        length = group_may ? asprintf(&hint,
                                      "join the group %s, then log out and in again:\n"
                                      "  sudo usermod -aG %s %s",
                                      group_name, group_name, user_name)
                           : asprintf(&hint, "only its owner may use it (socket.group and socket.mode in the daemon's "
                                             "configuration change that); try with sudo");
    }
    need_memory(length < 0 ? NULL : hint);
    reply_fail(failure, "no_permission", "no", hint, "you may not use the daemon's socket %s", path);
    free(hint);
}

static void fail_without_daemon(const char *first, const char *second, bool asked_for, struct reply *failure) {
    char *hint = NULL;
    const char *option = asked_for ? " --socket " : "";
    const char *path = asked_for ? first : "";
    int length = asprintf(&hint,
                          "start it:           openmvd%s%s   (build/openmvd where you built it)\n"
                          "or, with no camera: openmvd --simulate%s%s",
                          option, path, option, path);
    need_memory(length < 0 ? NULL : hint);
    reply_fail(failure, "no_daemon", "no", hint, "no daemon is running: nothing listens at %s%s%s", first,
               second ? " or " : "", second ? second : "");
    free(hint);
}

int locate_connect(const char *path, long patience_ms, struct reply *failure) {
    const char *from_environment = getenv("OPENMVD_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *user_socket = NULL;
    const char *asked_for = path ? path : from_environment && *from_environment ? from_environment : NULL;
    if (!asked_for && runtime && *runtime) {
        need_memory(asprintf(&user_socket, "%s/openmvd.sock", runtime) < 0 ? NULL : user_socket);
    }

    const char *places[] = {asked_for ? asked_for : SYSTEM_SOCKET, user_socket};
    const char *closed_to_us = NULL;
    int descriptor = -1;
    int cause = 0;
    for (int i = 0; i < 2 && places[i] && descriptor < 0 && cause == 0; i++) {
        descriptor = try_connect(places[i], patience_ms);
        if (descriptor >= 0) {
            break;
        }
        if (errno == EACCES || errno == EPERM) {
            closed_to_us = closed_to_us ? closed_to_us : places[i];
        } else if (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR) {
            cause = errno;
            reply_fail(failure, cause == EAGAIN ? "no_answer" : "no_daemon", "no", NULL, "cannot connect to %s: %s",
                       places[i], cause == EAGAIN ? "the daemon takes no new clients" : strerror(cause));
        }
    }
    if (descriptor < 0 && cause == 0) {
        if (closed_to_us) {
            fail_without_permission(closed_to_us, failure);
        } else {
            fail_without_daemon(places[0], places[1], asked_for != NULL, failure);
        }
    }
    free(user_socket);
    return descriptor;
}
