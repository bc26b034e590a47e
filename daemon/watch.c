/* SPDX-License-Identifier: MIT */
/* Watches and who gets what of them. See watch.h. */

#include "watch.h"

#include "call_argument.h"
#include "camera_internal.h"
#include "held_picture.h"
#include "progress.h"
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct watch_subscription {
    struct subscription base; /* first, so that one is the other */
    struct watch_options options;
    struct progress progress;
    uint64_t version; /* of the answer that it was given last, 0 for none */
};

/* One call for all who want the same. */
struct watch {
    struct source base; /* first, so that one is the other */
    uint8_t *answer;
    size_t answer_length;
    uint64_t version; /* how often the answer has changed; 0 before the first */
};

static struct watch_subscription *of(struct subscription *subscription) {
    return (struct watch_subscription *)subscription;
}

/* Sets the timer to when the next call is due. */
static void plan(struct source *source) {
    int64_t due_us = source->begun_us + subscription_fastest_us(&source->subscribers);
    source_plan(source, source->begun_us == 0 ? 0 : due_us - omvrpc_now_us());
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
    if (!call_append_value(&text, subscriber->options.form, watch->base.callback, watch->answer, watch->answer_length,
                           &misfit)) {
        camera_forget_answer(watch->base.camera, &watch->base.call);
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
    subscriber->base.trouble = ERROR_NONE;
    subscription_send_event(&subscriber->base, &text, bytes, bytes != NULL ? watch->answer_length : 0);
}

static struct progress_name name_of(const struct subscription *subscription, char text[24]) {
    snprintf(text, 24, "%" PRIu64, subscription->number);
    return (struct progress_name){"subscription", text};
}

static void on_progress(struct call *call, size_t received, size_t total) {
    struct subscription *subscription;
    char text[24];
    TAILQ_FOREACH(subscription, &source_of_call(call)->subscribers, of_source) {
        progress_tell(&of(subscription)->progress, subscription->client, name_of(subscription, text), received, total);
    }
}

/* It is of the call, also where the answer is none that this subscriber gets. */
static void complete_progress(struct watch *watch, size_t total) {
    struct subscription *subscription;
    char text[24];
    TAILQ_FOREACH(subscription, &watch->base.subscribers, of_source) {
        progress_complete(&of(subscription)->progress, subscription->client, name_of(subscription, text), total);
    }
}

static void tell_everybody(struct watch *watch, const struct error *error) {
    int64_t now_us = omvrpc_now_us(), fastest = subscription_fastest_us(&watch->base.subscribers);
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &watch->base.subscribers, of_source) {
        struct watch_subscription *subscriber = of(subscription);
        bool is_news = error != NULL || !subscriber->options.on_change || subscriber->version != watch->version ||
                       subscription->trouble != ERROR_NONE;
        if (!subscription_is_due(subscription, fastest, now_us) || !is_news) {
            continue;
        }
        if (error != NULL) {
            subscription_tell_trouble(subscription, error);
        } else {
            tell_value(subscriber, watch);
        }
    }
}

/* Takes the answer over, which is a new version if it differs from the one before. */
static void take_answer(struct watch *watch) {
    struct job *job = watch->base.call.job;
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
    struct source *source = source_of_call(call);
    struct watch *watch = (struct watch *)source;
    if (source_take_end(source)) {
        if (error == NULL) {
            take_answer(watch);
        }
        complete_progress(watch, error == NULL ? call->job->result_length : 0);
        tell_everybody(watch, error);
        source_clear_call(source);
        plan(source);
    }
}

static bool prepare(struct call *call, struct error *error) {
    struct source *source = source_of_call(call);
    if (!source_bind(source, source->name, source->params, source->begun_us, error)) {
        return false;
    }
    call->is_stock = call_is_reserved(call->job->command);
    call->is_bound = true;
    return true;
}

/* As the most urgent of them has it, and as new as the strictest wants it. */
static void begin(struct source *source) {
    struct call call = {
        .priority = QUEUE_LOW,
        .max_age_us = INT64_MAX,
        .prepare = prepare,
        .ended = on_ended,
        .progressed = on_progress,
    };
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &source->subscribers, of_source) {
        const struct watch_options *options = &of(subscription)->options;
        call.priority = options->priority < call.priority ? options->priority : call.priority;
        call.max_age_us = options->max_age_us < call.max_age_us ? options->max_age_us : call.max_age_us;
    }
    /* A camera that stays away for as long as a call may take is trouble. */
    if (!source_call(source, &call, source_timeout_us(source))) {
        plan(source);
    }
}

static void destroy(struct source *source) {
    struct watch *watch = (struct watch *)source;
    free(watch->answer);
    free(watch);
}

static struct source *make(struct camera *camera, const struct params *params);

static const struct source_kind kind = {"name", make, begin, NULL, destroy};

static struct source *make(struct camera *camera, const struct params *params) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL || !source_init(&watch->base, &kind, camera, params)) {
        free(watch);
        return NULL;
    }
    return &watch->base;
}

static void on_subscription_ended(struct subscription *subscription) {
    struct source *source = source_of(subscription);
    free(subscription);
    if (source_go_on(source) && !source->is_busy) {
        plan(source);
    }
}

/* What is wrong already is told to the one who asks. */
static bool check(struct camera *camera, const struct params *params, const char *name, struct error *error) {
    struct source_facts facts;
    struct exchange_picture picture;
    if (!source_check(camera, params, name, &facts, error)) {
        return false;
    }
    if (!held_picture_of_snapshot(facts.command, &picture) && facts.schedules == CALLBACK_SCHEDULES_NOTHING) {
        return true;
    }
    error_set(error, ERROR_UNSUPPORTED, "\"%s\" is more than its result; subscribe to \"jpeg_snapshot\"", name);
    return false;
}

uint64_t watch_subscribe(struct client *client, struct camera *camera, const struct params *params,
                         const struct watch_options *options, struct error *error) {
    char name[CALLBACK_NAME_MAX + 1];
    source_read_name(params, kind.name_param, name);
    if (!source_is_allowed(client, camera, name, error) || !check(camera, params, name, error)) {
        return 0;
    }
    struct watch_subscription *subscriber = calloc(1, sizeof *subscriber);
    if (subscriber == NULL) {
        error_set_out_of_memory(error);
        return 0;
    }
    subscriber->base.ended = on_subscription_ended;
    subscriber->base.interval_us = options->interval_us;
    subscriber->options = *options;
    subscriber->progress.is_wanted = options->progress;
    struct source *source = source_subscribe(client, camera, &kind, params, &subscriber->base, error);
    if (source == NULL) {
        free(subscriber);
        return 0;
    }
    if (!source->is_busy) {
        plan(source);
    }
    return subscriber->base.number;
}
