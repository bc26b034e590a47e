/* SPDX-License-Identifier: MIT */
#ifndef SCHEMA_ERROR_H
#define SCHEMA_ERROR_H

/* What did not fit, and where: a path and a sentence, for schemas and for the values that go through them. */

#include "json_check.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define SCHEMA_ERROR_PATH_SIZE    112
#define SCHEMA_ERROR_MESSAGE_SIZE 400

/* Both are NUL-terminated valid UTF-8 without control characters; what is too long for them is cut. */
struct schema_error {
    char path[SCHEMA_ERROR_PATH_SIZE];       /* below the value, such as "3.dial"; empty for the value itself */
    char message[SCHEMA_ERROR_MESSAGE_SIZE]; /* such as "expected an integer from 0 to 255, found 256" */
};

/* Writes the message and empties the path. Returns false, so that a failing function can return it. */
__attribute__((format(printf, 2, 3))) bool schema_error_set(struct schema_error *error, const char *format, ...);

/* Puts a member name or, where that is NULL, an index in front of the path. */
void schema_error_prepend(struct schema_error *error, const char *name, size_t index);

/* Writes "args.3.dial: expected …" for the name "args", cut to `size` bytes. */
void schema_error_print(const struct schema_error *error, const char *name, char *out, size_t size);

#define JSON_FOUND_SIZE 64

/* Describes a value for a message: itself where it is short, its beginning, or "an array" and "an object". Returns
 * `out`. */
const char *json_span_describe(struct json_span value, char out[JSON_FOUND_SIZE]);

/* The same for a value that cJSON has read; "nothing" for NULL. */
const char *json_value_describe(const cJSON *value, char out[JSON_FOUND_SIZE]);

#endif
