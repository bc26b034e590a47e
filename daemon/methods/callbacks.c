/* SPDX-License-Identifier: MIT */
/* "callbacks": what is known of a camera's callbacks, and from where. */
#include "method.h"

#include "camera_choice.h"
#include "config.h"
#include "daemon.h"

#include <cjson/cJSON.h>

static cJSON *describe_callback(const struct callback *callback) {
    cJSON *row = cJSON_CreateObject();
    const char *schedules = callback_schedule_name(callback->schedules);
    cJSON_AddStringToObject(row, "name", callback->name);
    cJSON_AddRawToObject(row, "args", schema_text(callback->args));
    cJSON_AddRawToObject(row, "result", schema_text(callback->result));
    cJSON_AddBoolToObject(row, "repeatable", callback->is_repeatable);
    if (schedules != NULL) {
        cJSON_AddStringToObject(row, "schedules", schedules);
    }
    if (callback->timeout_ms != 0) {
        cJSON_AddNumberToObject(row, "timeout_ms", callback->timeout_ms);
    }
    if (callback->doc != NULL) {
        cJSON_AddStringToObject(row, "doc", callback->doc);
    }
    cJSON_AddStringToObject(row, "origin", callback_origin_name(callback->origin));
    return row;
}

static void handle(struct request *request, const struct params *params) {
    struct error error;
    const struct camera *camera = camera_choose(request->daemon, params, &error);
    if (camera == NULL) {
        request_fail(request, &error);
        return;
    }
    struct callback_walk walk = callback_walk_begin(camera_callbacks(camera));
    const struct callback *callback;
    cJSON *result = cJSON_CreateArray();
    while ((callback = callback_walk_next(&walk)) != NULL) {
        cJSON_AddItemToArray(result, describe_callback(callback));
    }
    request_succeed(request, result);
}

static const struct param params[] = {CAMERA_PARAM, {.name = NULL}};

const struct method method_callbacks = {"callbacks", handle, params,
                                        "the callbacks known for a camera, their schemas, and where those come from"};
