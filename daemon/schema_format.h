/* SPDX-License-Identifier: MIT */
#ifndef SCHEMA_FORMAT_H
#define SCHEMA_FORMAT_H

/*
 * The format strings of Python's struct module, in the standard sizes that an explicit byte order selects: where in a
 * record each item stands, and how it is read. Turning an item into JSON and back is schema_item.h.
 */

#include "schema_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest record, in bytes: no argument or result may be larger. */
#define FORMAT_SIZE_MAX ((size_t)1 << 20)

/* The most items of one record, and the longest format string, in characters. */
#define FORMAT_ITEMS_MAX ((size_t)65536)
#define FORMAT_TEXT_MAX  ((size_t)1024)

enum format_family {
    FORMAT_PADDING,  /* x: no item, written as zeros and not read */
    FORMAT_BYTE,     /* c: a text of one byte */
    FORMAT_TEXT,     /* s: a text of as many bytes as its count says */
    FORMAT_PASCAL,   /* p: the same, the first byte being the text's length */
    FORMAT_BOOLEAN,  /* ? */
    FORMAT_SIGNED,   /* b h i l q */
    FORMAT_UNSIGNED, /* B H I L Q */
    FORMAT_FLOAT,    /* e f d */
};

struct format_type {
    char code;
    enum format_family family;
    uint8_t size; /* bytes of one item, or of one unit of the count for x, s, p */
};

/* A format character with its count. */
struct format_group {
    const struct format_type *type;
    size_t count;
};

struct format {
    bool big_endian;
    size_t size;       /* bytes of one record */
    size_t item_count; /* padding is none */
    size_t group_count;
    struct format_group *groups;
};

struct format_item {
    const struct format_type *type;
    bool big_endian;
    size_t offset; /* in the record */
    size_t size;   /* bytes in the record; may be 0 for s and p */
};

/* A walk over the items of a record. Begin with {.format = …}. */
struct format_cursor {
    const struct format *format;
    size_t group;
    size_t index; /* in the group */
    size_t offset;
};

/*
 * Reads a format string. On success the caller owns *format and hands it to format_clear(). On failure *error says what
 * was found and what was expected, and there is nothing to clear.
 */
bool format_parse(const char *text, struct format *format, struct schema_error *error);

/* Frees what format_parse() allocated. */
void format_clear(struct format *format);

/* Steps to the next item; returns false after the last. */
bool format_cursor_next(struct format_cursor *cursor, struct format_item *item);

#endif
