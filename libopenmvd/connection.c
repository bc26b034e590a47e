/* SPDX-License-Identifier: MIT */
/* The connection itself: opening, sending, receiving, keeping, and its end. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "socket_place.h"

struct openmvd *openmvd_connect(const char *socket_path, int timeout_ms) {
    struct socket_places places;
    const char *failed = NULL;
    int descriptor = socket_places_find(&places, socket_path);
    if (descriptor == 0) {
        descriptor = socket_places_connect(&places, timeout_ms, &failed);
    }
    socket_places_free(&places);
    if (descriptor < 0) {
        errno = -descriptor;
        return NULL;
    }
    struct openmvd *daemon = openmvd_adopt(descriptor);
    if (!daemon) {
        close(descriptor);
        errno = ENOMEM;
    }
    return daemon;
}

struct openmvd *openmvd_adopt(int descriptor) {
    struct openmvd *daemon = calloc(1, sizeof *daemon);
    if (daemon) {
        daemon->descriptor = descriptor;
        STAILQ_INIT(&daemon->awaited);
        STAILQ_INIT(&daemon->subscriptions);
        STAILQ_INIT(&daemon->kept);
    }
    return daemon;
}

void openmvd_close(struct openmvd *daemon) {
    if (!daemon) {
        return;
    }
    connection_end(daemon, "connection_lost", "the connection was closed");
    while (!STAILQ_EMPTY(&daemon->awaited)) {
        struct awaited *awaited = STAILQ_FIRST(&daemon->awaited);
        STAILQ_REMOVE_HEAD(&daemon->awaited, entry);
        free(awaited);
    }
    while (!STAILQ_EMPTY(&daemon->subscriptions)) {
        struct subscription *subscription = STAILQ_FIRST(&daemon->subscriptions);
        STAILQ_REMOVE_HEAD(&daemon->subscriptions, entry);
        free(subscription);
    }
    while (!STAILQ_EMPTY(&daemon->kept)) {
        message_free(connection_take_kept(daemon));
    }
    message_free(daemon->shown);
    free(daemon);
}

void connection_end(struct openmvd *daemon, const char *reason, const char *sentence) {
    if (daemon->descriptor < 0) {
        return;
    }
    close(daemon->descriptor);
    daemon->descriptor = -1;
    daemon->end_reason = reason;
    daemon->end_sentence = sentence;
    message_free(daemon->partial);
    daemon->partial = NULL;
    inbox_clear(&daemon->inbox);
    free(daemon->out);
    daemon->out = NULL;
    daemon->out_length = 0;
}

int openmvd_descriptor(const struct openmvd *daemon) {
    return daemon->descriptor;
}

short openmvd_events(const struct openmvd *daemon) {
    return daemon->out_length > 0 ? POLLIN | POLLOUT : POLLIN;
}

void openmvd_on_progress(struct openmvd *daemon, openmvd_progress *told, void *context) {
    daemon->progress = told;
    daemon->progress_context = context;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t deadline_in(int64_t timeout_ms) {
    return timeout_ms < 0 ? NEVER : now_ms() + timeout_ms;
}

/* A connection that breaks under it is no end yet: a daemon with too many clients closes at once, having said why. */
static void flush(struct openmvd *daemon) {
    size_t sent = 0;
    while (sent < daemon->out_length) {
        ssize_t taken =
            send(daemon->descriptor, daemon->out + sent, daemon->out_length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken < 0 && errno == EINTR) {
            continue;
        }
        if (taken < 0 && errno == EAGAIN) {
            break;
        }
        sent = taken < 0 ? daemon->out_length : sent + (size_t)taken;
    }
    daemon->out_length -= sent;
    memmove(daemon->out, daemon->out + sent, daemon->out_length);
    if (daemon->out_length == 0) {
        free(daemon->out);
        daemon->out = NULL;
    }
}

