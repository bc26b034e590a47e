/* SPDX-License-Identifier: MIT */
/* The table of link kinds. */

#include "link_table.h"

#include "link_kinds.h"

#include <stdlib.h>
#include <string.h>

static const char *const usb_keys[] = {"serial", "port", "device", NULL};
static const char *const serial_keys[] = {"device", "baud", "rtscts", NULL};
static const char *const sim_keys[] = {"faults", "stock", NULL};

const struct link_kind link_kinds[] = {
    {"usb", true, usb_keys, NULL, link_usb_check, link_usb_open, link_usb_describe, link_usb_explain_silence, NULL,
     NULL},
    {"serial", true, serial_keys, "device", link_serial_check, link_serial_open, link_serial_describe,
     link_serial_explain_silence, NULL, NULL},
    {"sim", false, sim_keys, NULL, link_sim_check, link_sim_open, link_sim_describe, NULL, NULL, link_sim_clear},
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
    *settings = (struct link_settings){0};
}
