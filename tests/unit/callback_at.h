/* SPDX-License-Identifier: MIT */
#ifndef CALLBACK_AT_H
#define CALLBACK_AT_H

#include "callback_table.h"

/* The callback that a walk comes to after so many others; NULL after the last. */
static inline const struct callback *callback_at(const struct callback_set *set, size_t number) {
    struct callback_walk walk = callback_walk_begin(set);
    const struct callback *callback;
    while ((callback = callback_walk_next(&walk)) != NULL && number > 0) {
        number--;
    }
    return callback;
}

#endif
