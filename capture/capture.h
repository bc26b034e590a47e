/* SPDX-License-Identifier: MIT */
#ifndef CAPTURE_H
#define CAPTURE_H

/*
 * A wire capture as text, and back. The form is that of docs/wire-capture.md: a first line that names it, and then one
 * line for each piece of bytes, with its time and direction, for each event, and for each comment.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CAPTURE_FIRST_LINE "# openmvd wire capture 1"

/*
 * Bounds of the form. A line of bytes is some 150 characters; the longest sentence of an event is BUS_REASON_SIZE. The
 * file is four times what openmvd records at most, so that people may join and comment captures.
 */
#define CAPTURE_PIECE_MAX   ((size_t)64)
#define CAPTURE_LINE_MAX    ((size_t)512)
#define CAPTURE_LINES_MAX   ((size_t)1 << 20)
#define CAPTURE_FILE_MAX    ((size_t)16 << 20)
#define CAPTURE_TIME_MAX_US (INT64_C(86400) * 1000000)

enum capture_kind { CAPTURE_COMMENT, CAPTURE_EVENT, CAPTURE_TO_CAMERA, CAPTURE_FROM_CAMERA };

struct capture_entry {
    enum capture_kind kind;
    unsigned line;        /* in the file, from 1 */
    int64_t time_us;      /* since the beginning; of a comment, that of the entry before it */
    const uint8_t *bytes; /* of a comment or an event, its text, which holds no control character */
    size_t length;
};

struct capture {
    struct capture_entry *entries; /* in the order of the file; times never decrease */
    size_t count;
    char *text; /* what the entries point into */
};

struct capture_error {
    unsigned line;       /* 0 where no single one is to blame */
    const char *message; /* static */
};

/*
 * Reads a whole capture. Returns 0, and then capture_clear() frees what it holds; or -1 with *error filled, *capture
 * being empty.
 */
int capture_parse(const char *text, size_t length, struct capture *capture, struct capture_error *error);

/* The same from a file, of which no more than CAPTURE_FILE_MAX bytes are taken. */
int capture_read(FILE *file, struct capture *capture, struct capture_error *error);

void capture_clear(struct capture *capture);

/*
 * Writes an event or a piece of at most CAPTURE_PIECE_MAX bytes as a line with its newline. The text of an event is cut
 * where it is too long, and what is not plain ASCII in it becomes '?'. Returns the line's length, without the NUL behind it.
 */
size_t capture_write(enum capture_kind kind, int64_t time_us, const void *bytes, size_t length,
                     char line[CAPTURE_LINE_MAX]);

#endif
