/* SPDX-License-Identifier: MIT */
/* USB cameras as a kind of link: found by their USB ids, told apart by serial number, port or node. */

#include "link_kinds.h"

#include "serial_port.h"
#include "usb_bus.h"
#include "usb_ids.h"

#include <ctype.h>
#include <libserialport.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PORT_PATH_SIZE = 64 };

/* A bus, and the ports of the hubs on the way: 1-1 or 3-1.4.2. */
static bool is_port_path(const char *text) {
    bool after_digit = false;
    size_t dashes = 0;
    for (const char *letter = text; *letter != '\0'; letter++) {
        bool is_separator = *letter == '-' || *letter == '.';
        dashes += *letter == '-';
        if (is_separator ? !after_digit || (*letter == '.' && dashes == 0) : !isdigit((unsigned char)*letter)) {
            return false;
        }
        after_digit = !is_separator;
    }
    return after_digit && dashes == 1 && strlen(text) < PORT_PATH_SIZE;
}

bool link_usb_check(const struct link_settings *settings, char *problem, size_t size) {
    if (settings->port == NULL || is_port_path(settings->port)) {
        return true;
    }
    snprintf(problem, size, "port: found \"%.40s\", expected the kernel's name of a USB port, such as \"1-1.2\"",
             settings->port);
    return false;
}

static bool is_camera(const struct sp_port *port) {
    int vendor, product;
    return sp_get_port_transport(port) == SP_TRANSPORT_USB &&
           sp_get_port_usb_vid_pid(port, &vendor, &product) == SP_OK && vendor > 0 && product > 0 &&
           usb_id_is_in(usb_camera_ids, (unsigned)vendor, (unsigned)product);
}

/* Whether both are one device, by whatever links: /dev/openmv/3258385A3030 and /dev/ttyACM0. */
static bool is_same_node(const char *one, const char *other) {
    struct stat one_status, other_status;
    return stat(one, &one_status) == 0 && stat(other, &other_status) == 0 && S_ISCHR(one_status.st_mode) &&
           S_ISCHR(other_status.st_mode) && one_status.st_rdev == other_status.st_rdev;
}

static bool is_meant(const struct link_settings *settings, const struct sp_port *port) {
    const char *serial = sp_get_port_usb_serial(port);
    const char *node = sp_get_port_name(port);
    char path[PORT_PATH_SIZE];
    return (settings->serial == NULL || (serial != NULL && strcmp(serial, settings->serial) == 0)) &&
           (settings->port == NULL ||
            (usb_bus_port_path(node, path, sizeof path) && strcmp(path, settings->port) == 0)) &&
           (settings->device == NULL || is_same_node(settings->device, node));
}

/* Writes which camera is meant: "with USB serial number X at USB port Y as Z"; empty where any will do. */
static void describe_choice(const struct link_settings *settings, char *text, size_t size) {
    const struct {
        const char *words, *value;
    } choices[] = {
        {" with USB serial number", settings->serial}, {" at USB port", settings->port}, {" at", settings->device}};
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof choices / sizeof *choices && length < size; i++) {
        if (choices[i].value != NULL) {
            length += (size_t)snprintf(text + length, size - length, "%s %.60s", choices[i].words, choices[i].value);
        }
    }
}

static void explain_missing(const struct link_settings *settings, char *reason, size_t size) {
    struct usb_id found;
    char choice[200];
    describe_choice(settings, choice, sizeof choice);
    if (usb_bus_find(usb_bootloader_ids, &found)) {
        snprintf(
            reason, size,
            "no OpenMV camera%s is plugged in, but a board in its bootloader (%04x:%04x): press its reset button, or "
            "install firmware by the IDE",
            choice, found.vendor, found.product);
    } else {
        snprintf(reason, size, "no OpenMV camera%s is plugged in%s", choice, choice[0] == '\0' ? " by USB" : "");
    }
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
    /* The first one that opens: where no particular one is meant, other software may have another. */
    for (size_t i = 0; ports[i] != NULL && link == NULL; i++) {
        if (is_camera(ports[i]) && is_meant(settings, ports[i])) {
            const struct omvrpc_serial_options options = {.device = sp_get_port_name(ports[i]), .usb = true};
            found = true;
            link = serial_port_open(&options, reason, size);
        }
    }
    sp_free_port_list(ports);
    if (!found) {
        explain_missing(settings, reason, size);
    }
    return link;
}

void link_usb_describe(const struct link_settings *settings, char *text, size_t size) {
    char choice[200];
    describe_choice(settings, choice, sizeof choice);
    snprintf(text, size, "USB camera%.199s", choice);
}

void link_usb_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size) {
    char description[240];
    link_usb_describe(context, description, sizeof description);
    serial_port_explain_silence(description, NULL, heard, length, reason, size);
}
