/* SPDX-License-Identifier: MIT */
/* Cameras on CAN, by SocketCAN. */

#include "link_kinds.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Of the camera's script, where it is not told another: bits a second. */
enum { STOCK_BIT_RATE = 250000 };

bool link_can_check(const struct link_settings *settings, char *problem, size_t size) {
    const char *name = settings->interface;
    if (name != NULL && (strlen(name) >= IFNAMSIZ || strpbrk(name, "/ ") != NULL)) {
        snprintf(problem, size, "found the interface \"%.60s\", expected a name such as \"can0\"", name);
        return false;
    }
    return true;
}

static void explain_down(const char *interface, char *reason, size_t size) {
    struct omvrpc_can_state state;
    bool is_virtual = omvrpc_can_read_state(interface, &state) == 0 && state.condition == OMVRPC_CAN_NO_CONTROLLER;
    if (is_virtual) {
        snprintf(reason, size, "%s is down: `sudo ip link set %s up`", interface, interface);
    } else {
        snprintf(reason, size,
                 "%s is down: `sudo ip link set %s up type can bitrate %d sample-point 0.750 restart-ms 100`",
                 interface, interface, STOCK_BIT_RATE);
    }
}

static void explain(int error, const struct link_settings *settings, char *reason, size_t size) {
    const char *interface = settings->interface;
    const struct gpio_use uses[] = {{.role = "ready line", .settings = &settings->ready, .tells_edges = true}};
    struct omvrpc_can_state state;
    if (error == ENODEV && omvrpc_can_read_state(interface, &state) != 0) {
        snprintf(
            reason, size,
            "there is no interface %s: a Pi needs a controller with its overlay, such as mcp2515-can0; `ip -br link "
            "show type can` lists what there is",
            interface);
    } else if (error == EPROTOTYPE) {
        snprintf(reason, size, "%s is no CAN interface: `ip -br link show type can` lists those", interface);
    } else if (error == ENETDOWN) {
        explain_down(interface, reason, size);
    } else if (error == ENOLINK) {
        snprintf(reason, size,
                 "%s is bus-off after too many errors: is the bit rate the camera's, is the bus terminated? `sudo ip "
                 "link set %s type can restart` restarts it, restart-ms does so by itself",
                 interface, interface);
    } else if (error == EAFNOSUPPORT) {
        snprintf(reason, size, "this kernel has no CAN: `sudo modprobe can-raw`");
    } else if (!gpio_line_explain_any(error, uses, sizeof uses / sizeof uses[0], reason, size)) {
        snprintf(reason, size, "%s cannot be used: %s", interface, strerror(error));
    }
}

struct omvrpc_link *link_can_open(void *context, char *reason, size_t size) {
    const struct link_settings *settings = context;
    struct omvrpc_gpio_line ready;
    const struct omvrpc_can_options options = {
        .interface = settings->interface,
        .id = settings->id,
        .ready = gpio_settings_line(&settings->ready, &ready),
    };
    struct omvrpc_link *link = omvrpc_can_open(&options);
    if (link == NULL) {
        explain(errno, settings, reason, size);
    }
    return link;
}

void link_can_describe(const struct link_settings *settings, char *text, size_t size) {
    snprintf(text, size, "can %s, id 0x%03x", settings->interface, settings->id);
}

void link_can_bus_name(const struct link_settings *settings, char *text, size_t size) {
    snprintf(text, size, "can %s", settings->interface);
}

bool link_can_is_same(const struct link_settings *one, const struct link_settings *other) {
    return strcmp(one->interface, other->interface) == 0 && one->id == other->id;
}

void link_can_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size) {
    const struct link_settings *settings = context;
    struct omvrpc_can_state state = {.condition = OMVRPC_CAN_NO_CONTROLLER};
    (void)heard;
    (void)omvrpc_can_read_state(settings->interface, &state);
    if (state.bit_rate != 0 && state.bit_rate != STOCK_BIT_RATE && state.condition != OMVRPC_CAN_ERROR_ACTIVE) {
        snprintf(reason, size,
                 "no answer on %s, which has errors (%s) at %u bit/s: is that the camera's rate? Its script has %d "
                 "unless told otherwise",
                 settings->interface, omvrpc_can_condition_name(state.condition), state.bit_rate, STOCK_BIT_RATE);
    } else if (state.condition == OMVRPC_CAN_ERROR_WARNING || state.condition == OMVRPC_CAN_ERROR_PASSIVE) {
        snprintf(reason, size,
                 "no answer on %s, where nobody acknowledges (%s): is the camera powered and its script running, are "
                 "CANH and CANL wired to a transceiver, and 120 Ohm at both ends?",
                 settings->interface, omvrpc_can_condition_name(state.condition));
    } else if (length > 0) {
        snprintf(reason, size, "what comes on %s with id 0x%03x is no packet: does another device send with that id?",
                 settings->interface, settings->id);
    } else {
        snprintf(reason, size,
                 "no answer on %s: is the camera's script running on CAN, and with the id 0x%03x? `candump %s` shows "
                 "what it sends",
                 settings->interface, settings->id, settings->interface);
    }
}

void link_can_explain_loss(void *context, int error, char *reason, size_t size) {
    const struct link_settings *settings = context;
    if (error == ENETDOWN || error == ENOLINK || error == ENODEV) {
        explain(error, settings, reason, size);
    } else {
        snprintf(reason, size, "%s failed: %s", settings->interface, strerror(error));
    }
}
