/* SPDX-License-Identifier: MIT */
/*
 * A line on the terminal of standard error that is written over and over. It is never wider than the terminal: what has
 * wrapped onto a second row cannot be wiped away any more.
 */
#ifndef OPENMVCTL_STATUS_LINE_H
#define OPENMVCTL_STATUS_LINE_H

#include <stddef.h>
#include <stdio.h>

struct status_line {
    FILE *out;
    char *text;
    size_t length;
};

/* Begins a line and returns where it is to be printed to, until status_line_show(). It holds harmless text, no tones. */
FILE *status_line_begin(struct status_line *line);

/* Puts the line in place of the one before it, as far as the terminal is wide, and frees it. */
void status_line_show(struct status_line *line);

/* Wipes away the line that is shown, if any. */
void status_line_clear(void);

/* How many columns the terminal has; 80 where it does not tell. */
int status_line_columns(void);

#endif
