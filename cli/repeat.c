/* SPDX-License-Identifier: MIT */
/* An even pace, by the monotonic clock. */
#include "repeat.h"

#include <errno.h>
#include <time.h>

int64_t clock_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct beat beat_begin(long every_ms) {
    return (struct beat){clock_now_ms() + every_ms, every_ms};
}

void beat_wait(struct beat *beat) {
    if (beat->every_ms <= 0) {
        return;
    }
    int64_t late = clock_now_ms() - beat->next_ms;
    if (late > 0) {
        beat->next_ms += (late + beat->every_ms - 1) / beat->every_ms * beat->every_ms;
    }
    struct timespec until = {.tv_sec = (time_t)(beat->next_ms / 1000),
                             .tv_nsec = (long)(beat->next_ms % 1000 * 1000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    beat->next_ms += beat->every_ms;
}
