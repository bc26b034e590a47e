/* SPDX-License-Identifier: MIT */
/* "reset": a camera's reset line. */
#include "method.h"

#include "camera_choice.h"

static void handle(struct request *request, const struct params *params) {
    struct error error;
    const struct camera *camera = camera_choose(request->daemon, params, &error);
    if (camera != NULL) {
        error_set(&error, ERROR_UNSUPPORTED,
                  "camera \"%s\" cannot be reset: that needs a GPIO line wired to its reset pin, which this version "
                  "cannot drive yet; press its reset button, or unplug it for a moment",
                  camera_name(camera));
    }
    request_fail(request, &error);
}

static const struct param params[] = {CAMERA_PARAM, {.name = NULL}};

const struct method method_reset = {"reset", handle, params, "resets the camera by its GPIO line, where it has one"};
