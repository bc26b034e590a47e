/* SPDX-License-Identifier: MIT */
/* One connection: reading lines, writing replies, and the bounds of both. */
#include "client.h"

#include "access.h"
#include "config.h"
#include "daemon.h"
#include "error.h"
#include "log.h"
#include "request.h"
#include "server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One turn of one client: what is read and handled before the loop looks at the others again. */
enum { READ_SIZE = 16384, LINES_A_TURN = 16 };

/* Lines of this length, or of limits.line_bytes if that is less, are read whatever the other clients send. */
enum { LINE_BYTES_ASSURED = 4096 };

/* Reads that empty any socket's buffer of the usual size, for the last time a client is listened to. */
enum { READS_TO_DRAIN = 64 };

static const struct limits *limits_of(const struct client *client) {
    return &client->server->daemon->config->limits;
}

const char *client_label(const struct client *client, char text[CLIENT_LABEL_SIZE]) {
    snprintf(text, CLIENT_LABEL_SIZE, "client %llu (uid %u, gid %u, pid %d)", (unsigned long long)client->number,
             client->uid, client->gid, (int)client->pid);
    return text;
}

size_t client_output_length(const struct client *client) {
    return client->output != NULL ? evbuffer_get_length(client->output) : 0;
}

size_t client_kept_output(const struct client *client) {
    return client_output_length(client) + client->batch_bytes;
}

size_t client_unread(const struct client *client) {
    int in_socket = 0;
    if (ioctl(client->fd, SIOCOUTQ, &in_socket) < 0 || in_socket < 0) {
        in_socket = 0;
    }
    return client_output_length(client) + (size_t)in_socket;
}

bool client_may_keep(const struct client *client, size_t bytes, struct error *error) {
    const struct limits *limits = limits_of(client);
    struct server_totals totals;
    if (bytes == 0) {
        return true;
    }
    server_sum(client->server, &totals);
    if (client->waiting_bytes + bytes > limits->client_waiting_bytes) {
        error_set(error, ERROR_QUEUE_FULL, "%zu bytes of arguments of this client wait (limits.client_waiting_bytes)",
                  client->waiting_bytes);
    } else if (totals.waiting_bytes + bytes > limits->all_waiting_bytes) {
        error_set(error, ERROR_QUEUE_FULL, "%zu bytes of arguments of all clients wait (limits.all_waiting_bytes)",
                  totals.waiting_bytes);
    } else {
        return true;
    }
    return false;
}

bool client_is_clogged(const struct client *client) {
    return client_output_length(client) > limits_of(client)->output_pause_bytes;
}

/* Whether so much is kept for it that no more of its lines are read. What waits in batches is for the cameras to complete. */
static bool is_full(const struct client *client) {
    return client_kept_output(client) > limits_of(client)->output_pause_bytes;
}

/* Writes until all is written or the socket is full. */
static void write_output(struct client *client) {
    bool was_clogged = client_is_clogged(client);
    while (client_output_length(client) > 0 && !client->broken) {
        int written = evbuffer_write(client->output, client->fd);
        if (written > 0) {
            client->bytes_out += (uint64_t)written;
        } else if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        } else {
            client->broken = true;
        }
    }
    if (client->output != NULL && client_output_length(client) == 0) {
        evbuffer_free(client->output);
        client->output = NULL;
        subscription_drain_all(client);
    }
    if (was_clogged && !client_is_clogged(client)) {
        daemon_serve_cameras(client->server->daemon);
    }
}

static void free_reference(const void *data, size_t length, void *owned) {
    (void)data;
    (void)length;
    free(owned);
}

static void free_share(const void *data, size_t length, void *shared) {
    (void)data;
    (void)length;
    shared_bytes_free(shared);
}

/* Takes `owned`, which `data` is a part of, over in any case. */
static bool append_reference(struct client *client, const void *data, size_t length, evbuffer_ref_cleanup_cb release,
                             void *owned) {
    if (client->output == NULL) {
        client->output = evbuffer_new();
    }
    if (client->output != NULL && evbuffer_add_reference(client->output, data, length, release, owned) == 0) {
        return true;
    }
    release(data, length, owned);
    return false;
}

static bool append_output(struct client *client, void *data, size_t length) {
    return append_reference(client, data, length, free_reference, data);
}

