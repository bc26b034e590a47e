/* SPDX-License-Identifier: MIT */
#ifndef SIM_PICTURE_H
#define SIM_PICTURE_H

/* Draws a scene into pixels. Knows nothing of time, formats or the wire. */

#include "scene.h"

/*
 * Draws the scene at any size of the proportions 4:3, three bytes (red, green, blue) a pixel, rows from the top without
 * gaps. `pixels` holds width * height * 3 bytes.
 */
void sim_picture_draw(const struct sim_scene *scene, uint8_t *pixels, int width, int height);

#endif
