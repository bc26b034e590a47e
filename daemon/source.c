/* SPDX-License-Identifier: MIT */
/* Sources of subscriptions: found, made, called for, ended. See source.h. */

#include "source.h"

#include "access.h"
#include "call_argument.h"
#include "camera_internal.h"
#include "method.h"

#include <stdlib.h>
#include <string.h>

struct source *source_of_call(struct call *call) {
    return (struct source *)((char *)call - offsetof(struct source, call));
}

struct source *source_of(const struct subscription *subscription) {
    return (struct source *)((char *)subscription->source - offsetof(struct source, subscribers));
}

static void clear(struct source *source) {
    event_del(&source->timer);
    source_clear_call(source);
    callback_set_free(source->callbacks);
    free(source->params);
    free(source->key);
}

static void source_free(struct source *source) {
    clear(source);
    source->kind->destroy(source);
}

/* Nobody is left. A call that is under way is let go to its end. */
static void source_end(struct source *source) {
    TAILQ_REMOVE(&source->camera->sources, source, entry);
    event_del(&source->timer);
    source->is_over = true;
    if (!source->is_busy) {
        source_free(source);
    } else if (!camera_cancel(&source->call) && source->kind->stop != NULL) {
        source->kind->stop(source);
    }
}

bool source_go_on(struct source *source) {
    bool is_last = TAILQ_EMPTY(&source->subscribers);
    if (is_last) {
        source_end(source);
    }
    return !is_last;
}

static void on_time(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct source *source = context;
    if (!source->is_busy) {
        source->kind->begin(source);
    }
}

/* JSON without the blanks that clients write differently. */
static void append_compact(struct text_buffer *text, struct json_span value) {
    bool in_string = false;
    for (size_t i = 0; i < value.length; i++) {
        char letter = value.text[i];
        if (in_string && letter == '\\') {
            text_buffer_append(text, &value.text[i++], 1);
        } else if (letter == '"') {
            in_string = !in_string;
        } else if (!in_string && json_is_white_space(letter)) {
            continue;
        }
        text_buffer_append(text, &value.text[i], 1);
    }
}

