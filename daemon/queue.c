/* SPDX-License-Identifier: MIT */
/* Rounds of places, one round a priority. */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>

struct queue_place {
    TAILQ_ENTRY(queue_place) entry;
    struct queue_entries entries; /* never empty */
    enum queue_priority priority;
    void *client;
};

void queue_init(struct queue *queue) {
    *queue = (struct queue){.length = 0};
    for (size_t i = 0; i < QUEUE_PRIORITIES; i++) {
        TAILQ_INIT(&queue->places[i]);
    }
}

static struct queue_place *find_place(const struct queue *queue, enum queue_priority priority, const void *client) {
    struct queue_place *place;
    TAILQ_FOREACH(place, &queue->places[priority], entry) {
        if (place->client == client) {
            return place;
        }
    }
    return NULL;
}

int queue_put(struct queue *queue, struct queue_entry *entry, enum queue_priority priority, void *client, bool first) {
    struct queue_place *place = find_place(queue, priority, client);
    if (place == NULL) {
        place = malloc(sizeof *place);
        if (place == NULL) {
            return -ENOMEM;
        }
        place->priority = priority;
        place->client = client;
        TAILQ_INIT(&place->entries);
        TAILQ_INSERT_TAIL(&queue->places[priority], place, entry);
    }
    if (first) {
        TAILQ_INSERT_HEAD(&place->entries, entry, entry);
    } else {
        TAILQ_INSERT_TAIL(&place->entries, entry, entry);
    }
    entry->place = place;
    queue->length++;
    return 0;
}

void queue_remove(struct queue *queue, struct queue_entry *entry) {
    struct queue_place *place = entry->place;
    if (place == NULL) {
        return;
    }
    TAILQ_REMOVE(&place->entries, entry, entry);
    entry->place = NULL;
    queue->length--;
    if (TAILQ_EMPTY(&place->entries)) {
        TAILQ_REMOVE(&queue->places[place->priority], place, entry);
        free(place);
    }
}

static struct queue_place *next_place(const struct queue *queue, size_t priority,
                                      bool (*may_serve)(const struct queue_entry *entry, void *context),
                                      void *context) {
    struct queue_place *place;
    TAILQ_FOREACH(place, &queue->places[priority], entry) {
        if (may_serve == NULL || may_serve(TAILQ_FIRST(&place->entries), context)) {
            return place;
        }
    }
    return NULL;
}

struct queue_entry *queue_next(struct queue *queue, bool (*may_serve)(const struct queue_entry *entry, void *context),
                               void *context) {
    struct queue_place *chosen = NULL;
    for (size_t i = 0; i < QUEUE_PRIORITIES; i++) {
        struct queue_place *place = next_place(queue, i, may_serve, context);
        if (place == NULL) {
            queue->passed_over[i] = 0;
        } else if (chosen == NULL) {
            chosen = place;
        } else if (queue->passed_over[i] >= QUEUE_PASSED_OVER_MAX) {
            chosen = place;
            break;
        }
    }
    if (chosen == NULL) {
        return NULL;
    }
    for (size_t i = chosen->priority + 1; i < QUEUE_PRIORITIES; i++) {
        queue->passed_over[i] += !TAILQ_EMPTY(&queue->places[i]);
    }
    queue->passed_over[chosen->priority] = 0;

    TAILQ_REMOVE(&queue->places[chosen->priority], chosen, entry);
    TAILQ_INSERT_TAIL(&queue->places[chosen->priority], chosen, entry);
    return TAILQ_FIRST(&chosen->entries);
}

struct queue_entry *queue_first(const struct queue *queue, const void *client) {
    for (size_t i = 0; i < QUEUE_PRIORITIES; i++) {
        struct queue_place *place =
            client != NULL ? find_place(queue, (enum queue_priority)i, client) : TAILQ_FIRST(&queue->places[i]);
        if (place != NULL) {
            return TAILQ_FIRST(&place->entries);
        }
    }
    return NULL;
}

struct queue_entry *queue_find(const struct queue *queue,
                               bool (*is_wanted)(const struct queue_entry *entry, const void *context),
                               const void *context) {
    for (size_t i = 0; i < QUEUE_PRIORITIES; i++) {
        struct queue_place *place;
        TAILQ_FOREACH(place, &queue->places[i], entry) {
            struct queue_entry *entry;
            TAILQ_FOREACH(entry, &place->entries, entry) {
                if (is_wanted(entry, context)) {
                    return entry;
                }
            }
        }
    }
    return NULL;
}
