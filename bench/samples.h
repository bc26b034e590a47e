/* SPDX-License-Identifier: MIT */
#ifndef SAMPLES_H
#define SAMPLES_H

/* Measured times, and their quantiles. */

#include <stddef.h>
#include <stdint.h>

struct samples {
    int64_t *values_us;
    size_t count, room;
};

/* Things that are compared are measured in turn, so often each: an odd number, for the median. */
enum { SAMPLES_TURNS = 5 };

/* Returns the middle one of a number for each turn. Sorts. */
double samples_median_of_turns(double numbers[SAMPLES_TURNS]);

/* Adds a time in microseconds; the program ends when memory is short. Begin with a zeroed struct. */
void samples_add(struct samples *samples, int64_t value_us);

/* Returns, in milliseconds, the smallest sample that so many of a thousand do not exceed; 0 where there is none. Sorts.
 */
double samples_quantile_ms(struct samples *samples, unsigned per_mille);

void samples_clear(struct samples *samples);

#endif
