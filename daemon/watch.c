/* SPDX-License-Identifier: MIT */
/* Watches and who gets what of them. See watch.h. */

#include "watch.h"

#include "access.h"
#include "call_argument.h"
#include "camera_internal.h"
#include "client.h"
#include "held_picture.h"
#include "method.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

struct watch_subscription {
    struct subscription base; /* first, so that one is the other */
    struct watch *watch;
    struct watch_options options;
    uint64_t version;          /* of the answer that it was given last, 0 for none */
    enum error_reason trouble; /* that it was told last */
};

/* One call for all who want the same. */
struct watch {
    TAILQ_ENTRY(watch) entry;
    struct call call; /* under way while `is_busy` */
    struct camera *camera;
    struct callback_set *callbacks;
    const struct callback *callback;
    struct subscription_list subscribers;
    struct event timer;
    enum queue_priority priority;
    int64_t max_age_us;
    int64_t begun_us; /* the last call */
    bool is_busy;
    bool is_over; /* to be freed when its call has ended */
    uint8_t *answer;
    size_t answer_length;
    uint64_t version; /* how often the answer has changed; 0 before the first */
    char *params;     /* of the one who subscribed first; what they name is `key` */
    char *key;
    char name[CALLBACK_NAME_MAX + 1];
};

static void watch_free(struct watch *watch) {
    event_del(&watch->timer);
    exchange_clear(&watch->call.exchange);
    job_free(watch->call.job);
    callback_set_free(watch->callbacks);
    free(watch->answer);
    free(watch->params);
    free(watch->key);
    free(watch);
}

static struct daemon *daemon_of(const struct watch *watch) {
    return watch->camera->daemon;
}

/* Nobody is left. The call that is under way is let go to its end. */
static void watch_end(struct watch *watch) {
    TAILQ_REMOVE(&watch->camera->watches, watch, entry);
    event_del(&watch->timer);
    watch->is_over = true;
    if (!watch->is_busy) {
        watch_free(watch);
    } else {
        camera_cancel(&watch->call);
    }
}

static struct watch_subscription *of(struct subscription *subscription) {
    return (struct watch_subscription *)subscription;
}

/* Sets the timer to when the next call is due. */
static void plan(struct watch *watch) {
    int64_t left_us = watch->begun_us + subscription_fastest_us(&watch->subscribers) - omvrpc_now_us();
    left_us = watch->begun_us == 0 || left_us < 0 ? 0 : left_us;
    struct timeval left = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
    evtimer_add(&watch->timer, &left);
}

static void tell_value(struct watch_subscription *subscriber, const struct watch *watch) {
    struct text_buffer text;
    struct error misfit;
    if (!subscription_begin_event(&subscriber->base, &text)) {
        return;
    }
    size_t length = text.length;
    uint8_t *bytes = NULL;
    text_buffer_append_string(&text, "\"value\":");
    if (!call_append_value(&text, subscriber->options.form, watch->callback, watch->answer, watch->answer_length,
                           &misfit)) {
        camera_forget_answer(watch->camera, &watch->call);
        text_buffer_truncate(&text, length);
        text_buffer_append_string(&text, "\"value\":null,\"error\":");
        error_append_json(&text, &misfit);
    } else if (subscriber->options.form == REPLY_RAW && watch->answer_length > 0) {
        bytes = malloc(watch->answer_length);
        if (bytes == NULL) {
            text_buffer_clear(&text);
            subscriber->base.dropped++;
            return;
        }
        memcpy(bytes, watch->answer, watch->answer_length);
    }
    subscriber->version = watch->version;
    subscriber->trouble = ERROR_NONE;
    subscription_send_event(&subscriber->base, &text, bytes, bytes != NULL ? watch->answer_length : 0);
}

/* Trouble is told once, when it begins. */
static void tell_error(struct watch_subscription *subscriber, const struct error *error) {
    struct text_buffer text;
    if (subscriber->trouble == error->reason || !subscription_begin_event(&subscriber->base, &text)) {
        return;
    }
    subscriber->trouble = error->reason;
    text_buffer_append_string(&text, "\"value\":null,\"error\":");
    error_append_json(&text, error);
    subscription_send_event(&subscriber->base, &text, NULL, 0);
}

