/* SPDX-License-Identifier: MIT */
#ifndef LINE_BUFFER_H
#define LINE_BUFFER_H

/*
 * Cuts what a client sends into lines. Memory is bounded by the limit plus one read, held only while bytes wait, and
 * each byte is looked at once, however small the pieces in which a line arrives.
 */

#include <stdbool.h>
#include <stddef.h>

struct line_buffer {
    char *bytes;
    size_t start;   /* of what was not yet given out */
    size_t length;  /* end of what is there */
    size_t scanned; /* no newline lies between start and here */
    size_t capacity;
    size_t limit;
    bool discarding; /* the rest of a line that was too long is being dropped */
};

enum line_kind {
    LINE_NONE,     /* no whole line is there */
    LINE_WHOLE,    /* a line, without its newline and a carriage return before it; never empty */
    LINE_TOO_LONG, /* a line passed the limit: told once, and its rest is dropped */
};

/* Makes an empty buffer for lines of at most `limit` bytes, the newline and a carriage return before it not counted. Allocates nothing yet. */
void line_buffer_init(struct line_buffer *buffer, size_t limit);
void line_buffer_clear(struct line_buffer *buffer);

/* Bytes that are kept: of a line that is not complete, and of lines that were not taken. */
size_t line_buffer_length(const struct line_buffer *buffer);

/* Adds bytes. Returns 0 or -ENOMEM, nothing being added. */
int line_buffer_add(struct line_buffer *buffer, const char *bytes, size_t length);

/* Takes the next line; `*line` is valid, NUL-terminated and writable until the next call with this buffer. */
enum line_kind line_buffer_take(struct line_buffer *buffer, char **line, size_t *length);

/* As line_buffer_take(), for the end of the input, where the last line needs no newline. */
enum line_kind line_buffer_take_rest(struct line_buffer *buffer, char **line, size_t *length);

/* Whether there are bytes that the functions above have not looked at yet; `at_end` as for line_buffer_take_rest(). */
bool line_buffer_has_more(const struct line_buffer *buffer, bool at_end);

/* Frees the memory if no bytes wait. */
void line_buffer_shrink(struct line_buffer *buffer);

#endif
