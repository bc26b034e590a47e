/* SPDX-License-Identifier: MIT */
#ifndef LIBOPENMVD_SOCKET_PLACE_H
#define LIBOPENMVD_SOCKET_PLACE_H

/* Where the daemon's socket may be, and connecting to it. openmvctl, which explains each failure, uses this as well. */

#include <stdbool.h>

struct socket_places {
    const char *paths[2]; /* to be tried in this order; the second may be NULL */
    char *owned;
    bool asked_for; /* by an argument or the environment, so that there is only one */
};

/* `path` may be NULL for the usual places. Paths and environment have to outlive the places. Returns 0 or -ENOMEM. */
int socket_places_find(struct socket_places *places, const char *path);
void socket_places_free(struct socket_places *places);

/*
 * Returns a connected descriptor, or a negative errno and in *failed the place that it is about: -ENOENT when nobody
 * listens at any place, -EACCES when a socket is there and closed to this user. A full backlog is waited for at most
 * `timeout_ms`, and then gives -EAGAIN.
 */
int socket_places_connect(const struct socket_places *places, int timeout_ms, const char **failed);

#endif
