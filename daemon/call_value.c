/* SPDX-License-Identifier: MIT */
/* Bytes to values. See call_value.h. */

#include "call_value.h"

#include "encoding.h"

#include <stdio.h>

static void append_encoded(struct text_buffer *text, enum reply_form form, const uint8_t *bytes, size_t length) {
    bool is_hex = form == REPLY_HEX;
    text_buffer_append_string(text, "\"");
    char *place = text_buffer_extend(text, is_hex ? 2 * length : base64_encoded_length(length));
    if (place != NULL && is_hex) {
        hex_encode(bytes, length, place);
    } else if (place != NULL) {
        base64_encode(bytes, length, place);
    }
    text_buffer_append_string(text, "\"");
}

static bool append_by_schema(struct text_buffer *text, const struct callback *callback, const uint8_t *bytes,
                             size_t length, struct error *error) {
    const struct schema *schema = callback != NULL ? callback->result : NULL;
    struct schema_error misfit;
    char where[SCHEMA_ERROR_PATH_SIZE + SCHEMA_ERROR_MESSAGE_SIZE];
    if (schema_unpack(schema, bytes, length, text, &misfit) != SCHEMA_MISFIT) {
        return true; /* a failure of the text is told when it is sent */
    }
    schema_error_print(&misfit, "result", where, sizeof where);
    error_set(error, ERROR_BAD_RESULT, "%s", where);
    error->bytes = bytes;
    error->length = length;
    return false;
}

bool call_append_value(struct text_buffer *text, enum reply_form form, const struct callback *callback,
                       const uint8_t *bytes, size_t length, struct error *error) {
    char number[48];
    if (length == 0) {
        text_buffer_append_string(text, "null");
        return true;
    }
    switch (form) {
    case REPLY_RAW:
        snprintf(number, sizeof number, "{\"raw\":%zu}", length);
        text_buffer_append_string(text, number);
        return true;
    case REPLY_BASE64:
    case REPLY_HEX:
        append_encoded(text, form, bytes, length);
        return true;
    case REPLY_BY_SCHEMA:
        break;
    }
    return append_by_schema(text, callback, bytes, length, error);
}
