/* SPDX-License-Identifier: MIT */
/* Arguments from the text of a request into bytes. */

#include "encoding.h"
#include "json_scan.h"
#include "near_miss.h"
#include "schema_item.h"
#include "schema_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a list of field names a message shows. */
#define NAMES_SHOWN_SIZE 120

/* Whether these arguments stand for no bytes at all. */
static bool is_nothing(struct json_span args) {
    struct json_cursor cursor;
    struct json_span value;

    if (args.length == 0 || args.text[0] == 'n') {
        return true;
    }
    return json_cursor_open(args, &cursor) && !json_cursor_next(&cursor, NULL, &value);
}

static size_t count_elements(struct json_span container) {
    struct json_cursor cursor;
    struct json_span value;
    size_t count = 0;

    if (json_cursor_open(container, &cursor)) {
        while (json_cursor_next(&cursor, NULL, &value)) {
            count++;
        }
    }
    return count;
}

/* Writes "x, y, w, h", cut where it gets long. */
static const char *list_names(const struct schema *schema, char out[NAMES_SHOWN_SIZE]) {
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < schema->format.item_count; i++) {
        const char *separator = i > 0 ? ", " : "";
        const char *name = schema->field_names[i];
        if (length + strlen(name) + sizeof ", , …" > NAMES_SHOWN_SIZE) {
            strcpy(out + length, ", …");
            break;
        }
        length += (size_t)sprintf(out + length, "%s%s", separator, name);
    }
    return out;
}

/* "expected 4 values (x, y, w, h), found …" */
static bool refuse_record(const struct schema *schema, const char *found, struct schema_error *error) {
    const size_t count = schema->format.item_count;
    const char *plural = count == 1 ? "" : "s";
    char names[NAMES_SHOWN_SIZE];

    if (schema->field_names == NULL) {
        return schema_error_set(error, "expected %zu value%s for the format \"%.40s\", found %s", count, plural,
                                schema->format_text, found);
    }
    return schema_error_set(error, "expected %zu value%s (%s), found %s", count, plural, list_names(schema, names),
                            found);
}

static bool pack_item(const struct schema *schema, size_t index, const struct format_item *item, struct json_span value,
                      uint8_t *out, struct schema_error *error) {
    if (schema_item_pack(item, value, out + item->offset, error)) {
        return true;
    }
    schema_error_prepend(error, schema->field_names != NULL ? schema->field_names[index] : NULL, index);
    return false;
}

static bool pack_array(const struct schema *schema, struct json_span array, uint8_t *out, struct schema_error *error) {
    const size_t count = count_elements(array);
    struct format_cursor items = {.format = &schema->format};
    struct format_item item;
    struct json_cursor values;
    struct json_span value;

    if (count != schema->format.item_count) {
        char found[24];
        snprintf(found, sizeof found, "%zu", count);
        return refuse_record(schema, found, error);
    }
    json_cursor_open(array, &values);
    for (size_t i = 0; json_cursor_next(&values, NULL, &value) && format_cursor_next(&items, &item); i++) {
        if (!pack_item(schema, i, &item, value, out, error)) {
            return false;
        }
    }
    return true;
}

