/* SPDX-License-Identifier: MIT */
/* "unsubscribe": ends a subscription of this connection. */
#include "method.h"

#include "subscription.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

static void handle(struct request *request, const struct params *params) {
    int64_t number = params_integer(params, "subscription", 0);
    if (subscription_end(request->client, (uint64_t)number)) {
        request_succeed(request, cJSON_CreateTrue());
        return;
    }
    struct error error;
    error_set(&error, ERROR_INVALID_PARAMS, "subscription: this connection has none of number %" PRId64, number);
    request_fail(request, &error);
}

static const struct param params[] = {
    {.name = "subscription",
     .type = PARAM_INTEGER,
     .is_required = true,
     .minimum = 1,
     .maximum = INT64_MAX,
     .doc = "the number that \"subscribe\" gave"},
    {.name = NULL},
};

const struct method method_unsubscribe = {"unsubscribe", handle, params, "ends a subscription of this connection"};
