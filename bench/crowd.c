/* SPDX-License-Identifier: MIT */
/* Many clients at once. See crowd.h. */

#include "crowd.h"

#include "connect.h"
#include "openmvrpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64, LINE_SIZE = 1024, READ_SIZE = 65536 };

/* A server that says nothing for so long, in milliseconds, will not. */
enum { SILENCE_MS = 10000 };

static const char ping[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
static const char pong[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"pong\"}";

struct member {
    int fd;
    size_t length; /* of the line so far */
    size_t raw;    /* bytes of a frame that are still to come */
    uint64_t frames, missed;
    char line[LINE_SIZE];
};

struct crowd {
    int epoll;
    unsigned count;
    unsigned without_frame; /* members that have not seen any yet */
    uint64_t answers;
    struct member *members;
    void (*take_line)(struct crowd *crowd, struct member *member, const char *line);
};

static void end_because(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, errno != 0 ? strerror(errno) : "not what was expected");
    exit(EXIT_FAILURE);
}

static void send_text(const struct member *member, const char *text, size_t length) {
    if (send(member->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length) {
        end_because("a client's request");
    }
}

static struct crowd crowd_open(const char *path, unsigned clients) {
    struct crowd crowd = {.epoll = epoll_create1(EPOLL_CLOEXEC), .count = clients, .without_frame = clients};
    crowd.members = calloc(clients, sizeof *crowd.members);
    if (crowd.epoll < 0 || crowd.members == NULL) {
        end_because("clients");
    }
    for (unsigned i = 0; i < clients; i++) {
        struct member *member = &crowd.members[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
        member->fd = connect_socket(path);
        if (member->fd < 0 || epoll_ctl(crowd.epoll, EPOLL_CTL_ADD, member->fd, &event) != 0) {
            end_because(path);
        }
    }
    return crowd;
}

static void crowd_close(struct crowd *crowd) {
    for (unsigned i = 0; i < crowd->count; i++) {
        close(crowd->members[i].fd);
    }
    close(crowd->epoll);
    free(crowd->members);
}

/* Goes through what has come: lines, and raw bytes behind those that announce them. */
static void take_bytes(struct crowd *crowd, struct member *member, const char *bytes, size_t length) {
    while (length > 0) {
        size_t raw = member->raw < length ? member->raw : length;
        member->raw -= raw;
        bytes += raw;
        length -= raw;
        const char *end = length > 0 ? memchr(bytes, '\n', length) : NULL;
        size_t part = end != NULL ? (size_t)(end - bytes) : length;
        if (part >= LINE_SIZE - member->length) {
            end_because("a line is too long");
        }
        memcpy(member->line + member->length, bytes, part);
        member->length += part;
        bytes += part;
        length -= part;
        if (end != NULL) {
            member->line[member->length] = '\0';
            member->length = 0;
            bytes++;
            length--;
            crowd->take_line(crowd, member, member->line);
        }
    }
}

static void turn(struct crowd *crowd) {
    static char bytes[READ_SIZE];
    struct epoll_event events[EVENTS_AT_ONCE];
    int ready = epoll_wait(crowd->epoll, events, EVENTS_AT_ONCE, SILENCE_MS);
    if (ready <= 0) {
        end_because("waiting for the server");
    }
    for (int i = 0; i < ready; i++) {
        struct member *member = events[i].data.ptr;
        ssize_t length = recv(member->fd, bytes, sizeof bytes, 0);
        if (length <= 0) {
            end_because("the server has closed a connection");
        }
        take_bytes(crowd, member, bytes, (size_t)length);
    }
}

static void run_for(struct crowd *crowd, double seconds) {
    int64_t end_us = omvrpc_now_us() + (int64_t)(seconds * 1e6);
    while (omvrpc_now_us() < end_us) {
        turn(crowd);
    }
}

static void sum(const struct crowd *crowd, struct crowd_sight *sight) {
    sight->count = crowd->answers;
    sight->missed = 0;
    for (unsigned i = 0; i < crowd->count; i++) {
        sight->count += crowd->members[i].frames;
        sight->missed += crowd->members[i].missed;
    }
}

static struct crowd_sight watch_for(struct crowd *crowd, const struct process *server, double seconds) {
    struct crowd_sight before, after;
    sum(crowd, &before);
    double cpu_seconds = process_cpu_seconds(server);
    int64_t begin_us = omvrpc_now_us();
    run_for(crowd, seconds);
    int64_t end_us = omvrpc_now_us();
    sum(crowd, &after);
    return (struct crowd_sight){
        .count = after.count - before.count,
        .missed = after.missed - before.missed,
        .seconds = (double)(end_us - begin_us) / 1e6,
        .cpu_seconds = process_cpu_seconds(server) - cpu_seconds,
    };
}

static void take_pong(struct crowd *crowd, struct member *member, const char *line) {
    if (strcmp(line, pong) != 0) {
        errno = 0;
        end_because(line);
    }
    crowd->answers++;
    send_text(member, ping, sizeof ping - 1);
}

struct crowd_sight crowd_ping(const struct process *server, unsigned clients, double seconds) {
    struct crowd crowd = crowd_open(server->path, clients);
    crowd.take_line = take_pong;
    for (unsigned i = 0; i < clients; i++) {
        send_text(&crowd.members[i], ping, sizeof ping - 1);
    }
    run_for(&crowd, seconds / 10);
    struct crowd_sight sight = watch_for(&crowd, server, seconds);
    crowd_close(&crowd);
    return sight;
}

static uint64_t number_behind(const char *line, const char *name) {
    const char *place = strstr(line, name);
    return place != NULL ? strtoull(place + strlen(name), NULL, 10) : 0;
}

static void take_event(struct crowd *crowd, struct member *member, const char *line) {
    member->raw = number_behind(line, "\"value\":{\"raw\":");
    if (member->raw > 0) {
        member->missed = number_behind(line, "\"dropped\":");
        crowd->without_frame -= member->frames++ == 0;
    } else if (strstr(line, "\"result\":{\"subscription\":") == NULL) {
        errno = 0;
        end_because(line);
    }
}

struct crowd_sight crowd_watch(const struct process *server, unsigned clients, const char *stream, double seconds) {
    struct crowd crowd = crowd_open(server->path, clients);
    char line[256];
    int length = snprintf(line, sizeof line,
                          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\",\"params\":{%s,"
                          "\"reply\":\"raw\"}}\n",
                          stream);
    crowd.take_line = take_event;
    for (unsigned i = 0; i < clients; i++) {
        send_text(&crowd.members[i], line, (size_t)length);
    }
    while (crowd.without_frame > 0) {
        turn(&crowd);
    }
    run_for(&crowd, 1);
    struct crowd_sight sight = watch_for(&crowd, server, seconds);
    crowd_close(&crowd);
    return sight;
}
