/* SPDX-License-Identifier: MIT */
/* Params and deadlines that several verbs share. */
#include "ask.h"

#include <string.h>

#include "need.h"
#include "reasons.h"

bool ask_add_milliseconds(cJSON *params, const struct options *options, enum option_id id, const char *unit, long least,
                          const char *name, long *milliseconds) {
    if (!options_time(options, id, unit, least, milliseconds)) {
        return false;
    }
    if (options->value[id]) {
        cJSON_AddNumberToObject(params, name, (double)*milliseconds);
    }
    return true;
}

static bool is_priority(const char *level) {
    return strcmp(level, "high") == 0 || strcmp(level, "normal") == 0 || strcmp(level, "low") == 0;
}

cJSON *ask_call_params(const struct options *options, const char *name, const char *form, long *patience_ms) {
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        {"name", name},
        {"camera", options->value[OPTION_CAMERA]},
        {"reply", form},
        {"priority", options->value[OPTION_PRIORITY]},
    };
    const char *priority = options->value[OPTION_PRIORITY];
    if (priority && !is_priority(priority)) {
        usage_error(options, "--priority is high, normal or low, not '%s'", priority);
        return NULL;
    }
    cJSON *params = need_memory(cJSON_CreateObject());
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].value) {
            cJSON_AddStringToObject(params, texts[i].name, texts[i].value);
        }
    }
    if (options->value[OPTION_WAIT]) {
        cJSON_AddTrueToObject(params, "wait");
    }
    long max_age_ms = 0;
    *patience_ms = CLIENT_CALL_MS;
    if (!ask_add_milliseconds(params, options, OPTION_TIMEOUT, "s", 1, "timeout_ms", patience_ms) ||
        !ask_add_milliseconds(params, options, OPTION_MAX_AGE, "ms", 0, "max_age_ms", &max_age_ms)) {
        cJSON_Delete(params);
        return NULL;
    }
    *patience_ms += CLIENT_GRACE_MS;
    return params;
}

int ask_call(struct client *client, const cJSON *params, long patience_ms, struct reply *reply) {
    char *text = need_memory(cJSON_PrintUnformatted(params));
    int code = client_request(client, "call", text, patience_ms, reply);
    cJSON_free(text);
    return code;
}

int ask_subscribe(const struct options *options, struct client *client, const cJSON *params) {
    struct reply reply;
    char *text = need_memory(cJSON_PrintUnformatted(params));
    int code = client_request(client, "subscribe", text, CLIENT_INSTANT_MS, &reply);
    cJSON_free(text);
    if (code != CTL_OK) {
        reply_report_failure(&reply, options->value[OPTION_JSON] != NULL);
    }
    reply_free(&reply);
    return code;
}

int ask_method(const struct options *options, struct client *client, const char *method, const char *camera,
               long patience_ms, struct reply *reply) {
    *reply = (struct reply){0};
    if (!options_time(options, OPTION_TIMEOUT, "s", 1, &patience_ms)) {
        return CTL_USAGE;
    }
    cJSON *params = need_memory(cJSON_CreateObject());
    long for_ms = 0;
    if (!ask_add_milliseconds(params, options, OPTION_FOR, "s", 1, "for_ms", &for_ms)) {
        cJSON_Delete(params);
        return CTL_USAGE;
    }
    if (camera) {
        cJSON_AddStringToObject(params, "camera", camera);
    }
    char *text = params->child ? need_memory(cJSON_PrintUnformatted(params)) : NULL;
    cJSON_Delete(params);
    int code = client_request(client, method, text, patience_ms, reply);
    cJSON_free(text);
    if (code != CTL_OK) {
        reply_report_failure(reply, options->value[OPTION_JSON] != NULL);
    }
    return code;
}
