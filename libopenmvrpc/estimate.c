/* SPDX-License-Identifier: MIT */
/* Smoothed estimates: round trips, durations, turnaround. */

#include "estimate.h"

/* The longest garbage collection measured; a camera that is deaf for longer is busy with something of its own. */
#define TURNAROUND_MAX_US 8000

/* Samples that differ by more than the camera listens at a time do not agree. */
#define TURNAROUND_DEVIATION_US 1000

/* See estimate_add_quickly(). */
#define QUICK_SAMPLES 4

/* An exploring call costs a copy or two and gains nothing, so they are one in so many. */
#define EXPLORE_EVERY      24
#define EXPLORATIONS_FIRST 4

void estimate_add(struct estimate *estimate, int64_t sample_us) {
    if (estimate->samples == 0) {
        estimate->mean_us = sample_us;
        estimate->deviation_us = sample_us / 2;
    } else {
        int64_t error = sample_us - estimate->mean_us;
        int64_t distance = error < 0 ? -error : error;
        estimate->deviation_us += (distance - estimate->deviation_us) / 4;
        estimate->mean_us += error / 8;
    }
    if (estimate->samples < UINT32_MAX) {
        estimate->samples++;
    }
}

static const struct duration *find(const struct duration_table *table, uint32_t key) {
    for (size_t i = 0; i < DURATION_ENTRIES; i++) {
        const struct duration *entry = &table->entries[i];
        if (entry->estimate.samples > 0 && entry->key == key) {
            return entry;
        }
    }
    return NULL;
}

/* As estimate_add(), but the first few samples count for more: a camera script has steady callbacks, and few calls of each. */
static void estimate_add_quickly(struct estimate *estimate, int64_t sample_us) {
    int64_t before_us = estimate->mean_us;
    uint32_t samples = estimate->samples;
    estimate_add(estimate, sample_us);
    if (samples > 0 && samples < QUICK_SAMPLES) {
        int64_t error_us = sample_us - before_us;
        int64_t distance_us = error_us < 0 ? -error_us : error_us;
        estimate->mean_us = before_us + error_us / (samples + 1);
        estimate->deviation_us = samples == 1 ? distance_us : (estimate->deviation_us + distance_us) / 2;
    }
}

static void add(struct duration_table *table, uint32_t key, int64_t sample_us) {
    struct duration *entry = &table->entries[0];
    const struct duration *known = find(table, key);
    if (known != NULL) {
        entry = &table->entries[known - table->entries];
    } else {
        for (size_t i = 1; i < DURATION_ENTRIES; i++) {
            if (table->entries[i].used < entry->used) {
                entry = &table->entries[i];
            }
        }
        *entry = (struct duration){.key = key};
    }
    entry->used = ++table->clock;
    estimate_add_quickly(&entry->estimate, sample_us);
}

const struct estimate *durations_find(const struct durations *durations, uint32_t command, uint32_t call) {
    const struct duration *entry = find(&durations->by_call, call);
    if (entry == NULL) {
        entry = find(&durations->by_command, command);
    }
    return entry != NULL ? &entry->estimate : NULL;
}

void durations_add(struct durations *durations, uint32_t command, uint32_t call, int64_t sample_us) {
    add(&durations->by_call, call, sample_us);
    add(&durations->by_command, command, sample_us);
}

int64_t turnaround_begin(struct turnaround *turnaround) {
    const struct estimate *estimate = &turnaround->estimate;
    turnaround->exploring = estimate->samples < EXPLORATIONS_FIRST || turnaround->calls_since >= EXPLORE_EVERY;
    if (turnaround->exploring) {
        turnaround->calls_since = 0;
        return 0;
    }
    turnaround->calls_since++;
    bool agree = estimate->deviation_us <= TURNAROUND_DEVIATION_US && estimate->mean_us <= TURNAROUND_MAX_US;
    return agree ? estimate->mean_us : 0;
}

void turnaround_learn(struct turnaround *turnaround, int64_t taken_us, bool first) {
    if (turnaround->exploring) {
        estimate_add(&turnaround->estimate, taken_us);
    } else if (!first) {
        /* What was known does not hold any more: find out sooner. */
        turnaround->calls_since += EXPLORE_EVERY / 4;
    }
}
