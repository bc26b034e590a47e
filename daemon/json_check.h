/* SPDX-License-Identifier: MIT */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

/*
 * The pass over a text before cJSON sees it. cJSON cuts strings at \u0000, takes text after the end, and lets some bad
 * UTF-8 by; what this check accepts is one value of RFC 8259, to the letter, and nothing around it but white space.
 * Nothing is allocated, and the stack used is bounded by JSON_DEPTH_MAX.
 */

#include <stdbool.h>
#include <stddef.h>

/* How many arrays and objects may be open at once. */
#define JSON_DEPTH_MAX 32

/* A piece of a text that somebody else owns; not NUL-terminated. */
struct json_span {
    const char *text;
    size_t length;
};

struct json_fault {
    size_t offset;       /* of the first byte that is wrong; the length of the text where more was expected */
    const char *message; /* static; half a sentence, such as "a comma or ] was expected" */
};

/*
 * Returns whether the text is exactly one JSON value in valid UTF-8, nested at most JSON_DEPTH_MAX deep, with no NUL,
 * no \u0000 and no surrogate escape without its pair. If not, *fault says where and why. A name that stands twice in its
 * object is good.
 */
bool json_check(const char *text, size_t length, struct json_fault *fault);

#endif
