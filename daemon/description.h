/* SPDX-License-Identifier: MIT */
#ifndef DESCRIPTION_H
#define DESCRIPTION_H

/*
 * What a camera with the extensions says of itself (docs/extensions.md): who it is, what it can take, and which
 * callbacks it has.
 */

#include "callback_table.h"

enum { DESCRIPTION_TEXT_SIZE = 64 };

struct description {
    char library[DESCRIPTION_TEXT_SIZE]; /* empty where it was not told, as the others */
    char firmware[DESCRIPTION_TEXT_SIZE];
    char board[DESCRIPTION_TEXT_SIZE];
    char id[DESCRIPTION_TEXT_SIZE];
    uint32_t argument; /* most bytes; UINT32_MAX where it was not told */
    uint32_t piece;    /* most data bytes of a reply */
    uint32_t held;     /* results held at once */
    struct callback_set *callbacks;
    uint8_t *text; /* that it was read from */
    size_t text_length;
};

/* Told of each thing that is wrong with a callback, such as "read_gauge.result: expected …"; the callback is then known
 * without a schema. */
typedef void description_fault(void *context, const char *what);

/*
 * Reads a description. What it does not say of callbacks is looked up in `fallback`, which it shares. Returns
 * false where it is none, with half a sentence in `problem`; else to be freed with description_clear().
 */
bool description_read(struct description *description, const uint8_t *text, size_t length,
                      struct callback_set *fallback, description_fault *report, void *context, char *problem,
                      size_t size);

void description_clear(struct description *description);

#endif
