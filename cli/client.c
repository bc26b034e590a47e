/* SPDX-License-Identifier: MIT */
/* The connection: sending a line, receiving lines and raw bytes with bounds and deadlines, matching a reply. */
#include "client.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "locate.h"
#include "need.h"

/* The daemon's longest line is about 1.4 MB with its default limits; these leave room for raised ones. */
#define LINE_LIMIT  ((size_t)16 << 20)
#define BYTES_LIMIT ((size_t)16 << 20)
#define FIRST_ROOM  ((size_t)4096)
#define TICK_MS     100

struct client {
    const char *socket_path;
    int descriptor; /* -1 while there is no connection */
    unsigned next_id;
    client_tick *tick;
    void *tick_context;
    /* What was received and not yet taken. */
    char *buffer;
    size_t length;
    size_t room;
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

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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
    client->length = 0;
}

void client_free(struct client *client) {
    if (!client) {
        return;
    }
    disconnect(client);
    free(client->buffer);
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

/* Waits until the socket is ready for `events`; false, with the reply made a failure, when the deadline passes. */
static bool wait_ready(struct exchange *exchange, short events) {
    struct client *client = exchange->client;
    for (;;) {
        int64_t now = now_ms();
        if (now >= exchange->deadline) {
            reply_fail(exchange->reply, "no_answer", "unknown", NULL, "the daemon did not answer \"%s\" within %.3g s",
                       exchange->method, (double)(now - exchange->started) / 1000);
            return false;
        }
        int64_t left = exchange->deadline - now;
        int pause = left > TICK_MS && client->tick ? TICK_MS : left > 60000 ? 60000 : (int)left;
        struct pollfd waited = {.fd = client->descriptor, .events = events};
        if (poll(&waited, 1, pause) > 0) {
            return true;
        }
        if (client->tick) {
            client->tick(client->tick_context, (long)(now_ms() - exchange->started));
        }
    }
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

/* Receives what there is, at least one byte, making room up to `limit`. */
static bool receive_some(struct exchange *exchange, size_t limit) {
    struct client *client = exchange->client;
    if (client->length == client->room) {
        size_t room = client->room ? client->room * 2 : FIRST_ROOM;
        client->buffer = need_memory(realloc(client->buffer, room));
        client->room = room;
    }
    while (wait_ready(exchange, POLLIN)) {
        size_t space = client->room - client->length;
        size_t most = limit - client->length < space ? limit - client->length : space;
        ssize_t received = recv(client->descriptor, client->buffer + client->length, most, MSG_DONTWAIT);
        if (received > 0) {
            client->length += (size_t)received;
            return true;
        }
        if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
            reply_fail(exchange->reply, "connection_lost", "unknown", NULL,
                       "the daemon closed the connection before its answer to \"%s\" was complete", exchange->method);
            return false;
        }
    }
    return false;
}

/* The first `length` bytes received, followed by a NUL, as memory to free; those behind them stay. */
static char *take(struct client *client, size_t length, size_t skipped) {
    char *taken = need_memory(malloc(length + 1));
    memcpy(taken, client->buffer, length);
    taken[length] = 0;
    client->length -= length + skipped;
    memmove(client->buffer, client->buffer + length + skipped, client->length);
    return taken;
}

static char *receive_line(struct exchange *exchange, size_t *length) {
    struct client *client = exchange->client;
    size_t searched = 0;
    for (;;) {
        char *end =
            client->length > searched ? memchr(client->buffer + searched, '\n', client->length - searched) : NULL;
        if (end) {
            *length = (size_t)(end - client->buffer);
            return take(client, *length, 1);
        }
        searched = client->length;
        if (searched >= LINE_LIMIT) {
            reply_fail(exchange->reply, "bad_reply", "unknown", NULL,
                       "the daemon's answer to \"%s\" is longer than %zu MiB", exchange->method, LINE_LIMIT >> 20);
            return NULL;
        }
        if (!receive_some(exchange, LINE_LIMIT)) {
            return NULL;
        }
    }
}

/* Where a raw reply announces bytes, receives them behind its line. */
static bool receive_bytes(struct exchange *exchange) {
    struct client *client = exchange->client;
    struct reply *reply = exchange->reply;
    struct json_text value;
    struct json_text raw;
    if (!json_text_member(reply->result, "value", &value) || !json_text_member(value, "raw", &raw)) {
        return true;
    }
    size_t count = 0;
    if (!json_text_size(raw, BYTES_LIMIT, &count)) {
        reply_fail(reply, "bad_reply", "unknown", NULL, "the daemon announced more bytes than %zu MiB",
                   BYTES_LIMIT >> 20);
        return false;
    }
    while (client->length < count) {
        if (!receive_some(exchange, count)) {
            return false;
        }
    }
    reply->bytes = take(client, count, 0);
    reply->byte_count = count;
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
    int64_t started = now_ms();
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
