/* SPDX-License-Identifier: MIT */
/* "acquire": takes a camera's port back. */
#include "method.h"

#include "camera_choice.h"

static void handle(struct request *request, const struct params *params) {
    struct error error;
    struct camera *camera = camera_choose(request->daemon, params, &error);
    if (camera == NULL || !camera_acquire(camera, request, &error)) {
        request_fail(request, &error);
    }
}

static const struct param params[] = {CAMERA_PARAM, {.name = NULL}};

const struct method method_acquire = {"acquire", handle, params, "takes the camera's port back after \"release\""};
