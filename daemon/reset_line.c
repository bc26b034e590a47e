/* SPDX-License-Identifier: MIT */
/* Pulling a camera's reset line. */

#include "reset_line.h"

#include <errno.h>

static bool take(struct reset_line *reset, char *reason, size_t size) {
    struct omvrpc_gpio_line line;
    const struct gpio_use use = {.role = "reset line", .settings = &reset->settings->line};
    if (reset->gpio == NULL) {
        reset->gpio = omvrpc_gpio_open_output(gpio_settings_line(&reset->settings->line, &line), true);
    }
    if (reset->gpio == NULL) {
        gpio_line_explain(errno, &use, reason, size);
    }
    return reset->gpio != NULL;
}

bool reset_line_pull(void *line, bool active, char *reason, size_t size) {
    struct reset_line *reset = line;
    if (active) {
        return take(reset, reason, size);
    }
    if (reset->gpio == NULL) {
        /* What cannot be had now is told when it is to be pulled. */
        struct omvrpc_gpio_line settings;
        reset->gpio = omvrpc_gpio_open_output(gpio_settings_line(&reset->settings->line, &settings), false);
    }
    if (reset->gpio != NULL) {
        /* Driven for a moment: the camera's own resistor alone lifts a long wire slowly. */
        (void)omvrpc_gpio_set(reset->gpio, false);
        omvrpc_gpio_close(reset->gpio);
        reset->gpio = NULL;
    }
    return true;
}
