/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_H
#define SOURCE_H

/*
 * What subscriptions to a camera's callbacks have in common: one source for all who ask the same of the same camera, which
 * makes one call after the other for them and ends with the last. What it calls for and who gets what of it is its
 * kind's: watch.c and stream.c.
 */

#include "callback_table.h"
#include "camera.h"
#include "params.h"
#include "subscription.h"

struct client;
struct source;

TAILQ_HEAD(source_list, source);

struct source_kind {
    const char *name_param; /* of "subscribe": which callback */
    /* Makes a source, which its source_init() has prepared, or returns NULL when memory is short. */
    struct source *(*make)(struct camera *camera, const struct params *params);
    /* It is time for the next call, and none is under way. */
    void (*begin)(struct source *source);
    /* Nobody is left, and the camera is at the call that is under way; NULL where its end is near anyway. */
    void (*stop)(struct source *source);
    /* Frees it with what its kind has added; the rest has been freed. */
    void (*destroy)(struct source *source);
};

struct source {
    TAILQ_ENTRY(source) entry;
    const struct source_kind *kind;
    struct camera *camera;
    struct call call; /* under way while `is_busy` */
    bool is_busy;
    bool is_over;     /* to be freed when its call has ended */
    int64_t begun_us; /* the last call; 0 before the first */
    struct callback_set *callbacks;
    const struct callback *callback; /* as of the last source_bind() */
    struct subscription_list subscribers;
    struct event timer;
    char *params; /* of the one who subscribed first; what they ask for is `key` */
    char *key;    /* bytes */
    size_t key_length;
    char name[CALLBACK_NAME_MAX + 1];
};

/* Prepares a zeroed source and enters it among the camera's. Returns false, with nothing to be freed, when memory is
 * short. */
bool source_init(struct source *source, const struct source_kind *kind, struct camera *camera,
                 const struct params *params);

/* The source of a call, and of a subscription that is in its list or has just left it. */
struct source *source_of_call(struct call *call);
struct source *source_of(const struct subscription *subscription);

/*
 * Whether the rules let a client subscribe to a callback; its name decides, by what is known of it now: that the camera
 * describes it later can only speak for it. Returns false with *error filled.
 */
bool source_is_allowed(struct client *client, const struct camera *camera, const char *name, struct error *error);

/* What is known of a callback before it is called; all 0 while nobody knows the camera. */
struct source_facts {
    uint32_t command;
    bool is_described;
    enum callback_schedule schedules;
};

/* Checks what a client asks for as far as that can be done now. Returns false with *error filled. */
bool source_check(struct camera *camera, const struct params *params, const char *name, struct source_facts *facts,
                  struct error *error);

/* Writes the name of the callback that params of "subscribe" name, cut where it is too long. */
void source_read_name(const struct params *params, const char *name_param, char name[CALLBACK_NAME_MAX + 1]);

/*
 * Enters a subscription, whose owner has allocated it, into the source of what `params` ask for, which is made if need
 * be; it then holds what those are. Returns the source, or NULL with *error filled, and the subscription still its
 * owner's.
 */
struct source *source_subscribe(struct client *client, struct camera *camera, const struct source_kind *kind,
                                const struct params *params, struct subscription *subscription, struct error *error);

/* To be called when a subscription has left: ends the source if that was the last. Returns whether it goes on. */
bool source_go_on(struct source *source);

/* How long its next call may take, as the most patient of its subscribers has it, in microseconds. */
int64_t source_timeout_us(const struct source *source);

/* Has its next call begun after so many microseconds, or at once. */
void source_plan(struct source *source, int64_t pause_us);

/* Fills in the job of the call under way, for a callback and params of "subscribe" as text; its deadline counts from
 * `since_us` by source_timeout_us(). The camera may be another than at the time before, and have other schemas. */
bool source_bind(struct source *source, const char *name, const char *params, int64_t since_us, struct error *error);

/*
 * Makes a call like `call`, which lacks job, name and turn; `ended` may come at once. Returns false when memory is short.
 * The patience, in microseconds, counts until it is known what is called. While the camera is offline it waits if any
 * subscriber does; those that do not are told of the trouble now.
 */
bool source_call(struct source *source, const struct call *call, int64_t patience_us);

/* To be called first when a call has ended. Returns false where the source was over, and is gone. */
bool source_take_end(struct source *source);

/* To be called when nobody needs the call any more that has ended. */
void source_clear_call(struct source *source);

/* Ends all subscriptions of a camera that leaves, after telling each the error. */
void source_end_all(struct camera *camera, const struct error *error);

/* Has another camera go on with them. None of their calls is under way. */
void source_inherit_all(struct camera *heir, struct camera *camera);

/* Ends those that the rules, which have changed, do not allow any more, after telling each by which. */
void source_check_access(struct camera *camera);

#endif
