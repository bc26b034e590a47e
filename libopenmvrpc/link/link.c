/* SPDX-License-Identifier: MIT */
/* What all links share. */

#include "openmvrpc.h"

#include <time.h>

void omvrpc_link_close(struct omvrpc_link *link) {
    if (link != NULL) {
        link->operations->close(link);
    }
}

int64_t omvrpc_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
