/* SPDX-License-Identifier: MIT */
/* Descriptions: bytes from a camera, which are checked before they are believed. */

#include "description.h"

#include "callback_entry.h"
#include "encoding.h"
#include "json_check.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A camera that says nothing of its limits gets pieces that every link carries well. */
enum { PIECE_DEFAULT = 512, HELD_DEFAULT = 1 };

/* One member of the description's callbacks while its faults are told. */
struct member {
    description_fault *report;
    void *context;
    const char *name;
};

/* A text for people: cut where it is too long, without control characters. */
static void read_text(const cJSON *object, const char *name, char text[DESCRIPTION_TEXT_SIZE]) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    size_t length = 0;
    if (!cJSON_IsString(value)) {
        return;
    }
    const uint8_t *bytes = (const uint8_t *)value->valuestring;
    size_t left = strlen(value->valuestring);
    while (left > 0) {
        size_t step = utf8_sequence_length(bytes, left);
        if (step == 0 || length + step >= DESCRIPTION_TEXT_SIZE) {
            break;
        }
        if (*bytes >= 0x20 && *bytes != 0x7f) {
            memcpy(text + length, bytes, step);
            length += step;
        }
        bytes += step;
        left -= step;
    }
    text[length] = '\0';
}

static uint32_t read_limit(const cJSON *limits, const char *name, uint32_t fallback) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(limits, name);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 1 && value->valuedouble <= UINT32_MAX)) {
        return fallback;
    }
    return (uint32_t)value->valuedouble;
}

static void report_entry(void *context, const struct schema_error *error) {
    const struct member *member = context;
    char what[SCHEMA_ERROR_PATH_SIZE + SCHEMA_ERROR_MESSAGE_SIZE];
    schema_error_print(error, member->name, what, sizeof what);
    member->report(member->context, what);
}

/* Members of later versions are passed over, where a configuration's would be mistakes. */
static void drop_unknown(cJSON *entry) {
    cJSON *next;
    for (cJSON *value = entry->child; value != NULL; value = next) {
        next = value->next;
        if (!callback_entry_knows(value->string)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(entry, value));
        }
    }
}

/* A callback that is only named may be a well-known one; else it is at least known to exist. */
static void add_callback(struct callback_set *set, cJSON *entry, const struct member *member) {
    if (cJSON_IsObject(entry)) {
        drop_unknown(entry);
    }
    if (!callback_set_offer(set, member->name)) {
        struct schema_error error;
        schema_error_set(&error, "expected at most %zu callbacks, found more", CALLBACKS_MAX);
        report_entry((void *)member, &error);
        return;
    }
    bool is_only_named = cJSON_IsObject(entry) && entry->child == NULL;
    if (is_only_named && callback_find(set, member->name) != NULL) {
        return;
    }
    if (!callback_set_add(set, member->name, entry, CALLBACK_FROM_CAMERA, report_entry, (void *)member) &&
        !is_only_named && callback_find(set, member->name) == NULL) {
        cJSON *nothing = cJSON_CreateObject();
        callback_set_add(set, member->name, nothing, CALLBACK_FROM_CAMERA, report_entry, (void *)member);
        cJSON_Delete(nothing);
    }
}

static void read_members(struct description *description, const cJSON *root, description_fault *report, void *context) {
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(root, "limits");
    read_text(root, "library", description->library);
    read_text(root, "firmware", description->firmware);
    read_text(root, "board", description->board);
    read_text(root, "id", description->id);
    description->argument = read_limit(limits, "argument", UINT32_MAX);
    description->piece = read_limit(limits, "piece", PIECE_DEFAULT);
    description->held = read_limit(limits, "held", HELD_DEFAULT);
    cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(root, "callbacks")) {
        add_callback(description->callbacks, entry,
                     &(const struct member){.report = report, .context = context, .name = entry->string});
    }
}

bool description_read(struct description *description, const uint8_t *text, size_t length,
                      struct callback_set *fallback, description_fault *report, void *context, char *problem,
                      size_t size) {
    struct json_fault fault;
    *description = (struct description){.callbacks = NULL};
    if (!json_check((const char *)text, length, &fault)) {
        snprintf(problem, size, "byte %zu: %s", fault.offset, fault.message);
        return false;
    }
    cJSON *root = cJSON_ParseWithLength((const char *)text, length);
    if (!cJSON_IsObject(root) || !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(root, "callbacks"))) {
        snprintf(problem, size, "it has no object \"callbacks\"");
    } else {
        description->callbacks = callback_set_new(fallback);
        description->text = malloc(length);
        if (description->callbacks != NULL && description->text != NULL) {
            memcpy(description->text, text, length);
            description->text_length = length;
            read_members(description, root, report, context);
        } else {
            snprintf(problem, size, "out of memory");
            description_clear(description);
        }
    }
    cJSON_Delete(root);
    return description->callbacks != NULL;
}

void description_clear(struct description *description) {
    callback_set_free(description->callbacks);
    free(description->text);
    *description = (struct description){.callbacks = NULL};
}
