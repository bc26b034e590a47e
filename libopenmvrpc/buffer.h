/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_H
#define BUFFER_H

/* A growing buffer of received bytes, read from the front. Inside the library only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t start; /* first byte that has not been consumed */
    size_t end;   /* behind the last byte */
    size_t capacity;
};

static inline size_t buffer_length(const struct buffer *buffer) {
    return buffer->end - buffer->start;
}

static inline const uint8_t *buffer_bytes(const struct buffer *buffer) {
    return buffer->data != NULL ? buffer->data + buffer->start : NULL;
}

static inline void buffer_clear(struct buffer *buffer) {
    buffer->start = buffer->end = 0;
}

static inline void buffer_consume(struct buffer *buffer, size_t length) {
    buffer->start += length;
    if (buffer->start == buffer->end) {
        buffer_clear(buffer);
    }
}

/* Makes room for so many more bytes. Returns false when memory is short; nothing is lost then. */
bool buffer_reserve(struct buffer *buffer, size_t length);

/* Appends; as buffer_reserve(). */
bool buffer_append(struct buffer *buffer, const void *data, size_t length);

/* Frees the memory if it is more than a small buffer's. The content is gone. */
void buffer_shrink(struct buffer *buffer);

void buffer_free(struct buffer *buffer);

#endif
