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

#include <sys/queue.h>

struct camera;
struct client;
struct subscription_list;
struct watch;

TAILQ_HEAD(watch_list, watch);

struct watch_options {
    int64_t interval_us; /* from 1000 */
    enum reply_form form;
    bool on_change;
    enum queue_priority priority; /* these two count of the one who subscribed first */
    int64_t max_age_us;
};

/*
 * Whether the rules let a client subscribe to a callback; its name decides, by what is known of it now: that the camera
 * describes it later can only speak for it. Returns false with *error filled.
 */
bool watch_is_allowed(struct client *client, const struct camera *camera, const char *name, struct error *error);

/* What is asked, as text: equal keys ask the same. Returns malloc'ed text, or NULL when memory is short. */
char *watch_key(const struct params *params, const char *name_param);

/*
 * Subscribes a client to a callback. `params` are those of "subscribe" and name the callback and its argument; they were
 * read by its table. Returns the subscription's number, or 0 with *error filled.
 */
uint64_t watch_subscribe(struct client *client, struct camera *camera, const struct params *params,
                         const struct watch_options *options, struct error *error);

/* Ends all subscriptions of a camera that leaves, after telling each the error. */
void watch_end_all(struct camera *camera, const struct error *error);

/* Has another camera go on with them. None of their calls is under way. */
void watch_inherit_all(struct camera *heir, struct camera *camera);

/* Ends those that the rules, which have changed, do not allow any more, after telling each by which. */
void watch_check_access(struct camera *camera);

/* The same for those of one callback; with the last of them their source may be freed. */
void watch_check_subscribers(struct subscription_list *subscribers, const struct camera *camera, const char *name);

#endif
