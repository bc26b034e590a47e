/* SPDX-License-Identifier: MIT */
/* A log-linear histogram of latencies. */
#include "histogram.h"

static unsigned bucket_of(uint64_t value) {
    if (value < HISTOGRAM_STEPS) {
        return (unsigned)value;
    }
    unsigned power = 63u - (unsigned)__builtin_clzll(value); /* at least 4 */
    unsigned shift = power - 4;
    if (shift >= HISTOGRAM_POWERS) {
        return HISTOGRAM_BUCKETS - 1;
    }
    return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((value >> shift) - HISTOGRAM_STEPS);
}

static int64_t middle_of(unsigned bucket) {
    if (bucket < HISTOGRAM_STEPS) {
        return bucket;
    }
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    int64_t lowest = (int64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS) << shift;
    return lowest + ((((int64_t)1 << shift) - 1) / 2);
}

void histogram_add(struct histogram *histogram, int64_t value_us) {
    if (value_us < 0) {
        value_us = 0;
    }
    uint32_t *bucket = &histogram->buckets[bucket_of((uint64_t)value_us)];
    /* A full bucket stays full rather than starting again at 0. */
    if (*bucket < UINT32_MAX) {
        (*bucket)++;
    }
    histogram->count++;
    if (value_us > histogram->largest_us) {
        histogram->largest_us = value_us;
    }
}

int64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille) {
    uint64_t total = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        total += histogram->buckets[i];
    }
    if (total == 0) {
        return 0;
    }
    uint64_t rank = (total * per_mille + 999) / 1000;
    if (rank == 0) {
        rank = 1;
    }
    unsigned bucket = 0;
    for (uint64_t seen = histogram->buckets[0]; seen < rank; seen += histogram->buckets[bucket]) {
        bucket++;
    }
    int64_t value = middle_of(bucket);
    return value < histogram->largest_us ? value : histogram->largest_us;
}
