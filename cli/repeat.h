/* SPDX-License-Identifier: MIT */
/* Time by the monotonic clock, and doing something again at an even pace. */
#ifndef OPENMVCTL_REPEAT_H
#define OPENMVCTL_REPEAT_H

#include <stdint.h>

int64_t clock_now_ms(void);

/* A beat of `every_ms` from when it was begun. */
struct beat {
    int64_t next_ms;
    long every_ms;
};

struct beat beat_begin(long every_ms);

/* Sleeps until the next beat; those that have passed meanwhile are left out, not made up for. */
void beat_wait(struct beat *beat);

#endif
