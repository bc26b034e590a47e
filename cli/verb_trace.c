/* SPDX-License-Identifier: MIT */
/* `trace`: a camera's wire into a file. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "interrupt.h"
#include "need.h"
#include "output_file.h"
#include "reasons.h"
#include "screen.h"
#include "value.h"
#include "verbs.h"

#define DURATION_MS 10000L

struct recording {
    struct client *client;
    bool cancelled;
};

/* The first Ctrl-C ends the recording, the second this program. */
static void end_when_interrupted(void *context, long waited_ms) {
    struct recording *recording = context;
    (void)waited_ms;
    if (interrupt_came() && !recording->cancelled) {
        recording->cancelled = true;
        client_cancel(recording->client);
    }
}

static void print_summary(FILE *out, const struct reply *reply, const char *file) {
    static const char *const members[] = {"duration_ms", "bytes_sent", "bytes_received", "ended"};
    char *values[4];
    for (size_t i = 0; i < 4; i++) {
        values[i] = value_member_to_line(reply->result, members[i]);
    }
    fprintf(out, "%s ms recorded into %s: %s bytes to the camera, %s from it; ended by: %s\n", values[0], file,
            values[1], values[2], values[3]);
    for (size_t i = 0; i < 4; i++) {
        free(values[i]);
    }
}

/* The result but for the capture, which is in the file. */
static void print_json(const struct reply *reply) {
    struct json_walk walk = json_walk_begin(reply->result);
    struct json_text name, value;
    const char *before = "{";
    while (json_walk_next(&walk, &name, &value)) {
        if (!json_text_is(name, "\"capture\"")) {
            fputs(before, stdout);
            screen_put_json(stdout, name.start, name.length);
            putchar(':');
            screen_put_json(stdout, value.start, value.length);
            before = ",";
        }
    }
    puts("}");
}

static char *build_params(const char *camera, long duration_ms, long max_bytes) {
    cJSON *params = need_memory(cJSON_CreateObject());
    if (camera) {
        cJSON_AddStringToObject(params, "camera", camera);
    }
    cJSON_AddNumberToObject(params, "duration_ms", (double)duration_ms);
    if (max_bytes) {
        cJSON_AddNumberToObject(params, "max_bytes", (double)max_bytes);
    }
    char *text = need_memory(cJSON_PrintUnformatted(params));
    cJSON_Delete(params);
    return text;
}

/* Writes the file and tells of it. */
static int report(const struct options *options, const struct reply *reply, const char *file) {
    struct json_text capture;
    size_t length = 0;
    if (!json_text_member(reply->result, "capture", &capture) || json_text_kind(capture) != JSON_STRING) {
        fputs("openmvctl: there is no capture in the daemon's answer\n", stderr);
        return CTL_FAILED;
    }
    char *text = need_memory(json_text_decode(capture, &length));
    bool written = output_file_write(file, text, length);
    free(text);
    if (!written) {
        return CTL_FAILED;
    }
    if (options->value[OPTION_JSON]) {
        print_json(reply);
    } else {
        bool to_stdout = strcmp(file, "-") == 0;
        print_summary(to_stdout ? stderr : stdout, reply, to_stdout ? "standard output" : file);
    }
    return CTL_OK;
}

int verb_run_trace(const struct options *options, struct client *client) {
    const char *last = options_operand(options, 1);
    const char *file = last ? last : options_operand(options, 0);
    const char *operand = last ? options_operand(options, 0) : NULL;
    const char *option = options->value[OPTION_CAMERA];
    long duration_ms = DURATION_MS, max_bytes = 0;
    if (operand && option && strcmp(operand, option) != 0) {
        return usage_error(options, "two cameras are named: '%s' and '%s'", option, operand);
    }
    if (strcmp(file, "-") == 0 && options->value[OPTION_JSON]) {
        return usage_error(options, "a capture and --json cannot share standard output");
    }
    if (!options_time(options, OPTION_FOR, "s", 1, &duration_ms) || !options_bytes(options, OPTION_MAX, &max_bytes)) {
        return CTL_USAGE;
    }
    long patience_ms = CLIENT_INSTANT_MS;
    if (!options_time(options, OPTION_TIMEOUT, "s", 1, &patience_ms)) {
        return CTL_USAGE;
    }
    struct reply reply;
    char *params = build_params(operand ? operand : option, duration_ms, max_bytes);
    struct recording recording = {client, false};
    interrupt_catch();
    client_set_tick(client, end_when_interrupted, &recording);
    int code = client_request(client, "trace", params, duration_ms + patience_ms, &reply);
    code = code == CTL_OK ? report(options, &reply, file)
                          : reply_report_failure(&reply, options->value[OPTION_JSON] != NULL);
    cJSON_free(params);
    reply_free(&reply);
    return code;
}
