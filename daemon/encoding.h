/* SPDX-License-Identifier: MIT */
#ifndef ENCODING_H
#define ENCODING_H

/*
 * Texts that stand for bytes: UTF-8, base64 and hexadecimal. Everything here works on memory the
 * caller owns, allocates nothing, and is strict: what one encoder would not write is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The length, 1 to 4, of the UTF-8 sequence that `bytes` begins with, or 0 where the `left` bytes
 * begin with none: cut short, overlong, a surrogate, or over U+10FFFF. `left` is at least 1.
 */
size_t utf8_sequence_length(const uint8_t *bytes, size_t left);

/* How many of the `length` bytes are valid UTF-8, counted from the start: `length` if all are. */
size_t utf8_valid_length(const uint8_t *bytes, size_t length);

/* Makes one printable line of what may be anything: control characters and bytes that are no valid UTF-8 become '?'. */
void utf8_make_printable(char *text, size_t length);

/* Writes `code_point`, a Unicode scalar value, as UTF-8; returns the number of bytes, 1 to 4. */
size_t utf8_encode(uint32_t code_point, uint8_t out[4]);

/* The number of characters base64 with padding needs for `length` bytes (at most SIZE_MAX / 2). */
size_t base64_encoded_length(size_t length);

/* Writes base64_encoded_length(length) characters to `out`, and no NUL after them. */
void base64_encode(const uint8_t *bytes, size_t length, char *out);

/*
 * Decodes RFC 4648 base64 with its padding. `out` holds at least `length` / 4 * 3 bytes and may be the
 * text itself; *decoded is how many were written. Returns false, *decoded being meaningless, for white space, another
 * alphabet, missing padding, or bits after the end that are not zero.
 */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *decoded);

/* Writes 2 * `length` lower-case digits to `out`, and no NUL after them. */
void hex_encode(const uint8_t *bytes, size_t length, char *out);

/*
 * Decodes pairs of hexadecimal digits of either case. `out` holds at least `length` / 2 bytes;
 * *decoded is how many were written. Returns false for an odd number or any other character.
 */
bool hex_decode(const char *text, size_t length, uint8_t *out, size_t *decoded);

/* The value of one hexadecimal digit of either case, or -1. */
int hex_digit_value(char digit);

#endif
