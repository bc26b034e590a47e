/* SPDX-License-Identifier: MIT */
#ifndef LISTENER_H
#define LISTENER_H

/* How the daemon's socket comes into the file system, and where it is when nobody says. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct group;

#define LISTENER_DEFAULT_PATH "/run/openmvd/openmvd.sock"

/*
 * Writes the path of the socket for when none was given: LISTENER_DEFAULT_PATH, or $XDG_RUNTIME_DIR/openmvd.sock where
 * that folder cannot be written. Returns 0, or -1 after logging that neither can be used.
 */
int listener_choose_path(char *path, size_t size);

/* Finds a group that is to own a socket. Returns NULL after logging that there is none. */
const struct group *listener_find_group(const char *name);

/*
 * Creates a socket at `path` and listens: close-on-exec, non-blocking, with exactly that mode and, where `group` is not
 * NULL, that group. A group that does not exist or cannot be given is a warning. Returns the descriptor, or -1 after
 * logging why.
 */
int listener_open(const char *path, mode_t mode, const char *group);

/*
 * Takes the socket that a service manager has passed (LISTEN_FDS of sd_listen_fds(3)): *fd is its descriptor, non-blocking
 * and the caller's, and `path` where it listens; *fd is -1 where none was passed. Returns false after logging what was
 * passed that cannot be used.
 */
bool listener_take_passed(int *fd, char *path, size_t size);

#endif
