/* SPDX-License-Identifier: MIT */
/* "release": lends a camera's port to other software. */
#include "method.h"

#include "camera_choice.h"

static void handle(struct request *request, const struct params *params) {
    struct error error;
    struct camera *camera = camera_choose(request->daemon, params, &error);
    if (camera == NULL || !camera_release(camera, request, params_integer(params, "for_ms", 0), &error)) {
        request_fail(request, &error);
    }
}

static const struct param params[] = {
    CAMERA_PARAM,
    {.name = "for_ms",
     .type = PARAM_INTEGER,
     .minimum = 1,
     .maximum = 86400000,
     .doc = "take it back after this time, in milliseconds"},
    {.name = NULL},
};

const struct method method_release = {"release", handle, params,
                                      "lends the camera's port to other software; answers when the port is free"};
