/* SPDX-License-Identifier: MIT */
/* Reading struct format strings, and walking over the items they describe. */

#include "schema_format.h"

#include "encoding.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct format_type format_types[] = {
    {'x', FORMAT_PADDING, 1},  {'c', FORMAT_BYTE, 1},   {'s', FORMAT_TEXT, 1},     {'p', FORMAT_PASCAL, 1},
    {'?', FORMAT_BOOLEAN, 1},  {'b', FORMAT_SIGNED, 1}, {'B', FORMAT_UNSIGNED, 1}, {'h', FORMAT_SIGNED, 2},
    {'H', FORMAT_UNSIGNED, 2}, {'i', FORMAT_SIGNED, 4}, {'I', FORMAT_UNSIGNED, 4}, {'l', FORMAT_SIGNED, 4},
    {'L', FORMAT_UNSIGNED, 4}, {'q', FORMAT_SIGNED, 8}, {'Q', FORMAT_UNSIGNED, 8}, {'e', FORMAT_FLOAT, 2},
    {'f', FORMAT_FLOAT, 4},    {'d', FORMAT_FLOAT, 8},
};

static const struct format_type *find_type(char code) {
    for (size_t i = 0; i < sizeof format_types / sizeof format_types[0]; i++) {
        if (format_types[i].code == code) {
            return &format_types[i];
        }
    }
    return NULL;
}

/* A count of texts is their length; any other repeats the item. */
static bool counts_bytes(const struct format_type *type) {
    return type->family == FORMAT_PADDING || type->family == FORMAT_TEXT || type->family == FORMAT_PASCAL;
}

static size_t group_item_count(const struct format_group *group) {
    if (group->type->family == FORMAT_PADDING) {
        return 0;
    }
    return counts_bytes(group->type) ? 1 : group->count;
}

static bool refuse_order(const char *text, struct schema_error *error) {
    char corrected[FORMAT_TEXT_MAX + 2];
    char hint[80] = "";
    struct format format;
    struct schema_error ignored;

    snprintf(corrected, sizeof corrected, "<%s", text[0] == '@' ? text + 1 : text);
    if (format_parse(corrected, &format, &ignored)) {
        snprintf(hint, sizeof hint, "; \"%.41s\" is little-endian", corrected);
        format_clear(&format);
    }
    return schema_error_set(
        error, "expected a format that begins with its byte order, one of < > = !, found \"%.40s\"%s", text, hint);
}

static bool read_order(const char *text, struct format *format, struct schema_error *error) {
    if (text[0] == '\0' || strchr("<>=!", text[0]) == NULL) {
        return refuse_order(text, error);
    }
    const uint16_t probe = 1;
    const bool native_is_big = *(const uint8_t *)&probe == 0;
    format->big_endian = text[0] == '>' || text[0] == '!' || (text[0] == '=' && native_is_big);
    return true;
}

/* Reads one group at *at, white space before it skipped, and steps behind it. */
static bool read_group(const char **at, struct format_group *group, struct schema_error *error) {
    const char *start = *at;
    size_t count = 0;

    while (isdigit((unsigned char)**at)) {
        count = count * 10 + (size_t)(**at - '0');
        if (count > FORMAT_SIZE_MAX) {
            return schema_error_set(error, "the count \"%.12s\" is over the limit of %zu bytes", start,
                                    FORMAT_SIZE_MAX);
        }
        ++*at;
    }
    if (**at == '\0') {
        return schema_error_set(error, "expected a format character after the count %s", start);
    }
    group->type = find_type(**at);
    group->count = *at == start ? 1 : count;
    if (group->type == NULL) {
        const size_t shown = utf8_sequence_length((const uint8_t *)*at, strlen(*at));
        return schema_error_set(error,
                                "expected format characters of x c b B ? h H i I l L q Q e f d s p, found \"%.*s\"",
                                (int)shown, *at);
    }
    ++*at;
    return true;
}

static bool add_group(struct format *format, const struct format_group *group, struct schema_error *error) {
    format->groups[format->group_count++] = *group;
    format->size += group->count * group->type->size;
    format->item_count += group_item_count(group);
    if (format->size > FORMAT_SIZE_MAX) {
        return schema_error_set(error, "expected a format of at most %zu bytes, found a larger one", FORMAT_SIZE_MAX);
    }
    if (format->item_count > FORMAT_ITEMS_MAX) {
        return schema_error_set(error, "expected a format of at most %zu items, found more", FORMAT_ITEMS_MAX);
    }
    return true;
}

bool format_parse(const char *text, struct format *format, struct schema_error *error) {
    const size_t length = strlen(text);

    *format = (struct format){0};
    if (!read_order(text, format, error)) {
        return false;
    }
    if (length > FORMAT_TEXT_MAX) {
        return schema_error_set(error, "expected a format of at most %zu characters, found %zu", FORMAT_TEXT_MAX,
                                length);
    }
    format->groups = calloc(length, sizeof format->groups[0]);
    if (format->groups == NULL) {
        return schema_error_set(error, "out of memory");
    }

    const char *at = text + 1;
    for (;;) {
        struct format_group group;
        while (isspace((unsigned char)*at)) {
            at++;
        }
        if (*at == '\0') {
            return true;
        }
        if (!read_group(&at, &group, error) || !add_group(format, &group, error)) {
            format_clear(format);
            return false;
        }
    }
}

void format_clear(struct format *format) {
    free(format->groups);
    *format = (struct format){0};
}

bool format_cursor_next(struct format_cursor *cursor, struct format_item *item) {
    const struct format *format = cursor->format;

    while (cursor->group < format->group_count) {
        const struct format_group *group = &format->groups[cursor->group];
        if (cursor->index == group_item_count(group)) {
            if (group->type->family == FORMAT_PADDING) {
                cursor->offset += group->count;
            }
            cursor->group++;
            cursor->index = 0;
            continue;
        }
        item->type = group->type;
        item->big_endian = format->big_endian;
        item->offset = cursor->offset;
        item->size = counts_bytes(group->type) ? group->count : group->type->size;
        cursor->offset += item->size;
        cursor->index++;
        return true;
    }
    return false;
}
