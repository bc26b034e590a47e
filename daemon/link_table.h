/* SPDX-License-Identifier: MIT */
#ifndef LINK_TABLE_H
#define LINK_TABLE_H

/*
 * The kinds of link that a configuration can name. A kind is a row: its keys, how to check and describe it, how to open
 * it. A new one touches link_table.c, its own file and nothing else.
 */

#include "bus.h"
#include "gpio_line.h"

/* What a configuration says of one camera's link. Strings are owned; free with link_settings_clear(). */
struct link_settings {
    const struct link_kind *kind;
    char *device;                  /* serial, spi, i2c: node; usb: which one is meant, by its node, or NULL */
    char *serial;                  /* usb: the camera's USB serial number, or NULL for any */
    char *port;                    /* usb: the kernel's name of the USB port, such as "1-1.2", or NULL for any */
    uint32_t baud;                 /* serial: bits a second; 0 means 115200 */
    bool rtscts;                   /* serial */
    uint32_t speed_hz, mode, bits; /* spi */
    uint32_t address;              /* i2c */
    char *interface;               /* can: the network interface */
    uint32_t id;                   /* can: of both directions' frames */
    struct gpio_settings cs;       /* spi: the chip select, where it is not the controller's own */
    struct gpio_settings ready;    /* spi, i2c, can: the camera's ready line */
    char *faults;                  /* sim: faults to inject, as openmv-sim takes them, or NULL */
    bool stock;                    /* sim: a stock camera, without the extensions */
    void *state;                   /* of the kind's own, while the program runs */
};

enum { LINK_BUS_NAME_SIZE = 128 };

struct link_kind {
    const char *type; /* "usb", "serial", "spi", "i2c", "can", "sim" */
    /* Whether its device may appear and vanish, and is announced when it appears (hotplug.h). */
    bool is_announced;
    /* Keys that this kind accepts beside "type", NULL-terminated. */
    const char *const *keys;
    /* The one of them that has no default, or NULL. */
    const char *required_key;
    /* Checks what only this kind can judge: returns false with a sentence in `problem`. NULL where there is no such thing. */
    bool (*check)(const struct link_settings *settings, char *problem, size_t size);
    /* Opens it; `settings` is the context. As bus_opener.open. */
    struct omvrpc_link *(*open)(void *settings, char *reason, size_t size);
    /* Writes a short text for people, such as "serial /dev/ttyAMA0 115200". */
    void (*describe)(const struct link_settings *settings, char *text, size_t size);
    /* As bus_opener.explain_silence; NULL where only the silence can be told. */
    void (*explain_silence)(void *settings, const uint8_t *heard, size_t length, char *reason, size_t size);
    /*
     * Writes the name of the bus that it shares with others of its kind, such as "i2c /dev/i2c-1", of at most
     * LINK_BUS_NAME_SIZE bytes: links on one bus are used in turn. NULL where each is one of its own.
     */
    void (*bus_name)(const struct link_settings *settings, char *text, size_t size);
    /* Whether two complete settings of this kind reach the same camera, which is a mistake. NULL where an equal device,
     * serial number or port says so. */
    bool (*is_same)(const struct link_settings *one, const struct link_settings *other);
    /*
     * Whether two complete settings of this kind that are not the same spoil each other's link; writes what both need
     * into `needs`. NULL where there is no such thing.
     */
    bool (*collides)(const struct link_settings *one, const struct link_settings *other, char *needs, size_t size);
    /* As bus_opener.explain_loss; NULL where the error says it all. */
    void (*explain_loss)(void *settings, int error, char *reason, size_t size);
    /* Frees `settings->state`; the link has been closed before. NULL where there is none. */
    void (*clear)(struct link_settings *settings);
};

/* Returns the kind, or NULL. `link_kinds` is terminated by a row whose type is NULL. */
const struct link_kind *link_kind_find(const char *type);
extern const struct link_kind link_kinds[];

void link_settings_clear(struct link_settings *settings);

#endif
