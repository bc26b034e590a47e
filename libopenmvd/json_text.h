/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON as text: whatever comes from the daemon is walked where it lies and handed on in its own characters, so
 * that no digit of a 64-bit integer is harmed, and nobody is tied to a JSON library. openmvctl reads with this as well.
 *
 * A json_text is a view: it owns nothing and lives as long as the characters it points to. Every view but the one given
 * to json_text_check comes out of a checked one, so its grammar is known to be right.
 */
#ifndef LIBOPENMVD_JSON_TEXT_H
#define LIBOPENMVD_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct json_text {
    const char *start;
    size_t length;
};

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A walk over the members of an object or the elements of an array. */
struct json_walk {
    const char *at;
    const char *end;
    bool object;
};

/*
 * True when the whole of `characters` is one JSON value (RFC 8259, at most 64 levels deep); then `value` views it
 * without the white space around. Whether strings are valid UTF-8 is not looked at.
 */
bool json_text_check(const char *characters, size_t length, struct json_text *value);

enum json_kind json_text_kind(struct json_text value);

/* Null, true, false, a number or a string. */
bool json_text_is_scalar(struct json_text value);

/* True when the characters of `value` are exactly those of `expected`, as in json_text_is(id, "7"). */
bool json_text_is(struct json_text value, const char *expected);

/* Finds a member by a name of plain ASCII letters; false when `object` is none, or has no such member. */
bool json_text_member(struct json_text object, const char *name, struct json_text *value);

/* Nothing is walked when `container` is neither an array nor an object. In arrays `name` is left empty. */
struct json_walk json_walk_begin(struct json_text container);
bool json_walk_next(struct json_walk *walk, struct json_text *name, struct json_text *value);

/* How many members or elements there are; 0 for scalars. */
size_t json_text_count(struct json_text container);

/*
 * The bytes a JSON string stands for, with a NUL after them, in memory the caller frees; `length` may be NULL. Anything
 * but a string gives its own characters. A lone surrogate becomes U+FFFD. NULL when there is no memory.
 */
char *json_text_decode(struct json_text value, size_t *length);

/* A whole number from 0 to `most`; false for anything else. */
bool json_text_size(struct json_text value, size_t most, size_t *size);

/* A number as a double, for arithmetic on times; false when `value` is none. */
bool json_text_double(struct json_text value, double *number);

#endif
