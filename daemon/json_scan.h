/* SPDX-License-Identifier: MIT */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

/*
 * Looks into the text of a JSON document: where a value stands, and the very characters it was written with. cJSON
 * keeps neither, and holds numbers as doubles; request ids and 64-bit integers are therefore read from here.
 *
 * All of it but json_blank_comments() works on text that json_check() has accepted. Spans point into that text; nothing
 * is allocated. Where a name stands twice in an object, the first one counts, as with cJSON.
 */

#include "json_check.h"

#include <stdint.h>

bool json_is_white_space(char character);

/* A walk over the members of an object or the elements of an array. */
struct json_cursor {
    const char *at;
    const char *end;
    bool is_object;
};

/* Begins a walk. Returns false where the value is neither an object nor an array. */
bool json_cursor_open(struct json_span value, struct json_cursor *cursor);

/*
 * Steps to the next member or element; returns false after the last. *name is the member's name with its quotes and
 * escapes, empty in an array; it may be NULL where nobody wants it.
 */
bool json_cursor_next(struct json_cursor *cursor, struct json_span *name, struct json_span *value);

/* The value of an object's member; false where there is none or the span is no object. `name` is plain UTF-8. */
bool json_member(struct json_span object, const char *name, struct json_span *value);

/*
 * The value at a path of member names and array indexes from 0, such as "params.args.3"; "" is the document itself. A
 * name may hold dots: the longest name that fits is taken. An empty name is written as two quotes. Returns false where the path leads nowhere.
 */
bool json_find(struct json_span document, const char *path, struct json_span *value);

/* A place in a text as editors show it: both count from 1, columns in characters. */
struct json_place {
    size_t line;
    size_t column;
};

/* The place of the byte at `offset`, which is at most the text's length. */
struct json_place json_place_at(struct json_span text, size_t offset);

/*
 * The place of the member (its name) or element that a path leads to. Where the path leads nowhere it returns false and
 * gives the place of the last part that exists: what is missing is missing there.
 */
bool json_find_line(struct json_span document, const char *path, struct json_place *place);

/*
 * Overwrites comments (// to the end of the line, and those between slash-star and star-slash) with spaces, in place;
 * line ends and so all offsets stay. A comment that is not closed is left as it is, for json_check() to find it there.
 */
void json_blank_comments(char *text, size_t length);

/* A walk over the bytes of a string, with its escapes decoded to UTF-8. */
struct json_string {
    const char *at;
    const char *end;
    uint8_t pending[4];
    size_t pending_count;
    size_t pending_used;
};

/* Begins a walk over a string, given with its quotes. Returns false where the value is no string. */
bool json_string_open(struct json_span value, struct json_string *string);

/* The next byte, or -1 after the last. */
int json_string_next(struct json_string *string);

/*
 * Decodes a string, given with its quotes, into at most `capacity` bytes, without a NUL after them. Returns its full
 * length, which is more than `capacity` where it did not fit, and never more than the span's; 0 where the value is no
 * string.
 */
size_t json_string_decode(struct json_span value, void *out, size_t capacity);

/* Whether two strings, both given with their quotes, say the same. */
bool json_strings_equal(struct json_span a, struct json_span b);

/* Whether a string, given with its quotes, says these `length` bytes. */
bool json_string_is(struct json_span value, const char *text, size_t length);

#endif
