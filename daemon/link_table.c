/* SPDX-License-Identifier: MIT */
/* The table of link kinds. */

#include "link_table.h"

#include "link_kinds.h"

#include <stdlib.h>
#include <string.h>

static const char *const usb_keys[] = {"serial", NULL};
static const char *const serial_keys[] = {"device", "baud", "rtscts", NULL};
static const char *const sim_keys[] = {"faults", "stock", NULL};

const struct link_kind link_kinds[] = {
    {"usb", usb_keys, NULL, NULL, link_usb_open, link_usb_describe, NULL},
    {"serial", serial_keys, "device", link_serial_check, link_serial_open, link_serial_describe, NULL},
    {"sim", sim_keys, NULL, link_sim_check, link_sim_open, link_sim_describe, link_sim_clear},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
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
    free(settings->faults);
    *settings = (struct link_settings){0};
}
