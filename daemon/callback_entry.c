/* SPDX-License-Identifier: MIT */
/* Reading the description of one callback: a row for each of its members. */

#include "callback_entry.h"

#include "near_miss.h"
#include "openmvrpc.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const schedule_names[] = {
    [CALLBACK_SCHEDULES_NOTHING] = NULL,
    [CALLBACK_SCHEDULES_STREAM] = "stream",
    [CALLBACK_SCHEDULES_CUT_THROUGH] = "cut_through",
};

static const char *const origin_names[] = {
    [CALLBACK_BUILT_IN] = "built in",
    [CALLBACK_FROM_CONFIG] = "config",
    [CALLBACK_FROM_CAMERA] = "camera",
};

const char *callback_schedule_name(enum callback_schedule schedule) {
    return schedule_names[schedule];
}

const char *callback_origin_name(enum callback_origin origin) {
    return origin_names[origin];
}

static bool read_args(struct callback *callback, const cJSON *value, struct schema_error *error) {
    callback->args = schema_parse(value, error);
    return callback->args != NULL;
}

static bool read_result(struct callback *callback, const cJSON *value, struct schema_error *error) {
    callback->result = schema_parse(value, error);
    return callback->result != NULL;
}

static bool read_repeatable(struct callback *callback, const cJSON *value, struct schema_error *error) {
    char found[JSON_FOUND_SIZE];

    callback->is_repeatable = cJSON_IsTrue(value);
    return cJSON_IsBool(value) ||
           schema_error_set(error, "expected true or false, found %s", json_value_describe(value, found));
}

static bool read_schedules(struct callback *callback, const cJSON *value, struct schema_error *error) {
    char found[JSON_FOUND_SIZE];

    for (size_t i = 0; i < COUNT(schedule_names); i++) {
        if (schedule_names[i] != NULL && cJSON_IsString(value) && strcmp(value->valuestring, schedule_names[i]) == 0) {
            callback->schedules = (enum callback_schedule)i;
            return true;
        }
    }
    return schema_error_set(error, "expected \"stream\" or \"cut_through\", found %s",
                            json_value_describe(value, found));
}

static bool read_timeout(struct callback *callback, const cJSON *value, struct schema_error *error) {
    const double number = cJSON_IsNumber(value) ? value->valuedouble : 0;
    char found[JSON_FOUND_SIZE];

    if (!(number >= 1 && number <= CALLBACK_TIMEOUT_MAX_MS) || number != (uint32_t)number) {
        return schema_error_set(error, "expected milliseconds from 1 to %u, found %s", CALLBACK_TIMEOUT_MAX_MS,
                                json_value_describe(value, found));
    }
    callback->timeout_ms = (uint32_t)number;
    return true;
}

static bool read_doc(struct callback *callback, const cJSON *value, struct schema_error *error) {
    char found[JSON_FOUND_SIZE];

    if (!cJSON_IsString(value)) {
        return schema_error_set(error, "expected a sentence in quotes, found %s", json_value_describe(value, found));
    }
    callback->doc = strdup(value->valuestring);
    return callback->doc != NULL || schema_error_set(error, "out of memory");
}

static const char *const member_names[] = {"args", "result", "repeatable", "schedules", "timeout_ms", "doc"};

/* In the order of the names. */
static bool (*const member_readers[])(struct callback *, const cJSON *, struct schema_error *) = {
    read_args, read_result, read_repeatable, read_schedules, read_timeout, read_doc,
};

bool callback_entry_knows(const char *member) {
    for (size_t i = 0; i < COUNT(member_names); i++) {
        if (strcmp(member, member_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_member(struct callback *callback, const cJSON *member, struct schema_error *error) {
    for (size_t i = 0; i < COUNT(member_names); i++) {
        if (strcmp(member->string, member_names[i]) == 0) {
            return member_readers[i](callback, member, error);
        }
    }
    const char *near = near_miss_find(member->string, strlen(member->string), member_names, COUNT(member_names));
    return schema_error_set(error, "expected only args, result, repeatable, schedules, timeout_ms and doc%s%s%s",
                            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                            near != NULL ? "\"?" : "");
}

/* Reads every member, so that all faults are told at once. A name that stands twice is a fault and keeps its first
 * value. */
static bool read_members(struct callback *callback, const cJSON *entry, callback_fault *report, void *context) {
    const cJSON *member;
    bool is_good = true;

    cJSON_ArrayForEach(member, entry) {
        struct schema_error error;
        const bool is_first = cJSON_GetObjectItemCaseSensitive(entry, member->string) == member;
        if (!is_first) {
            schema_error_set(&error, "expected every member once, found it twice");
        }
        if (!is_first || !read_member(callback, member, &error)) {
            schema_error_prepend(&error, member->string, 0);
            report(context, &error);
            is_good = false;
        }
    }
    return is_good;
}

/* Names are hashed byte by byte on the wire; '#' begins a command id in requests. */
static bool is_good_name(const char *name) {
    const size_t length = strlen(name);

    if (length == 0 || length > CALLBACK_NAME_MAX || name[0] == '#') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool read_entry(struct callback *callback, const char *name, const cJSON *entry, callback_fault *report,
                       void *context) {
    struct schema_error error;
    char found[JSON_FOUND_SIZE];

    if (!is_good_name(name)) {
        schema_error_set(&error, "expected a name of 1 to %zu visible ASCII characters without a # before them",
                         CALLBACK_NAME_MAX);
    } else if (!cJSON_IsObject(entry)) {
        schema_error_set(&error, "expected an object such as {\"result\": \"utf8\"}, found %s",
                         json_value_describe(entry, found));
    } else {
        return read_members(callback, entry, report, context);
    }
    report(context, &error);
    return false;
}

struct callback *callback_new(const char *name, const cJSON *entry, enum callback_origin origin, callback_fault *report,
                              void *context) {
    struct callback *callback = calloc(1, sizeof *callback);

    if (callback != NULL) {
        callback->name = strdup(name);
    }
    if (callback == NULL || callback->name == NULL) {
        struct schema_error error;
        schema_error_set(&error, "out of memory");
        report(context, &error);
        callback_free(callback);
        return NULL;
    }
    callback->command_id = omvrpc_command_id(name, strlen(name));
    callback->origin = origin;
    if (!read_entry(callback, name, entry, report, context)) {
        callback_free(callback);
        return NULL;
    }
    return callback;
}

void callback_free(struct callback *callback) {
    if (callback == NULL) {
        return;
    }
    free(callback->name);
    schema_free(callback->args);
    schema_free(callback->result);
    free(callback->doc);
    free(callback);
}
