/* SPDX-License-Identifier: MIT */
#ifndef GPIO_LINE_H
#define GPIO_LINE_H

/* GPIO lines that a configuration names, and what is wrong with one that cannot be had. */

#include "openmvrpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As struct omvrpc_gpio_line; the texts are owned. Both NULL: there is no line. */
struct gpio_settings {
    char *line;
    char *chip;
    uint32_t offset;
    bool active_low;
};

void gpio_settings_clear(struct gpio_settings *settings);

bool gpio_settings_are_there(const struct gpio_settings *settings);

/* Fills `line`, which points into the settings, and returns it; NULL where there is no line. */
const struct omvrpc_gpio_line *gpio_settings_line(const struct gpio_settings *settings, struct omvrpc_gpio_line *line);

/* Writes "GPIO25" or "gpiochip0 offset 25"; nothing where there is no line. */
void gpio_settings_describe(const struct gpio_settings *settings, char *text, size_t size);

/* Whether both name the same line, as far as their texts tell. */
bool gpio_settings_are_same(const struct gpio_settings *one, const struct gpio_settings *other);

enum { GPIO_NAME_SIZE = 80 };

/* A line with what it is used for, such as "chip select". */
struct gpio_use {
    const char *role;
    const struct gpio_settings *settings;
    bool tells_edges; /* it was to be opened as an input */
};

/* Writes why a line cannot be had, and what to do, for the errno of omvrpc_gpio_open_output() or _input(). */
void gpio_line_explain(int error, const struct gpio_use *use, char *reason, size_t size);

/* Finds which of some lines is the one that cannot be had for this reason, and explains that. Returns false where it is
 * none of them. None of them may be held by this process. */
bool gpio_line_explain_any(int error, const struct gpio_use *uses, size_t count, char *reason, size_t size);

#endif
