/* SPDX-License-Identifier: MIT */
/* What was received from the daemon and not yet taken: lines, and raw bytes behind them. */
#ifndef OPENMVCTL_INBOX_H
#define OPENMVCTL_INBOX_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty one. */
struct inbox {
    char *room;
    size_t size;     /* of the room */
    size_t start;    /* the first byte not yet taken */
    size_t length;   /* how many are there */
    size_t searched; /* of those, how many are known to hold no line end */
};

enum inbox_outcome { INBOX_FILLED, INBOX_NOTHING, INBOX_CLOSED };

/*
 * Receives what the socket has, without waiting, as long as no more than `limit` bytes are there; `limit` has to be
 * more than there are. INBOX_FILLED: at least one byte came.
 */
enum inbox_outcome inbox_fill(struct inbox *inbox, int descriptor, size_t limit);

/* True when a whole line is there; `length` becomes that of the line without its end. */
bool inbox_has_line(struct inbox *inbox, size_t *length);

/* The first `length` bytes, followed by a NUL, as memory to free, and drops `skipped` more behind them. */
char *inbox_take(struct inbox *inbox, size_t length, size_t skipped);

/* Drops everything, and the memory. */
void inbox_clear(struct inbox *inbox);

#endif
