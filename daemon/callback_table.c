/* SPDX-License-Identifier: MIT */
/* The well-known callbacks, and the sets they are found in. */

#include "callback_table.h"

#include "callback_entry.h"
#include "openmvrpc.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array)      (sizeof(array) / sizeof(array)[0])

#define PIXEL_FORMAT_TEXT "takes a text such as sensor.RGB565,sensor.QVGA."

/*
 * The names that the public camera scripts offer, described as a configuration would describe its own. Reads of a held
 * picture are not repeatable: they belong to the snapshot before them.
 */
static const struct {
    const char *name;
    const char *entry;
} built_in[] = {
    {"face_detection", "{\"result\":{\"format\":\"<HHHH\",\"fields\":[\"x\",\"y\",\"w\",\"h\"]},\"repeatable\":true,"
                       "\"doc\":\"The place of the largest face.\"}"},
    {"person_detection", "{\"result\":\"utf8\",\"repeatable\":true,\"doc\":\"Whether a person is seen.\"}"},
    {"qrcode_detection", "{\"result\":\"utf8\",\"repeatable\":true,\"doc\":\"The text of the largest QR code.\"}"},
    {"datamatrix_detection",
     "{\"result\":\"utf8\",\"repeatable\":true,\"doc\":\"The text of the largest data matrix.\"}"},
    {"barcode_detection", "{\"result\":\"utf8\",\"repeatable\":true,\"doc\":\"The text of the largest barcode.\"}"},
    {"apriltag_detection",
     "{\"result\":{\"format\":\"<HHHH\",\"fields\":[\"cx\",\"cy\",\"id\",\"rotation\"]},\"repeatable\":true,"
     "\"doc\":\"Centre, number and rotation in degrees of the largest AprilTag.\"}"},
    {"all_qrcode_detection", "{\"result\":\"json\",\"repeatable\":true,\"doc\":\"All QR codes.\"}"},
    {"all_apriltag_detection", "{\"result\":\"json\",\"repeatable\":true,\"doc\":\"All AprilTags.\"}"},
    {"all_datamatrix_detection", "{\"result\":\"json\",\"repeatable\":true,\"doc\":\"All data matrices.\"}"},
    {"all_barcode_detection", "{\"result\":\"json\",\"repeatable\":true,\"doc\":\"All barcodes.\"}"},
    {"color_detection",
     "{\"args\":{\"format\":\"<bbbbbb\",\"fields\":[\"l_min\",\"l_max\",\"a_min\",\"a_max\",\"b_min\",\"b_max\"]},"
     "\"result\":{\"format\":\"<HH\",\"fields\":[\"cx\",\"cy\"]},\"repeatable\":true,"
     "\"doc\":\"The centre of the largest blob within these LAB thresholds.\"}"},
    {"jpeg_snapshot", "{\"result\":\"jpeg\",\"repeatable\":true,\"doc\":\"A picture.\"}"},
    {"jpeg_image_snapshot", "{\"args\":\"utf8\",\"result\":{\"format\":\"<I\",\"fields\":[\"size\"]},"
                            "\"repeatable\":true,\"doc\":\"Takes and holds a picture; " PIXEL_FORMAT_TEXT "\"}"},
    {"jpeg_image_read",
     "{\"args\":{\"format\":\"<II\",\"fields\":[\"offset\",\"size\"],\"optional\":true},\"result\":\"bytes\","
     "\"schedules\":\"cut_through\",\"doc\":\"A piece of the held picture, or all of it by cut-through.\"}"},
    {"raw_image_snapshot",
     "{\"args\":{\"format\":\"<II\",\"fields\":[\"pixformat\",\"framesize\"]},"
     "\"result\":{\"format\":\"<IIII\",\"fields\":[\"width\",\"height\",\"pixformat\",\"size\"]},"
     "\"repeatable\":true,\"doc\":\"Takes and holds a picture; the numbers are the firmware's own constants.\"}"},
    {"raw_image_read",
     "{\"args\":{\"format\":\"<II\",\"fields\":[\"offset\",\"size\"],\"optional\":true},\"result\":\"bytes\","
     "\"schedules\":\"cut_through\",\"doc\":\"A piece of the held pixels, or all of them by cut-through.\"}"},
    {"jpeg_image_stream",
     "{\"args\":\"utf8\",\"schedules\":\"stream\",\"doc\":\"Streams pictures; " PIXEL_FORMAT_TEXT "\"}"},
};

struct callback_set {
    struct callback_set *fallback;
    unsigned owners;
    uint32_t offered[CALLBACKS_MAX]; /* command ids */
    size_t offered_count;            /* 0: nobody knows */
    bool offers_more;                /* than can be kept */
    size_t count;
    struct callback *callbacks[CALLBACKS_MAX];
};

