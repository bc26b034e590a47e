/* SPDX-License-Identifier: MIT */
/* The connection: sending a line, receiving lines and raw bytes with bounds and deadlines, telling replies and events. */
#include "client.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inbox.h"
#include "locate.h"
#include "need.h"
#include "reasons.h"
#include "repeat.h"

/* The daemon's longest line is about 1.4 MB with its default limits; these leave room for raised ones. */
#define LINE_LIMIT  ((size_t)16 << 20)
#define BYTES_LIMIT ((size_t)16 << 20)
#define TICK_MS     100

struct client {
    const char *socket_path;
    int descriptor; /* -1 while there is no connection */
    unsigned next_id;
    client_tick *tick;
    void *tick_context;
    struct inbox inbox;
    /* An event whose line was taken while its raw bytes were not all there yet, and how many those are. */
    struct reply event;
    size_t event_bytes;
};

/* One exchange under way. */
struct exchange {
    struct client *client;
    struct reply *reply;
    const char *method;
    int64_t started;
    int64_t deadline;
    bool complete; /* our answer was read to its end, so the next one begins where this stopped */
};

struct client *client_new(const char *socket_path) {
    struct client *client = need_memory(calloc(1, sizeof *client));
    client->socket_path = socket_path;
    client->descriptor = -1;
    return client;
}

static void disconnect(struct client *client) {
    if (client->descriptor >= 0) {
        close(client->descriptor);
    }
    client->descriptor = -1;
    inbox_clear(&client->inbox);
    reply_free(&client->event);
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
    return client->descriptor >= 0 && getsockopt(client->descriptor, SOL_SOCKET, SO_PEERCRED, peer, &size) == 0 &&
           peer->pid > 0;
}

void client_set_tick(struct client *client, client_tick *tick, void *context) {
    client->tick = tick;
    client->tick_context = context;
}

/* Waits until the socket is ready for `events`; false when the exchange's deadline passes. */
static bool is_ready(const struct exchange *exchange, short events) {
    struct client *client = exchange->client;
    for (int64_t now = clock_now_ms(); now < exchange->deadline; now = clock_now_ms()) {
        int64_t left = exchange->deadline - now;
        int pause = left > TICK_MS && client->tick ? TICK_MS : left > 60000 ? 60000 : (int)left;
        struct pollfd waited = {.fd = client->descriptor, .events = events};
        if (poll(&waited, 1, pause) > 0) {
            return true;
        }
        if (client->tick) {
            client->tick(client->tick_context, (long)(clock_now_ms() - exchange->started));
        }
    }
    return false;
}

/* The same, with the reply made a failure when the deadline passes. */
static bool wait_ready(struct exchange *exchange, short events) {
    bool ready = is_ready(exchange, events);
    if (!ready) {
        reply_fail(exchange->reply, "no_answer", "unknown", NULL, "the daemon did not answer \"%s\" within %.3g s",
                   exchange->method, (double)(clock_now_ms() - exchange->started) / 1000);
    }
    return ready;
}

/* A connection that breaks under it is no failure yet: a daemon with too many clients closes at once, having said why.
 */
static void send_all(struct exchange *exchange, const char *bytes, size_t length) {
    while (length > 0 && wait_ready(exchange, POLLOUT)) {
        ssize_t sent = send(exchange->client->descriptor, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return;
        }
        bytes += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
    }
}

/* Receives what there is, at least one byte, as long as no more than `limit` are there. */
static bool receive_some(struct exchange *exchange, size_t limit) {
    struct client *client = exchange->client;
    while (wait_ready(exchange, POLLIN)) {
        enum inbox_outcome outcome = inbox_fill(&client->inbox, client->descriptor, limit);
        if (outcome == INBOX_CLOSED) {
            reply_fail(exchange->reply, "connection_lost", "unknown", NULL,
                       "the daemon closed the connection before its answer to \"%s\" was complete", exchange->method);
            return false;
        }
        if (outcome == INBOX_FILLED) {
            return true;
        }
    }
    return false;
}

static bool fail_too_long(struct exchange *exchange) {
    reply_fail(exchange->reply, "bad_reply", "unknown", NULL, "the daemon's answer to \"%s\" is longer than %zu MiB",
               exchange->method, LINE_LIMIT >> 20);
    return false;
}

