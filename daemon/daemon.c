/* SPDX-License-Identifier: MIT */
/* Putting the parts together, and taking them apart in order. */
#include "daemon.h"

#include "camera.h"
#include "config.h"
#include "hotplug.h"
#include "log.h"
#include "server.h"
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/*
 * How long a stop may take. Accepted calls have the first time to end by themselves, which is what users of a service
 * manager see as the wait; then the rest is refused, and clients have the second to read their replies, which were
 * written at once.
 */
static const struct timeval stop_patience = {.tv_sec = 2};
static const struct timeval flush_patience = {.tv_usec = 300000};

/* Needs no memory, as event_base_loopexit() does. */
static void end_loop(struct daemon *daemon) {
    event_base_loopbreak(daemon->base);
}

void daemon_end_if_idle(struct daemon *daemon) {
    if (!daemon->stopping || !TAILQ_EMPTY(&daemon->server->clients)) {
        return;
    }
    /* A camera that is left in the middle of a stream or a result has it for the next one who opens its link. */
    for (size_t i = 0; i < daemon->camera_count; i++) {
        if (camera_is_at_work(daemon->cameras[i])) {
            return;
        }
    }
    end_loop(daemon);
}

size_t daemon_client_count(const struct daemon *daemon) {
    return daemon->server->client_count;
}

/* Ends each client that is owed nothing more. */
static void wake_clients(struct daemon *daemon) {
    struct client *client;
    TAILQ_FOREACH(client, &daemon->server->clients, entry) {
        client_wake(client);
    }
    daemon_end_if_idle(daemon);
}

/* A stop that nothing would bound does not wait at all. */
static void set_stop_timer(struct daemon *daemon, const struct timeval *patience) {
    if (evtimer_add(&daemon->stop_timer, patience) < 0) {
        end_loop(daemon);
    }
}

static void on_stop_timer(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct daemon *daemon = context;
    if (daemon->out_of_time) {
        end_loop(daemon);
        return;
    }
    daemon->out_of_time = true;
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_refuse_all(daemon->cameras[i]);
    }
    set_stop_timer(daemon, &flush_patience);
    wake_clients(daemon);
}

static bool has_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (terminal >= 0) {
        close(terminal);
    }
    return terminal >= 0;
}

/* Whether a terminal that is closed is to be its end: not where nohup(1) has started it. */
static bool ends_with_terminal(void) {
    struct sigaction before;
    return sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN && has_terminal();
}

static void take_signal(struct daemon *daemon, int signal_number) {
    if (signal_number == SIGHUP && !(daemon->ends_with_terminal && !has_terminal())) {
        daemon_reload(daemon);
        return;
    }
    if (daemon->stopping) {
        log_info(DAEMON, "%s again: stopping at once", strsignal(signal_number));
        end_loop(daemon);
        return;
    }
    log_info(DAEMON, "%s: stopping; clients connected: %zu", strsignal(signal_number), daemon->server->client_count);
    service_stopping(daemon);
    server_stop_listening(daemon->server);
    /* What was sent before the signal counts as accepted, also where it was not read yet. */
    struct client *client, *next;
    for (client = TAILQ_FIRST(&daemon->server->clients); client != NULL; client = next) {
        next = TAILQ_NEXT(client, entry);
        client_stop(client);
    }
    daemon->stopping = true;
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_end_all_recordings(daemon->cameras[i], RECORDING_STOPPING);
    }
    set_stop_timer(daemon, &stop_patience);
    wake_clients(daemon);
}

static void on_signals(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        take_signal(context, (int)info.ssi_signo);
    }
}

/* Before any thread is started, which is to be like this one: a worker that took a signal would keep it for as long as a
 * driver hangs. */
static bool watch_signals(struct daemon *daemon) {
    sigset_t handled;
    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &handled, NULL);
    daemon->signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    return daemon->signals >= 0 &&
           event_assign(&daemon->signal_event, daemon->base, daemon->signals, EV_READ | EV_PERSIST, on_signals,
                        daemon) == 0 &&
           event_add(&daemon->signal_event, NULL) == 0;
}

void daemon_serve_cameras(struct daemon *daemon) {
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_serve(daemon->cameras[i]);
    }
}

static void on_device_appeared(void *context) {
    struct daemon *daemon = context;
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_announce(daemon->cameras[i]);
    }
}

