/* SPDX-License-Identifier: MIT */
/* The grammar of JSON over characters in memory: checking, walking, decoding strings. */
#include "json_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_LIMIT 64

/* The skip_ functions return the place behind what they skipped, or NULL where the text is not JSON. */

static const char *skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

static const char *skip_word(const char *at, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

static bool is_digit(const char *at, const char *end) {
    return at < end && *at >= '0' && *at <= '9';
}

static const char *skip_digits(const char *at, const char *end) {
    if (!is_digit(at, end)) {
        return NULL;
    }
    while (is_digit(at, end)) {
        at++;
    }
    return at;
}

static const char *skip_number(const char *at, const char *end) {
    if (at < end && *at == '-') {
        at++;
    }
    at = at < end && *at == '0' ? at + 1 : skip_digits(at, end);
    if (at && at < end && *at == '.') {
        at = skip_digits(at + 1, end);
    }
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) {
            at++;
        }
        at = skip_digits(at, end);
    }
    return at;
}

static int hex_digit(char character) {
    const char *digits = "0123456789abcdef";
    const char *found =
        character ? strchr(digits, character >= 'A' && character <= 'F' ? character + 32 : character) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* The four hex digits of a \u escape, or -1. */
static long read_code_unit(const char *at, const char *end) {
    if (end - at < 4) {
        return -1;
    }
    long unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end; at++) {
        if (*at == '"') {
            return at + 1;
        }
        if ((unsigned char)*at < 0x20) {
            return NULL;
        }
        if (*at != '\\') {
            continue;
        }
        at++;
        if (at == end || !*at || !strchr("\"\\/bfnrtu", *at)) {
            return NULL;
        }
        if (*at == 'u' && read_code_unit(at + 1, end) < 0) {
            return NULL;
        }
    }
    return NULL;
}

static const char *skip_value(const char *at, const char *end, int depth);

static const char *skip_member_name(const char *at, const char *end) {
    if (at == end || *at != '"') {
        return NULL;
    }
    at = skip_string(at, end);
    at = at ? skip_space(at, end) : NULL;
    return at && at < end && *at == ':' ? skip_space(at + 1, end) : NULL;
}

static const char *skip_container(const char *at, const char *end, int depth) {
    bool object = *at == '{';
    char closing = object ? '}' : ']';
    at = skip_space(at + 1, end);
    if (at < end && *at == closing) {
        return at + 1;
    }
    while (at) {
        if (object && !(at = skip_member_name(at, end))) {
            return NULL;
        }
        at = skip_value(at, end, depth + 1);
        at = at ? skip_space(at, end) : NULL;
        if (!at || at == end) {
            return NULL;
        }
        if (*at == closing) {
            return at + 1;
        }
        at = *at == ',' ? skip_space(at + 1, end) : NULL;
    }
    return NULL;
}

static const char *skip_value(const char *at, const char *end, int depth) {
    if (at == end || depth > DEPTH_LIMIT) {
        return NULL;
    }
    switch (*at) {
    case '{':
    case '[':
        return skip_container(at, end, depth);
    case '"':
        return skip_string(at, end);
    case 't':
        return skip_word(at, end, "true");
    case 'f':
        return skip_word(at, end, "false");
    case 'n':
        return skip_word(at, end, "null");
    default:
        return skip_number(at, end);
    }
}

bool json_text_check(const char *characters, size_t length, struct json_text *value) {
    const char *end = characters + length;
    const char *start = skip_space(characters, end);
    const char *behind = skip_value(start, end, 1);
    if (!behind || skip_space(behind, end) != end) {
        return false;
    }
    *value = (struct json_text){start, (size_t)(behind - start)};
    return true;
}

