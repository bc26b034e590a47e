/* SPDX-License-Identifier: MIT */
/* Streams and who sees them. See stream.h. */

#include "stream.h"

#include "call_argument.h"
#include "camera_internal.h"
#include "client.h"
#include "method.h"
#include "server.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>

/*
 * Constants.
 *
 * DEPTH       Frames of credit: with 2 the camera has one under way while the next is made, and the stream can still be
 *             left after the frame that is under way.
 * RUN_US      A stream that nobody disturbs is opened anew after so long, in microseconds, only because calls have
 *             deadlines.
 * AGAIN_US    Pause after a stream that failed, in microseconds; doubled with each failure in a row that has cost the
 *             camera time, up to 2 ^ AGAIN_MAX.
 */
enum { DEPTH = 2, AGAIN_MAX = 5 };
#define RUN_US   INT64_C(3600000000)
#define AGAIN_US 1000000

/* What cameras stream, and what stands in for it. */
#define USUAL    "jpeg_image_stream"
#define SNAPSHOT "jpeg_snapshot"

struct viewer {
    struct subscription base; /* first, so that one is the other */
    struct stream *stream;
    enum reply_form form;
    bool may_have_pictures;       /* by the access rules */
    struct shared_bytes *pending; /* the newest frame, while the client still reads the one before */
    enum error_reason trouble;    /* that it was told last */
};

struct stream {
    TAILQ_ENTRY(stream) entry;
    struct call call; /* under way while `is_busy` */
    struct camera *camera;
    struct callback_set *callbacks;
    const struct callback *callback;
    struct subscription_list viewers;
    struct event again;
    bool is_busy;
    bool is_over;      /* to be freed when its call has ended */
    bool is_usual;     /* pictures may stand in for it */
    bool of_pictures;  /* as the call under way, or the last one, is */
    unsigned failures; /* in a row, that the camera was busy with */
    int64_t begun_us;
    char *params; /* of the one who subscribed first; what they name is `key` */
    char *key;
    char name[CALLBACK_NAME_MAX + 1];
};

static struct viewer *of(struct subscription *subscription) {
    return (struct viewer *)subscription;
}

static struct stream *stream_of(struct call *call) {
    return (struct stream *)((char *)call - offsetof(struct stream, call));
}

static void stream_free(struct stream *stream) {
    event_del(&stream->again);
    exchange_clear(&stream->call.exchange);
    job_free(stream->call.job);
    callback_set_free(stream->callbacks);
    free(stream->params);
    free(stream->key);
    free(stream);
}

/* Nobody is left. A call that is under way is let go to its end, which comes after the frame under way. */
static void stream_end(struct stream *stream) {
    TAILQ_REMOVE(&stream->camera->streams, stream, entry);
    event_del(&stream->again);
    stream->is_over = true;
    if (!stream->is_busy) {
        stream_free(stream);
    } else if (!camera_cancel(&stream->call)) {
        worker_stop_stream(stream->camera->at.worker, stream->camera->at.place);
    }
}

/* Sends a frame that was counted. */
static void send_frame(struct viewer *viewer, struct shared_bytes *frame) {
    struct text_buffer text;
    struct error none;
    subscription_begin_counted(&viewer->base, &text);
    text_buffer_append_string(&text, "\"value\":");
    /* Frames have no schema: they are pictures, base64 where nobody asks for another form. */
    enum reply_form form = viewer->form == REPLY_BY_SCHEMA ? REPLY_BASE64 : viewer->form;
    call_append_value(&text, form, NULL, frame->data, frame->length, &none);
    viewer->trouble = ERROR_NONE;
    if (form == REPLY_RAW && frame->length > 0) {
        subscription_send_shared_event(&viewer->base, &text, frame);
    } else {
        subscription_send_event(&viewer->base, &text, NULL, 0);
    }
}

static void on_drained(struct subscription *subscription) {
    struct viewer *viewer = of(subscription);
    struct shared_bytes *frame = viewer->pending;
    if (frame != NULL) {
        viewer->pending = NULL;
        send_frame(viewer, frame);
        shared_bytes_free(frame);
    }
}

