/* SPDX-License-Identifier: MIT */
/* A text that grows up to a limit. */
#include "text_buffer.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST_CAPACITY = 64 };

void text_buffer_init(struct text_buffer *buffer, size_t limit) {
    *buffer = (struct text_buffer){.limit = limit, .state = TEXT_BUFFER_GOOD};
}

void text_buffer_clear(struct text_buffer *buffer) {
    free(buffer->text);
    text_buffer_init(buffer, buffer->limit);
}

static bool reserve(struct text_buffer *buffer, size_t length) {
    if (buffer->state != TEXT_BUFFER_GOOD) {
        return false;
    }
    if (length > buffer->limit - buffer->length) {
        buffer->state = TEXT_BUFFER_FULL;
        return false;
    }

    const size_t needed = buffer->length + length + 1;

    if (needed <= buffer->capacity) {
        return true;
    }

    /* Doubling keeps many small appends linear; a single large one gets exactly its size. */
    size_t capacity = buffer->capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY : buffer->capacity * 2;

    if (capacity < needed) {
        capacity = needed;
    }
    if (capacity - 1 > buffer->limit) {
        capacity = buffer->limit + 1;
    }

    char *grown = realloc(buffer->text, capacity);

    if (grown == NULL) {
        buffer->state = TEXT_BUFFER_OUT_OF_MEMORY;
        return false;
    }
    buffer->text = grown;
    buffer->capacity = capacity;
    return true;
}

char *text_buffer_extend(struct text_buffer *buffer, size_t length) {
    if (!reserve(buffer, length)) {
        return NULL;
    }

    char *place = buffer->text + buffer->length;

    buffer->length += length;
    buffer->text[buffer->length] = '\0';
    return place;
}

void text_buffer_append(struct text_buffer *buffer, const void *text, size_t length) {
    char *place = text_buffer_extend(buffer, length);

    if (place != NULL && length > 0) {
        memcpy(place, text, length);
    }
}

void text_buffer_append_string(struct text_buffer *buffer, const char *text) {
    text_buffer_append(buffer, text, strlen(text));
}

static void append_escape(struct text_buffer *buffer, uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *pair = short_escapes; *pair != '\0'; pair += 2) {
        if ((uint8_t)pair[0] == byte) {
            const char escape[] = {'\\', pair[1]};

            text_buffer_append(buffer, escape, sizeof escape);
            return;
        }
    }

    const char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};

    text_buffer_append(buffer, escape, sizeof escape);
}

void text_buffer_append_json_string(struct text_buffer *buffer, const void *text, size_t length) {
    const uint8_t *bytes = text;
    size_t written = 0;

    text_buffer_append(buffer, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\') {
            continue;
        }
        text_buffer_append(buffer, bytes + written, i - written);
        append_escape(buffer, bytes[i]);
        written = i + 1;
    }
    if (written < length) {
        text_buffer_append(buffer, bytes + written, length - written);
    }
    text_buffer_append(buffer, "\"", 1);
}

void text_buffer_truncate(struct text_buffer *buffer, size_t length) {
    buffer->length = length;
    buffer->state = TEXT_BUFFER_GOOD;
    if (buffer->text != NULL) {
        buffer->text[length] = '\0';
    }
}
