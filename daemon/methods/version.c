/* SPDX-License-Identifier: MIT */
/* "version": which daemon, and which version of the socket's protocol. */
#include "method.h"

#include <cjson/cJSON.h>

/* Raised when a client written for an older one would no longer work. */
enum { API_VERSION = 1 };

static void handle(struct request *request, const struct params *params) {
    (void)params;
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "openmvd", OPENMVD_VERSION);
    cJSON_AddNumberToObject(result, "api", API_VERSION);
    request_succeed(request, result);
}

const struct method method_version = {"version", handle, params_none, "the daemon's version and that of this protocol"};
