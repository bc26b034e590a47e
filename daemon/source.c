/* SPDX-License-Identifier: MIT */
/* Sources of subscriptions: found, made, called for, ended. See source.h. */

#include "source.h"

#include "access.h"
#include "call_argument.h"
#include "camera_internal.h"
#include "method.h"

#include <inttypes.h>
#include <stdio.h>
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

/* The call waits for an offline camera, and not for those who do not. */
static void tell_impatient(const struct source *source) {
    struct subscription *subscription;
    struct error error;
    if (source->camera->state != CAMERA_OFFLINE || !source->call.waits_offline) {
        return;
    }
    camera_set_offline(source->camera, &error);
    TAILQ_FOREACH(subscription, &source->subscribers, of_source) {
        if (!subscription->waits) {
            subscription_tell_trouble(subscription, &error);
        }
    }
}

static void on_time(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct source *source = context;
    if (source->is_busy) {
        tell_impatient(source);
    } else {
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

/* Whether nothing says that there are bytes, in whatever way. */
static bool has_no_argument(const struct params *params) {
    struct json_span args = params_get(params, "args");
    struct text_buffer compact;
    text_buffer_init(&compact, SIZE_MAX);
    if (args.text != NULL) {
        append_compact(&compact, args);
    }
    bool is_none =
        args.text == NULL || (compact.state == TEXT_BUFFER_GOOD && is_no_argument(compact.text, compact.length));
    text_buffer_clear(&compact);
    return is_none && params_get(params, "data").text == NULL && params_get(params, "encoding").text == NULL;
}

/*
 * The bytes where they are known before the camera is, and else the JSON that will be packed: how, its own schema says,
 * and the next camera may have another.
 */
static void append_argument(struct text_buffer *key, const struct params *params, size_t limit) {
    static const char *const names[] = {"args", "data", "encoding"};
    struct job *job = job_new();
    struct error unused;
    if (has_no_argument(params)) {
        /* Nothing it is. */
    } else if (job != NULL && params_get(params, "args").text == NULL &&
               call_read_argument(params, NULL, limit, job, &unused)) {
        /* JSON begins otherwise, so that no bytes look like it. */
        text_buffer_append_string(key, job->argument_length > 0 ? "=" : "");
        text_buffer_append(key, (const char *)job->argument, job->argument_length);
    } else {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            text_buffer_append_string(key, "\n");
            append_compact(key, params_get(params, names[i]));
        }
    }
    job_free(job);
}

/* What is asked, as bytes: equal keys ask the same. Returns malloc'ed memory, or NULL when memory is short. */
static char *make_key(const struct camera *camera, const struct params *params, const char *name_param,
                      size_t *length) {
    char name[CALLBACK_NAME_MAX + 1], id[16];
    uint32_t command = 0;
    const struct callback *unused;
    struct error error;
    struct text_buffer key;
    source_read_name(params, name_param, name);
    (void)call_read_command(name, NULL, &command, &unused, &error);
    snprintf(id, sizeof id, "#%08" PRIx32, command);
    text_buffer_init(&key, SIZE_MAX);
    text_buffer_append_string(&key, id);
    append_argument(&key, params, camera->daemon->config->limits.payload_bytes);
    if (key.state != TEXT_BUFFER_GOOD) {
        text_buffer_clear(&key);
        return NULL;
    }
    *length = key.length;
    return key.text;
}

static struct source *find(struct camera *camera, const struct source_kind *kind, const struct params *params) {
    size_t length = 0;
    char *key = make_key(camera, params, kind->name_param, &length);
    struct source *source;
    TAILQ_FOREACH(source, &camera->sources, entry) {
        if (key != NULL && source->kind == kind && source->key_length == length &&
            memcmp(source->key, key, length) == 0) {
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
    source->key = make_key(camera, params, kind->name_param, &source->key_length);
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
    subscription->timeout_us = params_integer(params, "timeout_ms", 0) * 1000;
    subscription->waits = params_boolean(params, "wait", false);
    if (subscription_begin(subscription, client, &source->subscribers, error)) {
        if (source->is_busy) {
            source_plan(source, 0);
        }
        return source;
    }
    if (is_new) {
        source_end(source);
    }
    return NULL;
}

int64_t source_timeout_us(const struct source *source) {
    const struct subscription *subscription;
    int64_t usual_us = call_usual_timeout_us(source->callback), longest_us = 0;
    TAILQ_FOREACH(subscription, &source->subscribers, of_source) {
        int64_t timeout_us = subscription->timeout_us > 0 ? subscription->timeout_us : usual_us;
        longest_us = timeout_us > longest_us ? timeout_us : longest_us;
    }
    return longest_us > 0 ? longest_us : usual_us;
}

void source_plan(struct source *source, int64_t pause_us) {
    pause_us = pause_us > 0 ? pause_us : 0;
    struct timeval pause = {.tv_sec = (time_t)(pause_us / 1000000), .tv_usec = (suseconds_t)(pause_us % 1000000)};
    evtimer_add(&source->timer, &pause);
}

bool source_bind(struct source *source, const char *name, const char *params, int64_t since_us, struct error *error) {
    struct json_span text = {.text = params, .length = strlen(params)};
    struct params given;
    size_t limit = source->camera->daemon->config->limits.payload_bytes;
    if (!params_read(method_subscribe.params, text, &given, error) ||
        !call_bind(source->call.job, name, source->camera, &given, limit, since_us, &source->callbacks,
                   &source->callback, error)) {
        return false;
    }
    source->call.job->deadline_us = since_us + source_timeout_us(source);
    return true;
}

/* Whether any subscriber waits for a camera that is offline. */
static bool has_patience(const struct source *source) {
    const struct subscription *subscription;
    TAILQ_FOREACH(subscription, &source->subscribers, of_source) {
        if (subscription->waits) {
            return true;
        }
    }
    return false;
}

/* While a camera is away, what it has answered lately would still do for those who say so. */
static bool recall(struct source *source) {
    struct call *call = &source->call;
    struct error unused;
    call->camera = source->camera;
    if (call->max_age_us > 0 && !camera_is_introduced(source->camera) && call->prepare(call, &unused) &&
        camera_recall_answer(source->camera, call)) {
        return true;
    }
    call->is_bound = false;
    call->is_stock = false;
    return false;
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
    source->call.waits_offline = has_patience(source);
    source->is_busy = true;
    tell_impatient(source);
    if (recall(source)) {
        source->call.ended(&source->call, NULL);
    } else if (!camera_call(source->camera, &source->call, &error)) {
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
