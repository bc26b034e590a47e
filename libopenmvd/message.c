/* SPDX-License-Identifier: MIT */
/* Answers and the memory they point to. */
#include <stdlib.h>
#include <string.h>

#include "connection.h"

/* XML-RPC's "specification for fault code interoperability" reserves this number for failures of the transport. */
#define TRANSPORT_ERROR_CODE (-32300)

static char *copy_text(struct message *message, struct json_text text) {
    char *copy = malloc(text.length + 1);
    if (copy) {
        memcpy(copy, text.start, text.length);
        copy[text.length] = 0;
        message->size += text.length + 1;
    }
    return copy;
}

static struct message *new_message(void) {
    struct message *message = calloc(1, sizeof *message);
    if (message) {
        message->size = sizeof *message;
    }
    return message;
}

/* False when there is no memory. */
static bool copy_value(struct message *message, struct json_text container) {
    struct json_text value;
    if (json_text_member(container, "value", &value)) {
        message->value = copy_text(message, value);
        message->answer.value = message->value;
        return message->value != NULL;
    }
    return true;
}

struct message *message_new_result(struct json_text result) {
    struct message *message = new_message();
    if (!message) {
        return NULL;
    }
    message->result = copy_text(message, result);
    message->answer.result = message->result;
    if (!message->result || !copy_value(message, result)) {
        message_free(message);
        return NULL;
    }
    return message;
}

static char *decode_member(struct message *message, struct json_text object, const char *name, const char *missing) {
    struct json_text member;
    if (!json_text_member(object, name, &member) || json_text_kind(member) != JSON_STRING) {
        member = (struct json_text){missing, strlen(missing)};
    }
    message->size += member.length + 1;
    return json_text_decode(member, NULL);
}

static enum openmvd_executed executed_member(struct json_text data) {
    struct json_text member;
    if (json_text_member(data, "executed", &member)) {
        return json_text_is(member, "\"no\"")    ? OPENMVD_EXECUTED_NO
               : json_text_is(member, "\"yes\"") ? OPENMVD_EXECUTED_YES
                                                 : OPENMVD_EXECUTED_UNKNOWN;
    }
    return OPENMVD_EXECUTED_UNKNOWN;
}

/* 0 where there is none, which no subscription is called, and no count needs. */
static uint64_t number_member(struct json_text object, const char *name) {
    struct json_text member;
    size_t number = 0;
    return json_text_member(object, name, &member) && json_text_size(member, SIZE_MAX, &number) ? number : 0;
}

/* False when there is no memory. */
static bool add_failure(struct message *message, struct json_text error) {
    struct json_text member;
    struct json_text data = {0};
    double code = 0;
    json_text_member(error, "data", &data);
    message->error = copy_text(message, error);
    message->reason = decode_member(message, data, "reason", "\"unknown\"");
    message->sentence = decode_member(message, error, "message", "\"the daemon gave an error without a message\"");
    bool has_code = json_text_member(error, "code", &member) && json_text_double(member, &code);
    struct openmvd_answer *answer = &message->answer;
    answer->error = message->error;
    answer->reason = message->reason;
    answer->message = message->sentence;
    answer->code = has_code && code > -1e9 && code < 1e9 ? (int)code : 0;
    answer->retryable = json_text_member(data, "retryable", &member) && json_text_is(member, "true");
    answer->executed = executed_member(data);
    return message->error && message->reason && message->sentence;
}

struct message *message_new_failure(struct json_text error) {
    struct message *message = new_message();
    if (message && !add_failure(message, error)) {
        message_free(message);
        return NULL;
    }
    return message;
}

struct message *message_new_event(struct json_text params) {
    struct json_text error, ended;
    bool failed = json_text_member(params, "error", &error) && json_text_kind(error) == JSON_OBJECT;
    struct message *message = message_new_result(params);
    if (message && failed && !add_failure(message, error)) {
        message_free(message);
        return NULL;
    }
    if (message) {
        message->answer.subscription = number_member(params, "subscription");
        message->answer.sequence = number_member(params, "seq");
        message->answer.dropped = number_member(params, "dropped");
        message->answer.ended = json_text_member(params, "ended", &ended) && json_text_is(ended, "true");
    }
    return message;
}

void message_free(struct message *message) {
    if (!message) {
        return;
    }
    free(message->result);
    free(message->error);
    free(message->value);
    free(message->reason);
    free(message->sentence);
    free(message->bytes);
    free(message);
}

void answer_fail(struct openmvd_answer *answer, const char *reason, const char *sentence,
                 enum openmvd_executed executed) {
    *answer = (struct openmvd_answer){
        .reason = reason,
        .message = sentence,
        .code = TRANSPORT_ERROR_CODE,
        .retryable = executed == OPENMVD_EXECUTED_NO,
        .executed = executed,
    };
}
