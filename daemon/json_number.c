/* SPDX-License-Identifier: MIT */
/*
 * Numbers in JSON text. strtod() and printf() follow the locale's decimal point: programs of this project never leave
 * the "C" locale.
 */

#include "json_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest exact decimal of a double has 767 significant digits; nobody means a longer one. */
enum { NUMBER_LENGTH_MAX = 1100 };

/* Exponents are clamped here: far beyond any integer, far from overflow. */
enum { EXPONENT_MAX = 100000000 };

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

bool json_is_number(struct json_span value) {
    return value.length > 0 && (value.text[0] == '-' || is_digit(value.text[0]));
}

static int64_t read_exponent(const char *at, const char *end) {
    bool is_negative = false;
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+')) {
        is_negative = *at++ == '-';
    }
    for (; at < end && is_digit(*at) && exponent < EXPONENT_MAX; at++) {
        exponent = exponent * 10 + (*at - '0');
    }
    return is_negative ? -exponent : exponent;
}

/* Multiplies by ten to the `power` and adds; false where 64 bits do not hold it. */
static bool shift_digits(uint64_t *magnitude, int64_t power, unsigned digit) {
    for (; power > 0 && *magnitude != 0; power--) {
        if (__builtin_mul_overflow(*magnitude, (uint64_t)10, magnitude)) {
            return false;
        }
    }
    return !__builtin_add_overflow(*magnitude, (uint64_t)digit, magnitude);
}

enum json_integer_kind json_integer_read(struct json_span number, struct json_integer *integer) {
    const char *at = number.text;
    const char *end = at + number.length;
    uint64_t magnitude = 0;
    int64_t zeros = 0; /* since the last other digit: they count only if another follows, or by their place */
    int64_t fraction_digits = 0;
    bool is_zero = true, fits = true, in_fraction = false;

    if (!json_is_number(number)) {
        return JSON_INTEGER_NOT;
    }
    integer->is_negative = *at == '-';
    for (at += integer->is_negative ? 1 : 0; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            in_fraction = true;
            continue;
        }
        fraction_digits += in_fraction ? 1 : 0;
        if (*at == '0') {
            zeros++;
            continue;
        }
        fits = fits && shift_digits(&magnitude, zeros + 1, (unsigned)(*at - '0'));
        zeros = 0;
        is_zero = false;
    }
    if (is_zero) {
        integer->magnitude = 0;
        return JSON_INTEGER;
    }

    const int64_t exponent = zeros - fraction_digits + (at < end ? read_exponent(at + 1, end) : 0);
    if (exponent < 0) {
        return JSON_INTEGER_NOT;
    }
    if (!fits || !shift_digits(&magnitude, exponent, 0)) {
        return JSON_INTEGER_TOO_BIG;
    }
    integer->magnitude = magnitude;
    return JSON_INTEGER;
}

bool json_double_read(struct json_span number, double *value) {
    char text[NUMBER_LENGTH_MAX + 1];

    if (!json_is_number(number) || number.length > NUMBER_LENGTH_MAX) {
        return false;
    }
    memcpy(text, number.text, number.length);
    text[number.length] = '\0';
    *value = strtod(text, NULL);
    return true;
}

size_t json_double_print(double value, char text[JSON_DOUBLE_TEXT_SIZE]) {
    /* Every decimal of 15 digits survives a round trip, unless it is subnormal; 17 are always enough. %g drops zeros. */
    const int fewest = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    int length = 0;

    if (value == 0) {
        /* "-0" is an integer to many readers, which then lose its sign. */
        return (size_t)snprintf(text, JSON_DOUBLE_TEXT_SIZE, signbit(value) ? "-0.0" : "0");
    }
    for (int digits = fewest; digits <= DBL_DECIMAL_DIG; digits++) {
        length = snprintf(text, JSON_DOUBLE_TEXT_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    return (size_t)length;
}
