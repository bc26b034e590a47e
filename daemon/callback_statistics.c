/* SPDX-License-Identifier: MIT */
/* A row of counters for each callback, up to a limit. */
#include "callback_statistics.h"

#include <stdlib.h>
#include <string.h>

static const char others_name[] = "(others)";

struct callback_statistics_row *callback_statistics_row(struct callback_statistics *statistics, const char *name) {
    for (size_t i = 0; i < statistics->count; i++) {
        if (strcmp(statistics->rows[i]->name, name) == 0) {
            return statistics->rows[i];
        }
    }
    if (statistics->count > CALLBACK_STATISTICS_MAX) {
        return statistics->rows[CALLBACK_STATISTICS_MAX];
    }
    if (statistics->count == CALLBACK_STATISTICS_MAX) {
        name = others_name;
    }
    struct callback_statistics_row *row = calloc(1, sizeof *row);
    if (row == NULL || (row->name = strdup(name)) == NULL) {
        free(row);
        return NULL;
    }
    statistics->rows[statistics->count++] = row;
    return row;
}

void callback_statistics_clear(struct callback_statistics *statistics) {
    for (size_t i = 0; i < statistics->count; i++) {
        free(statistics->rows[i]->name);
        free(statistics->rows[i]);
    }
    statistics->count = 0;
}
