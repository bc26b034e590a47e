/* SPDX-License-Identifier: MIT */
/* "cameras": what cameras there are, and how they are. */
#include "method.h"

#include "camera.h"
#include "daemon.h"
#include "description.h"
#include "link_table.h"

#include <cjson/cJSON.h>

/* What nobody configured, and what a stock camera does not tell, is null. */
static void add_text(cJSON *row, const char *name, const char *text) {
    cJSON_AddItemToObject(row, name, text != NULL && text[0] != '\0' ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static cJSON *describe_camera(const struct camera *camera) {
    struct camera_status status;
    camera_get_status(camera, &status);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", status.name);
    cJSON_AddStringToObject(row, "link", status.link);
    add_text(row, "type", status.settings->kind->type);
    add_text(row, "device", status.settings->device);
    add_text(row, "serial", status.settings->serial);
    add_text(row, "interface", status.settings->interface);
    char line[GPIO_NAME_SIZE];
    gpio_settings_describe(&status.settings->ready, line, sizeof line);
    add_text(row, "ready_line", line);
    gpio_settings_describe(status.reset_line, line, sizeof line);
    add_text(row, "reset_line", line);
    cJSON_AddStringToObject(row, "state", camera_state_name(status.state));
    if (status.reason[0] != '\0') {
        cJSON_AddStringToObject(row, "reason", status.reason);
    } else {
        cJSON_AddNullToObject(row, "reason");
    }
    cJSON_AddNumberToObject(row, "since_ms", (double)((omvrpc_now_us() - status.since_us) / 1000));
    if (status.returns_in_us >= 0) {
        cJSON_AddNumberToObject(row, "returns_in_ms", (double)(status.returns_in_us / 1000));
    } else {
        cJSON_AddNullToObject(row, "returns_in_ms");
    }
    const struct description *description = camera_description(camera);
    add_text(row, "firmware", description != NULL ? description->firmware : "");
    add_text(row, "board", description != NULL ? description->board : "");
    add_text(row, "id", description != NULL ? description->id : "");
    add_text(row, "library", description != NULL ? description->library : "");
    cJSON_AddNumberToObject(row, "waiting", (double)status.waiting);
    cJSON_AddBoolToObject(row, "busy", status.is_busy);
    return row;
}

static void handle(struct request *request, const struct params *params) {
    (void)params;
    const struct daemon *daemon = request->daemon;
    cJSON *result = cJSON_CreateArray();
    for (size_t i = 0; i < daemon->camera_count; i++) {
        cJSON_AddItemToArray(result, describe_camera(daemon->cameras[i]));
    }
    request_succeed(request, result);
}

const struct method method_cameras = {"cameras", handle, params_none,
                                      "all cameras: name, link, state, why, for how long, and what waits for them"};
