/* SPDX-License-Identifier: MIT */
#ifndef BUS_CAMERA_CAMERA_H
#define BUS_CAMERA_CAMERA_H

/*
 * The camera: the model of the stock slave in real time, with its lines and its faults.
 *
 * Its time stands still while the host waits for it: from the beginning of a transaction until that is answered. What a
 * controller does at once and these programs only after a while so costs the camera nothing of the windows for which it
 * is armed.
 */

#include "faults.h"
#include "scene.h"
#include "soldered.h"

#include "tests/sim/stock_slave.h"

#define NO_LINE (-1)

struct camera_options {
    enum stock_slave_kind kind;
    int select_line;       /* of SPI */
    unsigned address;      /* of I2C */
    const char *interface; /* of CAN */
    unsigned id;           /* of CAN */
    int ready_line, reset_line;
    bool extensions;
    uint64_t seed;
    uint32_t window_ms; /* 0: the stock slave's */
    int64_t boot_us;
};

struct camera {
    struct camera_options options;
    struct stock_slave *slave;
    struct scene *scene;
    struct faults faults;
    int soldered;    /* descriptor of the controllers, or -1 */
    struct can *can; /* NULL on other buses */
    bool is_held_in_reset, says_ready;
    int64_t now_us, stood_still_us;
    uint64_t transactions, resets;
};

/* Returns 0 or a negative errno; to be closed in either case. */
int camera_open(struct camera *camera, const struct camera_options *options);
void camera_close(struct camera *camera);

/* Lets it live up to a time of omvrpc_now_us(), of which all has been heard. Returns for how many microseconds from now on
 * it has nothing to do, INT64_MAX for ever. */
int64_t camera_live(struct camera *camera, int64_t real_us);

/* Resets it now. */
void camera_reset(struct camera *camera);

/* Its time at a time of omvrpc_now_us(). */
int64_t camera_time(const struct camera *camera, int64_t real_us);

/* Lets it live up to a time of its own. */
int64_t camera_live_until(struct camera *camera, int64_t now_us);

/* Takes what has come to it. Returns 0 or a negative errno. */
int camera_hear(struct camera *camera);

/* Sends the frames that are due on CAN. Returns for how many microseconds none is. */
int64_t camera_send_due(struct camera *camera);

#endif
