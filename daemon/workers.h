/* SPDX-License-Identifier: MIT */
#ifndef WORKERS_H
#define WORKERS_H

/*
 * The workers that run, on the loop: one for each bus, shared by the cameras on it. A camera joins the worker of its
 * bus, which is started for the first one, and leaves it without waiting; the last one that has gone ends it.
 */

#include "worker.h"

struct event_base;
struct workers;

/* Its workers will have this real-time priority, 0 for none. Returns NULL when memory is short. */
struct workers *workers_new(struct event_base *base, unsigned realtime_priority);

/*
 * Stops every worker and waits for it; what cameras are left are told nothing any more. Their links are closed then, and
 * what their openers point at is free. Accepts NULL.
 */
void workers_free(struct workers *workers);

/* A camera's place at a worker. */
struct workers_place {
    struct worker *worker;
    size_t place;
};

/*
 * Joins the worker of the bus with this name, or one of its own where `bus` is NULL. `opener` and `max_payload` as for
 * worker_add(); `take` is given each message of the camera, with the job or frame in it, but the last one. Returns false
 * with errno set.
 */
bool workers_join(struct workers *workers, const char *bus, const struct bus_opener *opener, size_t max_payload,
                  void (*take)(void *context, struct worker_message *message), void *context, struct workers_place *at);

/*
 * Leaves the worker. It goes on giving messages, such as the end of a job, until `gone` is called, on the loop: from
 * then on what the opener points at is free. Nothing may be asked of the worker meanwhile.
 */
void workers_leave(struct workers *workers, const struct workers_place *at, void (*gone)(void *context));

/*
 * Whether every worker has taken a turn since this was asked last, or moves bytes that take longer; asks them for one
 * until the next time. `hangs` is told of each that has not, once until it moves: the name of its bus, or of the
 * link that it has alone.
 */
bool workers_take_beats(struct workers *workers, void (*hangs)(void *context, const char *bus), void *context);

/* How many workers run. */
size_t workers_count(const struct workers *workers);

#endif
