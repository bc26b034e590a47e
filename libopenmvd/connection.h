/* SPDX-License-Identifier: MIT */
#ifndef LIBOPENMVD_CONNECTION_H
#define LIBOPENMVD_CONNECTION_H

/* What the parts of the library share: a connection, what it waits for, and the messages it has made of what came. */

#include <stdint.h>
#include <sys/queue.h>

#include "inbox.h"
#include "json_text.h"
#include "openmvd.h"

/*
 * AWAITED:      questions without an answer yet; as many as the daemon lets a client have in its queues.
 * SUBSCRIPTION: at once.
 * OUT:          bytes that the socket has not taken.
 * KEPT:         bytes of messages that came while something else was waited for.
 */
#define AWAITED_MAX      1024
#define SUBSCRIPTION_MAX 1024
#define OUT_MAX          ((size_t)16 << 20)
#define KEPT_MAX         ((size_t)16 << 20)

/* A question whose answer is to come. */
struct awaited {
    STAILQ_ENTRY(awaited) entry;
    uint64_t number;
    bool raw;        /* the answer, or the events, have bytes behind their lines */
    bool subscribes; /* the answer names a subscription */
    bool forgotten;  /* nobody waits any longer */
    uint64_t ends;   /* the subscription that it ends, or 0 */
};

struct subscription {
    STAILQ_ENTRY(subscription) entry;
    uint64_t number;
    bool raw;
    uint64_t dropped; /* events that did not fit among the kept */
};

/* An answer with the memory it points to. */
struct message {
    STAILQ_ENTRY(message) entry;
    struct openmvd_answer answer;
    size_t size;   /* of all that it holds */
    bool unwanted; /* the answer to a question that was given up */
    char *result;
    char *error;
    char *value;
    char *reason;
    char *sentence;
    char *bytes;
};

STAILQ_HEAD(awaited_list, awaited);
STAILQ_HEAD(subscription_list, subscription);
STAILQ_HEAD(message_list, message);

struct openmvd {
    int descriptor; /* -1 when the connection has ended */
    uint64_t last_number;
    struct awaited_list awaited;
    size_t awaited_count;
    struct subscription_list subscriptions;
    size_t subscription_count;
    struct inbox inbox;
    /* A message whose line has come, and whose `wanted` raw bytes have not. */
    struct message *partial;
    size_t wanted;
    char *out;
    size_t out_length;
    struct message_list kept;
    size_t kept_size;
    struct message *shown; /* what the user's answer points to */
    openmvd_progress *progress;
    void *progress_context;
    /* Why the connection has ended; static text. */
    const char *end_reason;
    const char *end_sentence;
};

/* Messages of checked JSON; NULL when there is no memory. */
struct message *message_new_result(struct json_text result);
struct message *message_new_failure(struct json_text error);
struct message *message_new_event(struct json_text params);
void message_free(struct message *message);

/* Makes an answer of a failure on this side. All texts are static. */
void answer_fail(struct openmvd_answer *answer, const char *reason, const char *sentence,
                 enum openmvd_executed executed);

enum understood {
    UNDERSTOOD_NOTHING, /* more has to come */
    UNDERSTOOD_MESSAGE,
    UNDERSTOOD_BROKEN, /* the connection has been ended */
};

/* Makes the next message of what has been received. The caller frees it. */
enum understood understand_next(struct openmvd *daemon, struct message **message);

struct subscription *subscription_find(const struct openmvd *daemon, uint64_t number);

/* Forgets it, if it is there. */
void subscription_end(struct openmvd *daemon, uint64_t number);

/* Ends the connection for a reason; what was kept stays. The first reason counts. */
void connection_end(struct openmvd *daemon, const char *reason, const char *sentence);

/* A time in the future in milliseconds of the monotonic clock; never, where `timeout_ms` is negative. */
#define NEVER INT64_MAX
int64_t deadline_in(int64_t timeout_ms);

/*
 * Sends and receives until there is a message, or the deadline has passed. Returns 1, 0, or -1 where the connection has
 * ended. What is there already is always taken.
 */
int connection_next(struct openmvd *daemon, int64_t deadline, struct message **message);

/* Queues a line, which it takes over, and sends what the socket takes. Returns 0 or a negative errno. */
int connection_send(struct openmvd *daemon, char *line, size_t length);

/* Hands a message to the user, in place of the one before. */
void connection_show(struct openmvd *daemon, struct message *message, struct openmvd_answer *answer);

/* Puts a message aside for openmvd_receive(). False when the connection had to be ended. */
bool connection_keep(struct openmvd *daemon, struct message *message);
struct message *connection_take_kept(struct openmvd *daemon);

/* The params of a question as text to free; NULL with errno EINVAL or ENOMEM. */
char *question_params(const struct openmvd_question *question, bool subscribes);

/* A whole request as text to free, with its line end; NULL with errno. */
char *request_line(uint64_t number, const char *method, const char *params, size_t *length);

#endif
