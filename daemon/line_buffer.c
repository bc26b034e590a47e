/* SPDX-License-Identifier: MIT */
/* Lines out of a stream of bytes, bounded. */
#include "line_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_CAPACITY = 256 };

void line_buffer_init(struct line_buffer *buffer, size_t limit) {
    *buffer = (struct line_buffer){.limit = limit};
}

void line_buffer_clear(struct line_buffer *buffer) {
    free(buffer->bytes);
    line_buffer_init(buffer, buffer->limit);
}

size_t line_buffer_length(const struct line_buffer *buffer) {
    return buffer->length - buffer->start;
}

void line_buffer_shrink(struct line_buffer *buffer) {
    if (buffer->start != buffer->length) {
        return;
    }
    bool discarding = buffer->discarding;
    line_buffer_clear(buffer);
    buffer->discarding = discarding;
}

int line_buffer_add(struct line_buffer *buffer, const char *bytes, size_t length) {
    if (buffer->start > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->length - buffer->start);
        buffer->length -= buffer->start;
        buffer->scanned -= buffer->start;
        buffer->start = 0;
    }
    size_t needed = buffer->length + length + 1; /* room for the NUL after a last line */
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity * 2 > SMALLEST_CAPACITY ? buffer->capacity * 2 : SMALLEST_CAPACITY;
        if (capacity < needed) {
            capacity = needed;
        }
        char *grown = realloc(buffer->bytes, capacity);
        if (grown == NULL) {
            return -ENOMEM;
        }
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return 0;
}

/* The line that ends before `end`, or has come so far: a carriage return may belong to the newline. */
static size_t length_until(const struct line_buffer *buffer, size_t end) {
    return end - buffer->start - (end > buffer->start && buffer->bytes[end - 1] == '\r');
}

/* Gives out the bytes from start to `end`, which the terminator may overwrite. Returns LINE_NONE for an empty line. */
static enum line_kind give_line(struct line_buffer *buffer, size_t end, char **line, size_t *length) {
    *line = buffer->bytes + buffer->start;
    *length = length_until(buffer, end);
    (*line)[*length] = '\0';
    return *length > 0 ? LINE_WHOLE : LINE_NONE;
}

enum line_kind line_buffer_take(struct line_buffer *buffer, char **line, size_t *length) {
    while (buffer->scanned < buffer->length) {
        char *newline = memchr(buffer->bytes + buffer->scanned, '\n', buffer->length - buffer->scanned);
        size_t end = newline != NULL ? (size_t)(newline - buffer->bytes) : buffer->length;
        bool discarded = buffer->discarding;
        enum line_kind kind = LINE_NONE;
        if (!discarded && length_until(buffer, end) > buffer->limit) {
            kind = LINE_TOO_LONG;
            buffer->discarding = true;
        } else if (!discarded && newline != NULL) {
            kind = give_line(buffer, end, line, length);
        }
        buffer->scanned = end;
        if (newline != NULL) {
            buffer->scanned = end + 1;
            buffer->discarding = false;
        }
        if (newline != NULL || buffer->discarding) {
            buffer->start = buffer->scanned;
        }
        if (kind != LINE_NONE) {
            return kind;
        }
    }
    return LINE_NONE;
}

enum line_kind line_buffer_take_rest(struct line_buffer *buffer, char **line, size_t *length) {
    enum line_kind kind = line_buffer_take(buffer, line, length);
    if (kind != LINE_NONE || buffer->start == buffer->length) {
        return kind;
    }
    kind = give_line(buffer, buffer->length, line, length);
    buffer->start = buffer->scanned = buffer->length;
    return kind;
}

bool line_buffer_has_more(const struct line_buffer *buffer, bool at_end) {
    return (at_end ? buffer->start : buffer->scanned) < buffer->length;
}
