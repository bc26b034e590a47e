/* SPDX-License-Identifier: MIT */
#ifndef PROGRESS_H
#define PROGRESS_H

/*
 * Notifications of how much of a large result has come, for a request that asked for them: one as soon as anything of it
 * is known, at most ten a second, and one when all of it is there, before the reply. A client that does not read gets
 * none, and a request without an id has nothing that they could name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

struct progress {
    bool is_wanted;
    int64_t told_us; /* 0 before the first */
    size_t told;     /* bytes */
};

/* Tells that `received` of `total` bytes have come. */
void progress_tell(struct progress *progress, const struct request *request, size_t received, size_t total);

/* Tells that all have; nothing where there are none. */
void progress_complete(struct progress *progress, const struct request *request, size_t total);

#endif
