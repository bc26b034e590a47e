/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_GPIO_H
#define CONFIG_GPIO_H

/* Reading GPIO lines of a configuration. */

#include "config_reader.h"
#include "gpio_line.h"

/* A GPIO line that resets a camera. */
struct reset_settings {
    struct gpio_settings line;
    uint32_t pulse_ms;
};

/* Reads a line: {"line"} or {"chip", "offset"}, and "active_low", which stays as it is where nothing is said. */
void config_read_gpio(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      struct gpio_settings *settings);

/* Reads a camera's "reset": a line with "pulse_ms". */
void config_read_reset(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                       struct reset_settings *reset);

#endif
