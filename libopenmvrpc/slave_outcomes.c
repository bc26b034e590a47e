/* SPDX-License-Identifier: MIT */
/* See slave_outcomes.h. They are few, so that a place is looked for from the beginning. */

#include "slave_outcomes.h"

#include <stdlib.h>

static size_t place_count(const struct slave_outcomes *outcomes) {
    return (size_t)outcomes->held + 1;
}

static void drop(struct slave_outcome *outcome) {
    buffer_free(&outcome->data);
    *outcome = (struct slave_outcome){0};
}

bool slave_outcomes_open(struct slave_outcomes *outcomes, uint32_t held) {
    *outcomes = (struct slave_outcomes){.held = held};
    outcomes->kept = calloc(place_count(outcomes), sizeof *outcomes->kept);
    return outcomes->kept != NULL;
}

void slave_outcomes_close(struct slave_outcomes *outcomes) {
    slave_outcomes_clear(outcomes);
    free(outcomes->kept);
    outcomes->kept = NULL;
}

void slave_outcomes_clear(struct slave_outcomes *outcomes) {
    for (size_t i = 0; i < place_count(outcomes); i++) {
        drop(&outcomes->kept[i]);
    }
    outcomes->last = 0;
}

/* Returns the place with that number, or NULL; 0 is that of a free one. */
static struct slave_outcome *find_place(struct slave_outcomes *outcomes, uint32_t number) {
    for (size_t i = 0; i < place_count(outcomes); i++) {
        if (outcomes->kept[i].number == number) {
            return &outcomes->kept[i];
        }
    }
    return NULL;
}

struct slave_outcome *slave_outcomes_find(struct slave_outcomes *outcomes, uint32_t number) {
    return number > 0 ? find_place(outcomes, number) : NULL;
}

struct slave_outcome *slave_outcomes_add(struct slave_outcomes *outcomes, uint32_t number) {
    struct slave_outcome *last = slave_outcomes_find(outcomes, outcomes->last);
    if (last != NULL && !last->held) {
        drop(last);
    }
    struct slave_outcome *outcome = find_place(outcomes, 0);
    outcome->number = outcomes->last = number;
    return outcome;
}

void slave_outcomes_hold(struct slave_outcomes *outcomes, struct slave_outcome *outcome) {
    struct slave_outcome *oldest = outcome;
    uint32_t count = 0;
    outcome->held = true;
    for (size_t i = 0; i < place_count(outcomes); i++) {
        struct slave_outcome *other = &outcomes->kept[i];
        if (other->held) {
            count++;
            oldest = other->number < oldest->number ? other : oldest;
        }
    }
    if (count > outcomes->held) {
        drop(oldest);
    }
}

void slave_outcomes_release(struct slave_outcomes *outcomes, uint32_t number) {
    struct slave_outcome *outcome = slave_outcomes_find(outcomes, number);
    if (outcome != NULL && outcome->held) {
        drop(outcome);
    }
}
