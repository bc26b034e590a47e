/* SPDX-License-Identifier: MIT */
/* What `watch` shows of the events of a subscription. */
#ifndef OPENMVCTL_WATCH_VIEW_H
#define OPENMVCTL_WATCH_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "reply.h"

struct options;
struct watch_form;

/* The rate is that of the last so many events. */
#define WATCH_RATE_EVENTS 32

/* `options` is set by the caller, the rest begins as zero. */
struct watch_view {
    const struct options *options;
    const struct watch_form *form;
    struct reply latest;                    /* what was shown last, or an empty one */
    long count;                             /* of events that were shown */
    size_t dropped;                         /* of those the daemon could not send */
    int64_t arrivals_ms[WATCH_RATE_EVENTS]; /* by the number of the event, modulo WATCH_RATE_EVENTS */
    int64_t drawn_ms;
};

/* Chooses the form by the options and by what standard output is, and prepares a terminal. */
void watch_view_begin(struct watch_view *view);

/* Shows an event, and takes it over. */
void watch_view_take(struct watch_view *view, struct reply *event);

/* To be called after each event, and ten times a second, to show how old the latest is. */
void watch_view_refresh(struct watch_view *view);

/* Leaves the terminal as it was. */
void watch_view_end(struct watch_view *view);

#endif
