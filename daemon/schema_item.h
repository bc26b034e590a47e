/* SPDX-License-Identifier: MIT */
#ifndef SCHEMA_ITEM_H
#define SCHEMA_ITEM_H

/* One item of a struct format, as bytes and as JSON. */

#include "schema_format.h"
#include "text_buffer.h"

/*
 * Writes a JSON value as the item's `size` bytes at `out`, which the caller has filled with zeros. Returns false where
 * the value does not fit, and says in *error what was expected and found; nothing is wrapped, rounded to an integer, or
 * cut.
 */
bool schema_item_pack(const struct format_item *item, struct json_span value, uint8_t *out, struct schema_error *error);

/*
 * Appends the item's `size` bytes as JSON: integers with all their digits, floats with the fewest that a double
 * needs for the very same value,
 * text without its trailing NULs. Returns false where a text is not valid UTF-8.
 */
bool schema_item_unpack(const struct format_item *item, const uint8_t *bytes, struct text_buffer *out,
                        struct schema_error *error);

#endif
