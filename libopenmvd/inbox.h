/* SPDX-License-Identifier: MIT */
#ifndef LIBOPENMVD_INBOX_H
#define LIBOPENMVD_INBOX_H

/* Bytes that were received and not yet understood: a run of lines, some of which have raw bytes behind them. */

#include <stdbool.h>
#include <stddef.h>

/* The daemon's longest line is about 1.4 MB with its default limits; this leaves room for raised ones. */
#define INBOX_LINE_MAX  ((size_t)16 << 20)
#define INBOX_BYTES_MAX ((size_t)16 << 20)

/* What one read takes at most. */
#define INBOX_READ ((size_t)64 << 10)

struct inbox {
    char *bytes;
    size_t start;   /* of what was not yet taken */
    size_t end;     /* of what is there */
    size_t scanned; /* no newline lies between start and here */
    size_t room;
};

/*
 * A place for up to INBOX_READ more bytes, which are counted by adding to `end`. NULL when there is no memory. Whoever
 * reads takes first what there is, so that this stays bounded by the two limits and one read.
 */
char *inbox_reserve(struct inbox *inbox);

/* The next line without its newline, or NULL when it is not whole yet; valid until the next inbox_reserve(). */
char *inbox_take_line(struct inbox *inbox, size_t *length);

/* Whether what is there of a line is over the limit. */
bool inbox_is_overlong(const struct inbox *inbox);

/* `count` raw bytes, or NULL when they are not all there yet; valid until the next inbox_reserve(). */
const char *inbox_take_bytes(struct inbox *inbox, size_t count);

void inbox_clear(struct inbox *inbox);

#endif
