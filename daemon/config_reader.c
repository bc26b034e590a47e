/* SPDX-License-Identifier: MIT */
/* Mistakes with their places, and the plain kinds of value. */
#include "config_reader.h"

#include "near_miss.h"
#include "schema_error.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Keys are compared with each other, so the number of those in one object is limited. */
enum { PATH_SIZE = 512, KEYS_MAX = 1024 };

/* Writes "cameras.front.link", an empty name as two quotes; returns its length, less than `size`. */
static size_t print_path(const struct config_place *place, char *path, size_t size) {
    if (place == NULL || place->name == NULL) {
        path[0] = '\0';
        return 0;
    }
    size_t length = print_path(place->above, path, size);
    const char *name = place->name[0] != '\0' ? place->name : "\"\"";
    int added = snprintf(path + length, size - length, "%s%s", length > 0 ? "." : "", name);
    length += (size_t)added;
    return length < size ? length : size - 1;
}

static void begin_mistake(struct config_reader *reader, size_t line, const char *path) {
    fprintf(reader->report, "%s:%zu: %s%s", reader->path, line, path, path[0] != '\0' ? ": " : "");
    reader->mistakes++;
}

size_t config_line(const struct config_reader *reader, const struct config_place *place) {
    char path[PATH_SIZE];
    struct json_place position;
    print_path(place, path, sizeof path);
    json_find_line(reader->document, path, &position);
    return position.line;
}

void config_mistake(struct config_reader *reader, const struct config_place *place, const char *format, ...) {
    char path[PATH_SIZE];
    print_path(place, path, sizeof path);
    begin_mistake(reader, config_line(reader, place), path);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(reader->report, format, arguments);
    va_end(arguments);
    fputc('\n', reader->report);
}

void config_unexpected(struct config_reader *reader, const struct config_place *place, const char *expected) {
    char path[PATH_SIZE];
    char found[JSON_FOUND_SIZE];
    struct json_span value = {NULL, 0};
    print_path(place, path, sizeof path);
    json_find(reader->document, path, &value);
    config_mistake(reader, place, "found %s, expected %s", json_span_describe(value, found), expected);
}

static void take_doubled(struct config_reader *reader, const struct config_place *place, struct json_span text,
                         cJSON *value) {
    struct json_cursor cursor;
    struct json_span name_text, item_text;
    size_t index = 0;
    if (!json_cursor_open(text, &cursor)) {
        return;
    }
    if (cursor.is_object && cJSON_GetArraySize(value) > KEYS_MAX) {
        config_mistake(reader, place, "found %d keys, expected at most %d", cJSON_GetArraySize(value), KEYS_MAX);
        while (value->child != NULL) {
            cJSON_DeleteItemFromArray(value, 0);
        }
        return;
    }
    /* The text and what cJSON made of it are walked over side by side: only the text knows lines. */
    for (cJSON *item = value->child, *next; item != NULL && json_cursor_next(&cursor, &name_text, &item_text);
         item = next, index++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", index);
        struct config_place item_place = {place, cursor.is_object ? item->string : number};
        next = item->next;
        if (!cursor.is_object || cJSON_GetObjectItemCaseSensitive(value, item->string) == item) {
            take_doubled(reader, &item_place, item_text, item);
            continue;
        }
        char path[PATH_SIZE];
        print_path(&item_place, path, sizeof path);
        begin_mistake(reader, json_place_at(reader->document, (size_t)(name_text.text - reader->document.text)).line,
                      path);
        fputs("this key stands twice\n", reader->report);
        cJSON_Delete(cJSON_DetachItemViaPointer(value, item));
    }
}

void config_take_doubled(struct config_reader *reader, cJSON *document) {
    static const struct config_place top = {NULL, NULL};
    take_doubled(reader, &top, reader->document, document);
}

void config_unknown(struct config_reader *reader, const struct config_place *place, const char *what,
                    const char *const *known, size_t count) {
    const char *near = near_miss_find(place->name, strlen(place->name), known, count);
    if (near != NULL) {
        config_mistake(reader, place, "there is no such %s; did you mean \"%s\"?", what, near);
        return;
    }
    char list[400] = "";
    size_t length = 0;
    for (size_t i = 0; i < count && length < sizeof list; i++) {
        if (known[i] != NULL) {
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", length > 0 ? ", " : "", known[i]);
        }
    }
    config_mistake(reader, place, "there is no such %s; known are %s", what, list);
}

bool config_read_object(struct config_reader *reader, const struct config_place *place, const cJSON *value) {
    if (cJSON_IsObject(value)) {
        return true;
    }
    config_unexpected(reader, place, "an object");
    return false;
}

bool config_read_boolean(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         bool *result) {
    if (cJSON_IsBool(value)) {
        *result = cJSON_IsTrue(value);
        return true;
    }
    config_unexpected(reader, place, "true or false");
    return false;
}

bool config_read_string(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        char **result) {
    if (!cJSON_IsString(value) || value->valuestring[0] == '\0') {
        config_unexpected(reader, place, "a text that is not empty");
        return false;
    }
    char *copy = strdup(value->valuestring);
    if (copy == NULL) {
        config_mistake(reader, place, "out of memory");
        return false;
    }
    free(*result);
    *result = copy;
    return true;
}

static bool is_hexadecimal(const char *text) {
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* strtoull() would take white space and signs, and octal after a 0. */
static bool parse_integer(const char *text, unsigned long long *result) {
    bool is_hex = is_hexadecimal(text);
    const char *digits = is_hex ? text + 2 : text;
    size_t length = strlen(digits);
    if (length == 0 || length > 15 || strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789") != length) {
        return false;
    }
    *result = strtoull(digits, NULL, is_hex ? 16 : 10);
    return true;
}

static bool read_integer(const cJSON *value, size_t minimum, size_t maximum, size_t *result) {
    unsigned long long integer = 0;
    bool is_integer = false;
    if (cJSON_IsString(value)) {
        is_integer = parse_integer(value->valuestring, &integer);
    } else if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= 9007199254740992.0) {
        integer = (unsigned long long)value->valuedouble;
        is_integer = (double)integer == value->valuedouble;
    }
    if (is_integer && integer >= minimum && integer <= maximum) {
        *result = (size_t)integer;
        return true;
    }
    return false;
}

bool config_read_integer(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         size_t minimum, size_t maximum, size_t *result) {
    if (read_integer(value, minimum, maximum, result)) {
        return true;
    }
    char expected[80];
    snprintf(expected, sizeof expected, "an integer from %zu to %zu", minimum, maximum);
    config_unexpected(reader, place, expected);
    return false;
}

bool config_read_id(struct config_reader *reader, const struct config_place *place, const cJSON *value, size_t minimum,
                    size_t maximum, size_t *result) {
    bool is_plain = cJSON_IsString(value) && !is_hexadecimal(value->valuestring);
    if (!is_plain && read_integer(value, minimum, maximum, result)) {
        return true;
    }
    char expected[120];
    snprintf(expected, sizeof expected,
             "an integer from 0x%02zx to 0x%02zx, in quotes with its 0x or decimal without them", minimum, maximum);
    config_unexpected(reader, place, expected);
    return false;
}

bool config_read_mode(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      unsigned *result) {
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    size_t length = strlen(text);
    if (length < 3 || length > 4 || strspn(text, "01234567") != length || (length == 4 && text[0] != '0')) {
        config_unexpected(reader, place, "octal permissions as a text, such as \"0660\"");
        return false;
    }
    *result = (unsigned)strtoul(text, NULL, 8);
    return true;
}