/* A frame goes to each at once, or waits for who still reads those before. */
static void give_frame(struct viewer *viewer, struct shared_bytes *frame, unsigned missed) {
    struct subscription *subscription = &viewer->base;
    subscription->sequence += missed + 1;
    subscription->dropped += missed + (viewer->pending != NULL);
    shared_bytes_free(viewer->pending);
    viewer->pending = NULL;
    if (client_output_length(subscription->client) == 0 && !subscription_is_behind(subscription)) {
        send_frame(viewer, frame);
    } else {
        viewer->pending = shared_bytes_share(frame);
    }
}

void stream_take_frame(struct call *call, struct shared_bytes *frame, unsigned missed) {
    struct stream *stream = stream_of(call);
    struct subscription *subscription;
    stream->failures = 0;
    if (stream->is_over) {
        /* Its last viewer went while it was being opened, and so was not there to be stopped yet. */
        worker_stop_stream(stream->camera->at.worker, stream->camera->at.place);
    }
    TAILQ_FOREACH(subscription, &stream->viewers, of_source) {
        give_frame(of(subscription), frame, missed);
    }
}

/* Trouble is told once, when it begins. */
static void tell_viewer(struct viewer *viewer, const struct error *error) {
    struct text_buffer text;
    if (viewer->trouble != error->reason && subscription_begin_event(&viewer->base, &text)) {
        viewer->trouble = error->reason;
        text_buffer_append_string(&text, "\"value\":null,\"error\":");
        error_append_json(&text, error);
        subscription_send_event(&viewer->base, &text, NULL, 0);
    }
}

static void tell_error(struct stream *stream, const struct error *error) {
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &stream->viewers, of_source) {
        tell_viewer(of(subscription), error);
    }
}

/* Pictures come at the fastest rate that anyone wants, and to each at its own. */
static void give_picture(struct stream *stream, struct shared_bytes *frame) {
    int64_t now_us = omvrpc_now_us(), fastest_us = subscription_fastest_us(&stream->viewers);
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &stream->viewers, of_source) {
        struct viewer *viewer = of(subscription);
        struct error error;
        if (!viewer->may_have_pictures) {
            watch_is_allowed(subscription->client, stream->camera, SNAPSHOT, &error);
            tell_viewer(viewer, &error);
        } else if (subscription_is_due(subscription, fastest_us, now_us)) {
            give_frame(viewer, frame, 0);
        }
    }
}

static bool lacks_stream(const struct camera *camera) {
    const struct callback_set *callbacks = camera_callbacks(camera);
    return !callback_set_offers(callbacks, omvrpc_command_id(USUAL, sizeof USUAL - 1)) &&
           callback_set_offers(callbacks, omvrpc_command_id(SNAPSHOT, sizeof SNAPSHOT - 1));
}

/* A camera that does not say what it has is tried both ways in turn, until there is a frame. */
static bool is_to_be_pictures(const struct stream *stream) {
    bool is_next = stream->failures % 2 == 1 || (stream->of_pictures && stream->failures == 0);
    return stream->is_usual && (lacks_stream(stream->camera) || (!stream->camera->session.is_open && is_next));
}

static void begin_call(struct stream *stream);

static void plan(struct stream *stream, int64_t pause_us) {
    pause_us = pause_us > 0 ? pause_us : 0;
    struct timeval pause = {.tv_sec = pause_us / 1000000, .tv_usec = pause_us % 1000000};
    evtimer_add(&stream->again, &pause);
}

static void on_failed(struct stream *stream, const struct error *error) {
    bool was_of_pictures = stream->of_pictures;
    /* Of a camera that is away nothing is known, and asking costs nobody any time. */
    bool has_cost_time = error->executed != EXECUTED_NO || error->reason == ERROR_NOT_DELIVERED;
    if (!has_cost_time) {
        tell_error(stream, error);
        plan(stream, AGAIN_US);
        return;
    }
    stream->failures++;
    if (!was_of_pictures && is_to_be_pictures(stream)) {
        plan(stream, 0);
        return;
    }
    tell_error(stream, error);
    unsigned doubled = stream->failures - 1 < AGAIN_MAX ? stream->failures - 1 : AGAIN_MAX;
    plan(stream, (int64_t)AGAIN_US << doubled);
}