/* All of them mean no bytes. */
static bool is_no_argument(const char *text, size_t length) {
    static const char *const forms[] = {"null", "[]", "{}"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (length == strlen(forms[i]) && memcmp(text, forms[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* What is asked, as text: equal keys ask the same. Returns malloc'ed text, or NULL when memory is short. */
static char *make_key(const struct params *params, const char *name_param) {
    const char *const names[] = {name_param, "args", "data", "encoding", "timeout_ms"};
    struct text_buffer key;
    text_buffer_init(&key, SIZE_MAX);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct json_span value = params_get(params, names[i]);
        size_t before = key.length;
        if (value.text != NULL) {
            append_compact(&key, value);
        }
        if (key.state == TEXT_BUFFER_GOOD && is_no_argument(key.text + before, key.length - before)) {
            text_buffer_truncate(&key, before);
        }
        text_buffer_append_string(&key, "\n");
    }
    if (key.state != TEXT_BUFFER_GOOD) {
        text_buffer_clear(&key);
        return NULL;
    }
    return key.text;
}

static struct source *find(struct camera *camera, const struct source_kind *kind, const struct params *params) {
    char *key = make_key(params, kind->name_param);
    struct source *source;
    TAILQ_FOREACH(source, &camera->sources, entry) {
        if (key != NULL && source->kind == kind && strcmp(source->key, key) == 0) {
            break;
        }
    }
    free(key);
    return source;
}

void source_read_name(const struct params *params, const char *name_param, char name[CALLBACK_NAME_MAX + 1]) {
    size_t length = json_string_decode(params_get(params, name_param), name, CALLBACK_NAME_MAX);
    name[length < CALLBACK_NAME_MAX ? length : CALLBACK_NAME_MAX] = '\0';
}

bool source_init(struct source *source, const struct source_kind *kind, struct camera *camera,
                 const struct params *params) {
    source->kind = kind;
    source->camera = camera;
    source->params = strndup(params->object.text, params->object.length);
    source->key = make_key(params, kind->name_param);
    source_read_name(params, kind->name_param, source->name);
    TAILQ_INIT(&source->subscribers);
    evtimer_assign(&source->timer, camera->daemon->base, on_time, source);
    if (source->params == NULL || source->key == NULL) {
        clear(source);
        return false;
    }
    TAILQ_INSERT_TAIL(&camera->sources, source, entry);
    return true;
}

bool source_is_allowed(struct client *client, const struct camera *camera, const char *name, struct error *error) {
    uint32_t command;
    const struct callback *callback;
    return call_read_command(name, camera_callbacks(camera), &command, &callback, error) &&
           access_check_callback(client, &method_subscribe, name, command, callback, error);
}

bool source_check(struct camera *camera, const struct params *params, const char *name, struct source_facts *facts,
                  struct error *error) {
    struct callback_set *set = NULL;
    const struct callback *callback = NULL;
    struct job *job = job_new();
    bool is_good = job != NULL;
    *facts = (struct source_facts){.command = 0};
    if (job == NULL) {
        error_set_out_of_memory(error);
    } else if (camera_is_introduced(camera)) {
        is_good = call_bind(job, name, camera, params, camera->daemon->config->limits.payload_bytes, 0, &set, &callback,
                            error);
        facts->command = job->command;
    }
    if (callback != NULL) {
        facts->is_described = true;
        facts->schedules = callback->schedules;
    }
    callback_set_free(set);
    job_free(job);
    return is_good;
}

struct source *source_subscribe(struct client *client, struct camera *camera, const struct source_kind *kind,
                                const struct params *params, struct subscription *subscription, struct error *error) {
    struct source *source = find(camera, kind, params);
    bool is_new = source == NULL;
    if (is_new) {
        source = kind->make(camera, params);
    }
    if (source == NULL) {
        error_set_out_of_memory(error);
        return NULL;
    }
    subscription->kept_bytes = params->object.length;
    subscription->due_us = omvrpc_now_us();
    if (subscription_begin(subscription, client, &source->subscribers, error)) {
        return source;
    }
    if (is_new) {
        source_end(source);
    }
    return NULL;
}

void source_plan(struct source *source, int64_t pause_us) {
    pause_us = pause_us > 0 ? pause_us : 0;
    struct timeval pause = {.tv_sec = pause_us / 1000000, .tv_usec = pause_us % 1000000};
    evtimer_add(&source->timer, &pause);
}

bool source_bind(struct source *source, const char *name, const char *params, int64_t since_us, struct error *error) {
    struct json_span text = {.text = params, .length = strlen(params)};
    struct params given;
    size_t limit = source->camera->daemon->config->limits.payload_bytes;
    return params_read(method_subscribe.params, text, &given, error) &&
           call_bind(source->call.job, name, source->camera, &given, limit, since_us, &source->callbacks,
                     &source->callback, error);
}

bool source_call(struct source *source, const struct call *call, int64_t patience_us) {
    struct error error;
    struct job *job = job_new();
    source->begun_us = omvrpc_now_us();
    if (job == NULL) {
        return false;
    }
    job->deadline_us = source->begun_us + patience_us;
    source->call = *call;
    source->call.job = job;
    source->call.name = source->name;
    source->call.turn_of = subscription_turn_of(&source->subscribers);
    source->is_busy = true;
    if (!camera_call(source->camera, &source->call, &error)) {
        source->call.ended(&source->call, &error);
    }
    return true;
}

bool source_take_end(struct source *source) {
    source->is_busy = false;
    if (source->is_over) {
        source_free(source);
        return false;
    }
    return true;
}

void source_clear_call(struct source *source) {
    exchange_clear(&source->call.exchange);
    job_free(source->call.job);
    source->call.job = NULL;
}

void source_end_all(struct camera *camera, const struct error *error) {
    for (struct source *source; (source = TAILQ_FIRST(&camera->sources)) != NULL;) {
        /* It ends with its last one. */
        subscription_fail_all(&source->subscribers, error);
    }
}

void source_inherit_all(struct camera *heir, struct camera *camera) {
    struct source *source;
    TAILQ_FOREACH(source, &camera->sources, entry) {
        source->camera = heir;
    }
    TAILQ_CONCAT(&heir->sources, &camera->sources, entry);
}

/* With the last of its subscriptions the source is freed. */
static void check_subscribers(struct source *source) {
    struct subscription *subscription, *next;
    for (subscription = TAILQ_FIRST(&source->subscribers); subscription != NULL; subscription = next) {
        struct error error;
        next = TAILQ_NEXT(subscription, of_source);
        if (!source_is_allowed(subscription->client, source->camera, source->name, &error)) {
            subscription_fail(subscription, &error);
        }
    }
}

void source_check_access(struct camera *camera) {
    struct source *source, *next;
    for (source = TAILQ_FIRST(&camera->sources); source != NULL; source = next) {
        next = TAILQ_NEXT(source, entry);
        check_subscribers(source);
    }
}
