/* SPDX-License-Identifier: MIT */
/* Serial ports that do not open, or behind which no camera answers: what is wrong, and what to do about it. */

#include "serial_port.h"

#include "node_access.h"
#include "overheard.h"
#include "port_holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void serial_port_explain_debug_baud(const char *device, char *text, size_t size) {
    snprintf(text, size, "%s: 921600 baud switches a camera on USB to its debug protocol; use 115200", device);
}

static void explain_in_use(const char *device, char *reason, size_t size) {
    char holders[120];
    if (port_holder_find(device, holders, sizeof holders)) {
        snprintf(reason, size, "%s is in use by %s: close it there, or stop that program", device, holders);
    } else {
        snprintf(reason, size, "%s is in use by another program (`sudo fuser -v %s` names it): close it there", device,
                 device);
    }
}

static void explain(int error, const struct omvrpc_serial_options *options, char *reason, size_t size) {
    const char *device = options->device;
    switch (error) {
    case ENOENT:
        snprintf(reason, size, "%s does not exist: is the camera plugged in, or the UART enabled?", device);
        break;
    case EACCES:
    case EPERM:
        node_explain_no_permission(device, reason, size);
        break;
    case EBUSY:
        explain_in_use(device, reason, size);
        break;
    case EPROTO:
        serial_port_explain_debug_baud(device, reason, size);
        break;
    case EINVAL:
        snprintf(reason, size, "%s cannot be set to %u baud: choose a rate that its driver has", device, options->baud);
        break;
    case ENOTTY:
        snprintf(reason, size, "%s is not a serial port", device);
        break;
    default:
        snprintf(reason, size, "%s cannot be opened: %s", device, strerror(error));
        break;
    }
}

struct omvrpc_link *serial_port_open(const struct omvrpc_serial_options *options, char *reason, size_t size) {
    struct omvrpc_link *link = omvrpc_serial_open(options);
    if (link == NULL) {
        explain(errno, options, reason, size);
    }
    return link;
}

void serial_port_explain_silence(const char *description, const char *device, const uint8_t *heard, size_t length,
                                 char *reason, size_t size) {
    char holders[120];
    const char *sentence = overheard_sentence(overheard_classify(heard, length));
    if (device != NULL && port_holder_find(device, holders, sizeof holders)) {
        snprintf(reason, size, "no answer from %s, which %s has open as well: stop that; or %s", description, holders,
                 sentence);
    } else {
        snprintf(reason, size, "no answer from %s: %s", description, sentence);
    }
}