int connection_send(struct openmvd *daemon, char *line, size_t length) {
    if (length > OUT_MAX - daemon->out_length) {
        free(line);
        return -ENOBUFS;
    }
    if (!daemon->out) {
        daemon->out = line;
    } else {
        char *out = realloc(daemon->out, daemon->out_length + length);
        if (out) {
            memcpy(out + daemon->out_length, line, length);
            daemon->out = out;
        }
        free(line);
        if (!out) {
            return -ENOMEM;
        }
    }
    daemon->out_length += length;
    flush(daemon);
    return 0;
}

/* Receives what there is, once. False when there was nothing, or nothing will come any more. */
static bool receive_some(struct openmvd *daemon) {
    char *place = inbox_reserve(&daemon->inbox);
    if (!place) {
        connection_end(daemon, "connection_lost", "out of memory");
        return false;
    }
    ssize_t received = recv(daemon->descriptor, place, INBOX_READ, MSG_DONTWAIT);
    if (received == 0) {
        connection_end(daemon, "connection_lost", "the daemon closed the connection");
    } else if (received < 0 && errno != EAGAIN && errno != EINTR) {
        connection_end(daemon, "connection_lost", "the connection to the daemon broke");
    }
    daemon->inbox.end += received > 0 ? (size_t)received : 0;
    return received > 0;
}

/* Waits until the socket is ready or the deadline has passed. */
static void wait_ready(const struct openmvd *daemon, int64_t deadline) {
    int64_t left = deadline == NEVER ? NEVER : deadline - now_ms();
    int pause = left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
    struct pollfd waited = {.fd = daemon->descriptor, .events = openmvd_events(daemon)};
    poll(&waited, 1, pause);
}

int connection_next(struct openmvd *daemon, int64_t deadline, struct message **message) {
    while (daemon->descriptor >= 0) {
        enum understood understood = understand_next(daemon, message);
        if (understood != UNDERSTOOD_NOTHING) {
            return understood == UNDERSTOOD_MESSAGE ? 1 : -1;
        }
        if (daemon->out_length > 0) {
            flush(daemon);
        }
        bool is_over = now_ms() >= deadline;
        bool received = receive_some(daemon);
        /* What is there is read once even after the deadline, and not again: a daemon may send empty lines for ever. */
        if (is_over && daemon->descriptor >= 0) {
            understood = understand_next(daemon, message);
            return understood == UNDERSTOOD_MESSAGE ? 1 : understood == UNDERSTOOD_BROKEN ? -1 : 0;
        }
        if (!received && daemon->descriptor >= 0) {
            wait_ready(daemon, deadline);
        }
    }
    return -1;
}

void connection_show(struct openmvd *daemon, struct message *message, struct openmvd_answer *answer) {
    message_free(daemon->shown);
    daemon->shown = message;
    *answer = message->answer;
    const struct subscription *subscription = subscription_find(daemon, answer->subscription);
    answer->dropped += subscription ? subscription->dropped : 0;
    if (answer->ended) {
        subscription_end(daemon, answer->subscription);
    }
}

struct message *connection_take_kept(struct openmvd *daemon) {
    struct message *message = STAILQ_FIRST(&daemon->kept);
    if (message) {
        STAILQ_REMOVE_HEAD(&daemon->kept, entry);
        daemon->kept_size -= message->size;
    }
    return message;
}

/* Drops the oldest event among the kept; false when there is none. */
static bool drop_event(struct openmvd *daemon) {
    struct message *message;
    STAILQ_FOREACH(message, &daemon->kept, entry) {
        if (message->answer.subscription && !message->answer.request) {
            break;
        }
    }
    if (!message) {
        return false;
    }
    struct subscription *subscription = subscription_find(daemon, message->answer.subscription);
    if (subscription) {
        subscription->dropped++;
    }
    STAILQ_REMOVE(&daemon->kept, message, message, entry);
    daemon->kept_size -= message->size;
    message_free(message);
    return true;
}

bool connection_keep(struct openmvd *daemon, struct message *message) {
    STAILQ_INSERT_TAIL(&daemon->kept, message, entry);
    daemon->kept_size += message->size;
    while (daemon->kept_size > KEPT_MAX) {
        if (!drop_event(daemon)) {
            connection_end(daemon, "connection_lost", "more than 16 MiB of answers waited to be received");
            return false;
        }
    }
    return true;
}
