/* SPDX-License-Identifier: MIT */
/*
 * Any schema with any value and any bytes. The input is two lines, the schema and the arguments, and the rest is a
 * result. What a result unpacks to has to be JSON, and what packs has to unpack.
 */

#include "json_check.h"
#include "schema.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void unpack(const struct schema *schema, const uint8_t *bytes, size_t length, bool has_to_fit) {
    struct text_buffer text;
    struct schema_error error;
    struct json_fault fault;

    text_buffer_init(&text, 16 * LIMIT);
    const enum schema_status status = schema_unpack(schema, bytes, length, &text, &error);
    if (has_to_fit && status == SCHEMA_MISFIT) {
        abort();
    }
    /* A NUL in a text is U+0000, which is good in an answer and refused only in a request. */
    if (status == SCHEMA_GOOD && strstr(text.text, "\\u0000") == NULL && !json_check(text.text, text.length, &fault)) {
        abort();
    }
    text_buffer_clear(&text);
}

static void pack(const struct schema *schema, struct json_span args) {
    struct schema_error error;
    struct json_fault fault;
    uint8_t *bytes;
    size_t length;

    if (!json_check(args.text, args.length, &fault)) {
        return;
    }
    if (schema_pack(schema, args, LIMIT, &bytes, &length, &error) == SCHEMA_GOOD) {
        unpack(schema, bytes, length, true);
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    const char *first_end = memchr(text, '\n', size);
    const char *second_end =
        first_end != NULL ? memchr(first_end + 1, '\n', (size_t)(text + size - first_end - 1)) : NULL;
    struct schema_error error;
    struct json_fault fault;

    if (second_end == NULL || !json_check(text, (size_t)(first_end - text), &fault)) {
        return 0;
    }
    cJSON *json = cJSON_ParseWithLength(text, (size_t)(first_end - text));
    struct schema *schema = schema_parse(json, &error);
    if (schema != NULL) {
        const size_t result_length = (size_t)(text + size - second_end - 1);
        pack(schema, (struct json_span){first_end + 1, (size_t)(second_end - first_end - 1)});
        unpack(schema, (const uint8_t *)second_end + 1, result_length, false);
    }
    schema_free(schema);
    cJSON_Delete(json);
    return 0;
}
