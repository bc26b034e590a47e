/* SPDX-License-Identifier: MIT */
/* Looking at nodes. */

#include "node_access.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* More would fill the sentence that they are told in. */
enum { OTHERS_MAX = 3 };

void node_explain_no_permission(const char *device, char *reason, size_t size) {
    struct stat status;
    struct group group, *found = NULL;
    char strings[1024];
    if (stat(device, &status) == 0 && (status.st_mode & S_IWGRP) != 0) {
        getgrgid_r(status.st_gid, &group, strings, sizeof strings, &found);
    }
    if (found != NULL) {
        snprintf(reason, size,
                 "no permission for %s: add the daemon's user to the group that owns it (%.40s), then restart it",
                 device, found->gr_name);
    } else {
        snprintf(reason, size, "no permission for %s, and its group has none either: look at its udev rules", device);
    }
}

bool node_is_there(const char *device) {
    return access(device, F_OK) == 0;
}

bool node_is_open_to_us(const char *device) {
    return eaccess(device, R_OK | W_OK) == 0;
}

bool node_explain(int error, const char *device, const char *what,
                  void (*explain_missing)(const char *device, char *reason, size_t size), char *reason, size_t size) {
    if (!node_is_there(device)) {
        explain_missing(device, reason, size);
    } else if (error == EACCES && !node_is_open_to_us(device)) {
        node_explain_no_permission(device, reason, size);
    } else if (error == ENOTTY) {
        snprintf(reason, size, "%.80s is not %s", device, what);
    } else {
        return false;
    }
    return true;
}

void node_list_others(const char *pattern, char *text, size_t size) {
    glob_t found;
    size_t length = 0;
    text[0] = '\0';
    if (glob(pattern, 0, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc && i < OTHERS_MAX && length < size; i++) {
        length +=
            (size_t)snprintf(text + length, size - length, "%s%.24s", i == 0 ? "; there is " : ", ", found.gl_pathv[i]);
    }
    globfree(&found);
}
