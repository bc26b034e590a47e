/* SPDX-License-Identifier: MIT */
/* Sentences about what did not fit. */

#include "schema_error.h"

#include "encoding.h"
#include "json_number.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Formats and names are quoted in messages, which have to stay one printable line: control characters become spaces.
 * And snprintf() may cut a character in two; what is left of it goes as well.
 */
static void make_presentable(char *text) {
    text[utf8_valid_length((const uint8_t *)text, strlen(text))] = '\0';
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            *text = ' ';
        }
    }
}

bool schema_error_set(struct schema_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    make_presentable(error->message);
    error->path[0] = '\0';
    return false;
}

void schema_error_prepend(struct schema_error *error, const char *name, size_t index) {
    char number[24];

    if (name == NULL) {
        snprintf(number, sizeof number, "%zu", index);
        name = number;
    }

    const size_t last = sizeof error->path - 1;
    const bool has_rest = error->path[0] != '\0';
    const size_t length = strnlen(name, last);
    const size_t shift = length + (has_rest && length < last ? 1 : 0);
    memmove(error->path + shift, error->path, sizeof error->path - shift);
    memcpy(error->path, name, length);
    if (shift > length) {
        error->path[length] = '.';
    }
    error->path[last] = '\0';
    make_presentable(error->path);
}

void schema_error_print(const struct schema_error *error, const char *name, char *out, size_t size) {
    snprintf(out, size, "%s%s%s: %s", name, error->path[0] != '\0' ? "." : "", error->path, error->message);
    make_presentable(out);
}

const char *json_span_describe(struct json_span value, char out[JSON_FOUND_SIZE]) {
    static const char ellipsis[] = "…";
    size_t length = value.length;

    if (length == 0) {
        return "nothing";
    }
    if (value.text[0] == '[') {
        return "an array";
    }
    if (value.text[0] == '{') {
        return "an object";
    }
    if (length < JSON_FOUND_SIZE) {
        memcpy(out, value.text, length);
        out[length] = '\0';
        return out;
    }
    length = utf8_valid_length((const uint8_t *)value.text, JSON_FOUND_SIZE - sizeof ellipsis);
    memcpy(out, value.text, length);
    memcpy(out + length, ellipsis, sizeof ellipsis);
    return out;
}

const char *json_value_describe(const cJSON *value, char out[JSON_FOUND_SIZE]) {
    if (value == NULL || cJSON_IsInvalid(value)) {
        return "nothing";
    }
    if (cJSON_IsArray(value) || cJSON_IsObject(value)) {
        return cJSON_IsArray(value) ? "an array" : "an object";
    }
    if (cJSON_IsString(value)) {
        const bool is_long = strlen(value->valuestring) > 40;
        snprintf(out, JSON_FOUND_SIZE, "\"%.40s", value->valuestring);
        make_presentable(out);
        strcat(out, is_long ? "…\"" : "\"");
        return out;
    }
    if (cJSON_IsNumber(value)) {
        json_double_print(value->valuedouble, out);
        return out;
    }
    return cJSON_IsNull(value) ? "null" : cJSON_IsTrue(value) ? "true" : "false";
}
