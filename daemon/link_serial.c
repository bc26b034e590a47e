/* SPDX-License-Identifier: MIT */
/* Serial ports and USB cameras as kinds of link: opening them, and saying what is wrong when that fails. */

#include "link_kinds.h"

#include "usb_ids.h"

#include <errno.h>
#include <libserialport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void explain_debug_baud(const char *device, char *text, size_t size) {
    snprintf(text, size, "%s: 921600 baud switches a camera on USB to its debug protocol; use 115200", device);
}

/* The kernel's name of a USB camera's port tells as much before anything is plugged in; any other name is only known
 * when it is opened. */
bool link_serial_check(const struct link_settings *settings, char *problem, size_t size) {
    const char *slash = settings->device != NULL ? strrchr(settings->device, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : settings->device;
    if (name == NULL || strncmp(name, "ttyACM", strlen("ttyACM")) != 0 || settings->baud != OMVRPC_DEBUG_BAUD) {
        return true;
    }
    explain_debug_baud(settings->device, problem, size);
    return false;
}

/* Writes why a port could not be opened, and what to do about it. */
static void explain(int error, const struct omvrpc_serial_options *options, char *reason, size_t size) {
    const char *device = options->device;
    switch (error) {
    case ENOENT:
        snprintf(reason, size, "%s does not exist: is the camera plugged in, or the UART enabled?", device);
        break;
    case EACCES:
    case EPERM:
        snprintf(reason, size,
                 "no permission for %s: add the daemon's user to the group that owns it (dialout), then restart it",
                 device);
        break;
    case EBUSY:
        snprintf(reason, size, "%s is in use by another program (`fuser %s` names it): close it there", device, device);
        break;
    case EPROTO:
        explain_debug_baud(device, reason, size);
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

static struct omvrpc_link *open_port(const struct omvrpc_serial_options *options, char *reason, size_t size) {
    struct omvrpc_link *link = omvrpc_serial_open(options);
    if (link == NULL) {
        explain(errno, options, reason, size);
    }
    return link;
}

struct omvrpc_link *link_serial_open(void *context, char *reason, size_t size) {
    const struct link_settings *settings = context;
    return open_port(
        &(struct omvrpc_serial_options){.device = settings->device, .baud = settings->baud, .rtscts = settings->rtscts},
        reason, size);
}

void link_serial_describe(const struct link_settings *settings, char *text, size_t size) {
    snprintf(text, size, "%s at %u baud", settings->device, settings->baud != 0 ? settings->baud : 115200);
}

static bool is_camera(const struct sp_port *port) {
    int vendor, product;
    return sp_get_port_transport(port) == SP_TRANSPORT_USB &&
           sp_get_port_usb_vid_pid(port, &vendor, &product) == SP_OK &&
           usb_id_is_in(usb_camera_ids, (unsigned)vendor, (unsigned)product);
}

struct omvrpc_link *link_usb_open(void *context, char *reason, size_t size) {
    const struct link_settings *settings = context;
    struct sp_port **ports = NULL;
    if (sp_list_ports(&ports) != SP_OK) {
        snprintf(reason, size, "the serial ports of this machine cannot be listed");
        return NULL;
    }
    struct omvrpc_link *link = NULL;
    bool found = false;
    /* The first camera that opens: where several share a daemon, another of its workers may hold the first one found.
     */
    for (size_t i = 0; ports[i] != NULL && link == NULL; i++) {
        const char *serial = sp_get_port_usb_serial(ports[i]);
        if (!is_camera(ports[i]) ||
            (settings->serial != NULL && (serial == NULL || strcmp(serial, settings->serial) != 0))) {
            continue;
        }
        found = true;
        link =
            open_port(&(struct omvrpc_serial_options){.device = sp_get_port_name(ports[i]), .usb = true}, reason, size);
    }
    sp_free_port_list(ports);
    if (!found && settings->serial != NULL) {
        snprintf(reason, size, "no OpenMV camera with USB serial number %s is plugged in", settings->serial);
    } else if (!found) {
        snprintf(reason, size, "no OpenMV camera is plugged in by USB");
    }
    return link;
}

void link_usb_describe(const struct link_settings *settings, char *text, size_t size) {
    if (settings->serial != NULL) {
        snprintf(text, size, "USB camera %s", settings->serial);
    } else {
        snprintf(text, size, "USB camera");
    }
}
