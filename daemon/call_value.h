/* SPDX-License-Identifier: MIT */
#ifndef CALL_VALUE_H
#define CALL_VALUE_H

/* A callback's result as the value of a reply or an event. */

#include "callback_table.h"
#include "error.h"
#include "text_buffer.h"

enum reply_form { REPLY_BASE64, REPLY_HEX, REPLY_RAW, REPLY_BY_SCHEMA };

/*
 * Appends the value: null for an empty result, {"raw":N} for bytes that follow the line, else text in the form asked for
 * or by the callback's schema (NULL: unknown). Returns false, with *error filled and borrowing the bytes, where they do
 * not fit the schema.
 */
bool call_append_value(struct text_buffer *text, enum reply_form form, const struct callback *callback,
                       const uint8_t *bytes, size_t length, struct error *error);

#endif
