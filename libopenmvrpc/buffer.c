/* SPDX-License-Identifier: MIT */
/* Growing buffers. Callers bound the lengths; here memory grows by half its size at least, so that appending stays
 * linear. */

#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_INITIAL 256
#define BUFFER_KEPT    ((size_t)16 << 10)

bool buffer_reserve(struct buffer *buffer, size_t length) {
    if (buffer->capacity - buffer->end >= length) {
        return true;
    }
    size_t used = buffer_length(buffer);
    if (buffer->start > 0) {
        memmove(buffer->data, buffer->data + buffer->start, used);
        buffer->start = 0;
        buffer->end = used;
    }
    if (buffer->capacity - used >= length) {
        return true;
    }
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    if (capacity < used + length) {
        capacity = used + length;
    }
    if (capacity < BUFFER_INITIAL) {
        capacity = BUFFER_INITIAL;
    }
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t length) {
    if (!buffer_reserve(buffer, length)) {
        return false;
    }
    if (length > 0) {
        /* What was received into reserved room is in place already. */
        memmove(buffer->data + buffer->end, data, length);
        buffer->end += length;
    }
    return true;
}

void buffer_shrink(struct buffer *buffer) {
    if (buffer->capacity > BUFFER_KEPT) {
        buffer_free(buffer);
    }
    buffer_clear(buffer);
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}
