/* SPDX-License-Identifier: MIT */
#ifndef CALLBACK_TABLE_H
#define CALLBACK_TABLE_H

/*
 * What is known of callbacks: the schemas of their arguments and results, and how they may be called. The well-known
 * ones are built in; a configuration, and later a camera, add theirs in sets that fall back on one another.
 */

#include "schema.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name in bytes, and the most callbacks of one set. */
#define CALLBACK_NAME_MAX ((size_t)64)
#define CALLBACKS_MAX     ((size_t)256)

/* The longest time, in milliseconds, that a callback may be given by its schema: one hour. */
#define CALLBACK_TIMEOUT_MAX_MS 3600000u

/* What the camera does of itself after the result; the master must know before it asks (at most one pair of polls
 * then). */
enum callback_schedule {
    CALLBACK_SCHEDULES_NOTHING,
    CALLBACK_SCHEDULES_STREAM,
    CALLBACK_SCHEDULES_CUT_THROUGH,
};

enum callback_origin {
    CALLBACK_BUILT_IN,
    CALLBACK_FROM_CONFIG,
    CALLBACK_FROM_CAMERA,
};

struct callback {
    char *name;
    uint32_t command_id;
    struct schema *args;   /* NULL: takes none, or nobody knows */
    struct schema *result; /* NULL: nobody knows; base64 */
    bool is_repeatable;    /* calling it twice does no harm and equal calls may share one result */
    enum callback_schedule schedules;
    uint32_t timeout_ms; /* 0: the default of calls */
    char *doc;           /* one sentence, or NULL */
    enum callback_origin origin;
};

struct callback_set;

/*
 * Makes an empty set. What is not found in it is looked up in `fallback`, which it shares; with NULL the set
 * begins with the built-in callbacks. What a fallback has from the configuration goes before the set's own: the one who
 * runs the daemon has the last word. Returns NULL when out of memory.
 */
struct callback_set *callback_set_new(struct callback_set *fallback);

/* A set lives until each of its owners has freed it; its maker is the first one. */
struct callback_set *callback_set_share(struct callback_set *set);
void callback_set_free(struct callback_set *set);

/*
 * Says that the camera has this callback, described or not; a set in which that was said of any has no others. Returns
 * false when CALLBACKS_MAX were said already; nobody knows then what else the camera has.
 */
bool callback_set_offer(struct callback_set *set, const char *name);

/* Whether a camera with this set has the callback, as far as anybody knows. */
bool callback_set_offers(const struct callback_set *set, uint32_t command_id);

/* Told of each fault in an entry; the path is below the entry, such as "args.fields.2". */
typedef void callback_fault(void *context, const struct schema_error *error);

/*
 * Adds a callback from its description:
 *
 *     {"args": SCHEMA, "result": SCHEMA, "repeatable": true, "schedules": "stream" or "cut_through", "timeout_ms":
 * 3000, "doc": "…"}
 *
 * in which everything may be left out. One of the same name in this very set is replaced. Returns false, having
 * reported every fault, if there is any; the set is then as before.
 */
bool callback_set_add(struct callback_set *set, const char *name, const cJSON *entry, enum callback_origin origin,
                      callback_fault *report, void *context);

/* Whether a call that was made for one callback is right for the other: both take and give the same, or neither is known
 * (NULL). */
bool callback_is_like(const struct callback *callback, const struct callback *other);

/* The callback of a name or of a command id, by the order above; NULL where it is not known. */
const struct callback *callback_find(const struct callback_set *set, const char *name);
const struct callback *callback_find_id(const struct callback_set *set, uint32_t command_id);

/*
 * A walk over the callbacks known to a set and its fallbacks, each name once; those that the camera has not are left out.
 * Pointers stay good until the set they are of is added to or freed. callback_walk_next() gives NULL after the last.
 */
struct callback_walk {
    const struct callback_set *set;
    const struct callback_set *part; /* of the set: itself, or one it falls back on */
    size_t next;
};

struct callback_walk callback_walk_begin(const struct callback_set *set);
const struct callback *callback_walk_next(struct callback_walk *walk);

/*
 * What a call with that many bytes of arguments schedules. Where arguments are optional, a cut-through transfer is what
 * is asked for by leaving them out: with an offset and a size the bytes come as the result.
 */
enum callback_schedule callback_schedules(const struct callback *callback, size_t args_length);

/* "stream", "cut_through", or NULL for nothing. */
const char *callback_schedule_name(enum callback_schedule schedule);

/* "built in", "config" or "camera". */
const char *callback_origin_name(enum callback_origin origin);

#endif