static const struct callback *find_own(const struct callback_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->callbacks[i]->name, name) == 0) {
            return set->callbacks[i];
        }
    }
    return NULL;
}

static void report_nothing(void *context, const struct schema_error *error) {
    (void)context;
    (void)error;
}

static bool add_built_in(struct callback_set *set) {
    for (size_t i = 0; i < COUNT(built_in); i++) {
        cJSON *entry = cJSON_Parse(built_in[i].entry);
        const bool is_added = callback_set_add(set, built_in[i].name, entry, CALLBACK_BUILT_IN, report_nothing, NULL);
        cJSON_Delete(entry);
        if (!is_added) {
            return false;
        }
    }
    return true;
}

struct callback_set *callback_set_new(struct callback_set *fallback) {
    struct callback_set *set = calloc(1, sizeof *set);

    if (set == NULL) {
        return NULL;
    }
    set->fallback = fallback != NULL ? callback_set_share(fallback) : NULL;
    set->owners = 1;
    if (fallback == NULL && !add_built_in(set)) {
        callback_set_free(set);
        return NULL;
    }
    return set;
}

struct callback_set *callback_set_share(struct callback_set *set) {
    set->owners++;
    return set;
}

void callback_set_free(struct callback_set *set) {
    if (set == NULL || --set->owners > 0) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        callback_free(set->callbacks[i]);
    }
    callback_set_free(set->fallback);
    free(set);
}

bool callback_set_add(struct callback_set *set, const char *name, const cJSON *entry, enum callback_origin origin,
                      callback_fault *report, void *context) {
    struct callback *callback = callback_new(name, entry, origin, report, context);

    if (callback == NULL) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->callbacks[i]->name, name) == 0) {
            callback_free(set->callbacks[i]);
            set->callbacks[i] = callback;
            return true;
        }
    }
    if (set->count == CALLBACKS_MAX) {
        struct schema_error error;
        schema_error_set(&error, "expected at most %zu callbacks, found more", CALLBACKS_MAX);
        report(context, &error);
        callback_free(callback);
        return false;
    }
    set->callbacks[set->count++] = callback;
    return true;
}

bool callback_set_offer(struct callback_set *set, const char *name) {
    if (set->offered_count == CALLBACKS_MAX) {
        set->offers_more = true;
        return false;
    }
    set->offered[set->offered_count++] = omvrpc_command_id(name, strlen(name));
    return true;
}

bool callback_set_offers(const struct callback_set *set, uint32_t command_id) {
    for (size_t i = 0; i < set->offered_count; i++) {
        if (set->offered[i] == command_id) {
            return true;
        }
    }
    return set->offered_count == 0 || set->offers_more;
}

/* The one of a set's own and a fallback's that counts. */
static const struct callback *choose(const struct callback *own, const struct callback *other) {
    bool is_own = own != NULL && (other == NULL || other->origin != CALLBACK_FROM_CONFIG);
    return is_own ? own : other;
}

const struct callback *callback_find(const struct callback_set *set, const char *name) {
    return set != NULL ? choose(find_own(set, name), callback_find(set->fallback, name)) : NULL;
}

const struct callback *callback_find_id(const struct callback_set *set, uint32_t command_id) {
    const struct callback *own = NULL;
    if (set == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < set->count && own == NULL; i++) {
        own = set->callbacks[i]->command_id == command_id ? set->callbacks[i] : NULL;
    }
    return choose(own, callback_find_id(set->fallback, command_id));
}

bool callback_is_like(const struct callback *callback, const struct callback *other) {
    if (callback == NULL || other == NULL) {
        return callback == other;
    }
    return callback->schedules == other->schedules &&
           strcmp(schema_text(callback->args), schema_text(other->args)) == 0 &&
           strcmp(schema_text(callback->result), schema_text(other->result)) == 0;
}

struct callback_walk callback_walk_begin(const struct callback_set *set) {
    return (struct callback_walk){.set = set, .part = set};
}

const struct callback *callback_walk_next(struct callback_walk *walk) {
    while (walk->part != NULL) {
        if (walk->next == walk->part->count) {
            walk->part = walk->part->fallback;
            walk->next = 0;
            continue;
        }
        const struct callback *callback = walk->part->callbacks[walk->next++];
        if (callback_set_offers(walk->set, callback->command_id) &&
            callback_find(walk->set, callback->name) == callback) {
            return callback;
        }
    }
    return NULL;
}

enum callback_schedule callback_schedules(const struct callback *callback, size_t args_length) {
    const bool is_optional = schema_is_optional(callback->args);

    if (callback->schedules == CALLBACK_SCHEDULES_CUT_THROUGH && is_optional && args_length > 0) {
        return CALLBACK_SCHEDULES_NOTHING;
    }
    return callback->schedules;
}