static char *receive_line(struct exchange *exchange, size_t *length) {
    struct inbox *inbox = &exchange->client->inbox;
    while (!inbox_has_line(inbox, length)) {
        if (inbox->length >= LINE_LIMIT ? !fail_too_long(exchange) : !receive_some(exchange, LINE_LIMIT)) {
            return NULL;
        }
    }
    return inbox_take(inbox, *length, 1);
}

/* Whether a raw answer announces bytes behind its line. */
static bool announces_bytes(const struct reply *reply, struct json_text *count) {
    struct json_text value;
    return json_text_member(reply->result, "value", &value) && json_text_member(value, "raw", count);
}

/* How many they are. False, with the reply made a failure, where they are more than there is room for. */
static bool read_byte_count(struct reply *reply, struct json_text text, size_t *count) {
    bool good = json_text_size(text, BYTES_LIMIT, count);
    if (!good) {
        reply_fail(reply, "bad_reply", "unknown", NULL, "the daemon announced more bytes than %zu MiB",
                   BYTES_LIMIT >> 20);
    }
    return good;
}

static void take_bytes(struct client *client, struct reply *reply, size_t count) {
    reply->bytes = inbox_take(&client->inbox, count, 0);
    reply->byte_count = count;
}

/* Where a raw reply announces bytes, receives them behind its line. */
static bool receive_bytes(struct exchange *exchange) {
    struct client *client = exchange->client;
    struct json_text text;
    size_t count = 0;
    if (!announces_bytes(exchange->reply, &text)) {
        return true;
    }
    if (!read_byte_count(exchange->reply, text, &count)) {
        return false;
    }
    while (client->inbox.length < count) {
        if (!receive_some(exchange, count)) {
            return false;
        }
    }
    take_bytes(client, exchange->reply, count);
    return true;
}

/*
 * Takes a line apart. False when it is nothing to wait for any longer, with the reply filled in; true when it was not
 * ours and the next line is awaited: an event, or a line without any meaning in it.
 */
static bool is_other_line(struct exchange *exchange, char *line, size_t length, const char *id) {
    struct json_text message;
    struct json_text member;
    struct reply *reply = exchange->reply;
    if (length == 0 || (length == 1 && line[0] == '\r')) {
        free(line);
        return true;
    }
    if (!json_text_check(line, length, &message) || json_text_kind(message) != JSON_OBJECT) {
        reply_fail(reply, "bad_reply", "unknown", NULL, "what answered is not JSON-RPC");
        free(line);
        return false;
    }
    if (json_text_member(message, "method", &member)) {
        free(line);
        return true;
    }
    /* An error with the id null answers a request that the daemon could not read: ours, since there is no other. */
    bool has_id = json_text_member(message, "id", &member);
    bool ours = has_id && json_text_is(member, id);
    bool unread = has_id && json_text_is(member, "null");
    if (ours && json_text_member(message, "result", &member)) {
        *reply = (struct reply){.line = line, .result = member};
        exchange->complete = true;
    } else if ((ours || unread) && json_text_member(message, "error", &member) &&
               json_text_kind(member) == JSON_OBJECT) {
        *reply = (struct reply){.line = line, .error = member};
        exchange->complete = ours;
    } else {
        reply_fail(reply, "bad_reply", "unknown", NULL, "what answered is not a reply to \"%s\"", exchange->method);
        free(line);
    }
    return false;
}

static void receive_reply(struct exchange *exchange, const char *id, bool raw) {
    size_t length = 0;
    char *line = receive_line(exchange, &length);
    while (line && is_other_line(exchange, line, length, id)) {
        line = receive_line(exchange, &length);
    }
    if (exchange->reply->result.length && raw) {
        exchange->complete = receive_bytes(exchange);
    }
}

/* One line for the wire. Checked JSON has line ends only between its tokens, where a space means the same. */
static char *build_line(const char *id, const char *method, const char *params) {
    cJSON *request = need_memory(cJSON_CreateObject());
    cJSON_AddStringToObject(request, "jsonrpc", "2.0");
    cJSON_AddRawToObject(request, "id", id);
    cJSON_AddStringToObject(request, "method", method);
    if (params) {
        cJSON_AddRawToObject(request, "params", params);
    }
    char *text = need_memory(cJSON_PrintUnformatted(request));
    cJSON_Delete(request);
    for (char *at = text; *at; at++) {
        if (*at == '\n' || *at == '\r') {
            *at = ' ';
        }
    }
    char *line = NULL;
    need_memory(asprintf(&line, "%s\n", text) < 0 ? NULL : line);
    cJSON_free(text);
    return line;
}

