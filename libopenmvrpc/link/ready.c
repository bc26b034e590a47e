/* SPDX-License-Identifier: MIT */
/* A camera's ready line. */

#include "ready.h"

#include <errno.h>

/* A camera's line changes twice a packet at most, and a packet with its answer takes a millisecond or more on any of these links. */
#define EDGES_MAX 5000
#define WINDOW_US 1000000

int ready_open(struct ready *ready, const struct omvrpc_gpio_line *line) {
    *ready = (struct ready){.gpio = line == NULL ? NULL : omvrpc_gpio_open_input(line)};
    return line != NULL && ready->gpio == NULL ? -errno : 0;
}

static void count_edges(struct ready *ready, unsigned edges) {
    /* Most looks find none. */
    int64_t now_us = edges > 0 ? omvrpc_now_us() : ready->since_us;
    if (now_us - ready->since_us >= WINDOW_US) {
        ready->since_us = now_us;
        ready->edges = 0;
    }
    ready->edges += edges;
}

int ready_is_up(struct ready *ready) {
    if (ready->gpio == NULL) {
        return ready->is_noise ? OMVRPC_READY_NOISE : 1;
    }
    int edges = omvrpc_gpio_take_edges(ready->gpio);
    if (edges < 0) {
        return edges;
    }
    count_edges(ready, (unsigned)edges);
    if (ready->edges > EDGES_MAX) {
        ready_close(ready);
        ready->is_noise = true;
        return OMVRPC_READY_NOISE;
    }
    return omvrpc_gpio_get(ready->gpio);
}

int ready_descriptor(const struct ready *ready) {
    return ready->gpio == NULL ? -1 : omvrpc_gpio_descriptor(ready->gpio);
}

void ready_close(struct ready *ready) {
    omvrpc_gpio_close(ready->gpio);
    ready->gpio = NULL;
}
