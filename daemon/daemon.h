/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_H
#define DAEMON_H

/* The whole of a running daemon, as its parts see each other, and its orderly end. Everything here lives on the loop.
 */

#include "service.h"
#include "subscription.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

struct camera;
struct config;
struct hotplug;
struct server;
struct workers;

/* Where the configuration comes from, and what of it is the program's own. */
struct config_source {
    /* Reads it anew. Returns NULL after writing a line for each mistake to `report`. */
    struct config *(*load)(void *context, FILE *report);
    /* Has a configuration that was read count, such as what is logged. */
    void (*apply)(void *context, const struct config *config);
    void *context;
};

LIST_HEAD(leaving_list, camera);

struct daemon {
    struct event_base *base;
    const struct config_source *source;
    struct config *config;
    struct server *server;
    struct hotplug *hotplug; /* NULL where no camera's device is announced */
    struct workers *workers;
    struct camera **cameras; /* in the order of the configuration */
    size_t camera_count;
    struct leaving_list leaving; /* cameras that were taken out, until their workers have let go of them */
    int64_t started_us;
    struct subscription_list event_subscriptions;
    uint64_t last_subscription; /* its number */
    bool stopping;              /* what is accepted is being finished; nothing new is begun */
    bool out_of_time;
    struct service service;
    struct event stop_timer;
    int signals; /* a descriptor: SIGTERM, SIGINT and SIGHUP are read from it, and blocked in every thread */
    struct event signal_event;
    bool ends_with_terminal; /* SIGHUP is the terminal's, where that is gone, and a reload else */
};

/*
 * Starts the cameras' workers and listens at `socket_path`, or, where `passed` is not -1, at that socket, which is taken
 * over. The daemon shares `config`, and asks `source`, which has to outlive it, for another one on SIGHUP. Returns NULL after
 * logging why not; free with daemon_free().
 */
struct daemon *daemon_new(struct config *config, const struct config_source *source, const char *socket_path,
                          int passed);

/*
 * Reads the configuration anew and applies what is different (reload.c). What is wrong with it is logged, and changes nothing.
 */
void daemon_reload(struct daemon *daemon);

/* Watches for the devices of the configuration's cameras, instead of those before. Returns false when memory is short. */
bool daemon_watch_devices(struct daemon *daemon);

/* To be called when the worker of a camera that leaves has let go of its link. */
void daemon_camera_gone(struct daemon *daemon);

/* Runs until SIGTERM or SIGINT and until what was accepted is answered. Returns 0, or -1 after logging why it could not
 * run. */
int daemon_run(struct daemon *daemon);

void daemon_free(struct daemon *daemon);

/* Gives each camera that is free its next call, after something that may have held one back has changed. */
void daemon_serve_cameras(struct daemon *daemon);

/* To be called when a client has been freed or a camera is done with something: a daemon that stops ends when there are no
 * clients any more and no camera is at work. */
void daemon_end_if_idle(struct daemon *daemon);

/* How many clients are connected. */
size_t daemon_client_count(const struct daemon *daemon);

#endif
