/* SPDX-License-Identifier: MIT */
/* The connection, kept by libopenmvd, as a program with one question at a time and something to show meanwhile needs it. */
#include "client.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "locate.h"
#include "need.h"
#include "openmvd.h"
#include "reasons.h"
#include "repeat.h"

#define TICK_MS 100

struct client {
    const char *socket_path;
    struct openmvd *daemon; /* NULL while there is no connection */
    int64_t asked;          /* the number of the request under way */
    client_tick *tick;
    void *tick_context;
    client_progress *progress;
    void *progress_context;
};

struct client *client_new(const char *socket_path) {
    struct client *client = need_memory(calloc(1, sizeof *client));
    client->socket_path = socket_path;
    return client;
}

static void disconnect(struct client *client) {
    openmvd_close(client->daemon);
    client->daemon = NULL;
}

void client_free(struct client *client) {
    if (!client) {
        return;
    }
    disconnect(client);
    free(client);
}

bool client_peer(const struct client *client, struct ucred *peer) {
    socklen_t size = sizeof *peer;
    return client->daemon &&
           getsockopt(openmvd_descriptor(client->daemon), SOL_SOCKET, SO_PEERCRED, peer, &size) == 0 && peer->pid > 0;
}

void client_set_tick(struct client *client, client_tick *tick, void *context) {
    client->tick = tick;
    client->tick_context = context;
}

void client_set_progress(struct client *client, client_progress *progress, void *context) {
    client->progress = progress;
    client->progress_context = context;
}

static void on_progress(void *context, uint64_t request, size_t bytes, size_t total) {
    const struct client *client = context;
    if (client->progress && request == (uint64_t)client->asked) {
        client->progress(client->progress_context, bytes, total);
    }
}

void client_cancel(struct client *client) {
    char params[48];
    snprintf(params, sizeof params, "{\"id\":%jd}", (intmax_t)client->asked);
    openmvd_send(client->daemon, "cancel", params);
}

/*
 * Waits for the answer. Returns 1 with it; 0 when the deadline has passed; -1 when the connection has ended, with the
 * failure in `answer`.
 */
static int await_answer(struct client *client, int64_t started, int64_t deadline, struct openmvd_answer *answer) {
    for (int64_t now = clock_now_ms(); now < deadline; now = clock_now_ms()) {
        int64_t left = deadline - now;
        int pause = left > TICK_MS && client->tick ? TICK_MS : left > 60000 ? 60000 : (int)left;
        int got = openmvd_receive(client->daemon, pause, answer);
        bool about_nobody = got > 0 && answer->reason && !answer->request && !answer->subscription;
        if (got < 0 || about_nobody || (got > 0 && answer->request == (uint64_t)client->asked)) {
            return got;
        }
        if (client->tick) {
            client->tick(client->tick_context, (long)(clock_now_ms() - started));
        }
    }
    return 0;
}

static void *copy_bytes(const void *bytes, size_t length) {
    return memcpy(need_memory(malloc(length + 1)), bytes, length + 1);
}

/* What the library has given is its own; a reply is the verb's. */
static void fill_reply(struct reply *reply, const struct openmvd_answer *answer) {
    bool failed = answer->reason && !answer->subscription;
    const char *text = failed ? answer->error : answer->result;
    if (!text) {
        reply_fail(reply, answer->reason, answer->executed == OPENMVD_EXECUTED_NO ? "no" : "unknown", NULL, "%s",
                   answer->message);
        return;
    }
    *reply = (struct reply){.line = copy_bytes(text, strlen(text))};
    struct json_text view = {reply->line, strlen(reply->line)};
    if (failed) {
        reply->error = view;
    } else {
        reply->result = view;
    }
    if (answer->bytes) {
        reply->bytes = copy_bytes(answer->bytes, answer->length);
        reply->byte_count = answer->length;
    }
}

int client_request(struct client *client, const char *method, const char *params, long patience_ms,
                   struct reply *reply) {
    int64_t started = clock_now_ms();
    *reply = (struct reply){0};
    if (!client->daemon) {
        int descriptor = locate_connect(client->socket_path, patience_ms, reply);
        if (descriptor < 0) {
            return reply_exit_code(reply);
        }
        client->daemon = need_memory(openmvd_adopt(descriptor));
        openmvd_on_progress(client->daemon, on_progress, client);
    }
    struct openmvd_answer answer = {0};
    client->asked = openmvd_send(client->daemon, method, params);
    int got = client->asked > 0 ? await_answer(client, started, started + patience_ms, &answer) : -1;
    if (client->asked < 0) {
        reply_fail(reply, "too_large", "no", NULL, "\"%s\" cannot be sent: %s", method, strerror((int)-client->asked));
    } else if (got == 0) {
        reply_fail(reply, "no_answer", "unknown", NULL, "the daemon did not answer \"%s\" within %.3g s", method,
                   (double)(clock_now_ms() - started) / 1000);
    } else {
        fill_reply(reply, &answer);
    }
    if (got <= 0 || answer.request != (uint64_t)client->asked) {
        disconnect(client);
    }
    return reply_exit_code(reply);
}

int client_next_event(struct client *client, long patience_ms, struct reply *event) {
    struct openmvd_answer answer = {0};
    int got = openmvd_receive(client->daemon, (int)patience_ms, &answer);
    bool is_over = got < 0 || (got > 0 && answer.reason && !answer.request && !answer.subscription);
    *event = (struct reply){0};
    if (is_over || (got > 0 && answer.subscription)) {
        fill_reply(event, &answer);
    }
    if (is_over) {
        disconnect(client);
    }
    return reply_exit_code(event);
}
