/* SPDX-License-Identifier: MIT */
#ifndef BUS_CAMERA_SCENE_H
#define BUS_CAMERA_SCENE_H

/*
 * What the camera sees and computes: the callbacks of the simulated camera, extensions included, behind the model of the
 * stock slave, which has none of its own.
 */

#include "tests/sim/stock_slave.h"

struct scene;

/* `seed` chooses what is seen. Without `extensions` it is a camera with the stock module. Returns NULL where memory is
 * short. */
struct scene *scene_new(uint64_t seed, bool extensions);
void scene_free(struct scene *scene);

/* Forgets what a reset forgets: all but what stands before the camera. False where memory is short. */
bool scene_reset(struct scene *scene);

/* Tells the time, for the callbacks to come. */
void scene_set_time(struct scene *scene, int64_t now_us);

/* A stock_slave_callback; its context is the scene. */
void scene_run_callback(void *context, uint32_t command, const uint8_t *argument, size_t length,
                        struct stock_slave_reply *reply);

/* How long the one that ran last takes. */
int64_t scene_duration_us(const struct scene *scene);

#endif
