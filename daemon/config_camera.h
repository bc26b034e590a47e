/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CAMERA_H
#define CONFIG_CAMERA_H

/* The section "cameras" of a configuration. */

#include "config.h"
#include "config_reader.h"

/* Reads the section into the configuration, which then owns the cameras. */
void config_read_cameras(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         struct config *config);

/* Adds the camera that is there when none was named: the first one on USB. */
void config_add_default_camera(struct config_reader *reader, struct config *config);

#endif
