/* SPDX-License-Identifier: MIT */
/* "subscribe": asks for notifications. */
#include "method.h"

#include "subscription.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

static void handle(struct request *request, const struct params *params) {
    struct error error;
    if (!params_boolean(params, "events", false)) {
        error_set(&error, ERROR_INVALID_PARAMS,
                  "events: expected true; this version has subscriptions to the coming and going of cameras only");
        request_fail(request, &error);
        return;
    }
    struct subscription *subscription = subscription_new_of_events(request->client, &error);
    if (subscription == NULL) {
        request_fail(request, &error);
        return;
    }
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, subscription->number);
    cJSON *result = cJSON_CreateObject();
    cJSON_AddRawToObject(result, "subscription", number);
    request_succeed(request, result);
}

static const struct param params[] = {
    {.name = "events", .type = PARAM_BOOLEAN, .is_required = true, .doc = "true: cameras that come and go"},
    {.name = NULL},
};

const struct method method_subscribe = {"subscribe", handle, params,
                                        "sends a notification whenever something happens, until \"unsubscribe\""};
