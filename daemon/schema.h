/* SPDX-License-Identifier: MIT */
#ifndef SCHEMA_H
#define SCHEMA_H

/*
 * How the bytes of an argument or a result correspond to JSON. A schema is written as JSON itself:
 *
 *     {"format": "<HHHH", "fields": ["x", "y", "w", "h"], "repeat": true, "optional": true}
 *     "utf8"    text                      "json"    a JSON value as text
 *     "jpeg"    a picture                 "bytes"   anything; both are base64 in JSON
 *
 * `format` is one of Python's struct module with an explicit byte order; `fields` names its items; `repeat` means any
 * number of such records one after the other; `optional` means that an argument may be left out.
 *
 * NULL is a schema everywhere here: nothing is known, and a result is base64.
 */

#include "schema_error.h"
#include "text_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most named fields of a schema, and the longest name in bytes. */
#define SCHEMA_FIELDS_MAX ((size_t)256)
#define SCHEMA_NAME_MAX   ((size_t)64)

enum schema_kind {
    SCHEMA_FORMAT,
    SCHEMA_UTF8,
    SCHEMA_JSON,
    SCHEMA_JPEG,
    SCHEMA_BYTES,
};

enum schema_status {
    SCHEMA_GOOD,
    SCHEMA_MISFIT,        /* value or bytes do not fit; the error says why */
    SCHEMA_TOO_LARGE,     /* over the limit that was given */
    SCHEMA_OUT_OF_MEMORY, /* the error says so too */
};

struct schema;

/*
 * Reads a schema. Returns NULL and says in *error what is wrong, the path being below the schema ("fields.2"). The
 * caller keeps `json`, and frees the schema with schema_free().
 */
struct schema *schema_parse(const cJSON *json, struct schema_error *error);

void schema_free(struct schema *schema);

/* SCHEMA_BYTES for NULL. */
enum schema_kind schema_kind(const struct schema *schema);

/* Whether an argument of this schema may be left out; false for NULL. */
bool schema_is_optional(const struct schema *schema);

/* The schema as compact JSON, as long as the schema lives; "null" for NULL. */
const char *schema_text(const struct schema *schema);

/*
 * Packs arguments into at most `limit` bytes. `args` is their very text, taken from a request that json_check()
 * accepted (see json_find()), so that no integer passes through a double; a length of 0 where there were none.
 *
 * Absent, null, [] and {} are no bytes, for every schema; this is a misfit where a format has items, does not repeat,
 * and is not optional. Otherwise a format takes an array by position, an object by field, or the bare value where there is one
 * item; a repeated one takes an array of these. utf8 takes a string, json takes anything and passes its text on, jpeg
 * and bytes take a base64 string.
 *
 * On SCHEMA_GOOD the caller frees *bytes, which is NULL where *length is 0. Else *error says what was expected and
 * found.
 */
enum schema_status schema_pack(const struct schema *schema, struct json_span args, size_t limit, uint8_t **bytes,
                               size_t *length, struct schema_error *error);

/*
 * Appends the JSON that stands for a result's bytes, on one line: null where there are none. After SCHEMA_MISFIT
 * the buffer is as it was before; after SCHEMA_TOO_LARGE, its limit being too small, and SCHEMA_OUT_OF_MEMORY it has
 * failed and stays so until somebody truncates it.
 */
enum schema_status schema_unpack(const struct schema *schema, const uint8_t *bytes, size_t length,
                                 struct text_buffer *out, struct schema_error *error);

#endif
