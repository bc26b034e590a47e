/* SPDX-License-Identifier: MIT */
/* Asking: sending a question, and waiting for its answer. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

/*
 * How long an answer is waited for. The daemon keeps the deadlines of calls and always answers; these bounds are for a
 * daemon that hangs.
 *
 * CALL:      the longest time that a configuration can give a callback.
 * GRACE:     added to a deadline that the daemon keeps, so that its own, better, error has time to arrive.
 * SUBSCRIBE: what the daemon answers without a camera, or when that has come to life.
 */
#define CALL_MS      3600000
#define GRACE_MS     2000
#define SUBSCRIBE_MS 30000

/* What the params say of the answer to come. */
static void look_ahead(struct awaited *awaited, const char *method, const char *text) {
    struct json_text params;
    struct json_text member;
    size_t number = 0;
    if (!text || !json_text_check(text, strlen(text), &params)) {
        return;
    }
    awaited->raw = json_text_member(params, "reply", &member) && json_text_is(member, "\"raw\"");
    awaited->subscribes = strcmp(method, "subscribe") == 0;
    if (strcmp(method, "unsubscribe") == 0 && json_text_member(params, "subscription", &member) &&
        json_text_size(member, SIZE_MAX, &number)) {
        awaited->ends = number;
    }
}

int64_t openmvd_send(struct openmvd *daemon, const char *method, const char *params) {
    if (daemon->descriptor < 0) {
        return -EPIPE;
    }
    if (daemon->awaited_count >= AWAITED_MAX) {
        return -EAGAIN;
    }
    size_t length = 0;
    uint64_t number = daemon->last_number + 1;
    char *line = request_line(number, method, params, &length);
    if (!line) {
        return -errno;
    }
    struct awaited *awaited = calloc(1, sizeof *awaited);
    if (!awaited) {
        free(line);
        return -ENOMEM;
    }
    awaited->number = number;
    look_ahead(awaited, method, params);
    int status = connection_send(daemon, line, length);
    if (status < 0) {
        free(awaited);
        return status;
    }
    daemon->last_number = number;
    daemon->awaited_count++;
    STAILQ_INSERT_TAIL(&daemon->awaited, awaited, entry);
    return (int64_t)number;
}

static int64_t send_question(struct openmvd *daemon, const struct openmvd_question *question, bool subscribes) {
    char *params = question_params(question, subscribes);
    int64_t number = params ? openmvd_send(daemon, subscribes ? "subscribe" : "call", params) : -errno;
    free(params);
    return number;
}

int64_t openmvd_send_call(struct openmvd *daemon, const struct openmvd_question *question) {
    return send_question(daemon, question, false);
}

int64_t openmvd_send_subscribe(struct openmvd *daemon, const struct openmvd_question *question) {
    return send_question(daemon, question, true);
}

/* The answer will come or not; nobody wants it any more. */
static void forget(struct openmvd *daemon, uint64_t number) {
    struct awaited *awaited;
    STAILQ_FOREACH(awaited, &daemon->awaited, entry) {
        if (awaited->number == number) {
            awaited->forgotten = true;
        }
    }
}

static void fail_ended(const struct openmvd *daemon, struct openmvd_answer *answer) {
    answer_fail(answer, daemon->end_reason, daemon->end_sentence, OPENMVD_EXECUTED_UNKNOWN);
}

/* Why nothing was sent. */
static void fail_unsent(const struct openmvd *daemon, int64_t status, struct openmvd_answer *answer) {
    if (status == -EPIPE) {
        answer_fail(answer, daemon->end_reason, daemon->end_sentence, OPENMVD_EXECUTED_NO);
        answer->retryable = false;
    } else if (status == -EINVAL) {
        answer_fail(answer, "invalid_params", "params or args are no JSON, or nothing is asked for",
                    OPENMVD_EXECUTED_NO);
        answer->retryable = false;
    } else if (status == -EAGAIN || status == -ENOBUFS) {
        answer_fail(answer, "queue_full", "too much waits to be sent or answered", OPENMVD_EXECUTED_NO);
    } else {
        answer_fail(answer, "internal", "out of memory", OPENMVD_EXECUTED_NO);
    }
}

/* Waits for the answer to what was sent under that number, or was not sent where it is a negative errno. */
static bool wait_for(struct openmvd *daemon, int64_t number, int64_t timeout_ms, struct openmvd_answer *answer) {
    int64_t deadline = deadline_in(timeout_ms);
    struct message *message = NULL;
    int got = 0;
    if (number < 0) {
        fail_unsent(daemon, number, answer);
        return false;
    }
    while ((got = connection_next(daemon, deadline, &message)) > 0) {
        bool about_nobody = message->answer.reason && message->answer.request == 0 && message->answer.subscription == 0;
        if (message->answer.request == (uint64_t)number || about_nobody) {
            connection_show(daemon, message, answer);
            return answer->reason == NULL;
        }
        if (!connection_keep(daemon, message)) {
            break;
        }
    }
    if (daemon->descriptor < 0) {
        fail_ended(daemon, answer);
    } else {
        forget(daemon, (uint64_t)number);
        answer_fail(answer, "no_answer", "the daemon did not answer in time", OPENMVD_EXECUTED_UNKNOWN);
    }
    return false;
}

bool openmvd_request(struct openmvd *daemon, const char *method, const char *params, int timeout_ms,
                     struct openmvd_answer *answer) {
    return wait_for(daemon, openmvd_send(daemon, method, params), timeout_ms, answer);
}

bool openmvd_call(struct openmvd *daemon, const struct openmvd_question *question, struct openmvd_answer *answer) {
    int64_t patience_ms = (question->timeout_ms > 0 ? (int64_t)question->timeout_ms : CALL_MS) + GRACE_MS;
    return wait_for(daemon, openmvd_send_call(daemon, question), patience_ms, answer);
}

bool openmvd_subscribe(struct openmvd *daemon, const struct openmvd_question *question, struct openmvd_answer *answer) {
    return wait_for(daemon, openmvd_send_subscribe(daemon, question), SUBSCRIBE_MS, answer);
}

bool openmvd_unsubscribe(struct openmvd *daemon, uint64_t subscription, struct openmvd_answer *answer) {
    char params[64];
    snprintf(params, sizeof params, "{\"subscription\":%" PRIu64 "}", subscription);
    return openmvd_request(daemon, "unsubscribe", params, SUBSCRIBE_MS, answer);
}

int openmvd_receive(struct openmvd *daemon, int timeout_ms, struct openmvd_answer *answer) {
    struct message *message = connection_take_kept(daemon);
    int got = message ? 1 : connection_next(daemon, deadline_in(timeout_ms), &message);
    if (got > 0) {
        connection_show(daemon, message, answer);
    } else if (got < 0) {
        fail_ended(daemon, answer);
    } else {
        *answer = (struct openmvd_answer){0};
    }
    return got;
}