static bool refuse_field(const struct schema *schema, struct json_span name, struct schema_error *error) {
    char word[NEAR_MISS_WORD_MAX];
    char found[JSON_FOUND_SIZE];
    char names[NAMES_SHOWN_SIZE];
    const size_t length = json_string_decode(name, word, sizeof word);
    const char *near =
        near_miss_find(word, length, (const char *const *)schema->field_names, schema->format.item_count);

    return schema_error_set(error, "expected only the fields %s, found %s%s%s%s", list_names(schema, names),
                            json_span_describe(name, found), near != NULL ? "; did you mean \"" : "",
                            near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* Sorts an object's members into the order of the fields. Those that are missing keep a text of NULL. */
static bool collect_fields(const struct schema *schema, struct json_span object, struct json_span *values,
                           struct schema_error *error) {
    struct json_cursor cursor;
    struct json_span name, value;
    char found[JSON_FOUND_SIZE];

    json_cursor_open(object, &cursor);
    while (json_cursor_next(&cursor, &name, &value)) {
        size_t i = 0;
        while (i < schema->format.item_count &&
               !json_string_is(name, schema->field_names[i], strlen(schema->field_names[i]))) {
            i++;
        }
        if (i == schema->format.item_count) {
            return refuse_field(schema, name, error);
        }
        if (values[i].text != NULL) {
            return schema_error_set(error, "expected every field once, found %s twice",
                                    json_span_describe(name, found));
        }
        values[i] = value;
    }
    return true;
}

static bool pack_object(const struct schema *schema, struct json_span object, uint8_t *out,
                        struct schema_error *error) {
    struct json_span values[SCHEMA_FIELDS_MAX] = {{NULL, 0}};
    struct format_cursor items = {.format = &schema->format};
    struct format_item item;

    if (schema->field_names == NULL) {
        return refuse_record(schema, "an object, although they have no names", error);
    }
    if (!collect_fields(schema, object, values, error)) {
        return false;
    }
    for (size_t i = 0; format_cursor_next(&items, &item); i++) {
        if (values[i].text == NULL) {
            char found[SCHEMA_NAME_MAX + 16];
            snprintf(found, sizeof found, "no \"%s\"", schema->field_names[i]);
            return refuse_record(schema, found, error);
        }
        if (!pack_item(schema, i, &item, values[i], out, error)) {
            return false;
        }
    }
    return true;
}

static bool pack_record(const struct schema *schema, struct json_span value, uint8_t *out, struct schema_error *error) {
    struct format_cursor items = {.format = &schema->format};
    struct format_item item;
    char found[JSON_FOUND_SIZE];

    if (value.length > 0 && value.text[0] == '[') {
        return pack_array(schema, value, out, error);
    }
    if (value.length > 0 && value.text[0] == '{') {
        return pack_object(schema, value, out, error);
    }
    if (schema->format.item_count != 1) {
        return refuse_record(schema, json_span_describe(value, found), error);
    }
    format_cursor_next(&items, &item);
    return schema_item_pack(&item, value, out + item.offset, error);
}

static bool pack_records(const struct schema *schema, struct json_span array, uint8_t *out,
                         struct schema_error *error) {
    struct json_cursor cursor;
    struct json_span value;

    json_cursor_open(array, &cursor);
    for (size_t i = 0; json_cursor_next(&cursor, NULL, &value); i++) {
        if (!pack_record(schema, value, out + i * schema->format.size, error)) {
            schema_error_prepend(error, NULL, i);
            return false;
        }
    }
    return true;
}

static enum schema_status out_of_memory(struct schema_error *error) {
    schema_error_set(error, "out of memory");
    return SCHEMA_OUT_OF_MEMORY;
}

static enum schema_status too_large(size_t length, size_t limit, struct schema_error *error) {
    schema_error_set(error, "expected at most %zu bytes, found %zu", limit, length);
    return SCHEMA_TOO_LARGE;
}

static enum schema_status pack_format(const struct schema *schema, struct json_span args, size_t limit, uint8_t **bytes,
                                      size_t *length, struct schema_error *error) {
    const size_t size = schema->format.size;
    size_t record_count = 1;
    char found[JSON_FOUND_SIZE];

    if (schema->repeats) {
        if (args.length == 0 || args.text[0] != '[') {
            schema_error_set(error, "expected an array of records of \"%.40s\", found %s", schema->format_text,
                             json_span_describe(args, found));
            return SCHEMA_MISFIT;
        }
        record_count = count_elements(args);
    }
    if (size > 0 && record_count > limit / size) {
        return too_large(record_count * size, limit, error);
    }
    /* A format may have items and yet no bytes, as "<0s" has. */
    uint8_t *packed = calloc(record_count * size + 1, 1);
    if (packed == NULL) {
        return out_of_memory(error);
    }
    const bool is_good =
        schema->repeats ? pack_records(schema, args, packed, error) : pack_record(schema, args, packed, error);
    if (!is_good || record_count * size == 0) {
        free(packed);
        return is_good ? SCHEMA_GOOD : SCHEMA_MISFIT;
    }
    *bytes = packed;
    *length = record_count * size;
    return SCHEMA_GOOD;
}

/* Decodes a string that stands for text, or for bytes in base64. */
static enum schema_status pack_string(const struct schema *schema, struct json_span args, uint8_t **bytes,
                                      size_t *length, struct schema_error *error) {
    const bool is_text = schema->kind == SCHEMA_UTF8;
    char found[JSON_FOUND_SIZE];
    uint8_t *decoded = args.text[0] == '"' ? malloc(args.length) : NULL;

    if (decoded == NULL && args.text[0] == '"') {
        return out_of_memory(error);
    }
    if (decoded != NULL) {
        *length = json_string_decode(args, decoded, args.length);
        if (is_text || base64_decode((const char *)decoded, *length, decoded, length)) {
            *bytes = decoded;
            return SCHEMA_GOOD;
        }
    }
    free(decoded);
    *length = 0;
    schema_error_set(error, "expected a string%s, found %s", is_text ? "" : " of base64 with its padding",
                     json_span_describe(args, found));
    return SCHEMA_MISFIT;
}

static enum schema_status pack_json(struct json_span args, uint8_t **bytes, size_t *length,
                                    struct schema_error *error) {
    uint8_t *copy = malloc(args.length);

    if (copy == NULL) {
        return out_of_memory(error);
    }
    memcpy(copy, args.text, args.length);
    *bytes = copy;
    *length = args.length;
    return SCHEMA_GOOD;
}

static enum schema_status pack_nothing(const struct schema *schema, size_t limit, uint8_t **bytes, size_t *length,
                                       struct schema_error *error) {
    if (schema == NULL || schema->kind != SCHEMA_FORMAT || schema->is_optional || schema->repeats) {
        return SCHEMA_GOOD;
    }
    if (schema->format.item_count == 0) {
        const struct json_span no_values = {"[]", 2};
        return pack_format(schema, no_values, limit, bytes, length, error);
    }
    refuse_record(schema, "nothing", error);
    return SCHEMA_MISFIT;
}

enum schema_status schema_pack(const struct schema *schema, struct json_span args, size_t limit, uint8_t **bytes,
                               size_t *length, struct schema_error *error) {
    enum schema_status status;
    char found[JSON_FOUND_SIZE];

    *bytes = NULL;
    *length = 0;
    if (args.length > 0) {
        json_find(args, "", &args);
    }
    if (is_nothing(args)) {
        return pack_nothing(schema, limit, bytes, length, error);
    }
    if (schema == NULL) {
        schema_error_set(error,
                         "expected no arguments, as this callback has no schema for them, found %s; "
                         "bytes can be given as \"data\"",
                         json_span_describe(args, found));
        return SCHEMA_MISFIT;
    }
    if (schema->kind == SCHEMA_FORMAT) {
        return pack_format(schema, args, limit, bytes, length, error);
    }
    status = schema->kind == SCHEMA_JSON ? pack_json(args, bytes, length, error)
                                         : pack_string(schema, args, bytes, length, error);
    if (status == SCHEMA_GOOD && *length > limit) {
        status = too_large(*length, limit, error);
    }
    if (status != SCHEMA_GOOD || *length == 0) {
        free(*bytes);
        *bytes = NULL;
        *length = 0;
    }
    return status;
}
