/* SPDX-License-Identifier: MIT */
/* From received bytes to messages: which question a line answers, and whether bytes follow it. Nothing is believed. */
#include <stdlib.h>
#include <string.h>

#include "connection.h"

static const char bad_reply[] = "bad_reply";
static const char no_memory[] = "out of memory";

static enum understood broken(struct openmvd *daemon, const char *reason, const char *sentence) {
    connection_end(daemon, reason, sentence);
    return UNDERSTOOD_BROKEN;
}

struct subscription *subscription_find(const struct openmvd *daemon, uint64_t number) {
    struct subscription *subscription;
    STAILQ_FOREACH(subscription, &daemon->subscriptions, entry) {
        if (subscription->number == number) {
            break;
        }
    }
    return subscription;
}

/* Removes the question under that number from the list, for the caller to free; NULL where there is none. */
static struct awaited *take_awaited(struct openmvd *daemon, uint64_t number) {
    struct awaited *awaited;
    STAILQ_FOREACH(awaited, &daemon->awaited, entry) {
        if (awaited->number == number) {
            STAILQ_REMOVE(&daemon->awaited, awaited, awaited, entry);
            daemon->awaited_count--;
            break;
        }
    }
    return awaited;
}

void subscription_end(struct openmvd *daemon, uint64_t number) {
    struct subscription *subscription = subscription_find(daemon, number);
    if (subscription) {
        STAILQ_REMOVE(&daemon->subscriptions, subscription, subscription, entry);
        daemon->subscription_count--;
        free(subscription);
    }
}

/* From now on, events may come under the number that the daemon has given. */
static bool begin_subscription(struct openmvd *daemon, struct json_text result, bool raw, uint64_t *given) {
    struct json_text member;
    size_t number = 0;
    if (!json_text_member(result, "subscription", &member) || !json_text_size(member, SIZE_MAX, &number) ||
        number == 0 || subscription_find(daemon, number) || daemon->subscription_count >= SUBSCRIPTION_MAX) {
        connection_end(daemon, bad_reply, "the daemon gave a subscription no number, or a wrong one");
        return false;
    }
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (!subscription) {
        connection_end(daemon, "connection_lost", no_memory);
        return false;
    }
    subscription->number = number;
    subscription->raw = raw;
    daemon->subscription_count++;
    STAILQ_INSERT_TAIL(&daemon->subscriptions, subscription, entry);
    *given = number;
    return true;
}

/* Where bytes follow the line that `message` was made of, it has to wait for them. */
static enum understood finish(struct openmvd *daemon, struct message *message, struct json_text container, bool raw,
                              struct message **finished) {
    struct json_text value;
    struct json_text count;
    if (!raw || !json_text_member(container, "value", &value) || !json_text_member(value, "raw", &count)) {
        *finished = message;
        return UNDERSTOOD_MESSAGE;
    }
    if (!json_text_size(count, INBOX_BYTES_MAX, &daemon->wanted)) {
        message_free(message);
        return broken(daemon, bad_reply, "the daemon announced more bytes than 16 MiB");
    }
    daemon->partial = message;
    return UNDERSTOOD_NOTHING;
}

/* An event whose subscription is unknown, since it has just been ended by the daemon, has no bytes to wait for. */
static enum understood understand_event(struct openmvd *daemon, struct json_text line, struct message **finished) {
    struct json_text params;
    if (!json_text_member(line, "params", &params) || json_text_kind(params) != JSON_OBJECT) {
        return broken(daemon, bad_reply, "the daemon sent a notification without params");
    }
    struct message *message = message_new_event(params);
    if (!message) {
        return broken(daemon, "connection_lost", no_memory);
    }
    const struct subscription *subscription = subscription_find(daemon, message->answer.subscription);
    return finish(daemon, message, params, subscription && subscription->raw, finished);
}

/* Whether an answer is awaited under that number, and somebody wants it. */
static bool is_awaited(const struct openmvd *daemon, uint64_t number) {
    const struct awaited *awaited;
    STAILQ_FOREACH(awaited, &daemon->awaited, entry) {
        if (awaited->number == number) {
            return !awaited->forgotten;
        }
    }
    return false;
}

/* What is told of an answer that nobody waits for, or makes no sense, is let by: the answer itself will come or not. */
static void understand_progress(const struct openmvd *daemon, struct json_text line) {
    static const char *const names[] = {"id", "bytes", "total"};
    size_t numbers[3];
    struct json_text params, member;
    if (daemon->progress == NULL || !json_text_member(line, "params", &params)) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!json_text_member(params, names[i], &member) || !json_text_size(member, SIZE_MAX, &numbers[i])) {
            return;
        }
    }
    if (is_awaited(daemon, numbers[0]) && numbers[1] <= numbers[2] && numbers[2] > 0) {
        daemon->progress(daemon->progress_context, numbers[0], numbers[1], numbers[2]);
    }
}

