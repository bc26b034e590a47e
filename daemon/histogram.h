/* SPDX-License-Identifier: MIT */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

/*
 * Latencies in a fixed histogram, from which quantiles are read.
 *
 * Buckets are log-linear: values below 16 us have a bucket each; above, each power of two is cut into 16 equal buckets.
 * A bucket is at most 1/16 as wide as its values, and a quantile is given as the middle of its bucket, so it is off by
 * at most 1/32 (3.2 %). Values from 2^36 us (19 hours) share the last bucket. Nothing is allocated, nothing decays.
 */

#include <stdint.h>

enum { HISTOGRAM_STEPS = 16, HISTOGRAM_POWERS = 32, HISTOGRAM_BUCKETS = HISTOGRAM_STEPS * (HISTOGRAM_POWERS + 1) };

struct histogram {
    uint64_t count;
    int64_t largest_us;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

/* Counts a value; a negative one counts as 0. */
void histogram_add(struct histogram *histogram, int64_t value_us);

/*
 * Returns the value below or at which `per_mille` of 1000 of the counted values lie, in microseconds; 0 when nothing
 * was counted. `per_mille` is 0 to 1000; never more than the largest value counted.
 */
int64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille);

#endif
