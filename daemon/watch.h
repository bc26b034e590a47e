/* SPDX-License-Identifier: MIT */
#ifndef WATCH_H
#define WATCH_H

/*
 * Callbacks that are called again and again for subscribers: one call for all who ask the same of the same camera, at
 * the fastest rate that any of them wants. Each gets its own rate and form of the answers, or only what differs from the
 * answer before.
 */

#include "call_value.h"
#include "params.h"
#include "queue.h"

struct camera;
struct client;

struct watch_options {
    int64_t interval_us; /* from 1000 */
    int64_t max_age_us;  /* of an answer that would do, 0 for none; of those who share the calls the least counts */
    enum queue_priority priority; /* the highest counts */
    enum reply_form form;
    bool on_change;
    bool progress;
};

/*
 * Subscribes a client to a callback. `params` are those of "subscribe" and name the callback and its argument; they were
 * read by its table. Returns the subscription's number, or 0 with *error filled.
 */
uint64_t watch_subscribe(struct client *client, struct camera *camera, const struct params *params,
                         const struct watch_options *options, struct error *error);

#endif
