/* SPDX-License-Identifier: MIT */
/* The table of running workers, and whose message is whose. See workers.h. */

#include "workers.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* The camera at one place of a worker. */
struct guest {
    void (*take)(void *context, struct worker_message *message);
    void (*gone)(void *context); /* NULL until it leaves */
    void *context;
};

struct host {
    LIST_ENTRY(host) entry;
    struct worker *worker;
    char *bus;          /* NULL: of one camera alone */
    char *label;        /* the bus, or that camera with its link; for people */
    uint64_t last_beat; /* of the worker, when it was asked last */
    bool hangs;         /* did not move when it was asked last, which was told */
    struct event messages;
    size_t count;
    struct guest guests[BUS_CAMERAS_MAX];
};

struct workers {
    struct event_base *base;
    unsigned realtime_priority;
    LIST_HEAD(, host) hosts;
};

static void host_free(struct host *host) {
    LIST_REMOVE(host, entry);
    event_del(&host->messages);
    worker_free(host->worker);
    free(host->bus);
    free(host->label);
    free(host);
}

static void say_goodbye(struct host *host, size_t place) {
    struct guest *guest = &host->guests[place];
    const struct guest left = *guest;
    worker_vacate(host->worker, place);
    *guest = (struct guest){0};
    host->count--;
    /* It may join a worker again, also this one. */
    left.gone(left.context);
}

static void on_messages(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct host *host = context;
    struct worker_message *message = worker_take(host->worker);
    while (message != NULL) {
        struct worker_message *next = message->next;
        const struct guest *guest = &host->guests[message->camera];
        if (message->kind == WORKER_CAMERA_REMOVED) {
            say_goodbye(host, message->camera);
        } else {
            guest->take(guest->context, message);
        }
        worker_message_free(message);
        message = next;
    }
    if (host->count == 0) {
        host_free(host);
    }
}

static char *make_label(const char *bus, const struct bus_opener *opener) {
    char text[256];
    if (bus != NULL) {
        return strdup(bus);
    }
    snprintf(text, sizeof text, "%s (%s)", opener->name != NULL ? opener->name : "a camera",
             opener->description != NULL ? opener->description : "a link");
    return strdup(text);
}

static struct host *host_new(struct workers *workers, const char *bus, const struct bus_opener *opener) {
    struct host *host = calloc(1, sizeof *host);
    if (host == NULL) {
        return NULL;
    }
    /* One that was just started may not have had a turn when it is asked first. */
    host->last_beat = UINT64_MAX;
    host->bus = bus != NULL ? strdup(bus) : NULL;
    host->label = make_label(bus, opener);
    if (host->label == NULL || (bus != NULL && host->bus == NULL)) {
        goto fail;
    }
    host->worker = worker_new(workers->realtime_priority);
    if (host->worker == NULL) {
        goto fail;
    }
    event_assign(&host->messages, workers->base, worker_descriptor(host->worker), EV_READ | EV_PERSIST, on_messages,
                 host);
    if (event_add(&host->messages, NULL) < 0) {
        errno = ENOMEM;
        goto fail;
    }
    LIST_INSERT_HEAD(&workers->hosts, host, entry);
    return host;

fail:
    worker_free(host->worker);
    free(host->bus);
    free(host->label);
    free(host);
    return NULL;
}

static struct host *host_of_bus(const struct workers *workers, const char *bus) {
    struct host *host;
    LIST_FOREACH(host, &workers->hosts, entry) {
        if (bus != NULL && host->bus != NULL && strcmp(host->bus, bus) == 0) {
            return host;
        }
    }
    return NULL;
}

bool workers_join(struct workers *workers, const char *bus, const struct bus_opener *opener, size_t max_payload,
                  void (*take)(void *context, struct worker_message *message), void *context,
                  struct workers_place *at) {
    struct host *host = host_of_bus(workers, bus);
    bool is_new = host == NULL;
    if (is_new) {
        host = host_new(workers, bus, opener);
    }
    if (host == NULL) {
        return false;
    }
    int place = worker_add(host->worker, opener, max_payload);
    if (place < 0) {
        if (is_new) {
            host_free(host);
        }
        errno = -place;
        return false;
    }
    host->guests[place] = (struct guest){.take = take, .context = context};
    host->count++;
    *at = (struct workers_place){.worker = host->worker, .place = (size_t)place};
    return true;
}

void workers_leave(struct workers *workers, const struct workers_place *at, void (*gone)(void *context)) {
    struct host *host;
    LIST_FOREACH(host, &workers->hosts, entry) {
        if (host->worker == at->worker) {
            host->guests[at->place].gone = gone;
            worker_remove(host->worker, at->place);
        }
    }
}

struct workers *workers_new(struct event_base *base, unsigned realtime_priority) {
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers != NULL) {
        workers->base = base;
        workers->realtime_priority = realtime_priority;
        LIST_INIT(&workers->hosts);
    }
    return workers;
}

void workers_free(struct workers *workers) {
    if (workers == NULL) {
        return;
    }
    struct host *host, *next;
    LIST_FOREACH(host, &workers->hosts, entry) {
        worker_stop(host->worker);
    }
    /* Those that hang come last, since they end the program: the others let go of their links and lines before. */
    for (host = LIST_FIRST(&workers->hosts); host != NULL; host = next) {
        next = LIST_NEXT(host, entry);
        if (worker_await_end(host->worker)) {
            host_free(host);
        }
    }
    while ((host = LIST_FIRST(&workers->hosts)) != NULL) {
        host_free(host);
    }
    free(workers);
}

bool workers_take_beats(struct workers *workers, void (*hangs)(void *context, const char *bus), void *context) {
    bool all = true;
    struct host *host;
    LIST_FOREACH(host, &workers->hosts, entry) {
        uint64_t beats = worker_beats(host->worker);
        bool was_told = host->hangs;
        host->hangs = beats == host->last_beat && !worker_is_moving(host->worker);
        if (host->hangs && !was_told) {
            hangs(context, host->label);
        }
        all = all && !host->hangs;
        host->last_beat = beats;
    }
    return all;
}

size_t workers_count(const struct workers *workers) {
    const struct host *host;
    size_t count = 0;
    LIST_FOREACH(host, &workers->hosts, entry) {
        count++;
    }
    return count;
}
