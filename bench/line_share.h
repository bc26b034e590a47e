/* SPDX-License-Identifier: MIT */
#ifndef LINE_SHARE_H
#define LINE_SHARE_H

/* The host's share of a line's rate, measured by the program in bench/line. */

#include "report.h"

#include <stdbool.h>

/* Runs that program and adds a section with a row for each kind of line; ends the bench where that fails. */
void report_line_share(struct report *report, bool quick);

#endif
