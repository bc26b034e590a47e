/* SPDX-License-Identifier: MIT */
/* GPIO lines by libgpiod 2, which Debian 13 has. */

#include "gpio_request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was requested outlives its chip's descriptor. */
struct omvrpc_gpio {
    struct gpiod_line_request *request;
    struct gpiod_edge_event_buffer *edges; /* NULL for an output */
    unsigned offset;
};

uint32_t gpio_chip_line_count(struct gpiod_chip *chip) {
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    uint32_t count = info == NULL ? 0 : (uint32_t)gpiod_chip_info_get_num_lines(info);
    gpiod_chip_info_free(info);
    return count;
}

bool gpio_chip_has_label(struct gpiod_chip *chip, const char *label) {
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    bool same = info != NULL && strcmp(gpiod_chip_info_get_label(info), label) == 0;
    gpiod_chip_info_free(info);
    return same;
}

int gpio_chip_read_facts(struct gpiod_chip *chip, uint32_t offset, struct gpio_facts *facts) {
    struct gpiod_line_info *info = gpiod_chip_get_line_info(chip, offset);
    if (info == NULL) {
        return -errno;
    }
    const char *name = gpiod_line_info_get_name(info), *consumer = gpiod_line_info_get_consumer(info);
    snprintf(facts->name, sizeof facts->name, "%s", name != NULL ? name : "");
    snprintf(facts->consumer, sizeof facts->consumer, "%s", consumer != NULL ? consumer : "");
    facts->used = gpiod_line_info_is_used(info);
    gpiod_line_info_free(info);
    return 0;
}

static enum gpiod_line_value value_of(bool active) {
    return active ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
}

/* Returns the request, or NULL with errno set. */
static struct gpiod_line_request *request_line(struct gpiod_chip *chip, unsigned offset,
                                               struct gpiod_line_settings *settings) {
    struct gpiod_line_request *request = NULL;
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *config = gpiod_request_config_new();
    if (lines != NULL && config != NULL && gpiod_line_config_add_line_settings(lines, &offset, 1, settings) == 0) {
        gpiod_request_config_set_consumer(config, OMVRPC_GPIO_CONSUMER);
        request = gpiod_chip_request_lines(chip, config, lines);
    }
    int error = errno;
    gpiod_request_config_free(config);
    gpiod_line_config_free(lines);
    errno = error;
    return request;
}

/* Ends what gpio_request_output() and gpio_request_input() began with settings of their own, NULL where there are none.
 */
static struct omvrpc_gpio *request(struct gpiod_chip *chip, unsigned offset, struct gpiod_line_settings *settings,
                                   bool is_input) {
    struct omvrpc_gpio *gpio = calloc(1, sizeof *gpio);
    bool is_whole = false;
    if (gpio != NULL && settings != NULL) {
        gpio->offset = offset;
        gpio->request = request_line(chip, offset, settings);
        is_whole = gpio->request != NULL;
    }
    if (is_whole && is_input) {
        gpio->edges = gpiod_edge_event_buffer_new(GPIO_EDGES);
        int descriptor = gpiod_line_request_get_fd(gpio->request);
        int flags = fcntl(descriptor, F_GETFL);
        is_whole = gpio->edges != NULL && flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
    }
    int error = errno;
    gpiod_line_settings_free(settings);
    gpiod_chip_close(chip);
    if (!is_whole) {
        omvrpc_gpio_close(gpio);
        gpio = NULL;
        errno = error;
    }
    return gpio;
}

struct omvrpc_gpio *gpio_request_output(struct gpiod_chip *chip, uint32_t offset, bool active_low, bool active) {
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    if (settings != NULL) {
        gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
        gpiod_line_settings_set_active_low(settings, active_low);
        gpiod_line_settings_set_output_value(settings, value_of(active));
    }
    return request(chip, offset, settings, false);
}

struct omvrpc_gpio *gpio_request_input(struct gpiod_chip *chip, uint32_t offset, bool active_low) {
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    if (settings != NULL) {
        gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_INPUT);
        gpiod_line_settings_set_active_low(settings, active_low);
        gpiod_line_settings_set_edge_detection(settings, GPIOD_LINE_EDGE_BOTH);
    }
    return request(chip, offset, settings, true);
}

int omvrpc_gpio_set(struct omvrpc_gpio *gpio, bool active) {
    return gpiod_line_request_set_value(gpio->request, gpio->offset, value_of(active)) < 0 ? -errno : 0;
}

int omvrpc_gpio_get(struct omvrpc_gpio *gpio) {
    switch (gpiod_line_request_get_value(gpio->request, gpio->offset)) {
    case GPIOD_LINE_VALUE_ACTIVE:
        return 1;
    case GPIOD_LINE_VALUE_INACTIVE:
        return 0;
    default:
        return -errno;
    }
}

int omvrpc_gpio_descriptor(const struct omvrpc_gpio *gpio) {
    return gpio->edges == NULL ? -1 : gpiod_line_request_get_fd(gpio->request);
}

int omvrpc_gpio_take_edges(struct omvrpc_gpio *gpio) {
    int taken = 0;
    for (int i = 0; i < GPIO_READS_MAX && gpio->edges != NULL; i++) {
        int count = gpiod_line_request_read_edge_events(gpio->request, gpio->edges, GPIO_EDGES);
        if (count < 0) {
            return errno == EAGAIN || errno == EINTR ? taken : -errno;
        }
        taken += count;
    }
    return taken;
}

void omvrpc_gpio_close(struct omvrpc_gpio *gpio) {
    if (gpio == NULL) {
        return;
    }
    gpiod_edge_event_buffer_free(gpio->edges);
    if (gpio->request != NULL) {
        gpiod_line_request_release(gpio->request);
    }
    free(gpio);
}
