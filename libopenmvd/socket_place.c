/* SPDX-License-Identifier: MIT */
/* Finding the daemon's socket. See socket_place.h. */
#include "socket_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/run/openmvd/openmvd.sock"

int socket_places_find(struct socket_places *places, const char *path) {
    const char *from_environment = getenv("OPENMVD_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *asked_for = path ? path : from_environment && *from_environment ? from_environment : NULL;
    *places = (struct socket_places){.paths = {asked_for ? asked_for : SYSTEM_SOCKET}, .asked_for = asked_for != NULL};
    if (!asked_for && runtime && *runtime) {
        if (asprintf(&places->owned, "%s/openmvd.sock", runtime) < 0) {
            places->owned = NULL;
            return -ENOMEM;
        }
        places->paths[1] = places->owned;
    }
    return 0;
}

void socket_places_free(struct socket_places *places) {
    free(places->owned);
}

static int try_connect(const char *path, int timeout_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return -errno;
    }
    /* On Linux the send timeout also bounds how long connect() waits for a place in the backlog. */
    struct timeval patience = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        int cause = errno;
        close(descriptor);
        return -cause;
    }
    return descriptor;
}

int socket_places_connect(const struct socket_places *places, int timeout_ms, const char **failed) {
    /* A socket that is there and closed to us is the better explanation than one that is not there. */
    int outcome = -ENOENT;
    *failed = places->paths[0];
    for (int i = 0; i < 2 && places->paths[i]; i++) {
        int result = try_connect(places->paths[i], timeout_ms);
        bool closed_to_us = result == -EACCES || result == -EPERM;
        bool nobody = result == -ENOENT || result == -ECONNREFUSED || result == -ENOTDIR;
        if (!closed_to_us && !nobody) {
            *failed = places->paths[i];
            return result;
        }
        if (closed_to_us && outcome != -EACCES) {
            *failed = places->paths[i];
            outcome = -EACCES;
        }
    }
    return outcome;
}
