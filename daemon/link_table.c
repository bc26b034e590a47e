/* SPDX-License-Identifier: MIT */
/* The table of link kinds. */

#include "link_table.h"

#include "link_kinds.h"

#include <stdlib.h>
#include <string.h>

static const char *const usb_keys[] = {"serial", "port", "device", NULL};
static const char *const serial_keys[] = {"device", "baud", "rtscts", NULL};
static const char *const spi_keys[] = {"device", "speed_hz", "mode", "bits", "cs", "ready", NULL};
static const char *const i2c_keys[] = {"device", "address", "ready", NULL};
static const char *const can_keys[] = {"interface", "id", "ready", NULL};
static const char *const sim_keys[] = {"faults", "stock", NULL};

const struct link_kind link_kinds[] = {
    {
        .type = "usb",
        .is_announced = true,
        .keys = usb_keys,
        .check = link_usb_check,
        .open = link_usb_open,
        .describe = link_usb_describe,
        .explain_silence = link_usb_explain_silence,
    },
    {
        .type = "serial",
        .is_announced = true,
        .keys = serial_keys,
        .required_key = "device",
        .check = link_serial_check,
        .open = link_serial_open,
        .describe = link_serial_describe,
        .explain_silence = link_serial_explain_silence,
    },
    {
        .type = "spi",
        .is_announced = true,
        .keys = spi_keys,
        .required_key = "device",
        .check = link_spi_check,
        .open = link_spi_open,
        .describe = link_spi_describe,
        .explain_silence = link_spi_explain_silence,
        .bus_name = link_spi_bus_name,
        .is_same = link_spi_is_same,
        .collides = link_spi_collides,
    },
    {
        .type = "i2c",
        .is_announced = true,
        .keys = i2c_keys,
        .required_key = "device",
        .check = link_i2c_check,
        .open = link_i2c_open,
        .describe = link_i2c_describe,
        .explain_silence = link_i2c_explain_silence,
        .bus_name = link_i2c_bus_name,
        .is_same = link_i2c_is_same,
        .explain_loss = link_i2c_explain_loss,
    },
    {
        .type = "can",
        .keys = can_keys,
        .required_key = "interface",
        .check = link_can_check,
        .open = link_can_open,
        .describe = link_can_describe,
        .explain_silence = link_can_explain_silence,
        .bus_name = link_can_bus_name,
        .is_same = link_can_is_same,
        .explain_loss = link_can_explain_loss,
    },
    {
        .type = "sim",
        .keys = sim_keys,
        .check = link_sim_check,
        .open = link_sim_open,
        .describe = link_sim_describe,
        .clear = link_sim_clear,
    },
    {.type = NULL},
};

const struct link_kind *link_kind_find(const char *type) {
    for (const struct link_kind *kind = link_kinds; kind->type != NULL; kind++) {
        if (strcmp(kind->type, type) == 0) {
            return kind;
        }
    }
    return NULL;
}

void link_settings_clear(struct link_settings *settings) {
    if (settings->kind != NULL && settings->kind->clear != NULL) {
        settings->kind->clear(settings);
    }
    free(settings->device);
    free(settings->serial);
    free(settings->port);
    free(settings->faults);
    free(settings->interface);
    gpio_settings_clear(&settings->cs);
    gpio_settings_clear(&settings->ready);
    *settings = (struct link_settings){0};
}
