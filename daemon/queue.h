/* SPDX-License-Identifier: MIT */
#ifndef QUEUE_H
#define QUEUE_H

/*
 * Who is next at a camera. Each client has a place of its own, and places are served in turn, so that a client with a
 * thousand waiting calls delays another's by one call at most: a client that comes while another is being served has its
 * turn before that one has the next. What waits for its subscriptions has every other turn of
 * that same place, so that many subscriptions are no more turns, and neither kind starves. Each priority has its own round of places; a lower one
 * is served after at most QUEUE_PASSED_OVER_MAX calls of a higher one, so that it never starves.
 *
 * Entries stand inside the structs of their owners; the queue knows nothing of calls, clients or time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

enum queue_priority { QUEUE_HIGH, QUEUE_NORMAL, QUEUE_LOW, QUEUE_PRIORITIES };

enum { QUEUE_PASSED_OVER_MAX = 8 };

/* Who waits in a client's place: each kind has every other turn while both wait. */
enum queue_lane { QUEUE_REQUESTS, QUEUE_SUBSCRIPTIONS, QUEUE_LANES };

struct queue_place;

struct queue_entry {
    TAILQ_ENTRY(queue_entry) entry;
    enum queue_lane lane;      /* set by the owner, and left alone while it stands in a queue */
    struct queue_place *place; /* NULL while it stands in no queue */
};

TAILQ_HEAD(queue_entries, queue_entry);
TAILQ_HEAD(queue_places, queue_place);

struct queue {
    struct queue_places places[QUEUE_PRIORITIES]; /* of clients that have entries, the next one first */
    const struct queue_place *served;             /* the one that had its turn last, while it has entries; or NULL */
    unsigned passed_over[QUEUE_PRIORITIES];
    size_t length;
};

/* Makes an empty queue. It must be empty again when it is thrown away. */
void queue_init(struct queue *queue);

/*
 * Puts an entry at the end of its lane of its client's place, or, with `first`, at its beginning. `client` only identifies the
 * place. Returns 0 or -ENOMEM.
 */
int queue_put(struct queue *queue, struct queue_entry *entry, enum queue_priority priority, const void *client,
              bool first);

/* Takes an entry out; nothing happens where it stands in no queue. */
void queue_remove(struct queue *queue, struct queue_entry *entry);

/*
 * Returns the entry whose turn it is, or NULL when there is none; it stays in the queue, and its client's turn is over.
 * Clients for whose first entry `may_serve` (NULL: for all) says false keep their place in the round and are passed by.
 */
struct queue_entry *queue_next(struct queue *queue, bool (*may_serve)(const struct queue_entry *entry, void *context),
                               void *context);

/* Returns any entry, or one of the requests of `client` where that is not NULL; NULL when there is none. */
struct queue_entry *queue_first(const struct queue *queue, const void *client);

/* Returns any entry of which `is_wanted` is true; NULL when there is none. */
struct queue_entry *queue_find(const struct queue *queue,
                               bool (*is_wanted)(const struct queue_entry *entry, const void *context),
                               const void *context);

/*
 * Lists the entries of which `is_wanted` is true, in the order of their places. Returns an array that the caller frees,
 * and how many there are in *count; with 0 of them it may be NULL, as it is where memory is short.
 */
struct queue_entry **queue_list(const struct queue *queue,
                                bool (*is_wanted)(const struct queue_entry *entry, const void *context),
                                const void *context, size_t *count);

#endif
