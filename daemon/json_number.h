/* SPDX-License-Identifier: MIT */
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

/* Exact reading of numbers from JSON text, and a short text that gives a floating-point number back. */

#include "json_check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every integer up to this, and not all beyond, is exact in the doubles that most JSON programs hold numbers in. */
#define JSON_EXACT_INTEGER_MAX ((uint64_t)1 << 53)

enum json_integer_kind {
    JSON_INTEGER,         /* read */
    JSON_INTEGER_TOO_BIG, /* an integer, of a magnitude over UINT64_MAX */
    JSON_INTEGER_NOT,     /* a number with a fraction, or no number at all */
};

struct json_integer {
    bool is_negative;
    uint64_t magnitude;
};

/* Reads a number by its value, so that 100, 1e2 and 100.0 are one integer; no double is involved. */
enum json_integer_kind json_integer_read(struct json_span number, struct json_integer *integer);

/* Whether the span begins as JSON numbers do; in checked text it then is one. */
bool json_is_number(struct json_span value);

/* Reads a number as the nearest double, infinite where it is too large. Returns false where it is none or too long to
 * read. */
bool json_double_read(struct json_span number, double *value);

/* Enough for every text json_double_print() writes. */
#define JSON_DOUBLE_TEXT_SIZE 32

/* Prints a finite number with as few digits as printf() needs for a reader of doubles to get this very value; at most
 * 17. Returns the length. */
size_t json_double_print(double value, char text[JSON_DOUBLE_TEXT_SIZE]);

#endif
