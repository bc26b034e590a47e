/* SPDX-License-Identifier: MIT */
#ifndef TEXT_BUFFER_H
#define TEXT_BUFFER_H

/*
 * A text that grows up to a limit. Failure is sticky: after the first append that did not fit, every
 * later one does nothing, so a writer appends freely and asks once, at the end, whether all went well.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_buffer_state {
    TEXT_BUFFER_GOOD,
    TEXT_BUFFER_FULL,          /* the limit would have been passed */
    TEXT_BUFFER_OUT_OF_MEMORY, /* the allocation failed */
};

struct text_buffer {
    char *text; /* NUL-terminated once anything was appended, else NULL */
    size_t length;
    size_t capacity;
    size_t limit; /* bytes, not counting the NUL */
    enum text_buffer_state state;
};

/* Makes an empty text of at most `limit` bytes. Allocates nothing yet. */
void text_buffer_init(struct text_buffer *buffer, size_t limit);

/* Frees the text; the buffer is then empty and good, with the same limit. */
void text_buffer_clear(struct text_buffer *buffer);

void text_buffer_append(struct text_buffer *buffer, const void *text, size_t length);
void text_buffer_append_string(struct text_buffer *buffer, const char *text);

/* Makes room for `length` bytes and returns where to write them, or NULL if they do not fit. */
char *text_buffer_extend(struct text_buffer *buffer, size_t length);

/* Appends bytes, which must be valid UTF-8, as a JSON string with its quotes. */
void text_buffer_append_json_string(struct text_buffer *buffer, const void *text, size_t length);

/* Cuts the text to its first `length` bytes, at most its present length; a failure is forgotten. */
void text_buffer_truncate(struct text_buffer *buffer, size_t length);

#endif
