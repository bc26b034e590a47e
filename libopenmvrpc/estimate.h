/* SPDX-License-Identifier: MIT */
#ifndef ESTIMATE_H
#define ESTIMATE_H

/* What a master learns of its camera. All times in microseconds. Inside the library only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A smoothed value and its mean deviation, as RFC 6298 keeps the round trip: gains of 1/8 and 1/4. */
struct estimate {
    int64_t mean_us;
    int64_t deviation_us;
    uint32_t samples;
};

void estimate_add(struct estimate *estimate, int64_t sample_us);

/*
 * How long callbacks take, for as many as a camera script is likely to have; the longest unused gives way. A callback
 * may take as long as its argument says, so there are two entries for each: for the callback with this very argument,
 * and for it alone.
 */
#define DURATION_ENTRIES 32

struct duration {
    uint32_t key;
    uint32_t used;
    struct estimate estimate;
};

struct duration_table {
    struct duration entries[DURATION_ENTRIES];
    uint32_t clock;
};

struct durations {
    struct duration_table by_call;
    struct duration_table by_command;
};

/* Returns what is known of the duration of such a call, or NULL. `call` is a hash of command and argument. */
const struct estimate *durations_find(const struct durations *durations, uint32_t command, uint32_t call);
void durations_add(struct durations *durations, uint32_t command, uint32_t call, int64_t sample_us);

/*
 * How long the camera is deaf after a result. A command that is sent sooner is lost, one that is sent later wastes
 * time. Now and then a call explores: its copies begin at once, and the time at which one is taken is a sample. The
 * others wait for the mean of the samples, if these agree; a camera that collects garbage as it likes has no turnaround
 * worth waiting for.
 */
struct turnaround {
    struct estimate estimate;
    uint32_t calls_since;
    bool exploring; /* this call gives a sample */
};

/* Returns how long the call that begins now should wait after the last result. */
int64_t turnaround_begin(struct turnaround *turnaround);

/* A copy of that call was taken so long after the last result; `first` says that it was the first one sent. */
void turnaround_learn(struct turnaround *turnaround, int64_t taken_us, bool first);

#endif
