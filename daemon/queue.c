/* SPDX-License-Identifier: MIT */
/* Rounds of places, one round a priority. */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>

struct queue_place {
    TAILQ_ENTRY(queue_place) entry;
    struct queue_entries lanes[QUEUE_LANES]; /* never all empty */
    enum queue_lane turn;                    /* whose lane is next */
    enum queue_priority priority;
    const void *client;
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

/* At the end of the round, but before the one that is being served: that one would have two turns before the newcomer else. */
static void insert_place(struct queue *queue, struct queue_place *place) {
    struct queue_places *round = &queue->places[place->priority];
    struct queue_place *last = TAILQ_LAST(round, queue_places);
    if (last != NULL && last == queue->served) {
        TAILQ_INSERT_BEFORE(last, place, entry);
    } else {
        TAILQ_INSERT_TAIL(round, place, entry);
    }
}

int queue_put(struct queue *queue, struct queue_entry *entry, enum queue_priority priority, const void *client,
              bool first) {
    struct queue_place *place = find_place(queue, priority, client);
    if (place == NULL) {
        place = malloc(sizeof *place);
        if (place == NULL) {
            return -ENOMEM;
        }
        place->priority = priority;
        place->client = client;
        place->turn = entry->lane;
        for (size_t i = 0; i < QUEUE_LANES; i++) {
            TAILQ_INIT(&place->lanes[i]);
        }
        insert_place(queue, place);
    }
    if (first) {
        TAILQ_INSERT_HEAD(&place->lanes[entry->lane], entry, entry);
    } else {
        TAILQ_INSERT_TAIL(&place->lanes[entry->lane], entry, entry);
    }
    entry->place = place;
    queue->length++;
    return 0;
}

static struct queue_entry *first_entry(const struct queue_place *place) {
    struct queue_entry *request = TAILQ_FIRST(&place->lanes[QUEUE_REQUESTS]);
    return request != NULL ? request : TAILQ_FIRST(&place->lanes[QUEUE_SUBSCRIPTIONS]);
}

void queue_remove(struct queue *queue, struct queue_entry *entry) {
    struct queue_place *place = entry->place;
    if (place == NULL) {
        return;
    }
    TAILQ_REMOVE(&place->lanes[entry->lane], entry, entry);
    entry->place = NULL;
    queue->length--;
    if (first_entry(place) == NULL) {
        TAILQ_REMOVE(&queue->places[place->priority], place, entry);
        queue->served = queue->served == place ? NULL : queue->served;
        free(place);
    }
}

/* The first of the lane whose turn it is, or else of the other, that may be served. */
static struct queue_entry *next_entry(const struct queue_place *place,
                                      bool (*may_serve)(const struct queue_entry *entry, void *context),
                                      void *context) {
    for (size_t i = 0; i < QUEUE_LANES; i++) {
        struct queue_entry *entry = TAILQ_FIRST(&place->lanes[(place->turn + i) % QUEUE_LANES]);
        if (entry != NULL && (may_serve == NULL || may_serve(entry, context))) {
            return entry;
        }
    }
    return NULL;
}

static struct queue_entry *next_of_round(const struct queue *queue, size_t priority,
                                         bool (*may_serve)(const struct queue_entry *entry, void *context),
                                         void *context) {
    struct queue_place *place;
    TAILQ_FOREACH(place, &queue->places[priority], entry) {
        struct queue_entry *entry = next_entry(place, may_serve, context);
        if (entry != NULL) {
            return entry;
        }
    }
    return NULL;
}

struct queue_entry *queue_next(struct queue *queue, bool (*may_serve)(const struct queue_entry *entry, void *context),
                               void *context) {
    struct queue_entry *chosen = NULL;
    for (size_t i = 0; i < QUEUE_PRIORITIES; i++) {
        struct queue_entry *entry = next_of_round(queue, i, may_serve, context);
        if (entry == NULL) {
            queue->passed_over[i] = 0;
        } else if (chosen == NULL) {
            chosen = entry;
        } else if (queue->passed_over[i] >= QUEUE_PASSED_OVER_MAX) {
            chosen = entry;
            break;
        }
    }
    if (chosen == NULL) {
        return NULL;
    }
    struct queue_place *place = chosen->place;
    for (size_t i = place->priority + 1; i < QUEUE_PRIORITIES; i++) {
        queue->passed_over[i] += !TAILQ_EMPTY(&queue->places[i]);
    }
    queue->passed_over[place->priority] = 0;
    place->turn = (chosen->lane + 1) % QUEUE_LANES;

    TAILQ_REMOVE(&queue->places[place->priority], place, entry);
    TAILQ_INSERT_TAIL(&queue->places[place->priority], place, entry);
    queue->served = place;
    return chosen;
}

struct queue_entry *queue_first(const struct queue *queue, const void *client) {
    for (size_t i = 0; i < QUEUE_PRIORITIES; i++) {
        struct queue_place *place =
            client != NULL ? find_place(queue, (enum queue_priority)i, client) : TAILQ_FIRST(&queue->places[i]);
        struct queue_entry *entry = NULL;
        if (place != NULL) {
            entry = client != NULL ? TAILQ_FIRST(&place->lanes[QUEUE_REQUESTS]) : first_entry(place);
        }
        if (entry != NULL) {
            return entry;
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
            for (size_t lane = 0; lane < QUEUE_LANES; lane++) {
                struct queue_entry *entry;
                TAILQ_FOREACH(entry, &place->lanes[lane], entry) {
                    if (is_wanted(entry, context)) {
                        return entry;
                    }
                }
            }
        }
    }
    return NULL;
}

struct collection {
    bool (*is_wanted)(const struct queue_entry *entry, const void *context);
    const void *context;
    struct queue_entry **entries;
    size_t count;
};

/* Looks for none, and so sees all. */
static bool collect(const struct queue_entry *entry, const void *context) {
    struct collection *collection = *(struct collection *const *)context;
    if (collection->is_wanted(entry, collection->context)) {
        collection->entries[collection->count++] = (struct queue_entry *)entry;
    }
    return false;
}

struct queue_entry **queue_list(const struct queue *queue,
                                bool (*is_wanted)(const struct queue_entry *entry, const void *context),
                                const void *context, size_t *count) {
    struct collection collection = {.is_wanted = is_wanted, .context = context};
    const struct collection *collecting = &collection;
    if (queue->length > 0) {
        collection.entries = calloc(queue->length, sizeof *collection.entries);
    }
    if (collection.entries != NULL) {
        queue_find(queue, collect, &collecting);
    }
    *count = collection.count;
    return collection.entries;
}
