/* SPDX-License-Identifier: MIT */
#ifndef FAKE_LINES_H
#define FAKE_LINES_H

/*
 * GPIO lines for tests in which the library's own are replaced: what such a test does not care for. It defines struct
 * omvrpc_gpio and the functions that take a line, drive it and give it back; then nothing here needs libgpiod.
 */

#include "openmvrpc.h"

int omvrpc_gpio_get(struct omvrpc_gpio *gpio) {
    (void)gpio;
    return 0;
}

int omvrpc_gpio_descriptor(const struct omvrpc_gpio *gpio) {
    (void)gpio;
    return -1;
}

int omvrpc_gpio_take_edges(struct omvrpc_gpio *gpio) {
    (void)gpio;
    return 0;
}

#endif
