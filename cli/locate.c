/* SPDX-License-Identifier: MIT */
/* What each way of not reaching the daemon means, and what to do about it. */
#include "locate.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "need.h"
#include "socket_place.h"

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

static bool is_something_else(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISSOCK(status.st_mode);
}

/* Whether systemd runs here and knows the daemon's socket, in one of its folders (systemd.unit(5)). */
static bool is_service(void) {
    static const char *const units[] = {"/etc/systemd/system/openmvd.socket",
                                        "/usr/local/lib/systemd/system/openmvd.socket",
                                        "/usr/lib/systemd/system/openmvd.socket"};
    bool is_installed = false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        is_installed = is_installed || access(units[i], F_OK) == 0;
    }
    return is_installed && access("/run/systemd/system", F_OK) == 0;
}

static void fail_without_daemon(const char *first, const char *second, bool asked_for, struct reply *failure) {
    char *hint = NULL;
    const char *option = asked_for ? " --socket " : "";
    const char *path = asked_for ? first : "";
    int length = !asked_for && is_service()
                     ? asprintf(&hint, "start it, now and at each boot: sudo systemctl enable --now openmvd.socket\n"
                                       "or, with no camera:             openmvd --simulate")
                     : asprintf(&hint,
                                "start it:           openmvd%s%s   (build/openmvd where you built it)\n"
                                "or, with no camera: openmvd --simulate%s%s",
                                option, path, option, path);
    need_memory(length < 0 ? NULL : hint);
    reply_fail(failure, "no_daemon", "no", hint, "no daemon is running: nothing listens at %s%s%s", first,
               second ? " or " : "", second ? second : "");
    free(hint);
}

int locate_connect(const char *path, long patience_ms, struct reply *failure) {
    struct socket_places places;
    const char *failed = NULL;
    need_memory(socket_places_find(&places, path) < 0 ? NULL : &places);
    int status = socket_places_connect(&places, (int)patience_ms, &failed);
    if ((status == -EACCES || status == -ENOENT) && is_something_else(failed)) {
        reply_fail(failure, "no_daemon", "no", "openmvd says where its socket is when it starts: 'listening at ...'",
                   "%s is no socket", failed);
    } else if (status == -EACCES) {
        fail_without_permission(failed, failure);
    } else if (status == -ENOENT) {
        fail_without_daemon(places.paths[0], places.paths[1], places.asked_for, failure);
    } else if (status < 0) {
        bool is_full = status == -EAGAIN;
        reply_fail(failure, is_full ? "no_answer" : "no_daemon", "no", NULL, "cannot connect to %s: %s", failed,
                   is_full ? "the daemon takes no new clients" : strerror(-status));
    }
    socket_places_free(&places);
    return status;
}
