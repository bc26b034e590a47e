/* SPDX-License-Identifier: MIT */
/* Strings in checked JSON text, with their escapes decoded. */

#include "encoding.h"
#include "json_scan.h"

#include <string.h>

bool json_string_open(struct json_span value, struct json_string *string) {
    if (value.length < 2 || value.text[0] != '"') {
        return false;
    }
    *string = (struct json_string){.at = value.text + 1, .end = value.text + value.length - 1};
    return true;
}

static uint32_t read_code_unit(const char *digits) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit << 4 | (uint32_t)hex_digit_value(digits[i]);
    }
    return unit;
}

/* `at` stands behind \u. The text was checked: four digits follow, and a high surrogate is followed by its other half.
 */
static void decode_code_point(struct json_string *string) {
    uint32_t code_point = read_code_unit(string->at);
    string->at += 4;
    if (code_point >= 0xD800 && code_point <= 0xDFFF) {
        code_point = 0x10000 + ((code_point & 0x3FF) << 10) + (read_code_unit(string->at + 2) & 0x3FF);
        string->at += 6;
    }
    string->pending_count = utf8_encode(code_point, string->pending);
    string->pending_used = 0;
}

int json_string_next(struct json_string *string) {
    static const char short_escapes[] = "b\bf\fn\nr\rt\t";

    if (string->pending_used < string->pending_count) {
        return string->pending[string->pending_used++];
    }
    if (string->at >= string->end) {
        return -1;
    }
    const char byte = *string->at++;
    if (byte != '\\') {
        return (uint8_t)byte;
    }
    const char escape = *string->at++;
    if (escape == 'u') {
        decode_code_point(string);
        return string->pending[string->pending_used++];
    }
    for (const char *pair = short_escapes; *pair != '\0'; pair += 2) {
        if (pair[0] == escape) {
            return pair[1];
        }
    }
    return escape;
}

size_t json_string_decode(struct json_span value, void *out, size_t capacity) {
    struct json_string string;
    uint8_t *bytes = out;
    size_t length = 0;
    int byte;

    if (!json_string_open(value, &string)) {
        return 0;
    }
    while ((byte = json_string_next(&string)) >= 0) {
        if (length < capacity) {
            bytes[length] = (uint8_t)byte;
        }
        length++;
    }
    return length;
}

bool json_strings_equal(struct json_span a, struct json_span b) {
    struct json_string left, right;
    int byte;

    if (!json_string_open(a, &left) || !json_string_open(b, &right)) {
        return false;
    }
    do {
        byte = json_string_next(&left);
        if (byte != json_string_next(&right)) {
            return false;
        }
    } while (byte >= 0);
    return true;
}

bool json_string_is(struct json_span value, const char *text, size_t length) {
    struct json_string string;
    int byte;

    if (!json_string_open(value, &string)) {
        return false;
    }
    for (size_t i = 0; (byte = json_string_next(&string)) >= 0; i++) {
        if (i >= length || (uint8_t)text[i] != byte) {
            return false;
        }
        if (i + 1 == length) {
            return json_string_next(&string) < 0;
        }
    }
    return length == 0;
}
