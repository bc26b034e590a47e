/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef CAMERA_BUS_INTERNAL_H
#define CAMERA_BUS_INTERNAL_H

#include "camera_bus.h"

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/wait.h>

#define CAMERA_BUS_NOWHERE (-1)

/* One open descriptor of CAMERA_BUS_NODE. */
struct camera {
    struct list_head link; /* in camera_bus_cameras */
    struct list_head events;
    unsigned int event_count;
    bool has_lost_events;
    wait_queue_head_t readable;

    int select_line; /* of SPI, or CAMERA_BUS_NOWHERE */
    int address;     /* of I2C, or CAMERA_BUS_NOWHERE */
    u32 watched;     /* one bit a line */
    u32 driven, levels;

    struct transfer *transfer; /* that is to be answered, or NULL */
    u32 transfer_number;
    u64 asked_ns;  /* when that began */
    u64 waited_ns; /* how long others have waited */
};

/* Held by whoever touches cameras or the levels of lines; it may sleep. */
extern struct mutex camera_bus_lock;
extern struct list_head camera_bus_cameras;
extern const struct file_operations camera_operations;

extern struct platform_driver gpio_driver, spi_driver, i2c_driver;

/* Where on the buses a transfer goes. */
struct camera_place {
    bool is_spi;
    u16 address; /* of I2C */
    u32 mode, speed_hz;
    unsigned long patience; /* with the answers, in jiffies */
};

/*
 * Moves bytes between the host and the cameras that are there, and waits for their answers. `out` and `in` have `length`
 * bytes each, or are NULL. Returns -ENXIO when there is no camera, -ETIMEDOUT when one did not answer in time, else 0 or
 * the errno that one has answered.
 */
int camera_transfer(const struct camera_place *place, const u8 *out, u8 *in, u32 length);

/* These with camera_bus_lock held. */

/* Tells the cameras that watch it. */
void camera_line_changed(unsigned int line, bool level);

/* The level that a camera gives a line, or CAMERA_BUS_NOWHERE. */
int camera_driven_level(unsigned int line);

bool gpio_level(unsigned int line);

/* To be called when a line may have another level; tells whoever is concerned. */
void gpio_levels_changed(void);

#endif
