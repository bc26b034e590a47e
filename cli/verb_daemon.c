/* SPDX-License-Identifier: MIT */
/* Verbs about the daemon itself: `ping`, `version`, and `request` for whatever else it knows. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "output_file.h"
#include "reasons.h"
#include "screen.h"
#include "value.h"
#include "verbs.h"

#define WATCH_MS     1000

#define CLEAR_SCREEN "\033[H\033[J"

int verb_run_ping(const struct options *options, struct client *client) {
    struct reply reply;
    int code = ask_method(options, client, "ping", NULL, CLIENT_INSTANT_MS, &reply);
    if (code == CTL_OK && options->value[OPTION_JSON]) {
        reply_print_json(&reply);
    } else if (code == CTL_OK) {
        value_print(stdout, reply.result);
    }
    reply_free(&reply);
    return code;
}

int verb_run_version(const struct options *options, struct client *client) {
    struct reply reply;
    int code = ask_method(options, client, "version", NULL, CLIENT_INSTANT_MS, &reply);
    if (code == CTL_OK && options->value[OPTION_JSON]) {
        reply_print_json(&reply);
    } else if (code == CTL_OK) {
        char *version = value_member_to_line(reply.result, "openmvd");
        char *api = value_member_to_line(reply.result, "api");
        printf("openmvd %s, api %s (openmvctl %s)\n", version, api, OPENMVD_VERSION);
        free(version);
        free(api);
    }
    reply_free(&reply);
    return code;
}

static bool asks_for_bytes(struct json_text params) {
    struct json_text form;
    return json_text_member(params, "reply", &form) && json_text_is(form, "\"raw\"");
}

int verb_run_request(const struct options *options, struct client *client) {
    const char *text = options_operand(options, 1);
    const char *out = options->value[OPTION_OUT];
    struct json_text params = {0};
    long patience_ms = CLIENT_CALL_MS;
    if (text && !json_text_check(text, strlen(text), &params)) {
        return usage_error(options, "PARAMS-JSON is not JSON: %s", text);
    }
    bool raw = asks_for_bytes(params);
    if (raw && !out && (options->value[OPTION_JSON] || screen_is_terminal(stdout))) {
        return usage_error(options, "a raw reply needs a place for its bytes: --out FILE");
    }
    if (!options_time(options, OPTION_TIMEOUT, "s", 1, &patience_ms)) {
        return CTL_USAGE;
    }
    struct reply reply;
    int code = client_request(client, options_operand(options, 0), text, patience_ms, &reply);
    if (code != CTL_OK) {
        reply_report_failure(&reply, options->value[OPTION_JSON] != NULL);
    } else {
        reply_print_json(&reply);
        if (reply.bytes && !output_file_write(out ? out : "-", reply.bytes, reply.byte_count)) {
            code = CTL_FAILED;
        }
    }
    reply_free(&reply);
    return code;
}
