/* SPDX-License-Identifier: MIT */
#ifndef CALLBACK_STATISTICS_H
#define CALLBACK_STATISTICS_H

/* What became of the calls of each callback of one camera. */

#include "error.h"
#include "histogram.h"

/* Callbacks that are told apart; clients choose the names, so those beyond share a row. */
enum { CALLBACK_STATISTICS_MAX = 64 };

struct callback_statistics_row {
    char *name;
    uint64_t ended[ERROR_COUNT];                 /* calls by how they ended; ERROR_NONE is the good ones */
    uint64_t bytes_to_camera, bytes_from_camera; /* arguments and results, not what the wire adds */
    struct histogram latency;                    /* of good calls, from the arrival of the request to its answer */
};

struct callback_statistics {
    struct callback_statistics_row *rows[CALLBACK_STATISTICS_MAX + 1]; /* in the order of their first call */
    size_t count;
    size_t largest_payload; /* the longest argument or result so far, in bytes */
};

/* Returns the row of a callback, made if need be; NULL when memory is short. */
struct callback_statistics_row *callback_statistics_row(struct callback_statistics *statistics, const char *name);

void callback_statistics_clear(struct callback_statistics *statistics);

#endif
