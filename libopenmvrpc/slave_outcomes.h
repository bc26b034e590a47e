/* SPDX-License-Identifier: MIT */
#ifndef SLAVE_OUTCOMES_H
#define SLAVE_OUTCOMES_H

/* What the calls of a session ended with, for as long as its master may ask for it: the last outcome, and the results of
 * several pieces that are held. For slave_session.c. */

#include "buffer.h"

struct slave_outcome {
    uint32_t number; /* 0 where there is none */
    uint32_t status; /* an enum omvrpc_status */
    uint32_t total;
    bool held;
    struct buffer data;
};

struct slave_outcomes {
    uint32_t last; /* the highest number so far */
    uint32_t held; /* results that are held at most */
    /* One more than are held at most: there is always a place for the last. */
    struct slave_outcome *kept;
};

/* Begins without any. Returns false when memory is short. */
bool slave_outcomes_open(struct slave_outcomes *outcomes, uint32_t held);
void slave_outcomes_close(struct slave_outcomes *outcomes);

/* Forgets all of them and begins to count anew. */
void slave_outcomes_clear(struct slave_outcomes *outcomes);

/* Returns what is kept of that call, or NULL. */
struct slave_outcome *slave_outcomes_find(struct slave_outcomes *outcomes, uint32_t number);

/* Returns an empty outcome for a number above the last, and makes it the last. The one before is forgotten unless it is
 * held. */
struct slave_outcome *slave_outcomes_add(struct slave_outcomes *outcomes, uint32_t number);

/* Holds an outcome; where there are too many, the oldest is forgotten. */
void slave_outcomes_hold(struct slave_outcomes *outcomes, struct slave_outcome *outcome);

/* Forgets the outcome of that number if it is held. */
void slave_outcomes_release(struct slave_outcomes *outcomes, uint32_t number);

#endif
