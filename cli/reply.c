/* SPDX-License-Identifier: MIT */
/* Replies: their making on this side, their exit codes, and how failures are told. */
#include "reply.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "need.h"
#include "reasons.h"
#include "screen.h"

/* XML-RPC's "specification for fault code interoperability" reserves this number for failures of the transport. */
#define TRANSPORT_ERROR_CODE (-32300)

void reply_free(struct reply *reply) {
    free(reply->line);
    free(reply->bytes);
    *reply = (struct reply){0};
}

void reply_fail(struct reply *reply, const char *reason, const char *executed, const char *hint, const char *format,
                ...) {
    char *message = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&message, format, arguments);
    va_end(arguments);
    need_memory(length < 0 ? NULL : message);

    cJSON *error = need_memory(cJSON_CreateObject());
    cJSON_AddNumberToObject(error, "code", TRANSPORT_ERROR_CODE);
    cJSON_AddStringToObject(error, "message", message);
    cJSON *data = need_memory(cJSON_AddObjectToObject(error, "data"));
    cJSON_AddStringToObject(data, "reason", reason);
    cJSON_AddBoolToObject(data, "retryable", strcmp(executed, "no") == 0);
    cJSON_AddStringToObject(data, "executed", executed);
    if (hint) {
        cJSON_AddStringToObject(data, "hint", hint);
    }
    reply_free(reply);
    reply->line = need_memory(cJSON_PrintUnformatted(error));
    reply->error = (struct json_text){reply->line, strlen(reply->line)};
    cJSON_Delete(error);
    free(message);
}

/* A member of the error's "data" as a string to free, or NULL where there is none. */
static char *error_detail(const struct reply *reply, const char *name) {
    struct json_text data;
    struct json_text detail;
    bool found = json_text_member(reply->error, "data", &data) && json_text_member(data, name, &detail);
    return found && json_text_kind(detail) == JSON_STRING ? need_memory(json_text_decode(detail, NULL)) : NULL;
}

static bool has_detail(const struct reply *reply, const char *name, const char *value) {
    char *given = error_detail(reply, name);
    bool same = given && strcmp(given, value) == 0;
    free(given);
    return same;
}

bool reply_has_reason(const struct reply *reply, const char *reason) {
    return has_detail(reply, "reason", reason);
}

bool reply_has_cause(const struct reply *reply, const char *cause) {
    return has_detail(reply, "cause", cause);
}

static const struct reason_row *error_reason(const struct reply *reply) {
    char *reason = error_detail(reply, "reason");
    const struct reason_row *row = reason_find(reason ? reason : "");
    free(reason);
    return row;
}

int reply_exit_code(const struct reply *reply) {
    return reply->error.length ? (int)error_reason(reply)->code : CTL_OK;
}

static void put_json_line(struct json_text value) {
    screen_put_json(stdout, value.start, value.length);
    fputc('\n', stdout);
}

void reply_put_message(FILE *out, struct json_text error) {
    struct json_text message;
    if (!json_text_member(error, "message", &message)) {
        fputs("the daemon gave an error without a message", out);
        return;
    }
    size_t length = 0;
    char *text = need_memory(json_text_decode(message, &length));
    screen_put(out, text, length);
    free(text);
}

int reply_report_failure(const struct reply *reply, bool json) {
    if (json) {
        put_json_line(reply->error);
        return reply_exit_code(reply);
    }
    char *own_hint = error_detail(reply, "hint");
    const char *hint = own_hint ? own_hint : error_reason(reply)->hint;

    fputs("openmvctl: ", stderr);
    screen_tone_begin(stderr, TONE_BAD);
    reply_put_message(stderr, reply->error);
    screen_tone_end(stderr, TONE_BAD);
    fputc('\n', stderr);
    while (hint && *hint) {
        size_t line = strcspn(hint, "\n");
        fputs("  ", stderr);
        screen_put(stderr, hint, line);
        fputc('\n', stderr);
        hint += line + (hint[line] == '\n');
    }
    free(own_hint);
    return reply_exit_code(reply);
}

void reply_print_json(const struct reply *reply) {
    put_json_line(reply->result);
}

bool reply_has_ended(const struct reply *event) {
    struct json_text ended;
    return json_text_member(event->result, "ended", &ended) && json_text_is(ended, "true");
}
