/* SPDX-License-Identifier: MIT */
#ifndef RESET_LINE_H
#define RESET_LINE_H

/* The GPIO line that resets a camera. It is held while it is pulled and not longer: other software may use it, too. */

#include "config_gpio.h"

struct reset_line {
    const struct reset_settings *settings;
    struct omvrpc_gpio *gpio; /* NULL while it is not pulled */
};

/* As bus_opener.pull_reset, with a struct reset_line. */
bool reset_line_pull(void *line, bool active, char *reason, size_t size);

#endif