/* An error under the id null is about a line that the daemon could not read: the only one, where only one waits. */
static bool find_question(struct openmvd *daemon, struct json_text id, bool failed, struct awaited **question) {
    size_t number = 0;
    *question = NULL;
    if (failed && json_text_is(id, "null")) {
        const struct awaited *first = STAILQ_FIRST(&daemon->awaited);
        if (first && !STAILQ_NEXT(first, entry)) {
            *question = take_awaited(daemon, first->number);
        }
        return true;
    }
    *question = json_text_size(id, SIZE_MAX, &number) ? take_awaited(daemon, number) : NULL;
    return *question != NULL;
}

static enum understood understand_reply(struct openmvd *daemon, struct json_text line, struct message **finished) {
    struct json_text id = {0};
    struct json_text content;
    struct awaited *question;
    json_text_member(line, "id", &id);
    bool failed = json_text_member(line, "error", &content);
    bool is_reply = failed ? json_text_kind(content) == JSON_OBJECT : json_text_member(line, "result", &content);
    if (!is_reply || !find_question(daemon, id, failed, &question)) {
        return broken(daemon, bad_reply, "what answered is not a reply to any question");
    }
    const struct awaited asked = question ? *question : (struct awaited){0};
    free(question);

    uint64_t begun = 0;
    if (!failed && asked.subscribes && !begin_subscription(daemon, content, asked.raw, &begun)) {
        return UNDERSTOOD_BROKEN;
    }
    if (!failed && asked.ends) {
        subscription_end(daemon, asked.ends);
    }
    struct message *message = failed ? message_new_failure(content) : message_new_result(content);
    if (!message) {
        return broken(daemon, "connection_lost", no_memory);
    }
    message->answer.request = asked.number;
    message->answer.subscription = begun;
    message->unwanted = asked.forgotten;
    return finish(daemon, message, content, !failed && asked.raw && !asked.subscribes, finished);
}

static enum understood understand_line(struct openmvd *daemon, const char *characters, size_t length,
                                       struct message **finished) {
    struct json_text line;
    struct json_text method;
    if (length == 0 || (length == 1 && characters[0] == '\r')) {
        return UNDERSTOOD_NOTHING;
    }
    if (!json_text_check(characters, length, &line) || json_text_kind(line) != JSON_OBJECT) {
        return broken(daemon, bad_reply, "what answered is not JSON-RPC");
    }
    if (json_text_member(line, "method", &method)) {
        if (json_text_is(method, "\"event\"")) {
            return understand_event(daemon, line, finished);
        }
        if (json_text_is(method, "\"progress\"")) {
            understand_progress(daemon, line);
        }
        /* Notifications of other kinds may be added to the protocol. */
        return UNDERSTOOD_NOTHING;
    }
    return understand_reply(daemon, line, finished);
}

/* Gives the message that waits for its bytes what has come; false when that is not all. */
static bool complete_partial(struct openmvd *daemon, struct message **finished) {
    const char *bytes = inbox_take_bytes(&daemon->inbox, daemon->wanted);
    if (!bytes) {
        return false;
    }
    struct message *message = daemon->partial;
    daemon->partial = NULL;
    message->bytes = malloc(daemon->wanted + 1);
    if (!message->bytes) {
        message_free(message);
        connection_end(daemon, "connection_lost", no_memory);
        return true;
    }
    memcpy(message->bytes, bytes, daemon->wanted);
    message->bytes[daemon->wanted] = 0;
    message->size += daemon->wanted + 1;
    message->answer.bytes = message->bytes;
    message->answer.length = daemon->wanted;
    *finished = message;
    return true;
}

/* One line, or the bytes behind one. */
static enum understood understand_step(struct openmvd *daemon, bool *is_dry, struct message **finished) {
    if (daemon->partial) {
        *is_dry = !complete_partial(daemon, finished);
        return *finished ? UNDERSTOOD_MESSAGE : daemon->descriptor < 0 ? UNDERSTOOD_BROKEN : UNDERSTOOD_NOTHING;
    }
    size_t length = 0;
    const char *line = inbox_take_line(&daemon->inbox, &length);
    if (line && length <= INBOX_LINE_MAX) {
        return understand_line(daemon, line, length, finished);
    }
    *is_dry = true;
    if (line || inbox_is_overlong(&daemon->inbox)) {
        return broken(daemon, bad_reply, "the daemon sent a line longer than 16 MiB");
    }
    return UNDERSTOOD_NOTHING;
}

enum understood understand_next(struct openmvd *daemon, struct message **message) {
    bool is_dry = false;
    *message = NULL;
    while (!is_dry) {
        enum understood understood = understand_step(daemon, &is_dry, message);
        if (understood == UNDERSTOOD_MESSAGE && (*message)->unwanted) {
            message_free(*message);
            *message = NULL;
        } else if (understood != UNDERSTOOD_NOTHING) {
            return understood;
        }
    }
    return UNDERSTOOD_NOTHING;
}