void client_cancel(struct client *client) {
    char line[96];
    int length = snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":%u}}\n",
                          client->next_id);
    (void)!send(client->descriptor, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int client_request(struct client *client, const char *method, const char *params, bool raw, long patience_ms,
                   struct reply *reply) {
    int64_t started = clock_now_ms();
    struct exchange exchange = {client, reply, method, started, started + patience_ms, false};
    *reply = (struct reply){0};
    if (client->descriptor < 0) {
        client->descriptor = locate_connect(client->socket_path, patience_ms, reply);
        if (client->descriptor < 0) {
            return reply_exit_code(reply);
        }
    }
    char id[16];
    snprintf(id, sizeof id, "%u", ++client->next_id);
    char *line = build_line(id, method, params);
    send_all(&exchange, line, strlen(line));
    free(line);
    if (!reply->error.length) {
        receive_reply(&exchange, id, raw);
    }
    if (!exchange.complete) {
        disconnect(client);
    }
    return reply_exit_code(reply);
}

/*
 * Makes client->event of a line that is one. An error outside any reply ends everything, and so does what is no
 * JSON-RPC; other lines say nothing to a subscriber.
 */
static void read_event(struct client *client, char *line, size_t length, bool raw) {
    struct reply *event = &client->event;
    struct json_text message;
    struct json_text member;
    if (!json_text_check(line, length, &message) || json_text_kind(message) != JSON_OBJECT) {
        if (strspn(line, "\r") < length) {
            reply_fail(event, "bad_reply", "unknown", NULL, "what came is not JSON-RPC");
        }
        free(line);
    } else if (json_text_member(message, "method", &member) && json_text_is(member, "\"event\"") &&
               json_text_member(message, "params", &member) && json_text_kind(member) == JSON_OBJECT) {
        *event = (struct reply){.line = line, .result = member};
        if (raw && announces_bytes(event, &member) && !read_byte_count(event, member, &client->event_bytes)) {
            client->event_bytes = 0;
        }
    } else if (json_text_member(message, "error", &member) && json_text_kind(member) == JSON_OBJECT) {
        *event = (struct reply){.line = line, .error = member};
    } else {
        free(line);
    }
}

/* Whether client->event is there with all its bytes, or a failure in its place. */
static bool has_event(struct client *client, bool raw) {
    size_t length = 0;
    while (!client->event.line && inbox_has_line(&client->inbox, &length)) {
        read_event(client, inbox_take(&client->inbox, length, 1), length, raw);
    }
    if (!client->event.line && client->inbox.length >= LINE_LIMIT) {
        reply_fail(&client->event, "bad_reply", "unknown", NULL, "the daemon sent a line of more than %zu MiB",
                   LINE_LIMIT >> 20);
    }
    return client->event.line && client->inbox.length >= client->event_bytes;
}

int client_next_event(struct client *client, bool raw, long patience_ms, struct reply *event) {
    int64_t started = clock_now_ms();
    const struct exchange waiting = {client, event, "subscribe", started, started + patience_ms, false};
    *event = (struct reply){0};
    while (!has_event(client, raw)) {
        size_t limit = client->event.line ? client->event_bytes : LINE_LIMIT;
        if (!is_ready(&waiting, POLLIN)) {
            return CTL_OK;
        }
        if (inbox_fill(&client->inbox, client->descriptor, limit) == INBOX_CLOSED) {
            reply_free(&client->event);
            reply_fail(&client->event, "connection_lost", "no", "is the daemon still running?",
                       "the daemon closed the connection");
            client->event_bytes = 0;
        }
    }
    *event = client->event;
    client->event = (struct reply){0};
    if (client->event_bytes > 0) {
        take_bytes(client, event, client->event_bytes);
        client->event_bytes = 0;
    }
    int code = reply_exit_code(event);
    if (code != CTL_OK) {
        disconnect(client);
    }
    return code;
}
