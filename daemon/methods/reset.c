/* SPDX-License-Identifier: MIT */
/* "reset": a camera's reset line. */
#include "method.h"

#include "camera_choice.h"

static void handle(struct request *request, const struct params *params) {
    struct error error;
    struct camera *camera = camera_choose(request->daemon, params, &error);
    if (camera == NULL || !camera_reset(camera, request, &error)) {
        request_fail(request, &error);
    }
}

static const struct param params[] = {CAMERA_PARAM, {.name = NULL}};

const struct method method_reset = {"reset", handle, params,
                                    "resets the camera by its GPIO line; answers when it is online again"};
