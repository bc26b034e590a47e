/* SPDX-License-Identifier: MIT */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

/* Snapshots of the scene in the formats and sizes that a camera script may ask for, by name or by the firmware's
 * constants. */

#include "scene.h"

#include <stddef.h>

struct sim_pixel_format {
    const char *name;  /* as in camera scripts: "sensor.RGB565" */
    uint32_t constant; /* of the firmware since 4.0: flags, format, subformat and bytes a pixel in one number */
    size_t pixel_size; /* bytes */
};

struct sim_frame_size {
    const char *name;
    uint32_t constant;
    int width, height;
};

/* A choice of both, such as a snapshot callback's argument makes. */
struct sim_image_choice {
    const struct sim_pixel_format *format;
    const struct sim_frame_size *size;
};

/* What a camera takes unless it is asked for something else: sensor.RGB565,sensor.QVGA. */
struct sim_image_choice sim_image_default(void);

/* Reads `pixformat,framesize` by name, not terminated. Returns false, with `choice` untouched, for anything unknown. */
bool sim_image_choose_by_name(struct sim_image_choice *choice, const char *text, size_t length);

/* The same by the firmware's constants. */
bool sim_image_choose_by_constant(struct sim_image_choice *choice, uint32_t pixel_format, uint32_t frame_size);

/* An image that the camera holds; zeroed at first. */
struct sim_image {
    uint8_t *data;
    size_t length;
};

/* Take the place of what `image` held. Return 0 or -ENOMEM, where `image` is empty. Free with sim_image_clear(). */
int sim_image_take_jpeg(struct sim_image *image, const struct sim_scene *scene, struct sim_image_choice choice);
int sim_image_take_raw(struct sim_image *image, const struct sim_scene *scene, struct sim_image_choice choice);

void sim_image_clear(struct sim_image *image);

#endif
