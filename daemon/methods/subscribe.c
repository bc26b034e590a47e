/* SPDX-License-Identifier: MIT */
/* "subscribe": asks for notifications, of cameras that come and go or of a callback's answers. */
#include "method.h"

#include "access.h"
#include "call_argument.h"
#include "camera_choice.h"
#include "stream.h"
#include "subscription.h"
#include "watch.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How often a callback is called for one who does not say, and the least and the most. */
enum { INTERVAL_DEFAULT_MS = 1000, INTERVAL_MIN_MS = 1, INTERVAL_MAX_MS = 86400000 };

/* The same of pictures that stand in for a stream: 30 times a second. */
enum { PICTURES_INTERVAL_MS = 33 };

static uint64_t subscribe_to_events(struct request *request, const struct params *params, struct error *error) {
    for (int i = 0; params->table[i].name != NULL; i++) {
        if (params->values[i].text != NULL && strcmp(params->table[i].name, "events") != 0) {
            error_set(error, ERROR_INVALID_PARAMS, "%s: not with \"events\"", params->table[i].name);
            return 0;
        }
    }
    if (!access_check_events(request->client, error)) {
        return 0;
    }
    const struct subscription *subscription = subscription_new_of_events(request->client, error);
    return subscription != NULL ? subscription->number : 0;
}

static uint64_t subscribe_to_callback(struct request *request, const struct params *params, struct error *error) {
    struct camera *camera = camera_choose(request->daemon, params, error);
    const struct watch_options options = {
        .interval_us = params_integer(params, "interval_ms", INTERVAL_DEFAULT_MS) * 1000,
        .max_age_us = params_integer(params, "max_age_ms", 0) * 1000,
        .priority = (enum queue_priority)params_choice(params, "priority", QUEUE_NORMAL),
        .form = (enum reply_form)params_choice(params, "reply", REPLY_BY_SCHEMA),
        .on_change = params_boolean(params, "on_change", false),
        .progress = params_boolean(params, "progress", false),
    };
    return camera != NULL ? watch_subscribe(request->client, camera, params, &options, error) : 0;
}

static uint64_t subscribe_to_stream(struct request *request, const struct params *params, struct error *error) {
    static const char *const others[] = {"name", "on_change", "max_age_ms", "priority", "progress"};
    struct camera *camera = camera_choose(request->daemon, params, error);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (params_get(params, others[i]).text != NULL) {
            error_set(error, ERROR_INVALID_PARAMS, "%s: not with \"stream\"", others[i]);
            return 0;
        }
    }
    if (camera == NULL) {
        return 0;
    }
    const struct stream_options options = {
        .form = (enum reply_form)params_choice(params, "reply", REPLY_BY_SCHEMA),
        .interval_us = params_integer(params, "interval_ms", PICTURES_INTERVAL_MS) * 1000,
    };
    return stream_subscribe(request->client, camera, params, &options, error);
}

static void handle(struct request *request, const struct params *params) {
    struct error error;
    uint64_t number = 0;
    if (params_boolean(params, "events", false)) {
        number = subscribe_to_events(request, params, &error);
    } else if (params_get(params, "stream").text != NULL) {
        number = subscribe_to_stream(request, params, &error);
    } else if (params_get(params, "name").text != NULL) {
        number = subscribe_to_callback(request, params, &error);
    } else {
        error_set(&error, ERROR_INVALID_PARAMS,
                  "expected \"name\", a callback, or \"stream\", one that streams, or \"events\":true");
    }
    if (number == 0) {
        request_fail(request, &error);
        return;
    }
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    cJSON *result = cJSON_CreateObject();
    cJSON_AddRawToObject(result, "subscription", text);
    request_succeed(request, result);
}

static const struct param params[] = {
    {.name = "events", .type = PARAM_BOOLEAN, .doc = "true: cameras that come and go, and nothing else"},
    {.name = "stream", .type = PARAM_STRING, .doc = "a callback that streams, such as \"jpeg_image_stream\""},
    {.name = "name", .type = PARAM_STRING, .doc = "the callback, or its id as \"#1a2b3c4d\""},
    CAMERA_PARAM,
    CALL_ARGS_PARAM,
    CALL_DATA_PARAM,
    CALL_ENCODING_PARAM,
    CALL_TIMEOUT_PARAM,
    CALL_MAX_AGE_PARAM,
    CALL_PRIORITY_PARAM,
    CALL_REPLY_PARAM,
    CALL_PROGRESS_PARAM,
    CALL_WAIT_PARAM,
    {.name = "interval_ms",
     .type = PARAM_INTEGER,
     .minimum = INTERVAL_MIN_MS,
     .maximum = INTERVAL_MAX_MS,
     .doc = "how often; 1000 unless said"},
    {.name = "on_change", .type = PARAM_BOOLEAN, .doc = "only answers that differ from the one before"},
    {.name = NULL},
};

const struct method method_subscribe = {"subscribe", handle, params,
                                        "sends a notification whenever something happens, until \"unsubscribe\""};