bool daemon_watch_devices(struct daemon *daemon) {
    const struct config *config = daemon->config;
    const char *nodes[CONFIG_CAMERAS_MAX];
    size_t count = 0;
    bool is_needed = false;
    for (size_t i = 0; i < config->camera_count; i++) {
        const struct link_settings *link = &config->cameras[i].link;
        is_needed = is_needed || link->kind->is_announced;
        if (link->kind->is_announced && link->device != NULL) {
            nodes[count++] = link->device;
        }
    }
    hotplug_free(daemon->hotplug);
    daemon->hotplug = NULL;
    if (is_needed) {
        daemon->hotplug = hotplug_new(daemon->base, nodes, count, on_device_appeared, daemon);
    }
    return !is_needed || daemon->hotplug != NULL;
}

static struct event_base *new_base(void) {
    struct event_config *choices = event_config_new();
    if (choices == NULL) {
        return NULL;
    }
    /* Deadlines count from now, not from the start of the loop's turn. */
    event_config_set_flag(choices, EVENT_BASE_FLAG_NO_CACHE_TIME);
    struct event_base *base = event_base_new_with_config(choices);
    event_config_free(choices);
    return base;
}

struct daemon *daemon_new(struct config *config, const struct config_source *source, const char *socket_path,
                          int passed) {
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL) {
        goto out_of_memory;
    }
    daemon->signals = -1;
    daemon->config = config_share(config);
    daemon->source = source;
    daemon->ends_with_terminal = ends_with_terminal();
    daemon->started_us = omvrpc_now_us();
    TAILQ_INIT(&daemon->event_subscriptions);
    LIST_INIT(&daemon->leaving);
    daemon->base = new_base();
    daemon->cameras = calloc(config->camera_count, sizeof *daemon->cameras);
    daemon->workers = daemon->base != NULL ? workers_new(daemon->base, config->realtime_priority) : NULL;
    if (daemon->workers == NULL || daemon->cameras == NULL) {
        goto out_of_memory;
    }
    evtimer_assign(&daemon->stop_timer, daemon->base, on_stop_timer, daemon);
    if (!watch_signals(daemon)) {
        log_error(DAEMON, "signals cannot be watched: %s", strerror(errno));
        goto fail;
    }
    /* The socket comes first, so that a second daemon on the same configuration never touches a camera. */
    daemon->server = server_new(daemon, socket_path, passed);
    if (daemon->server == NULL) {
        goto fail;
    }
    for (size_t i = 0; i < config->camera_count; i++) {
        daemon->cameras[i] = camera_new(daemon, config, &config->cameras[i], false);
        if (daemon->cameras[i] == NULL) {
            goto fail;
        }
        daemon->camera_count++;
    }
    if (!daemon_watch_devices(daemon)) {
        goto out_of_memory;
    }
    return daemon;

out_of_memory:
    log_error(DAEMON, "out of memory");
fail:
    daemon_free(daemon);
    return NULL;
}

int daemon_run(struct daemon *daemon) {
    log_info(DAEMON, "openmvd %s is ready: %zu camera%s, listening at %s", OPENMVD_VERSION, daemon->camera_count,
             daemon->camera_count == 1 ? "" : "s", daemon->server->path);
    service_ready(daemon);
    if (event_base_dispatch(daemon->base) < 0) {
        log_error(DAEMON, "the event loop failed: %s", strerror(errno));
        return -1;
    }
    log_info(DAEMON, "stopped");
    return 0;
}

/* Their workers have ended, and will not say so any more. */
static void free_leaving(struct daemon *daemon) {
    for (struct camera *camera; (camera = LIST_FIRST(&daemon->leaving)) != NULL;) {
        camera_drop_leaving(camera);
    }
}

void daemon_free(struct daemon *daemon) {
    if (daemon == NULL) {
        return;
    }
    service_clear(daemon);
    server_free(daemon->server);
    hotplug_free(daemon->hotplug);
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_refuse_all(daemon->cameras[i]);
    }
    workers_free(daemon->workers);
    for (size_t i = 0; i < daemon->camera_count; i++) {
        camera_free(daemon->cameras[i]);
    }
    free_leaving(daemon);
    free(daemon->cameras);
    if (daemon->base != NULL) {
        if (event_initialized(&daemon->signal_event)) {
            event_del(&daemon->signal_event);
        }
        if (event_initialized(&daemon->stop_timer)) {
            event_del(&daemon->stop_timer);
        }
        event_base_free(daemon->base);
    }
    if (daemon->signals >= 0) {
        close(daemon->signals);
    }
    config_free(daemon->config);
    free(daemon);
}
