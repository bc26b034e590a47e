/* SPDX-License-Identifier: MIT */
/* Walks over checked JSON text: members, elements, paths and places. Strings are in json_string.c. */

#include "json_scan.h"

#include <string.h>

bool json_is_white_space(char character) {
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static const char *skip_white_space(const char *at, const char *end) {
    while (at < end && json_is_white_space(*at)) {
        at++;
    }
    return at;
}

/* `at` is the opening quote; returns the place after the closing one. */
static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '"') {
            return at + 1;
        }
    }
    return end;
}

static const char *skip_container(const char *at, const char *end) {
    size_t depth = 0;
    while (at < end) {
        const char character = *at;
        if (character == '"') {
            at = skip_string(at, end);
            continue;
        }
        at++;
        if (character == '{' || character == '[') {
            depth++;
        } else if ((character == '}' || character == ']') && --depth == 0) {
            break;
        }
    }
    return at;
}

static const char *skip_value(const char *at, const char *end) {
    if (at < end && *at == '"') {
        return skip_string(at, end);
    }
    if (at < end && (*at == '{' || *at == '[')) {
        return skip_container(at, end);
    }
    while (at < end && !json_is_white_space(*at) && *at != ',' && *at != ']' && *at != '}') {
        at++;
    }
    return at;
}

bool json_cursor_open(struct json_span value, struct json_cursor *cursor) {
    const char *end = value.text + value.length;
    const char *at = skip_white_space(value.text, end);
    if (at == end || (*at != '{' && *at != '[')) {
        return false;
    }
    *cursor = (struct json_cursor){.at = at + 1, .end = end, .is_object = *at == '{'};
    return true;
}

bool json_cursor_next(struct json_cursor *cursor, struct json_span *name, struct json_span *value) {
    const char *end = cursor->end;
    const char *at = skip_white_space(cursor->at, end);
    if (at < end && *at == ',') {
        at = skip_white_space(at + 1, end);
    }
    if (at == end || *at == ']' || *at == '}') {
        cursor->at = at;
        return false;
    }
    if (name != NULL) {
        *name = (struct json_span){at, 0};
    }
    if (cursor->is_object) {
        const char *name_end = skip_string(at, end);
        if (name != NULL) {
            name->length = (size_t)(name_end - at);
        }
        at = skip_white_space(name_end, end);
        if (at < end) {
            at = skip_white_space(at + 1, end);
        }
    }
    cursor->at = skip_value(at, end);
    *value = (struct json_span){at, (size_t)(cursor->at - at)};
    return true;
}

bool json_member(struct json_span object, const char *name, struct json_span *value) {
    const size_t length = strlen(name);
    struct json_cursor cursor;
    struct json_span found_name, found;

    if (!json_cursor_open(object, &cursor) || !cursor.is_object) {
        return false;
    }
    while (json_cursor_next(&cursor, &found_name, &found)) {
        if (json_string_is(found_name, name, length)) {
            *value = found;
            return true;
        }
    }
    return false;
}

/* The length of `name` in the path where that begins with it, up to a dot or the end; else 0. */
static size_t match_name(struct json_span name, const char *path) {
    struct json_string string;
    size_t length = 0;
    int byte;

    if (!json_string_open(name, &string)) {
        return 0;
    }
    while ((byte = json_string_next(&string)) >= 0) {
        /* A path ends at its NUL, and no checked string holds one, so that this also ends there. */
        if ((uint8_t)path[length] != byte) {
            return 0;
        }
        length++;
    }
    if (length == 0 && path[0] == '"' && path[1] == '"') {
        length = 2;
    }
    return path[length] == '\0' || path[length] == '.' ? length : 0;
}

/* The length of the index that the path begins with where it is `index`; else 0. */
static size_t match_index(size_t index, const char *path) {
    size_t length = 0;
    size_t number = 0;

    while (path[length] >= '0' && path[length] <= '9' && length < 9) {
        number = number * 10 + (size_t)(path[length] - '0');
        length++;
    }
    return number == index && (path[length] == '\0' || path[length] == '.') ? length : 0;
}

/* Follows one part of the path; returns how many characters of it that was, 0 where it leads nowhere. */
static size_t follow_part(struct json_span container, const char *path, struct json_span *name,
                          struct json_span *value) {
    struct json_cursor cursor;
    struct json_span next_name, next_value;
    size_t longest = 0;

    if (!json_cursor_open(container, &cursor)) {
        return 0;
    }
    for (size_t index = 0; json_cursor_next(&cursor, &next_name, &next_value); index++) {
        const size_t length = cursor.is_object ? match_name(next_name, path) : match_index(index, path);
        if (length > longest) {
            longest = length;
            *name = next_name;
            *value = next_value;
        }
    }
    return longest;
}

/* Follows the path as far as it goes. *name is where the last part found begins: a name, an element, or the document.
 */
static bool follow_path(struct json_span document, const char *path, struct json_span *name, struct json_span *value) {
    const char *start = skip_white_space(document.text, document.text + document.length);
    const char *end = skip_value(start, document.text + document.length);

    *value = (struct json_span){start, (size_t)(end - start)};
    *name = *value;
    while (*path != '\0') {
        const size_t length = follow_part(*value, path, name, value);
        if (length == 0) {
            return false;
        }
        path += length;
        if (*path == '.') {
            path++;
        }
    }
    return true;
}

bool json_find(struct json_span document, const char *path, struct json_span *value) {
    struct json_span name, found;
    if (!follow_path(document, path, &name, &found)) {
        return false;
    }
    *value = found;
    return true;
}

struct json_place json_place_at(struct json_span text, size_t offset) {
    struct json_place place = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        if (text.text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((uint8_t)text.text[i] & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

bool json_find_line(struct json_span document, const char *path, struct json_place *place) {
    struct json_span name, value;
    const bool found = follow_path(document, path, &name, &value);
    *place = json_place_at(document, (size_t)(name.text - document.text));
    return found;
}

/* `at` is the slash that may open a comment; returns the place after that comment, or NULL where it is none or not
 * closed. */
static const char *comment_end(const char *at, const char *end) {
    if (end - at < 2 || (at[1] != '/' && at[1] != '*')) {
        return NULL;
    }
    if (at[1] == '/') {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        return line_end != NULL ? line_end : end;
    }
    const char *close = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
    return close != NULL ? close + 2 : NULL;
}

void json_blank_comments(char *text, size_t length) {
    const char *end = text + length;
    size_t at = 0;

    while (at < length) {
        if (text[at] == '"') {
            at = (size_t)(skip_string(text + at, end) - text);
            continue;
        }
        const char *after = text[at] == '/' ? comment_end(text + at, end) : NULL;
        if (after == NULL) {
            at++;
            continue;
        }
        for (; text + at < after; at++) {
            if (text[at] != '\n' && text[at] != '\r') {
                text[at] = ' ';
            }
        }
    }
}
