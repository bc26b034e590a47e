/* SPDX-License-Identifier: MIT */
/* GPIO lines by libgpiod 1, which Debian 12 has. */

#include "gpio_request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line belongs to its chip: closing the chip gives the line back. */
struct omvrpc_gpio {
    struct gpiod_chip *chip;
    struct gpiod_line *line;
    int descriptor;
};

uint32_t gpio_chip_line_count(struct gpiod_chip *chip) {
    return gpiod_chip_num_lines(chip);
}

bool gpio_chip_has_label(struct gpiod_chip *chip, const char *label) {
    return strcmp(gpiod_chip_label(chip), label) == 0;
}

int gpio_chip_read_facts(struct gpiod_chip *chip, uint32_t offset, struct gpio_facts *facts) {
    struct gpiod_line *line = gpiod_chip_get_line(chip, offset);
    if (line == NULL) {
        return -errno;
    }
    const char *name = gpiod_line_name(line), *consumer = gpiod_line_consumer(line);
    snprintf(facts->name, sizeof facts->name, "%s", name != NULL ? name : "");
    snprintf(facts->consumer, sizeof facts->consumer, "%s", consumer != NULL ? consumer : "");
    facts->used = gpiod_line_is_used(line);
    return 0;
}

static struct omvrpc_gpio *request(struct gpiod_chip *chip, uint32_t offset, int type, bool active_low, bool active) {
    struct omvrpc_gpio *gpio = calloc(1, sizeof *gpio);
    if (gpio == NULL) {
        gpiod_chip_close(chip);
        errno = ENOMEM;
        return NULL;
    }
    gpio->chip = chip;
    gpio->descriptor = -1;
    gpio->line = gpiod_chip_get_line(chip, offset);
    const struct gpiod_line_request_config config = {
        .consumer = OMVRPC_GPIO_CONSUMER,
        .request_type = type,
        .flags = active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0,
    };
    if (gpio->line == NULL || gpiod_line_request(gpio->line, &config, active) < 0) {
        goto failed;
    }
    if (type == GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES) {
        gpio->descriptor = gpiod_line_event_get_fd(gpio->line);
        int flags = gpio->descriptor < 0 ? -1 : fcntl(gpio->descriptor, F_GETFL);
        if (flags < 0 || fcntl(gpio->descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
            goto failed;
        }
    }
    return gpio;
failed:;
    int error = errno;
    omvrpc_gpio_close(gpio);
    errno = error;
    return NULL;
}

struct omvrpc_gpio *gpio_request_output(struct gpiod_chip *chip, uint32_t offset, bool active_low, bool active) {
    return request(chip, offset, GPIOD_LINE_REQUEST_DIRECTION_OUTPUT, active_low, active);
}

struct omvrpc_gpio *gpio_request_input(struct gpiod_chip *chip, uint32_t offset, bool active_low) {
    return request(chip, offset, GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES, active_low, false);
}

int omvrpc_gpio_set(struct omvrpc_gpio *gpio, bool active) {
    return gpiod_line_set_value(gpio->line, active) < 0 ? -errno : 0;
}

int omvrpc_gpio_get(struct omvrpc_gpio *gpio) {
    int value = gpiod_line_get_value(gpio->line);
    return value < 0 ? -errno : value;
}

int omvrpc_gpio_descriptor(const struct omvrpc_gpio *gpio) {
    return gpio->descriptor;
}

int omvrpc_gpio_take_edges(struct omvrpc_gpio *gpio) {
    struct gpiod_line_event events[GPIO_EDGES];
    int taken = 0;
    for (int i = 0; i < GPIO_READS_MAX && gpio->descriptor >= 0; i++) {
        int count = gpiod_line_event_read_multiple(gpio->line, events, GPIO_EDGES);
        if (count < 0) {
            return errno == EAGAIN || errno == EINTR ? taken : -errno;
        }
        taken += count;
    }
    return taken;
}

void omvrpc_gpio_close(struct omvrpc_gpio *gpio) {
    if (gpio != NULL) {
        gpiod_chip_close(gpio->chip);
        free(gpio);
    }
}