static void tell_everybody(struct watch *watch, const struct error *error) {
    int64_t now_us = omvrpc_now_us(), fastest = subscription_fastest_us(&watch->subscribers);
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &watch->subscribers, of_source) {
        struct watch_subscription *subscriber = of(subscription);
        bool is_news = error != NULL || !subscriber->options.on_change || subscriber->version != watch->version ||
                       subscriber->trouble != ERROR_NONE;
        if (!subscription_is_due(subscription, fastest, now_us) || !is_news) {
            continue;
        }
        if (error != NULL) {
            tell_error(subscriber, error);
        } else {
            tell_value(subscriber, watch);
        }
    }
}

/* Takes the answer over, which is a new version if it differs from the one before. */
static void take_answer(struct watch *watch) {
    struct job *job = watch->call.job;
    bool is_same = watch->version > 0 && job->result_length == watch->answer_length &&
                   (job->result_length == 0 || memcmp(job->result, watch->answer, job->result_length) == 0);
    if (is_same) {
        return;
    }
    free(watch->answer);
    watch->answer = job->result;
    watch->answer_length = job->result_length;
    job->result = NULL;
    watch->version++;
}

static void on_ended(struct call *call, const struct error *error) {
    struct watch *watch = (struct watch *)((char *)call - offsetof(struct watch, call));
    watch->is_busy = false;
    if (!watch->is_over) {
        if (error == NULL) {
            take_answer(watch);
        }
        tell_everybody(watch, error);
        exchange_clear(&call->exchange);
        job_free(call->job);
        call->job = NULL;
        plan(watch);
    } else {
        watch_free(watch);
    }
}

/* The camera may be another than at the time before, and have other schemas. */
static bool prepare(struct call *call, struct error *error) {
    struct watch *watch = (struct watch *)((char *)call - offsetof(struct watch, call));
    struct json_span text = {.text = watch->params, .length = strlen(watch->params)};
    struct params params;
    size_t limit = daemon_of(watch)->config->limits.payload_bytes;
    if (!params_read(method_subscribe.params, text, &params, error) ||
        !call_bind(call->job, watch->name, watch->camera, &params, limit, watch->begun_us, &watch->callbacks,
                   &watch->callback, error)) {
        return false;
    }
    call->is_stock = call_is_reserved(call->job->command);
    call->is_bound = true;
    return true;
}

static void begin_call(struct watch *watch) {
    struct error error;
    watch->begun_us = omvrpc_now_us();
    watch->call = (struct call){
        .job = job_new(),
        .name = watch->name,
        .priority = watch->priority,
        .max_age_us = watch->max_age_us,
        .turn_of = subscription_turn_of(&watch->subscribers),
        .prepare = prepare,
        .ended = on_ended,
    };
    if (watch->call.job == NULL) {
        plan(watch);
        return;
    }
    /* Until it is known what is called; a camera that stays away this long is trouble. */
    watch->call.job->deadline_us = watch->begun_us + CALL_TIMEOUT_DEFAULT_MS * 1000;
    watch->is_busy = true;
    if (!camera_call(watch->camera, &watch->call, &error)) {
        on_ended(&watch->call, &error);
    }
}

static void on_time(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct watch *watch = context;
    if (!watch->is_busy) {
        begin_call(watch);
    }
}

