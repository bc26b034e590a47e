/* SPDX-License-Identifier: MIT */
/* "ping": is the daemon there? */
#include "method.h"

#include <cjson/cJSON.h>

static void handle(struct request *request, const struct params *params) {
    (void)params;
    request_succeed(request, cJSON_CreateString("pong"));
}

const struct method method_ping = {"ping", handle, params_none, "answers \"pong\""};