/* An empty result is what a camera without such a callback gives as well. */
static void take_picture(struct stream *stream, const struct job *job) {
    struct shared_bytes *frame = shared_bytes_new(job->result, job->result_length);
    struct error error;
    if (frame != NULL && frame->length > 0) {
        stream->failures = 0;
        give_picture(stream, frame);
        plan(stream, stream->begun_us + subscription_fastest_us(&stream->viewers) - omvrpc_now_us());
    } else if (frame == NULL) {
        error_set_out_of_memory(&error);
        on_failed(stream, &error);
    } else {
        error_set(&error, ERROR_UNSUPPORTED,
                  "camera \"%s\" gives neither a stream nor pictures: its script needs \"" USUAL "\" or \"" SNAPSHOT
                  "\"",
                  camera_name(stream->camera));
        error.executed = EXECUTED_YES;
        on_failed(stream, &error);
    }
    shared_bytes_free(frame);
}

/* A stream was left for others, or failed: it takes its place behind those who wait. */
static void on_ended(struct call *call, const struct error *error) {
    struct stream *stream = stream_of(call);
    struct job *job = call->job;
    stream->is_busy = false;
    call->job = NULL;
    exchange_clear(&call->exchange);
    if (stream->is_over) {
        stream_free(stream);
    } else if (error != NULL) {
        on_failed(stream, error);
    } else if (stream->of_pictures) {
        take_picture(stream, job);
    } else {
        begin_call(stream);
    }
    job_free(job);
}

/* Fills in the job of a call for params of "subscribe", which are text. */
static bool bind_job(struct stream *stream, const char *name, const char *text, struct error *error) {
    struct json_span object = {.text = text, .length = strlen(text)};
    struct params params;
    size_t limit = stream->camera->daemon->config->limits.payload_bytes;
    return params_read(method_subscribe.params, object, &params, error) &&
           call_bind(stream->call.job, name, stream->camera, &params, limit, omvrpc_now_us(), &stream->callbacks,
                     &stream->callback, error);
}

/* The camera may be another than at the time before. */
static bool prepare(struct call *call, struct error *error) {
    struct stream *stream = stream_of(call);
    stream->of_pictures = is_to_be_pictures(stream);
    call->is_stream = !stream->of_pictures;
    call->name = stream->of_pictures ? SNAPSHOT : stream->name;
    if (!bind_job(stream, call->name, stream->of_pictures ? "{\"name\":\"" SNAPSHOT "\"}" : stream->params, error)) {
        return false;
    }
    call->is_bound = true;
    call->job->schedules = call->is_stream;
    call->job->stream_depth = call->is_stream ? DEPTH : 0;
    if (call->is_stream) {
        call->job->deadline_us = omvrpc_now_us() + RUN_US;
        call->job->repeatable = false;
    }
    return true;
}

static void begin_call(struct stream *stream) {
    struct error error;
    stream->begun_us = omvrpc_now_us();
    stream->call = (struct call){
        .job = job_new(),
        .name = stream->name,
        .priority = QUEUE_NORMAL,
        .is_stream = true,
        .turn_of = subscription_turn_of(&stream->viewers),
        .prepare = prepare,
        .ended = on_ended,
    };
    if (stream->call.job == NULL) {
        plan(stream, AGAIN_US);
        return;
    }
    stream->call.job->deadline_us = stream->begun_us + RUN_US;
    stream->is_busy = true;
    if (!camera_call(stream->camera, &stream->call, &error)) {
        on_ended(&stream->call, &error);
    }
}

static void on_again(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct stream *stream = context;
    if (!stream->is_busy) {
        begin_call(stream);
    }
}

static struct stream *find(struct camera *camera, const char *key) {
    struct stream *stream;
    TAILQ_FOREACH(stream, &camera->streams, entry) {
        if (strcmp(stream->key, key) == 0) {
            break;
        }
    }
    return stream;
}

