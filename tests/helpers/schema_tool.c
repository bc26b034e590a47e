/* SPDX-License-Identifier: MIT */
/*
 * Puts values through the daemon's schemas, for a test in another language. Each line of standard input is three parts
 * with tabs between them, and gets one line of answer:
 *
 *     pack SCHEMA ARGS      ok HEX
 *     unpack SCHEMA HEX     ok JSON
 *
 * or "refused …" where the schema is none, "misfit …" where the value does not fit it, "not json …" where ARGS is none.
 */

#include "encoding.h"
#include "json_check.h"
#include "schema.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

static void answer_error(const char *kind, const struct schema_error *error) {
    char text[SCHEMA_ERROR_PATH_SIZE + SCHEMA_ERROR_MESSAGE_SIZE + 16];
    schema_error_print(error, "value", text, sizeof text);
    printf("%s %s\n", kind, text);
}

static void answer_pack(const struct schema *schema, const char *args) {
    struct json_fault fault;
    struct schema_error error;
    uint8_t *bytes;
    size_t length;
    const struct json_span span = {args, strlen(args)};

    if (span.length > 0 && !json_check(span.text, span.length, &fault)) {
        printf("not json at %zu: %s\n", fault.offset, fault.message);
        return;
    }
    if (schema_pack(schema, span, LIMIT, &bytes, &length, &error) != SCHEMA_GOOD) {
        answer_error("misfit", &error);
        return;
    }
    char *hex = malloc(2 * length + 1);
    if (hex != NULL) {
        hex_encode(bytes, length, hex);
        printf("ok %.*s\n", (int)(2 * length), hex);
    }
    free(hex);
    free(bytes);
}

static void answer_unpack(const struct schema *schema, const char *hex) {
    struct schema_error error;
    struct text_buffer text;
    size_t length = strlen(hex) / 2;
    uint8_t *bytes = malloc(length + 1);

    text_buffer_init(&text, 16 * LIMIT);
    if (bytes == NULL || !hex_decode(hex, strlen(hex), bytes, &length)) {
        printf("no bytes\n");
    } else if (schema_unpack(schema, bytes, length, &text, &error) == SCHEMA_GOOD) {
        printf("ok %s\n", text.text);
    } else {
        answer_error("misfit", &error);
    }
    text_buffer_clear(&text);
    free(bytes);
}

static void answer(char *line) {
    char *schema_text = strchr(line, '\t');
    char *value = schema_text != NULL ? strchr(schema_text + 1, '\t') : NULL;
    struct schema_error error;

    if (value == NULL) {
        printf("three parts were expected\n");
        return;
    }
    *schema_text++ = '\0';
    *value++ = '\0';

    cJSON *json = cJSON_Parse(schema_text);
    struct schema *schema = schema_parse(json, &error);
    if (schema == NULL) {
        answer_error("refused", &error);
    } else if (strcmp(line, "pack") == 0) {
        answer_pack(schema, value);
    } else {
        answer_unpack(schema, value);
    }
    schema_free(schema);
    cJSON_Delete(json);
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;

    while ((length = getline(&line, &capacity, stdin)) > 0) {
        if (line[length - 1] == '\n') {
            line[length - 1] = '\0';
        }
        answer(line);
    }
    free(line);
    return EXIT_SUCCESS;
}