enum json_kind json_text_kind(struct json_text value) {
    switch (value.length ? *value.start : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

bool json_text_is_scalar(struct json_text value) {
    return json_text_kind(value) < JSON_ARRAY;
}

bool json_text_is(struct json_text value, const char *expected) {
    return value.length == strlen(expected) && memcmp(value.start, expected, value.length) == 0;
}

struct json_walk json_walk_begin(struct json_text container) {
    if (json_text_is_scalar(container)) {
        return (struct json_walk){NULL, NULL, false};
    }
    const char *end = container.start + container.length - 1;
    return (struct json_walk){skip_space(container.start + 1, end), end, *container.start == '{'};
}

bool json_walk_next(struct json_walk *walk, struct json_text *name, struct json_text *value) {
    if (walk->at == walk->end) {
        return false;
    }
    *name = (struct json_text){walk->at, 0};
    if (walk->object) {
        name->length = (size_t)(skip_string(walk->at, walk->end) - walk->at);
        walk->at = skip_member_name(walk->at, walk->end);
    }
    const char *behind = skip_value(walk->at, walk->end, 1);
    *value = (struct json_text){walk->at, (size_t)(behind - walk->at)};
    behind = skip_space(behind, walk->end);
    walk->at = behind < walk->end ? skip_space(behind + 1, walk->end) : behind;
    return true;
}

bool json_text_member(struct json_text object, const char *name, struct json_text *value) {
    struct json_walk walk = json_walk_begin(object);
    struct json_text found_name;
    struct json_text found;
    size_t length = strlen(name);
    while (walk.object && json_walk_next(&walk, &found_name, &found)) {
        if (found_name.length == length + 2 && memcmp(found_name.start + 1, name, length) == 0) {
            *value = found;
            return true;
        }
    }
    return false;
}

size_t json_text_count(struct json_text container) {
    struct json_walk walk = json_walk_begin(container);
    struct json_text name;
    struct json_text value;
    size_t count = 0;
    while (json_walk_next(&walk, &name, &value)) {
        count++;
    }
    return count;
}

static char *put_utf8(char *out, uint32_t code_point) {
    if (code_point < 0x80) {
        *out++ = (char)code_point;
        return out;
    }
    int more = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    *out++ = (char)(lead[more] | (code_point >> (6 * more)));
    while (more-- > 0) {
        *out++ = (char)(0x80 | ((code_point >> (6 * more)) & 0x3F));
    }
    return out;
}

/* `at` stands on the first digit of a \u escape and is moved to the last digit of what was read, which may be a pair.
 */
static uint32_t read_code_point(const char **at, const char *end) {
    uint32_t unit = (uint32_t)read_code_unit(*at, end);
    *at += 3;
    if (unit < 0xD800 || unit > 0xDFFF) {
        return unit;
    }
    const char *next = *at + 1;
    long low =
        unit < 0xDC00 && end - next >= 6 && next[0] == '\\' && next[1] == 'u' ? read_code_unit(next + 2, end) : -1;
    if (low < 0xDC00 || low > 0xDFFF) {
        return 0xFFFD;
    }
    *at += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
}

char *json_text_decode(struct json_text value, size_t *length) {
    char *decoded = malloc(value.length + 1);
    char *out = decoded;
    if (!decoded) {
        return NULL;
    }
    if (json_text_kind(value) != JSON_STRING || value.length == 0) {
        memcpy(decoded, value.start, value.length);
        out += value.length;
    } else {
        static const char escapes[] = "b\bf\fn\nr\rt\t";
        const char *end = value.start + value.length - 1;
        for (const char *at = value.start + 1; at < end; at++) {
            if (*at != '\\') {
                *out++ = *at;
            } else if (*++at == 'u') {
                at++;
                out = put_utf8(out, read_code_point(&at, end));
            } else {
                const char *escape = strchr(escapes, *at);
                *out++ = escape ? escape[1] : *at;
            }
        }
    }
    *out = 0;
    if (length) {
        *length = (size_t)(out - decoded);
    }
    return decoded;
}

bool json_text_size(struct json_text value, size_t most, size_t *size) {
    size_t sum = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.start[i] < '0' || value.start[i] > '9') {
            return false;
        }
        size_t digit = (size_t)(value.start[i] - '0');
        if (digit > most || sum > (most - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *size = sum;
    return value.length > 0;
}

bool json_text_double(struct json_text value, double *number) {
    if (value.length == 0 || value.length > 400 || json_text_kind(value) != JSON_NUMBER) {
        return false;
    }
    char copy[401];
    memcpy(copy, value.start, value.length);
    copy[value.length] = 0;
    *number = strtod(copy, NULL);
    return true;
}
