/* SPDX-License-Identifier: MIT */
/* Finding the daemon's socket, and telling what to do when there is none or it is not open to this user. */
#ifndef OPENMVCTL_LOCATE_H
#define OPENMVCTL_LOCATE_H

#include "reply.h"

/*
 * Connects to the daemon: at `path` unless NULL, else at $OPENMVD_SOCKET, else at the two default places, in that
 * order. Returns a connected descriptor that the caller closes, or a negative value with `failure` filled in. A full backlog is
 * waited for at most `patience_ms`.
 */
int locate_connect(const char *path, long patience_ms, struct reply *failure);

#endif
