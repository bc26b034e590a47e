/* SPDX-License-Identifier: MIT */
#ifndef CAMERA_CHOICE_H
#define CAMERA_CHOICE_H

/* Which camera a request means. */

#include "camera.h"
#include "params.h"

/* The row of the parameter, for the tables of methods. */
#define CAMERA_PARAM                                                                                                   \
    { .name = "camera", .type = PARAM_STRING, .doc = "which camera; may be left out where there is one" }

/* Returns the camera that "camera" names, or the only one there is; NULL with *error filled. */
struct camera *camera_choose(const struct daemon *daemon, const struct params *params, struct error *error);

#endif
