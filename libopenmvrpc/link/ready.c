/* SPDX-License-Identifier: MIT */
/* A camera's ready line. */

#include "ready.h"

#include <errno.h>

int ready_open(struct ready *ready, const struct omvrpc_gpio_line *line) {
    ready->gpio = line == NULL ? NULL : omvrpc_gpio_open_input(line);
    return line != NULL && ready->gpio == NULL ? -errno : 0;
}

int ready_is_up(struct ready *ready) {
    if (ready->gpio == NULL) {
        return 1;
    }
    int edges = omvrpc_gpio_take_edges(ready->gpio);
    return edges < 0 ? edges : omvrpc_gpio_get(ready->gpio);
}

int ready_descriptor(const struct ready *ready) {
    return ready->gpio == NULL ? -1 : omvrpc_gpio_descriptor(ready->gpio);
}

void ready_close(struct ready *ready) {
    omvrpc_gpio_close(ready->gpio);
    ready->gpio = NULL;
}
