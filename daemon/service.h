/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_H
#define SERVICE_H

/*
 * What the service manager is told: ready, reloading, stopping, how many cameras are online; and its watchdog, which is
 * fed while the loop and the workers are alive. Where no service manager asks for it, all of this does nothing. One that
 * does not listen is not waited for: it is told how things stand when it listens again.
 */

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

struct daemon;

/* Longest texts, with their NUL; what is longer is cut. */
enum { SERVICE_STATUS_SIZE = 512, SERVICE_TROUBLE_SIZE = 400 };

struct service {
    char status[SERVICE_STATUS_SIZE];
    char trouble[SERVICE_TROUBLE_SIZE]; /* that the status names beside the cameras, or empty */
    struct event watchdog;
    uint64_t interval_us; /* of the watchdog's looks, 0 where there is none */
    bool is_behind;       /* the manager has not taken all, and is told again */
    struct event again;
};

/* Says that all workers run and clients are served, and begins to feed the watchdog. */
void service_ready(struct daemon *daemon);

/* Says how many cameras are online, if that has changed. */
void service_tell_status(struct daemon *daemon);

/* Has the status say what is wrong from now on, until this is called with an empty text. */
void service_set_trouble(struct daemon *daemon, const char *trouble);

void service_reloading(struct daemon *daemon);
void service_reloaded(struct daemon *daemon);
void service_stopping(struct daemon *daemon);

/* Stops feeding the watchdog and telling again. */
void service_clear(struct daemon *daemon);

#endif
