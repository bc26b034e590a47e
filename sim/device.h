/* SPDX-License-Identifier: MIT */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

/* What the program openmv-sim plugs in: a camera with a scene, or one that plays a capture. Its functions print. */

#include "camera.h"
#include "replay.h"

struct sim_device {
    struct sim_camera *camera; /* or NULL: then it is the replay */
    struct sim_replay *replay;
    struct sim_script script;
    struct capture capture;
};

/* `capture` is the name of one to be played, or NULL for a camera with these options. False after telling why not; to
 * be closed in either case. */
bool sim_device_open(struct sim_device *device, const struct sim_options *options, const char *capture);
void sim_device_close(struct sim_device *device);

/* As sim_camera_run(), or 1 after telling that the host has left the capture. */
int sim_device_run(struct sim_device *device, int descriptor, int stop_descriptor);

/* Whether there is nothing left to be played; tells where it was stopped. */
bool sim_device_is_done(const struct sim_device *device);

#endif
