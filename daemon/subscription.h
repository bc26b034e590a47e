/* SPDX-License-Identifier: MIT */
#ifndef SUBSCRIPTION_H
#define SUBSCRIPTION_H

/*
 * What a client gets without asking each time: notifications, numbered, of something that goes on. A client that does
 * not read loses notifications instead of memory, and is told how many.
 *
 * A subscription stands in two lists: its client's, with which it ends, and that of its source, which sends.
 */

#include "error.h"
#include "text_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct camera;
struct client;
struct daemon;
struct shared_bytes;
struct subscription;

TAILQ_HEAD(subscription_list, subscription);

struct subscription {
    TAILQ_ENTRY(subscription) of_client;
    TAILQ_ENTRY(subscription) of_source;
    struct client *client;
    struct subscription_list *source;
    int64_t interval_us;       /* how often it wants something, where its source goes by that; else 0 */
    int64_t due_us;            /* when it wants the next */
    int64_t timeout_us;        /* of each call; 0: as the callback's schema has it */
    bool waits;                /* for a camera that is offline, until that has passed */
    enum error_reason trouble; /* that it was told last, and that goes on; ERROR_NONE for none */
    uint64_t number;           /* names it to the client; never used twice by a daemon */
    uint64_t sequence;         /* of what its source has produced for it */
    uint64_t dropped;          /* of that, what the client was too slow for */
    size_t last_size;          /* of the last notification, as client_unread() counts */
    size_t kept_bytes;         /* of the client's, for as long as it lasts; they count among what waits for it */
    /* Told when it has left both lists; frees it. */
    void (*ended)(struct subscription *subscription);
    /* Told when its client has read all that it was sent; NULL where it does not care. */
    void (*drained)(struct subscription *subscription);
};

/*
 * Enters a subscription, whose owner allocated it and has set nothing but what it is told and what it keeps, into both
 * lists. Returns false with *error filled when that would be too much for the client or for all.
 */
bool subscription_begin(struct subscription *subscription, struct client *client, struct subscription_list *source,
                        struct error *error);

/* Ends the client's subscription of that number. Returns false where there is none. */
bool subscription_end(struct client *client, uint64_t number);

/* Ends a subscription whose source has ended, after telling its client why, as its last event. */
void subscription_fail(struct subscription *subscription, const struct error *error);

/* The same for all of a source, which may be freed with the last of them. */
void subscription_fail_all(struct subscription_list *source, const struct error *error);

/* Ends all of a client that leaves. */
void subscription_end_all(struct client *client);

/* The shortest interval of a source's subscriptions, of which there is at least one. */
int64_t subscription_fastest_us(const struct subscription_list *source);

/* Whether it is time for a subscription of a source that goes at the rate of `fastest_us`; plans its next time if so. */
bool subscription_is_due(struct subscription *subscription, int64_t fastest_us, int64_t now_us);

/*
 * Whose turn it takes in a camera's queue to ask for all of a source: of its clients, which are at least one, the one
 * with the fewest subscriptions, so that nobody waits for what another one watches besides.
 */
const struct client *subscription_turn_of(const struct subscription_list *source);

/*
 * A notification: counts what the source has produced, and begins its text up to the member that the caller adds, as
 * "\"value\":…". Returns false, having counted it as dropped, where the client does not read.
 */
bool subscription_begin_event(struct subscription *subscription, struct text_buffer *text);

/* Tells trouble with the next value, once, when it begins; who gives a value again says so in `trouble`. */
void subscription_tell_trouble(struct subscription *subscription, const struct error *error);

/*
 * Whether the client has not even read the notification before the last one. A socket holds many pictures, and who is
 * slow would see old ones only; two let it read one while the next is there.
 */
bool subscription_is_behind(const struct subscription *subscription);

/* Begins the text of a notification that was counted before. */
void subscription_begin_counted(const struct subscription *subscription, struct text_buffer *text);

/* Tells all of a client's subscriptions that it has read what it was sent. */
void subscription_drain_all(struct client *client);

/* Sends it, with `bytes` (malloc'ed and taken over, or NULL) behind the line. */
void subscription_send_event(struct subscription *subscription, struct text_buffer *text, uint8_t *bytes,
                             size_t length);

/* The same with bytes that others read as well; they stay the caller's. */
void subscription_send_shared_event(struct subscription *subscription, struct text_buffer *text,
                                    struct shared_bytes *bytes);

/* Subscribes a client to the coming and going of cameras. Returns NULL with *error filled where it cannot. */
struct subscription *subscription_new_of_events(struct client *client, struct error *error);

/* Tells everybody who wants to know that a camera's state, or the reason for it, has changed. */
void subscription_announce(struct daemon *daemon, const struct camera *camera);

#endif
