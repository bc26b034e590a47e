/* SPDX-License-Identifier: MIT */
/* Accepting clients, up to a limit and for as long as there are descriptors. */
#include "server.h"

#include "config.h"
#include "daemon.h"
#include "error.h"
#include "listener.h"
#include "log.h"
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one turn, before the loop looks at the clients again. */
enum { ACCEPTS_A_TURN = 64 };

/* Refused clients whose sockets are kept for a moment, so that they read why. */
enum { LINGERING_MAX = 64 };

/* Out of descriptors or memory: how long to leave waiting connections alone, so that the loop does not spin on them. */
static const struct timeval retry_interval = {.tv_usec = 100000};

struct lingering {
    LIST_ENTRY(lingering) entry;
    struct server *server;
    int fd;
    struct event event;
};

static void on_lingered(evutil_socket_t fd, short what, void *context) {
    struct lingering *lingering = context;
    char unread[4096];
    (void)what;
    recv(fd, unread, sizeof unread, 0);
    close(fd);
    event_del(&lingering->event);
    lingering->server->lingering--;
    LIST_REMOVE(lingering, entry);
    free(lingering);
}

/* Closes a refused client's socket when it has written something or has gone, or soon. */
static int linger(struct server *server, int fd) {
    static const struct timeval patience = {.tv_sec = 1};
    struct lingering *lingering = calloc(1, sizeof *lingering);
    if (lingering == NULL) {
        return -1;
    }
    lingering->server = server;
    lingering->fd = fd;
    event_assign(&lingering->event, server->daemon->base, fd, EV_READ, on_lingered, lingering);
    if (event_add(&lingering->event, &patience) < 0) {
        free(lingering);
        return -1;
    }
    LIST_INSERT_HEAD(&server->lingering_clients, lingering, entry);
    server->lingering++;
    return 0;
}

/* Tells a client that there is no room, as well as a socket that was just accepted allows without waiting. */
static void refuse_client(struct server *server, int fd) {
    struct error error;
    size_t most = server->daemon->config->limits.clients;
    error_set(&error, ERROR_TOO_MANY_CLIENTS, "%zu clients are connected, which is the most (limits.clients)", most);
    request_send_refusal(fd, &error);
    /* A socket that is closed before the peer has written its request makes that write fail, before the line is read. */
    shutdown(fd, SHUT_WR);
    if (server->lingering >= LINGERING_MAX || linger(server, fd) < 0) {
        close(fd);
    }
    if (server->refused++ == 0) {
        log_warning(SERVER, "a client was refused: %zu are connected (limits.clients)", most);
    }
}

static void pause_accepting(struct server *server) {
    if (!server->is_out_of_descriptors) {
        log_warning(SERVER, "cannot accept clients for now: %s", strerror(errno));
    }
    server->is_out_of_descriptors = true;
    event_del(&server->accept_event);
    event_add(&server->retry_event, &retry_interval);
}

static void on_retry(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct server *server = context;
    event_add(&server->accept_event, NULL);
}

static void on_connection(evutil_socket_t listener, short what, void *context) {
    (void)what;
    struct server *server = context;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)) {
            return;
        }
        if (fd < 0) {
            pause_accepting(server);
            return;
        }
        server->is_out_of_descriptors = false;
        if (server->client_count >= server->daemon->config->limits.clients) {
            refuse_client(server, fd);
        } else {
            client_new(server, fd);
        }
    }
}

struct server *server_new(struct daemon *daemon, const char *path, int passed) {
    struct server *server = calloc(1, sizeof *server);
    struct stat status;
    if (server == NULL || (server->path = strdup(path)) == NULL) {
        log_error(SERVER, "out of memory");
        free(server);
        return NULL;
    }
    server->daemon = daemon;
    TAILQ_INIT(&server->clients);
    LIST_INIT(&server->lingering_clients);
    server->is_passed = passed >= 0;
    server->fd =
        server->is_passed ? passed : listener_open(path, daemon->config->socket_mode, daemon->config->socket_group);
    if (server->fd < 0) {
        goto fail;
    }
    if (!server->is_passed && lstat(path, &status) == 0) {
        server->device = status.st_dev;
        server->inode = status.st_ino;
    }
    event_assign(&server->accept_event, daemon->base, server->fd, EV_READ | EV_PERSIST, on_connection, server);
    evtimer_assign(&server->retry_event, daemon->base, on_retry, server);
    if (event_add(&server->accept_event, NULL) == 0) {
        return server;
    }
    log_error(SERVER, "cannot watch the socket: %s", strerror(errno));
    if (!server->is_passed) {
        unlink(path);
    }
    close(server->fd);
fail:
    free(server->path);
    free(server);
    return NULL;
}

void server_stop_listening(struct server *server) {
    if (server->fd < 0) {
        return;
    }
    struct stat status;
    event_del(&server->accept_event);
    event_del(&server->retry_event);
    if (!server->is_passed) {
        on_connection(server->fd, EV_READ, server);
        event_del(&server->retry_event);
    }
    close(server->fd);
    server->fd = -1;
    if (!server->is_passed && lstat(server->path, &status) == 0 && status.st_dev == server->device &&
        status.st_ino == server->inode) {
        unlink(server->path);
    }
}

void server_sum(const struct server *server, struct server_totals *totals) {
    const struct client *client;
    *totals = (struct server_totals){.line_bytes = 0};
    TAILQ_FOREACH(client, &server->clients, entry) {
        if (!client->broken) {
            totals->line_bytes += line_buffer_length(&client->input);
            totals->waiting_bytes += client->waiting_bytes;
            totals->output_bytes += client_kept_output(client);
            totals->subscriptions += client->subscription_count;
        }
    }
}

static struct client *find_slowest(const struct server *server) {
    struct client *client, *slowest = NULL;
    size_t most = 0;
    TAILQ_FOREACH(client, &server->clients, entry) {
        if (!client->broken && client_kept_output(client) > most) {
            slowest = client;
            most = client_kept_output(client);
        }
    }
    return slowest;
}

void server_bound_output(struct server *server) {
    struct server_totals totals;
    char label[CLIENT_LABEL_SIZE];
    server_sum(server, &totals);
    if (totals.output_bytes <= server->daemon->config->limits.all_output_bytes) {
        return;
    }
    struct client *slowest = find_slowest(server);
    log_warning(CLIENT,
                "%s is closed: %zu bytes of replies wait to be read by all clients (limits.all_output_bytes), and "
                "%zu of them by this one",
                client_label(slowest, label), totals.output_bytes, client_kept_output(slowest));
    slowest->broken = true;
    client_wake(slowest);
}

void server_forget_client(struct server *server, struct client *client) {
    TAILQ_REMOVE(&server->clients, client, entry);
    server->client_count--;
    daemon_end_if_idle(server->daemon);
}

void server_free(struct server *server) {
    if (server == NULL) {
        return;
    }
    server_stop_listening(server);
    for (struct client *client; (client = TAILQ_FIRST(&server->clients)) != NULL;) {
        client_free(client);
    }
    for (struct lingering *lingering; (lingering = LIST_FIRST(&server->lingering_clients)) != NULL;) {
        on_lingered(lingering->fd, EV_TIMEOUT, lingering);
    }
    free(server->path);
    free(server);
}
