/* SPDX-License-Identifier: MIT */
/* `call`: one question to a camera. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "ask.h"
#include "need.h"
#include "output_file.h"
#include "progress_bar.h"
#include "reasons.h"
#include "screen.h"
#include "value.h"
#include "verbs.h"

/* The reply form to ask for: --out alone wants bytes. False after telling what does not go together. */
static bool choose_form(const struct options *options, const char **form) {
    const char *given = options->value[OPTION_REPLY];
    const char *out = options->value[OPTION_OUT];
    bool json = options->value[OPTION_JSON] != NULL;
    *form = given ? given : out ? "raw" : NULL;
    bool raw = *form && strcmp(*form, "raw") == 0;
    if (*form && !raw && strcmp(*form, "base64") != 0 && strcmp(*form, "hex") != 0) {
        usage_error(options, "--reply is base64, hex or raw, not '%s'", given);
        return false;
    }
    if (json && (out ? strcmp(out, "-") == 0 : raw)) {
        usage_error(options, "bytes and --json cannot share standard output: name a file with --out");
        return false;
    }
    if (raw && !out && screen_is_terminal(stdout)) {
        usage_error(options, "raw bytes would upset the terminal: name a file with --out, or redirect");
        return false;
    }
    return true;
}

static bool write_value(const char *path, const struct reply *reply, struct json_text value) {
    if (reply->bytes) {
        return output_file_write(path, reply->bytes, reply->byte_count);
    }
    size_t length = 0;
    char *text = need_memory(json_text_decode(value, &length));
    bool written = output_file_write(path, text, length);
    free(text);
    return written;
}

/* On a terminal, a faint line tells where the answer came from. */
static void print_origin(struct json_text result) {
    struct json_text member;
    double elapsed = 0;
    double age = 0;
    if (!screen_is_terminal(stdout) || !json_text_member(result, "elapsed_ms", &member) ||
        !json_text_double(member, &elapsed)) {
        return;
    }
    char *camera = value_member_to_line(result, "camera");
    char *bytes = value_member_to_line(result, "bytes");
    screen_tone_begin(stdout, TONE_FAINT);
    printf("%s bytes from %s in %.4g ms", bytes, camera, elapsed);
    if (json_text_member(result, "age_ms", &member) && json_text_double(member, &age) && age > elapsed) {
        printf(", %.4g ms old", age);
    }
    screen_tone_end(stdout, TONE_FAINT);
    putchar('\n');
    free(camera);
    free(bytes);
}

static int print_answer(const struct options *options, const struct reply *reply) {
    const char *out = options->value[OPTION_OUT];
    struct json_text value = {0};
    json_text_member(reply->result, "value", &value);
    bool nothing = value.length == 0 || json_text_is(value, "null");
    bool to_file = (out || reply->bytes) && !nothing;
    if (to_file && !write_value(out ? out : "-", reply, value)) {
        return CTL_FAILED;
    }
    if (options->value[OPTION_JSON]) {
        reply_print_json(reply);
    } else if (nothing && (out || options->value[OPTION_REPLY])) {
        /* Standard output was promised to the bytes. */
        fputs("nothing seen\n", stderr);
    } else if (!to_file) {
        value_print_answer(stdout, value);
        print_origin(reply->result);
    }
    return CTL_OK;
}

int verb_run_call(const struct options *options, struct client *client) {
    const char *form = NULL;
    long patience_ms = 0;
    if (!choose_form(options, &form)) {
        return CTL_USAGE;
    }
    cJSON *params = ask_call_params(options, options_operand(options, 0), form, &patience_ms);
    if (!params || !arguments_add(params, options)) {
        cJSON_Delete(params);
        return CTL_USAGE;
    }
    struct reply reply;
    struct progress_bar bar;
    progress_bar_begin(&bar, options, client, NULL, NULL);
    if (bar.is_wanted) {
        cJSON_AddTrueToObject(params, "progress");
    }
    int code = ask_call(client, params, patience_ms, &reply);
    progress_bar_end(&bar);
    code = code == CTL_OK ? print_answer(options, &reply)
                          : reply_report_failure(&reply, options->value[OPTION_JSON] != NULL);
    cJSON_Delete(params);
    reply_free(&reply);
    return code;
}
