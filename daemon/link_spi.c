/* SPDX-License-Identifier: MIT */
/* Cameras on SPI, by spidev. */

#include "link_kinds.h"

#include "node_access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a camera's script speaks: the words of its bytes. */
enum { BITS = 8 };

bool link_spi_check(const struct link_settings *settings, char *problem, size_t size) {
    if (settings->device != NULL && strncmp(settings->device, "/dev/", strlen("/dev/")) != 0) {
        snprintf(problem, size, "found the device \"%.60s\", expected a node such as \"/dev/spidev0.0\"",
                 settings->device);
        return false;
    }
    if (settings->bits != BITS) {
        snprintf(problem, size, "a camera speaks in words of %d bits, found \"bits\": %u; leave it out", BITS,
                 settings->bits);
        return false;
    }
    if (gpio_settings_are_there(&settings->cs) && !settings->cs.active_low) {
        snprintf(problem, size,
                 "a camera's chip select is low while it is selected; leave \"active_low\" out of \"cs\"");
        return false;
    }
    return true;
}

static void explain_missing(const char *device, char *reason, size_t size) {
    char others[96];
    unsigned bus = 0;
    node_list_others("/dev/spidev*", others, sizeof others);
    if (sscanf(device, "/dev/spidev%u.", &bus) == 1 && bus > 0) {
        snprintf(reason, size,
                 "%.40s does not exist: on a Pi its overlay enables it, such as dtoverlay=spi%u-1cs in "
                 "/boot/firmware/config.txt, then restart%s",
                 device, bus, others);
    } else {
        snprintf(reason, size,
                 "%.40s does not exist: on a Pi dtparam=spi=on in /boot/firmware/config.txt (or raspi-config) enables "
                 "it, then restart%s",
                 device, others);
    }
}

static void explain(int error, const struct link_settings *settings, char *reason, size_t size) {
    const char *device = settings->device;
    const struct gpio_use uses[] = {{.role = "chip select", .settings = &settings->cs},
                                    {.role = "ready line", .settings = &settings->ready, .tells_edges = true}};
    if (node_explain(error, device, "an SPI device", explain_missing, reason, size) ||
        gpio_line_explain_any(error, uses, sizeof uses / sizeof uses[0], reason, size)) {
        return;
    }
    if (error == EINVAL) {
        snprintf(reason, size, "%.80s cannot have mode %u with a clock of %u Hz: choose what its controller has",
                 device, settings->mode, settings->speed_hz);
    } else {
        snprintf(reason, size, "%.80s cannot be opened: %s", device, strerror(error));
    }
}

struct omvrpc_link *link_spi_open(void *context, char *reason, size_t size) {
    const struct link_settings *settings = context;
    struct omvrpc_gpio_line cs, ready;
    const struct omvrpc_spi_options options = {
        .device = settings->device,
        .speed_hz = settings->speed_hz,
        .mode = (uint8_t)settings->mode,
        .bits = (uint8_t)settings->bits,
        .cs = gpio_settings_line(&settings->cs, &cs),
        .ready = gpio_settings_line(&settings->ready, &ready),
    };
    struct omvrpc_link *link = omvrpc_spi_open(&options);
    if (link == NULL) {
        explain(errno, settings, reason, size);
    }
    return link;
}

/* Writes "1 MHz" or "62.5 kHz". */
static void write_speed(uint32_t hz, char *text, size_t size) {
    bool is_mega = hz >= 1000000;
    snprintf(text, size, "%.10g %s", hz / (is_mega ? 1e6 : 1e3), is_mega ? "MHz" : "kHz");
}

void link_spi_describe(const struct link_settings *settings, char *text, size_t size) {
    char speed[32], cs[GPIO_NAME_SIZE];
    write_speed(settings->speed_hz, speed, sizeof speed);
    gpio_settings_describe(&settings->cs, cs, sizeof cs);
    snprintf(text, size, "spi %.60s at %s, mode %u%s%s", settings->device, speed, settings->mode,
             cs[0] != '\0' ? ", cs " : "", cs);
}

/* The controller of "/dev/spidev0.1" is "/dev/spidev0". A node by another name is taken for a bus of its own, on which
 * the kernel takes turns all the same. */
void link_spi_bus_name(const struct link_settings *settings, char *text, size_t size) {
    const char *dot = strrchr(settings->device, '.');
    const char *slash = strrchr(settings->device, '/');
    bool is_numbered =
        dot != NULL && slash != NULL && dot > slash && strncmp(slash + 1, "spidev", strlen("spidev")) == 0;
    size_t length = is_numbered ? (size_t)(dot - settings->device) : strlen(settings->device);
    snprintf(text, size, "spi %.*s", (int)length, settings->device);
}

bool link_spi_is_same(const struct link_settings *one, const struct link_settings *other) {
    bool has_cs = gpio_settings_are_there(&one->cs), other_has_cs = gpio_settings_are_there(&other->cs);
    return strcmp(one->device, other->device) == 0 && !has_cs && !other_has_cs;
}

/* The mode, and in it whether the node's own chip select moves, is the kernel's for the node, whoever has opened it. */
bool link_spi_collides(const struct link_settings *one, const struct link_settings *other, char *needs, size_t size) {
    if (strcmp(one->device, other->device) != 0) {
        return false;
    }
    if (gpio_settings_are_there(&one->cs) != gpio_settings_are_there(&other->cs)) {
        snprintf(needs, size,
                 "a \"cs\" of their own: the kernel moves the node's own chip select for all that use it, or for none");
        return true;
    }
    if (one->mode != other->mode) {
        snprintf(needs, size, "the same \"mode\" (found %u and %u): the kernel has one for the node", one->mode,
                 other->mode);
        return true;
    }
    return false;
}

void link_spi_explain_silence(void *context, const uint8_t *heard, size_t length, char *reason, size_t size) {
    const struct link_settings *settings = context;
    (void)heard;
    if (length > 0) {
        snprintf(reason, size,
                 "what comes from %.40s is no packet: mode %u may be wrong (stock cameras have 2), %u Hz too fast for "
                 "the wires, or another chip is selected",
                 settings->device, settings->mode, settings->speed_hz);
        return;
    }
    char ready[GPIO_NAME_SIZE];
    gpio_settings_describe(&settings->ready, ready, sizeof ready);
    snprintf(reason, size,
             "no answer from %.40s: is the camera's script running on SPI, in mode %u; are SCLK, MOSI, MISO, CS and "
             "ground wired%s%s%s?",
             settings->device, settings->mode, ready[0] != '\0' ? ", does " : "", ready,
             ready[0] != '\0' ? " rise when it is ready" : "");
}