static struct stream *stream_new(struct camera *camera, const struct params *params, const char *name) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    stream->camera = camera;
    stream->params = strndup(params->object.text, params->object.length);
    stream->key = watch_key(params, "stream");
    TAILQ_INIT(&stream->viewers);
    evtimer_assign(&stream->again, camera->daemon->base, on_again, stream);
    if (stream->params == NULL || stream->key == NULL) {
        stream_free(stream);
        return NULL;
    }
    memcpy(stream->name, name, strlen(name) + 1);
    stream->is_usual = strcmp(name, USUAL) == 0;
    TAILQ_INSERT_TAIL(&camera->streams, stream, entry);
    return stream;
}

static void on_subscription_ended(struct subscription *subscription) {
    struct stream *stream = of(subscription)->stream;
    shared_bytes_free(of(subscription)->pending);
    free(subscription);
    if (TAILQ_EMPTY(&stream->viewers)) {
        stream_end(stream);
    }
}

/* What is wrong already is told to the one who asks. */
static bool check(struct client *client, struct camera *camera, const struct params *params, const char *name,
                  struct error *error) {
    struct callback_set *set = NULL;
    const struct callback *callback = NULL;
    struct job *job = job_new();
    bool is_good = job != NULL;
    if (job == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
    } else if (strcmp(name, USUAL) == 0 && lacks_stream(camera)) {
        is_good = watch_is_allowed(client, camera, SNAPSHOT, error);
    } else if (camera_is_introduced(camera)) {
        is_good = call_bind(job, name, camera, params, camera->daemon->config->limits.payload_bytes, 0, &set, &callback,
                            error);
    }
    if (is_good && callback != NULL && callback->schedules != CALLBACK_SCHEDULES_STREAM) {
        error_set(error, ERROR_UNSUPPORTED, "\"%s\" begins no stream, as far as is known; subscribe to it by \"name\"",
                  name);
        is_good = false;
    }
    callback_set_free(set);
    job_free(job);
    return is_good;
}

uint64_t stream_subscribe(struct client *client, struct camera *camera, const struct params *params,
                          const struct stream_options *options, struct error *error) {
    char name[CALLBACK_NAME_MAX + 1];
    size_t length = json_string_decode(params_get(params, "stream"), name, CALLBACK_NAME_MAX);
    name[length < CALLBACK_NAME_MAX ? length : CALLBACK_NAME_MAX] = '\0';
    struct error unused;
    if (!watch_is_allowed(client, camera, name, error) || !check(client, camera, params, name, error)) {
        return 0;
    }
    char *key = watch_key(params, "stream");
    struct stream *stream = key != NULL ? find(camera, key) : NULL;
    bool is_new = stream == NULL;
    struct viewer *viewer = calloc(1, sizeof *viewer);
    free(key);
    stream = is_new ? stream_new(camera, params, name) : stream;
    if (viewer == NULL || stream == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        goto fail;
    }
    *viewer = (struct viewer){
        .base = {.ended = on_subscription_ended,
                 .drained = on_drained,
                 .kept_bytes = params->object.length,
                 .interval_us = options->interval_us,
                 .due_us = omvrpc_now_us()},
        .stream = stream,
        .form = options->form,
        .may_have_pictures = watch_is_allowed(client, camera, SNAPSHOT, &unused),
    };
    if (!subscription_begin(&viewer->base, client, &stream->viewers, error)) {
        goto fail;
    }
    if (is_new) {
        plan(stream, 0);
    }
    return viewer->base.number;

fail:
    free(viewer);
    if (stream != NULL && is_new) {
        stream_end(stream);
    }
    return 0;
}

void stream_end_all(struct camera *camera, const struct error *error) {
    for (struct stream *stream; (stream = TAILQ_FIRST(&camera->streams)) != NULL;) {
        /* It ends with its last one. */
        subscription_fail_all(&stream->viewers, error);
    }
}

void stream_inherit_all(struct camera *heir, struct camera *camera) {
    struct stream *stream;
    TAILQ_FOREACH(stream, &camera->streams, entry) {
        stream->camera = heir;
    }
    TAILQ_CONCAT(&heir->streams, &camera->streams, entry);
}

void stream_check_access(struct camera *camera) {
    struct stream *stream, *next;
    for (stream = TAILQ_FIRST(&camera->streams); stream != NULL; stream = next) {
        next = TAILQ_NEXT(stream, entry);
        watch_check_subscribers(&stream->viewers, camera, stream->name);
    }
}
