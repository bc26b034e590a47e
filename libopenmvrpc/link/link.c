/* SPDX-License-Identifier: MIT */
/* What all links share. */

#include "openmvrpc.h"

#include <time.h>

void omvrpc_link_close(struct omvrpc_link *link) {
    if (link != NULL) {
        link->operations->close(link);
    }
}

ssize_t omvrpc_link_receive(struct omvrpc_link *link, const struct omvrpc_step *step, uint8_t *buffer) {
    const struct omvrpc_link_operations *operations = link->operations;
    bool raw = step->raw && operations->receive_raw != NULL;
    return (raw ? operations->receive_raw : operations->receive)(link, buffer, step->length);
}

int64_t omvrpc_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
