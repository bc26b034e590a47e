/* SPDX-License-Identifier: MIT */
#ifndef SUBSCRIPTION_H
#define SUBSCRIPTION_H

/*
 * What a client gets without asking each time: notifications, numbered, of something that goes on. A client that does
 * not read loses notifications instead of memory, and is told how many.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct client;
struct daemon;
struct error;
struct camera;

struct subscription {
    TAILQ_ENTRY(subscription) of_client;
    TAILQ_ENTRY(subscription) of_source;
    struct client *client;
    uint64_t number;   /* names it to the client; never used twice by a daemon */
    uint64_t sequence; /* of what its source has produced since it began */
    uint64_t dropped;  /* of that, what the client was too slow for */
};

TAILQ_HEAD(subscription_list, subscription);

/*
 * Subscribes a client to the coming and going of cameras. Returns NULL with *error filled when the client has
 * limits.client_subscriptions already, or memory is short. It ends with its client.
 */
struct subscription *subscription_new_of_events(struct client *client, struct error *error);

/* Ends the client's subscription of that number. Returns false where there is none. */
bool subscription_end(struct client *client, uint64_t number);

/* Ends all of a client that leaves. */
void subscription_end_all(struct client *client);

/* Tells everybody who wants to know that a camera's state, or the reason for it, has changed. */
void subscription_announce(struct daemon *daemon, const struct camera *camera);

#endif
