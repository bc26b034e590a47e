/* SPDX-License-Identifier: MIT */
/*
 * What people see: text made harmless, tones, tables. Camera and daemon are not trusted with the terminal: whatever
 * they sent is printed by screen_put, which leaves no control character in it.
 */
#ifndef OPENMVCTL_SCREEN_H
#define OPENMVCTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum screen_tone { TONE_PLAIN, TONE_HEADING, TONE_FAINT, TONE_GOOD, TONE_WARNING, TONE_BAD };

/*
 * Prints UTF-8 text; control characters, those that turn the direction of writing, and bytes that are no UTF-8 appear
 * as escapes (\n, \u009b, \xff).
 */
void screen_put(FILE *out, const char *text, size_t length);

/* Prints JSON text as it is, or, on a terminal, harmless and still the same JSON value. */
void screen_put_json(FILE *out, const char *text, size_t length);

/* Prints a number of bytes, as 12.5 kB or 31.0 GB. */
void screen_put_size(FILE *out, double bytes);

/* True when `out` is a terminal that is not dumb. */
bool screen_is_terminal(FILE *out);

/* Control sequences, for terminals only. */
#define SCREEN_CLEAR       "\033[H\033[J"
#define SCREEN_CLEAR_LINE  "\r\033[K"
#define SCREEN_HIDE_CURSOR "\033[?25l"
#define SCREEN_SHOW_CURSOR "\033[?25h"

/* Starts and ends a tone: nothing unless `out` is a terminal and NO_COLOR is unset or empty. */
void screen_tone_begin(FILE *out, enum screen_tone tone);
void screen_tone_end(FILE *out, enum screen_tone tone);

/* How many columns `text` takes, counted as code points. */
size_t screen_width(const char *text);

/*
 * A table of left-aligned columns, at most 32. Cells are printed as they are, so they must have been written by
 * screen_put or by this program; the table takes each over and frees it.
 */
struct table;
struct table *table_new(size_t columns);
void table_add(struct table *table, char *cell, enum screen_tone tone);
void table_add_text(struct table *table, const char *cell, enum screen_tone tone); /* a copy of our own words */
void table_print(const struct table *table, FILE *out, int indent);
void table_free(struct table *table);

#endif