/* Writes what was appended, as far as it is time to, and closes a client for which that was too much. */
static void send_appended(struct client *client, bool appended) {
    char label[CLIENT_LABEL_SIZE];
    if (!appended) {
        log_error(CLIENT, "%s is closed: out of memory for its reply", client_label(client, label));
        client->broken = true;
    }
    if (!client->in_turn || client_is_clogged(client)) {
        write_output(client);
    }
    if (client_output_length(client) > limits_of(client)->output_bytes) {
        log_warning(CLIENT, "%s is closed: it does not read, and %zu bytes of replies wait for it",
                    client_label(client, label), client_output_length(client));
        client->broken = true;
    } else if (client_output_length(client) > 0) {
        server_bound_output(client->server);
    }
}

void client_send(struct client *client, char *text, size_t length, uint8_t *bytes, size_t bytes_length) {
    if (client->broken) {
        free(text);
        free(bytes);
        return;
    }
    bool appended = append_output(client, text, length);
    if (bytes_length > 0) {
        appended = append_output(client, bytes, bytes_length) && appended;
    } else {
        free(bytes);
    }
    send_appended(client, appended);
}

void client_send_shared(struct client *client, char *text, size_t length, struct shared_bytes *bytes) {
    if (client->broken) {
        free(text);
        return;
    }
    bool appended = append_output(client, text, length);
    appended = append_reference(client, bytes->data, bytes->length, free_share, shared_bytes_share(bytes)) && appended;
    send_appended(client, appended);
}

static bool has_more_lines(const struct client *client) {
    return line_buffer_has_more(&client->input, client->input_closed);
}

static void handle_lines(struct client *client, size_t most) {
    char *line;
    size_t length;
    for (size_t i = 0; i < most && !client->broken && !is_full(client); i++) {
        enum line_kind kind = client->input_closed ? line_buffer_take_rest(&client->input, &line, &length)
                                                   : line_buffer_take(&client->input, &line, &length);
        if (kind == LINE_NONE) {
            break;
        }
        if (kind == LINE_TOO_LONG) {
            request_refuse_line(client);
        } else {
            request_handle_line(client, line, length);
        }
    }
    line_buffer_shrink(&client->input);
}

/* The longest line that the client may send now, when it has sent `length` bytes more: as long as the other clients
 * leave room for it, and always long enough for what most requests need. */
static void bound_line(struct client *client, size_t length) {
    const struct limits *limits = limits_of(client);
    size_t own = line_buffer_length(&client->input);
    client->input.limit = limits->line_bytes;
    if (own + length <= LINE_BYTES_ASSURED) {
        return;
    }
    struct server_totals totals;
    server_sum(client->server, &totals);
    size_t others = totals.line_bytes - own;
    size_t room = others < limits->all_line_bytes ? limits->all_line_bytes - others : 0;
    room = room > LINE_BYTES_ASSURED ? room : LINE_BYTES_ASSURED;
    if (room < client->input.limit) {
        client->input.limit = room;
    }
}

static void read_input(struct client *client) {
    char bytes[READ_SIZE];
    ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
    if (length < 0) {
        client->broken = errno != EAGAIN && errno != EINTR;
        return;
    }
    if (length == 0) {
        client->input_closed = true;
        return;
    }
    client->bytes_in += (uint64_t)length;
    bound_line(client, (size_t)length);
    if (line_buffer_add(&client->input, bytes, (size_t)length) < 0) {
        char label[CLIENT_LABEL_SIZE];
        log_error(CLIENT, "%s is closed: out of memory for its line", client_label(client, label));
        client->broken = true;
    }
}

/* After the end of the input, the one thing that can still be told by the peer is that it has gone altogether. */
static bool peer_has_gone(const struct client *client) {
    struct pollfd descriptor = {.fd = client->fd};
    return poll(&descriptor, 1, 0) > 0 && (descriptor.revents & (POLLHUP | POLLERR)) != 0;
}

static bool is_finished(const struct client *client) {
    bool is_stopping = client->server->daemon->stopping;
    bool gets_no_more_lines = (client->input_closed || is_stopping) && !has_more_lines(client);
    bool is_owed = client->open > 0 || client->output != NULL || (client->subscription_count > 0 && !is_stopping);
    return client->broken || (gets_no_more_lines && !is_owed);
}

void client_wake(struct client *client) {
    if (!client->in_turn && (is_finished(client) || client_output_length(client) > 0)) {
        event_active(&client->event, EV_TIMEOUT, 0);
    }
}

void client_keep_reply(struct client *client, size_t length) {
    client->batch_bytes += length;
    server_bound_output(client->server);
}

void client_let_go_of_replies(struct client *client, size_t length) {
    client->batch_bytes -= length;
    if (!client->in_turn) {
        event_active(&client->event, EV_TIMEOUT, 0);
    }
}

static void on_event(evutil_socket_t fd, short what, void *context);

static bool may_read(const struct client *client) {
    return !client->input_closed && !is_full(client) && !has_more_lines(client);
}

