/* SPDX-License-Identifier: MIT */
/* JSON values as people read them: a record on a line, lists of records as tables, the rest as an indented outline. */
#ifndef OPENMVCTL_VALUE_H
#define OPENMVCTL_VALUE_H

#include <stdio.h>

#include "json_text.h"

/* Prints a value with the line end behind it. A record of plain members becomes `x 10  y 20  w 30  h 40`. */
void value_print(FILE *out, struct json_text value);

/*
 * Prints a callback's answer: "nothing seen" for null, and on a terminal only the length of a text that is too long to
 * be meant for reading.
 */
void value_print_answer(FILE *out, struct json_text value);

/* Prints an object or list of any depth as an outline, `indent` spaces from the left. */
void value_print_outline(FILE *out, struct json_text value, int indent);

/* One member of an outline; what is set beside the name begins behind `widest` columns. */
void value_print_member(FILE *out, struct json_text name, struct json_text member, int indent, size_t widest);

/* A value on one line, in memory the caller frees: strings without quotes, null as "-", what is nested as JSON. */
char *value_to_line(struct json_text value);

/* A member as value_to_line gives it; "-" where there is none. */
char *value_member_to_line(struct json_text object, const char *name);

#endif
