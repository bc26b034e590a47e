/* SPDX-License-Identifier: MIT */
/* Serial ports by their node as a kind of link: UARTs, USB-serial chips, pseudo terminals. */

#include "link_kinds.h"

#include "serial_port.h"

#include <stdio.h>
#include <string.h>

/* The kernel's name of a USB camera's port tells as much before anything is plugged in; any other name is only known
 * when it is opened. */
bool link_serial_check(const struct link_settings *settings, char *problem, size_t size) {
    const char *slash = settings->device != NULL ? strrchr(settings->device, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : settings->device;
    if (name == NULL || strncmp(name, "ttyACM", strlen("ttyACM")) != 0 || settings->baud != OMVRPC_DEBUG_BAUD) {
        return true;
    }
    serial_port_explain_debug_baud(settings->device, problem, size);
    return false;
}

struct omvrpc_link *link_serial_open(void *context, char *reason, size_t size) {
    const struct link_settings *settings = context;
    const struct omvrpc_serial_options options = {
        .device = settings->device,
        .baud = settings->baud,
        .rtscts = settings->rtscts,
    };
    return serial_port_open(&options, reason, size);
}

void link_serial_describe(const struct link_settings *settings, char *text, size_t size) {
    snprintf(text, size, "%s at %u baud", settings->device, settings->baud != 0 ? settings->baud : 115200);
}

void link_serial_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size) {
    const struct link_settings *settings = context;
    char description[128];
    link_serial_describe(settings, description, sizeof description);
    serial_port_explain_silence(description, settings->device, heard, length, reason, size);
}