bool watch_is_allowed(struct client *client, const struct camera *camera, const char *name, struct error *error) {
    uint32_t command;
    const struct callback *callback;
    return call_read_command(name, camera_callbacks(camera), &command, &callback, error) &&
           access_check_callback(client, &method_subscribe, name, command, callback, error);
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

char *watch_key(const struct params *params, const char *name_param) {
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

static struct watch *watch_new(struct camera *camera, const struct params *params,
                               const struct watch_options *options) {
    struct watch *watch = calloc(1, sizeof *watch);
    struct json_span name = params_get(params, "name");
    if (watch == NULL) {
        return NULL;
    }
    watch->camera = camera;
    watch->priority = options->priority;
    watch->max_age_us = options->max_age_us;
    watch->params = strndup(params->object.text, params->object.length);
    watch->key = watch_key(params, "name");
    TAILQ_INIT(&watch->subscribers);
    evtimer_assign(&watch->timer, camera->daemon->base, on_time, watch);
    if (watch->params == NULL || watch->key == NULL) {
        watch_free(watch);
        return NULL;
    }
    size_t length = json_string_decode(name, watch->name, CALLBACK_NAME_MAX);
    watch->name[length < CALLBACK_NAME_MAX ? length : CALLBACK_NAME_MAX] = '\0';
    TAILQ_INSERT_TAIL(&camera->watches, watch, entry);
    return watch;
}

static struct watch *find(struct camera *camera, const struct params *params) {
    char *key = watch_key(params, "name");
    struct watch *watch;
    TAILQ_FOREACH(watch, &camera->watches, entry) {
        if (key != NULL && strcmp(watch->key, key) == 0) {
            break;
        }
    }
    free(key);
    return watch;
}

static void on_subscription_ended(struct subscription *subscription) {
    struct watch *watch = of(subscription)->watch;
    free(subscription);
    if (TAILQ_EMPTY(&watch->subscribers)) {
        watch_end(watch);
    } else if (!watch->is_busy) {
        plan(watch);
    }
}

/* What is wrong already is told to the one who asks. */
static bool check(struct camera *camera, const struct params *params, const char *name, struct error *error) {
    struct callback_set *set = NULL;
    const struct callback *callback;
    struct exchange_picture picture;
    struct job *job = job_new();
    bool is_good = job != NULL;
    if (job == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
    } else if (camera_is_introduced(camera)) {
        is_good = call_bind(job, name, camera, params, camera->daemon->config->limits.payload_bytes, 0, &set, &callback,
                            error);
        if (is_good && (held_picture_of_snapshot(job->command, &picture) ||
                        (callback != NULL && callback->schedules != CALLBACK_SCHEDULES_NOTHING))) {
            error_set(error, ERROR_UNSUPPORTED, "\"%s\" is more than its result; subscribe to \"jpeg_snapshot\"", name);
            is_good = false;
        }
    }
    callback_set_free(set);
    job_free(job);
    return is_good;
}

uint64_t watch_subscribe(struct client *client, struct camera *camera, const struct params *params,
                         const struct watch_options *options, struct error *error) {
    struct watch *watch = find(camera, params);
    bool is_new = watch == NULL;
    struct watch_subscription *subscriber = calloc(1, sizeof *subscriber);
    watch = is_new ? watch_new(camera, params, options) : watch;
    if (subscriber == NULL || watch == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        goto fail;
    }
    *subscriber = (struct watch_subscription){
        .base = {.ended = on_subscription_ended,
                 .kept_bytes = params->object.length,
                 .interval_us = options->interval_us,
                 .due_us = omvrpc_now_us()},
        .watch = watch,
        .options = *options,
    };
    if (!watch_is_allowed(client, camera, watch->name, error) || !check(camera, params, watch->name, error) ||
        !subscription_begin(&subscriber->base, client, &watch->subscribers, error)) {
        goto fail;
    }
    if (!watch->is_busy) {
        plan(watch);
    }
    return subscriber->base.number;

fail:
    free(subscriber);
    if (watch != NULL && is_new) {
        watch_end(watch);
    }
    return 0;
}

void watch_end_all(struct camera *camera, const struct error *error) {
    for (struct watch *watch; (watch = TAILQ_FIRST(&camera->watches)) != NULL;) {
        /* It ends with its last one. */
        subscription_fail_all(&watch->subscribers, error);
    }
}

void watch_inherit_all(struct camera *heir, struct camera *camera) {
    struct watch *watch;
    TAILQ_FOREACH(watch, &camera->watches, entry) {
        watch->camera = heir;
    }
    TAILQ_CONCAT(&heir->watches, &camera->watches, entry);
}

void watch_check_subscribers(struct subscription_list *subscribers, const struct camera *camera, const char *name) {
    struct subscription *subscription, *next;
    for (subscription = TAILQ_FIRST(subscribers); subscription != NULL; subscription = next) {
        struct error error;
        next = TAILQ_NEXT(subscription, of_source);
        if (!watch_is_allowed(subscription->client, camera, name, &error)) {
            subscription_fail(subscription, &error);
        }
    }
}

void watch_check_access(struct camera *camera) {
    struct watch *watch, *next;
    for (watch = TAILQ_FIRST(&camera->watches); watch != NULL; watch = next) {
        next = TAILQ_NEXT(watch, entry);
        watch_check_subscribers(&watch->subscribers, camera, watch->name);
    }
}
