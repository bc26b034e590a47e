/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef CAMERA_BUS_H
#define CAMERA_BUS_H

/*
 * What the module and the programs that are cameras say to each other.
 *
 * The module has a SPI controller, an I2C adapter and a GPIO chip, above which the kernel's own spidev, i2c-dev and gpiolib
 * work. What is soldered to them are programs: each opens CAMERA_BUS_NODE once for each camera, says in messages where
 * that one is, reads what happens to it, and answers its transfers. A message is a struct camera_bus_message and `length`
 * bytes behind it, both in one read() or write(). Closing the descriptor unsolders the camera.
 *
 * A camera at SPI takes part in the transfers that run while its select line is low; whatever moves that line, the
 * controller or somebody who holds it. All selected cameras answer, and their answers meet on one wire. Without any, all
 * bytes are CAMERA_BUS_FLOATING. At an I2C address where there is no camera, nothing acknowledges.
 *
 * A real camera answers at once. So that a program is none the worse for being slow, each message says how long transfers have
 * waited for its camera, from when they began to its answers; time for that camera is what has passed beside that.
 *
 * A line has the level that the host gives it, else the one that a camera gives it, else that of its pull: up for the lines
 * 0 to 8, down for the others, as on a Raspberry Pi.
 */

#include <linux/types.h>

#define CAMERA_BUS_NODE     "/dev/camera_bus"
#define CAMERA_BUS_LINES    28
#define CAMERA_BUS_FLOATING 0xff

/* The longest transfer, and how many messages may wait to be read by a camera. */
#define CAMERA_BUS_LENGTH_MAX 65536
#define CAMERA_BUS_QUEUE_MAX  256

enum camera_bus_kind {
    /* Written. */
    CAMERA_BUS_ATTACH_SPI, /* number: the select line. It is watched, too */
    CAMERA_BUS_ATTACH_I2C, /* number: the address */
    CAMERA_BUS_WATCH,      /* number: a line; its level comes at once, and whenever it changes */
    CAMERA_BUS_DRIVE,      /* number: a line; value: its level, or -1 to let go of it */
    CAMERA_BUS_ANSWER,     /* number: that of the transfer; value: 0 or a negative errno; the bytes to the host */

    /* Read. */
    CAMERA_BUS_TRANSFER, /* number: of this transfer; the bytes from the host, or none and `wanted` */
    CAMERA_BUS_LINE,     /* number: a line; value: its level */
    CAMERA_BUS_ANSWERED, /* number: of the transfer that waits no more; this comes before whatever happens next */
};

struct camera_bus_message {
    __u32 kind;
    __u32 number;
    __s32 value;
    __u32 length;   /* of the bytes behind this */
    __u32 wanted;   /* how many bytes the host reads: on SPI as many as it writes, on I2C none when it writes */
    __u32 speed_hz; /* of SPI */
    __u32 mode;     /* of SPI, as in linux/spi/spi.h */
    __u32 reserved;
    __u64 time_ns;   /* when it happened, of CLOCK_MONOTONIC */
    __u64 waited_ns; /* for so long transfers had waited for this camera until then */
};

#endif
