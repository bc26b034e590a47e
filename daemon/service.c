/* SPDX-License-Identifier: MIT */
/* Telling the service manager how things stand. See service.h. */
#include "service.h"

#include "camera.h"
#include "daemon.h"
#include "encoding.h"
#include "log.h"
#include "notify.h"
#include "workers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/*
 * The workers are looked at so often in the time after which the service manager acts. At half of it, as it recommends for
 * feeding, one long wait in a driver between two looks would be the end; at a quarter it may be missing once.
 */
enum { LOOKS = 4 };

/* Between two attempts to tell a service manager that does not listen how things stand. */
static const struct timeval pause_of_telling = {.tv_usec = 500000};

/* Room for a status, and for what goes with it. */
enum { MESSAGE_SIZE = SERVICE_STATUS_SIZE + 64 };

static void report_hanging(void *context, const char *bus) {
    const struct service *service = context;
    log_error(DAEMON,
              "the worker of %s has not moved for %llu ms: its driver hangs; the service manager's watchdog is not fed",
              bus, (unsigned long long)service->interval_us / 1000);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct daemon *daemon = context;
    if (workers_take_beats(daemon->workers, report_hanging, &daemon->service)) {
        /* Where that is not taken, the next one may be. */
        (void)notify_send("WATCHDOG=1");
    }
}

static void start_watchdog(struct daemon *daemon) {
    struct service *service = &daemon->service;
    uint64_t patience_us;
    if (sd_watchdog_enabled(1, &patience_us) <= 0) {
        return;
    }
    service->interval_us = patience_us / LOOKS > 0 ? patience_us / LOOKS : 1;
    struct timeval interval = {.tv_sec = (time_t)(service->interval_us / 1000000),
                               .tv_usec = (suseconds_t)(service->interval_us % 1000000)};
    event_assign(&service->watchdog, daemon->base, -1, EV_PERSIST, on_watchdog, daemon);
    if (event_add(&service->watchdog, &interval) < 0) {
        log_error(DAEMON, "the service manager's watchdog cannot be fed: out of memory");
        return;
    }
    log_info(DAEMON, "the service manager's watchdog is fed every %" PRIu64 " ms", service->interval_us / 1000);
}

/* Tells the manager something new, unless it is still to be told how things stand, with which it is told this as well. */
static void tell(struct daemon *daemon, const char *lines) {
    struct service *service = &daemon->service;
    if (!service->is_behind && !notify_send(lines)) {
        log_warning(DAEMON, "the service manager does not take what it is told, and is told again later");
        service->is_behind = true;
        evtimer_add(&service->again, &pause_of_telling);
    }
}

static void print_stop(const struct daemon *daemon, char *text, size_t size) {
    snprintf(text, size, "STOPPING=1\nSTATUS=stopping; clients connected: %zu", daemon_client_count(daemon));
}

static void on_again(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct daemon *daemon = context;
    struct service *service = &daemon->service;
    char lines[MESSAGE_SIZE];
    if (daemon->stopping) {
        print_stop(daemon, lines, sizeof lines);
    } else {
        snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s", service->status);
    }
    service->is_behind = !notify_send(lines);
    if (service->is_behind) {
        evtimer_add(&service->again, &pause_of_telling);
    }
}

static void print_status(const struct daemon *daemon, char *text, size_t size) {
    size_t online = 0;
    for (size_t i = 0; i < daemon->camera_count; i++) {
        struct camera_status status;
        camera_get_status(daemon->cameras[i], &status);
        online += status.state == CAMERA_ONLINE;
    }
    const char *trouble = daemon->service.trouble;
    snprintf(text, size, "%zu of %zu camera%s online%s%s", online, daemon->camera_count,
             daemon->camera_count == 1 ? "" : "s", trouble[0] != '\0' ? "; " : "", trouble);
}

void service_tell_status(struct daemon *daemon) {
    struct service *service = &daemon->service;
    char text[SERVICE_STATUS_SIZE];
    print_status(daemon, text, sizeof text);
    /* Nothing before the first, which comes with the news that the daemon is ready. */
    if (service->status[0] != '\0' && !daemon->stopping && strcmp(text, service->status) != 0) {
        memcpy(service->status, text, sizeof text);
        char lines[MESSAGE_SIZE];
        snprintf(lines, sizeof lines, "STATUS=%s", text);
        tell(daemon, lines);
    }
}

void service_set_trouble(struct daemon *daemon, const char *trouble) {
    snprintf(daemon->service.trouble, sizeof daemon->service.trouble, "%s", trouble);
    /* A line of valid UTF-8 is all that the protocol has for it, and a text that was cut may end within a letter. */
    utf8_make_printable(daemon->service.trouble, strlen(daemon->service.trouble));
    service_tell_status(daemon);
}

void service_ready(struct daemon *daemon) {
    struct service *service = &daemon->service;
    char lines[MESSAGE_SIZE];
    evtimer_assign(&service->again, daemon->base, on_again, daemon);
    start_watchdog(daemon);
    print_status(daemon, service->status, sizeof service->status);
    snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s", service->status);
    tell(daemon, lines);
}

void service_reloading(struct daemon *daemon) {
    char lines[MESSAGE_SIZE];
    /* The time is for managers that reload by a signal and have to know an answer to this one from an earlier one. */
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, omvrpc_now_us());
    tell(daemon, lines);
}

void service_reloaded(struct daemon *daemon) {
    tell(daemon, "READY=1");
}

void service_stopping(struct daemon *daemon) {
    char lines[MESSAGE_SIZE];
    print_stop(daemon, lines, sizeof lines);
    tell(daemon, lines);
}

void service_clear(struct daemon *daemon) {
    struct event *events[] = {&daemon->service.watchdog, &daemon->service.again};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (event_initialized(events[i])) {
            event_del(events[i]);
        }
    }
}
