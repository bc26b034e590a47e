/* SPDX-License-Identifier: MIT */
/* The section of the host's share of lines. See line_share.h. */

#include "line_share.h"

#include "process.h"

#include <stdio.h>
#include <stdlib.h>

#define PROGRAM     "bench/line_share"
#define OUTPUT_MOST 8192

static const struct report_column columns[] = {
    {"line", "line", 0},       {"rate", "bits/s", 0},           {"bytes", "bytes", 0},
    {"line_ms", "line ms", 1}, {"packets_ms", "packets ms", 1}, {"settle_ms", "settling ms", 1},
    {"gaps_ms", "gaps ms", 2}, {"share_percent", "share %", 2}, {"goal_percent", "goal %", 0},
    {NULL, NULL, 0},
};

void report_line_share(struct report *report, bool quick) {
    char text[OUTPUT_MOST];
    process_read_line(PROGRAM, quick ? "--quick" : NULL, text, sizeof text);
    cJSON *rows = cJSON_Parse(text);
    if (!cJSON_IsArray(rows)) {
        fprintf(stderr, "bench: %s has printed no rows\n", PROGRAM);
        exit(EXIT_FAILURE);
    }
    report_begin_section(report, "line_share", "A result of 200 kB: the host's share of the line's own rate", columns);
    while (rows->child != NULL) {
        report_add_row(report, cJSON_DetachItemFromArray(rows, 0));
    }
    cJSON_Delete(rows);
}
