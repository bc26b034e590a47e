/* SPDX-License-Identifier: MIT */
/* Bytes of a result into the text of JSON. */

#include "encoding.h"
#include "json_check.h"
#include "schema_item.h"
#include "schema_private.h"

#include <string.h>

static bool unpack_record(const struct schema *schema, const uint8_t *bytes, struct text_buffer *out,
                          struct schema_error *error) {
    const bool has_names = schema->field_names != NULL;
    struct format_cursor cursor = {.format = &schema->format};
    struct format_item item;

    text_buffer_append_string(out, has_names ? "{" : "[");
    for (size_t i = 0; format_cursor_next(&cursor, &item); i++) {
        if (i > 0) {
            text_buffer_append_string(out, ",");
        }
        if (has_names) {
            text_buffer_append_json_string(out, schema->field_names[i], strlen(schema->field_names[i]));
            text_buffer_append_string(out, ":");
        }
        if (!schema_item_unpack(&item, bytes + item.offset, out, error)) {
            schema_error_prepend(error, has_names ? schema->field_names[i] : NULL, i);
            return false;
        }
    }
    text_buffer_append_string(out, has_names ? "}" : "]");
    return true;
}

static bool unpack_format(const struct schema *schema, const uint8_t *bytes, size_t length, struct text_buffer *out,
                          struct schema_error *error) {
    const size_t size = schema->format.size;

    if (!schema->repeats) {
        if (length != size) {
            return schema_error_set(error, "expected %zu byte%s for the format \"%.40s\", found %zu", size,
                                    size == 1 ? "" : "s", schema->format_text, length);
        }
        return unpack_record(schema, bytes, out, error);
    }
    if (length % size != 0) {
        return schema_error_set(error, "expected a multiple of %zu bytes for the format \"%.40s\", found %zu", size,
                                schema->format_text, length);
    }
    text_buffer_append_string(out, "[");
    for (size_t at = 0; at < length && out->state == TEXT_BUFFER_GOOD; at += size) {
        if (at > 0) {
            text_buffer_append_string(out, ",");
        }
        if (!unpack_record(schema, bytes + at, out, error)) {
            schema_error_prepend(error, NULL, at / size);
            return false;
        }
    }
    text_buffer_append_string(out, "]");
    return true;
}

static bool unpack_utf8(const uint8_t *bytes, size_t length, struct text_buffer *out, struct schema_error *error) {
    const size_t valid = utf8_valid_length(bytes, length);

    if (valid < length) {
        return schema_error_set(error, "expected text in UTF-8, found the byte 0x%02x at offset %zu", bytes[valid],
                                valid);
    }
    text_buffer_append_json_string(out, bytes, length);
    return true;
}

/* Drops white space outside strings: a line end there would end the reply's line. */
static void append_compact_json(struct text_buffer *out, const char *text, size_t length) {
    bool is_in_string = false;
    size_t written = 0;

    for (size_t i = 0; i < length; i++) {
        if (is_in_string && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            is_in_string = !is_in_string;
        } else if (!is_in_string && strchr(" \t\r\n", text[i]) != NULL) {
            text_buffer_append(out, text + written, i - written);
            written = i + 1;
        }
    }
    text_buffer_append(out, text + written, length - written);
}

static bool unpack_json(const uint8_t *bytes, size_t length, struct text_buffer *out, struct schema_error *error) {
    struct json_fault fault;

    if (!json_check((const char *)bytes, length, &fault)) {
        return schema_error_set(error, "expected JSON, found a fault at offset %zu: %s", fault.offset, fault.message);
    }
    append_compact_json(out, (const char *)bytes, length);
    return true;
}

static void unpack_base64(const uint8_t *bytes, size_t length, struct text_buffer *out) {
    const size_t encoded_length = base64_encoded_length(length);
    char *text = text_buffer_extend(out, encoded_length + 2);

    if (text != NULL) {
        text[0] = '"';
        base64_encode(bytes, length, text + 1);
        text[encoded_length + 1] = '"';
    }
}

enum schema_status schema_unpack(const struct schema *schema, const uint8_t *bytes, size_t length,
                                 struct text_buffer *out, struct schema_error *error) {
    const size_t start = out->length;
    enum schema_status status = SCHEMA_GOOD;
    bool fits = true;

    if (length == 0) {
        text_buffer_append_string(out, "null");
    } else {
        switch (schema_kind(schema)) {
        case SCHEMA_FORMAT:
            fits = unpack_format(schema, bytes, length, out, error);
            break;
        case SCHEMA_UTF8:
            fits = unpack_utf8(bytes, length, out, error);
            break;
        case SCHEMA_JSON:
            fits = unpack_json(bytes, length, out, error);
            break;
        case SCHEMA_JPEG:
        case SCHEMA_BYTES:
            unpack_base64(bytes, length, out);
            break;
        }
    }
    if (!fits) {
        text_buffer_truncate(out, start);
        status = SCHEMA_MISFIT;
    } else if (out->state == TEXT_BUFFER_FULL) {
        schema_error_set(error, "expected a result of at most %zu bytes as JSON, found more", out->limit);
        status = SCHEMA_TOO_LARGE;
    } else if (out->state == TEXT_BUFFER_OUT_OF_MEMORY) {
        schema_error_set(error, "out of memory");
        status = SCHEMA_OUT_OF_MEMORY;
    }
    return status;
}
