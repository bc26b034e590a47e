/* SPDX-License-Identifier: MIT */
#ifndef PROGRESS_H
#define PROGRESS_H

/*
 * Notifications of how much of a large result has come, for a call or a subscription that asked for them: one as soon as
 * anything of it is known, at most ten a second, and one when all of it is there, before the result itself. A client that
 * does not read gets none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;

struct progress {
    bool is_wanted;
    int64_t told_us; /* 0 before the first of a result */
    size_t told;     /* bytes */
};

/* Whose result it is: a member of the notification, as JSON text. */
struct progress_name {
    const char *member; /* "id" or "subscription" */
    const char *value;  /* NULL where there is none, and so nothing to tell */
};

/* Tells that `received` of `total` bytes have come. `client` may be NULL: it has gone. */
void progress_tell(struct progress *progress, struct client *client, struct progress_name name, size_t received,
                   size_t total);

/* Tells that all have; nothing where there are none. The next one is of another result. */
void progress_complete(struct progress *progress, struct client *client, struct progress_name name, size_t total);

#endif
