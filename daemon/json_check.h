/* SPDX-License-Identifier: MIT */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

/*
 * The pass over a text before cJSON sees it. cJSON cuts strings at \u0000, takes doubled names and text after the end,
 * and lets some bad UTF-8 by; what this check accepts is one value of RFC 8259, to the letter, and nothing around it
 * but white space. Nothing is allocated, and the stack used is bounded by JSON_DEPTH_MAX.
 */

#include <stdbool.h>
#include <stddef.h>

/* How many arrays and objects may be open at once. */
#define JSON_DEPTH_MAX 32

/* How many member names may be remembered at once where doubled ones are refused: those of all objects now open. */
#define JSON_OPEN_NAMES_MAX 1024

/* A piece of a text that somebody else owns; not NUL-terminated. */
struct json_span {
    const char *text;
    size_t length;
};

enum json_check_flags {
    JSON_REFUSE_DOUBLED_NAMES = 1 << 0, /* as a configuration wants it; names are compared with their escapes decoded */
};

struct json_fault {
    size_t offset;       /* of the first byte that is wrong; the length of the text where more was expected */
    const char *message; /* static; half a sentence, such as "a comma or ] was expected" */
};

/*
 * Returns whether the text is exactly one JSON value in valid UTF-8, nested at most JSON_DEPTH_MAX deep, with no NUL,
 * no \u0000 and no surrogate escape without its pair. If not, *fault says where and why. `flags` are of enum
 * json_check_flags.
 */
bool json_check(const char *text, size_t length, unsigned flags, struct json_fault *fault);

#endif
