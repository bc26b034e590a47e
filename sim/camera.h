/* SPDX-License-Identifier: MIT */
#ifndef SIM_CAMERA_H
#define SIM_CAMERA_H

/*
 * A whole simulated camera: slave, callbacks, scene and a wire with faults, run on a descriptor. It has no global
 * state, never prints and never exits; several may run in one process, each in its own thread.
 *
 *     struct sim_options options = sim_options_default();
 *     struct sim_camera *camera = sim_camera_new(&options);
 *     sim_camera_run(camera, descriptor, stop_descriptor);
 *     sim_camera_free(camera);
 */

#include "callbacks.h"
#include "faults.h"

struct sim_options {
    struct sim_behaviour behaviour;
    struct sim_faults faults;
};

/* Seed 1, 30 frames a second, believable durations, the extensions, no faults. */
struct sim_options sim_options_default(void);

struct sim_camera;

/* `options` is copied. Returns NULL when memory is short. */
struct sim_camera *sim_camera_new(const struct sim_options *options);
void sim_camera_free(struct sim_camera *camera);

/*
 * Plugs the camera in: answers what comes over `descriptor` (one end of a socket pair, a pty's master, ...), which is
 * made non-blocking and stays the caller's, until `stop_descriptor` becomes readable; that one is never read, and -1 is
 * none. Each run begins with the exchange forgotten; scene, held pictures and the counter go on from the run before.
 *
 * Returns 0 when it was stopped or the peer has gone, or a negative errno.
 */
int sim_camera_run(struct sim_camera *camera, int descriptor, int stop_descriptor);

#endif
