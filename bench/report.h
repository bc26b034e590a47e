/* SPDX-License-Identifier: MIT */
#ifndef REPORT_H
#define REPORT_H

/* What was measured, as a table on standard output and as a file of JSON. Both come from the same rows. */

#include <cjson/cJSON.h>
#include <stdbool.h>

struct report_column {
    const char *key;     /* of the JSON; NULL ends the table */
    const char *heading; /* of the table */
    int decimals;        /* of a number in the table */
};

struct report {
    cJSON *json;
    cJSON *section;
    const struct report_column *columns;
};

void report_init(struct report *report);

/* Begins a section: an array `key` in the file, and a title and the columns' headings in the table. */
void report_begin_section(struct report *report, const char *key, const char *title,
                          const struct report_column *columns);

/* Adds a row with the members that the columns name. The report owns `row`. */
void report_add_row(struct report *report, cJSON *row);

/* Writes the file. Returns false, with errno set, where that fails. */
bool report_write(const struct report *report, const char *path);

void report_clear(struct report *report);

#endif
