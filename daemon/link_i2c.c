/* SPDX-License-Identifier: MIT */
/* Cameras on I2C, by i2c-dev. */

#include "link_kinds.h"

#include "node_access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool link_i2c_check(const struct link_settings *settings, char *problem, size_t size) {
    if (settings->device != NULL && strncmp(settings->device, "/dev/", strlen("/dev/")) != 0) {
        snprintf(problem, size, "found the device \"%.60s\", expected a node such as \"/dev/i2c-1\"", settings->device);
        return false;
    }
    return true;
}

/* Returns the number of an adapter by its node, or -1. */
static int adapter_number(const char *device) {
    int number = -1;
    return sscanf(device, "/dev/i2c-%d", &number) == 1 ? number : -1;
}

static void explain_missing(const char *device, char *reason, size_t size) {
    char adapter[64], others[96];
    snprintf(adapter, sizeof adapter, "/sys/bus/i2c/devices/i2c-%d", adapter_number(device));
    node_list_others("/dev/i2c-*", others, sizeof others);
    if (node_is_there(adapter)) {
        snprintf(reason, size,
                 "%.40s does not exist, but its adapter does: `sudo modprobe i2c-dev` makes the node, and a line "
                 "\"i2c-dev\" in /etc/modules-load.d/i2c.conf at every start",
                 device);
    } else {
        snprintf(reason, size,
                 "%.40s does not exist: on a Pi dtparam=i2c_arm=on in /boot/firmware/config.txt (or raspi-config) "
                 "enables /dev/i2c-1, then restart%s",
                 device, others);
    }
}

/* A driver of the kernel has the address, as the drivers of clocks and sensors in overlays do. */
static void explain_taken(const struct link_settings *settings, char *reason, size_t size) {
    char path[96], driver[128];
    snprintf(path, sizeof path, "/sys/bus/i2c/devices/%d-%04x/driver", adapter_number(settings->device),
             settings->address);
    ssize_t length = readlink(path, driver, sizeof driver - 1);
    driver[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(driver, '/');
    snprintf(reason, size,
             "address 0x%02x of the adapter %.40s belongs to a driver of the kernel (%.30s): give the camera another "
             "address, or "
             "take that driver's overlay out",
             settings->address, settings->device, slash != NULL ? slash + 1 : "see /sys/bus/i2c/devices");
}

static void explain(int error, const struct link_settings *settings, char *reason, size_t size) {
    const char *device = settings->device;
    const struct gpio_use uses[] = {{.role = "ready line", .settings = &settings->ready, .tells_edges = true}};
    if (node_explain(error, device, "an I2C adapter", explain_missing, reason, size)) {
        return;
    }
    if (error == EOPNOTSUPP) {
        snprintf(reason, size, "the adapter of %.80s moves no plain I2C messages, only SMBus ones: use another",
                 device);
    } else if (gpio_line_explain_any(error, uses, sizeof uses / sizeof uses[0], reason, size)) {
        return;
    } else if (error == EBUSY) {
        explain_taken(settings, reason, size);
    } else {
        snprintf(reason, size, "%.80s cannot be opened: %s", device, strerror(error));
    }
}

struct omvrpc_link *link_i2c_open(void *context, char *reason, size_t size) {
    const struct link_settings *settings = context;
    struct omvrpc_gpio_line ready;
    const struct omvrpc_i2c_options options = {
        .device = settings->device,
        .address = (uint16_t)settings->address,
        .ready = gpio_settings_line(&settings->ready, &ready),
    };
    struct omvrpc_link *link = omvrpc_i2c_open(&options);
    if (link == NULL) {
        explain(errno, settings, reason, size);
    }
    return link;
}

void link_i2c_describe(const struct link_settings *settings, char *text, size_t size) {
    snprintf(text, size, "i2c %.60s, address 0x%02x", settings->device, settings->address);
}

void link_i2c_bus_name(const struct link_settings *settings, char *text, size_t size) {
    snprintf(text, size, "i2c %s", settings->device);
}

bool link_i2c_is_same(const struct link_settings *one, const struct link_settings *other) {
    return strcmp(one->device, other->device) == 0 && one->address == other->address;
}

void link_i2c_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size) {
    const struct link_settings *settings = context;
    (void)heard;
    if (length > 0) {
        snprintf(reason, size,
                 "what comes from address 0x%02x of the adapter %.40s is no packet: another chip has that address, or "
                 "the clock is "
                 "stretched, which a Pi 1 to 4 gets wrong: use the overlay i2c-gpio, or a Pi 5",
                 settings->address, settings->device);
    } else {
        snprintf(reason, size,
                 "nobody answers at address 0x%02x of the adapter %.40s: is the camera's script running on I2C, with "
                 "this address; "
                 "are SDA, SCL and ground wired, with pull-ups to 3.3 V (2 to 5 kOhm)?",
                 settings->address, settings->device);
    }
}

void link_i2c_explain_loss(void *context, int error, char *reason, size_t size) {
    const struct link_settings *settings = context;
    if (error == ENODEV || error == ENXIO) {
        snprintf(reason, size, "%.60s has gone: its driver was removed", settings->device);
    } else {
        snprintf(reason, size,
                 "the bus %.40s is stuck (%.40s): is SDA or SCL held low by a chip, without a pull-up, or a wire off?",
                 settings->device, strerror(error));
    }
}
