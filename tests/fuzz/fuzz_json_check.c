/* SPDX-License-Identifier: MIT */
/* Any bytes through the check of JSON texts; what it accepts is walked over and read by cJSON too. */

#include "json_check.h"
#include "json_number.h"
#include "json_scan.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct json_span value) {
    struct json_cursor cursor;
    struct json_span name, element;
    struct json_integer integer;
    char text[16];

    json_integer_read(value, &integer);
    if (json_string_decode(value, text, sizeof text) > value.length) {
        abort();
    }
    if (json_cursor_open(value, &cursor)) {
        while (json_cursor_next(&cursor, &name, &element)) {
            walk(element);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_fault fault = {0, NULL};
    struct json_place place;
    const struct json_span document = {(const char *)data, size};
    char *comments = malloc(size > 0 ? size : 1);

    if (comments == NULL) {
        return 0;
    }
    memcpy(comments, data, size);
    json_blank_comments(comments, size);
    free(comments);

    if (!json_check(document.text, size, &fault)) {
        if (fault.offset > size || fault.message == NULL) {
            abort();
        }
        return 0;
    }
    walk(document);
    json_find_line(document, "a.0.b", &place);

    cJSON *json = cJSON_ParseWithLength(document.text, size);
    if (json == NULL) {
        abort();
    }
    cJSON_Delete(json);
    return 0;
}