/* Watches what is of interest now. Once the input is at its end it stays readable for ever, hence the edge trigger. */
static void watch(struct client *client) {
    static const struct timeval at_once = {0, 0};
    short wanted = EV_PERSIST;
    if (client->input_closed) {
        wanted |= EV_READ | EV_ET;
    } else if (may_read(client)) {
        wanted |= EV_READ;
    }
    /* By a timer, since what an event activates in its own turn comes before what others have sent. */
    if (has_more_lines(client) && !is_full(client)) {
        evtimer_add(&client->resume, &at_once);
    }
    if (client_output_length(client) > 0) {
        wanted |= EV_WRITE;
    }
    if (wanted == client->watched) {
        return;
    }
    event_del(&client->event);
    event_assign(&client->event, client->server->daemon->base, client->fd, wanted, on_event, client);
    if (event_add(&client->event, NULL) == 0) {
        client->watched = wanted;
    } else {
        client->broken = true;
    }
}

/* Tells a client that it will not be answered; whatever it is about to ask has not been read. */
static void say_farewell(const struct client *client) {
    struct error error;
    error_set_stopping(&error);
    request_send_refusal(client->fd, &error);
}

/* Handles at most so many of the lines that have come and writes what is to go; frees the client when that was all. */
static void finish_turn(struct client *client, size_t most_lines) {
    handle_lines(client, most_lines);
    write_output(client);
    client->in_turn = false;
    if (!is_finished(client)) {
        watch(client);
    }
    if (is_finished(client)) {
        if (client->is_to_be_told && !client->input_closed && !client->broken) {
            say_farewell(client);
        }
        client_free(client);
    }
}

static void on_event(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    struct client *client = context;
    client->in_turn = true;
    if (client->input_closed) {
        client->broken = client->broken || peer_has_gone(client);
    } else if ((what & EV_READ) != 0 && may_read(client)) {
        read_input(client);
    }
    if ((what & EV_WRITE) != 0) {
        write_output(client);
    }
    finish_turn(client, LINES_A_TURN);
}

static void end_subscriptions(struct client *client) {
    struct error error;
    error_set_stopping(&error);
    while (!TAILQ_EMPTY(&client->subscriptions)) {
        subscription_fail(TAILQ_FIRST(&client->subscriptions), &error);
    }
}

void client_stop(struct client *client) {
    uint64_t before;
    int reads = 0;
    client->in_turn = true;
    do {
        handle_lines(client, SIZE_MAX);
        before = client->bytes_in;
        if (may_read(client)) {
            read_input(client);
        }
    } while (client->bytes_in > before && ++reads < READS_TO_DRAIN);
    client->is_to_be_told = client->open == 0 && client->subscription_count == 0;
    end_subscriptions(client);
    finish_turn(client, SIZE_MAX);
}

struct client *client_new(struct server *server, int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        goto fail;
    }
    client->server = server;
    client->number = ++server->last_number;
    client->fd = fd;
    client->pid = peer.pid;
    client->uid = peer.uid;
    client->gid = peer.gid;
    if (access_find_rules(&server->daemon->config->access, fd, peer.uid, peer.gid, &client->access_rules) < 0) {
        goto fail;
    }
    TAILQ_INIT(&client->requests);
    TAILQ_INIT(&client->subscriptions);
    line_buffer_init(&client->input, server->daemon->config->limits.line_bytes);
    client->watched = EV_READ | EV_PERSIST;
    event_assign(&client->event, server->daemon->base, fd, client->watched, on_event, client);
    evtimer_assign(&client->resume, server->daemon->base, on_event, client);
    if (event_add(&client->event, NULL) < 0) {
        goto fail;
    }
    TAILQ_INSERT_TAIL(&server->clients, client, entry);
    server->client_count++;
    log_debug(CLIENT, "client %llu connected: uid %u, gid %u, pid %d", (unsigned long long)client->number, client->uid,
              client->gid, (int)client->pid);
    return client;

fail:
    log_error(SERVER, "a client could not be served: %s", strerror(errno));
    free(client);
    close(fd);
    return NULL;
}

void client_free(struct client *client) {
    log_debug(CLIENT, "client %llu is gone after %llu requests", (unsigned long long)client->number,
              (unsigned long long)client->requests_total);
    request_abandon_all(client);
    event_del(&client->event);
    event_del(&client->resume);
    line_buffer_clear(&client->input);
    held_picture_clear(&client->picture);
    subscription_end_all(client);
    if (client->output != NULL) {
        evbuffer_free(client->output);
    }
    close(client->fd);
    server_forget_client(client->server, client);
    free(client);
}
