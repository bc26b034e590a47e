/* SPDX-License-Identifier: MIT */
/* Streams and who sees them. See stream.h. */

#include "stream.h"

#include "call_argument.h"
#include "camera_internal.h"
#include "client.h"
#include "source.h"

#include <stdlib.h>

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
    enum reply_form form;
    bool may_have_pictures;       /* by the access rules */
    struct shared_bytes *pending; /* the newest frame, while the client still reads the one before */
};

struct stream {
    struct source base; /* first, so that one is the other */
    bool is_usual;      /* pictures may stand in for it */
    bool of_pictures;   /* as the call under way, or the last one, is */
    unsigned failures;  /* in a row, that the camera was busy with */
};

static struct viewer *of(struct subscription *subscription) {
    return (struct viewer *)subscription;
}

static struct stream *stream_of(struct call *call) {
    return (struct stream *)source_of_call(call);
}

/* It ends after the frame under way. */
static void stop(struct source *source) {
    worker_stop_stream(source->camera->at.worker, source->camera->at.place);
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
    viewer->base.trouble = ERROR_NONE;
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
    TAILQ_FOREACH(subscription, &stream->base.subscribers, of_source) {
        give_frame(of(subscription), frame, missed);
    }
}

static void tell_error(struct stream *stream, const struct error *error) {
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &stream->base.subscribers, of_source) {
        subscription_tell_trouble(subscription, error);
    }
}

/* Pictures come at the fastest rate that anyone wants, and to each at its own. */
static void give_picture(struct stream *stream, struct shared_bytes *frame) {
    int64_t now_us = omvrpc_now_us(), fastest_us = subscription_fastest_us(&stream->base.subscribers);
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &stream->base.subscribers, of_source) {
        struct viewer *viewer = of(subscription);
        struct error error;
        if (!viewer->may_have_pictures) {
            source_is_allowed(subscription->client, stream->base.camera, SNAPSHOT, &error);
            subscription_tell_trouble(subscription, &error);
        } else if (subscription_is_due(subscription, fastest_us, now_us)) {
            give_frame(viewer, frame, 0);
        }
    }
}

static bool is_usual(const char *name) {
    uint32_t command;
    const struct callback *unused;
    struct error error;
    return call_read_command(name, NULL, &command, &unused, &error) &&
           command == omvrpc_command_id(USUAL, sizeof USUAL - 1);
}

static bool lacks_stream(const struct camera *camera) {
    const struct callback_set *callbacks = camera_callbacks(camera);
    return !callback_set_offers(callbacks, omvrpc_command_id(USUAL, sizeof USUAL - 1)) &&
           callback_set_offers(callbacks, omvrpc_command_id(SNAPSHOT, sizeof SNAPSHOT - 1));
}

/* A camera that does not say what it has is tried both ways in turn, until there is a frame. */
static bool is_to_be_pictures(const struct stream *stream) {
    bool is_next = stream->failures % 2 == 1 || (stream->of_pictures && stream->failures == 0);
    return stream->is_usual &&
           (lacks_stream(stream->base.camera) || (!stream->base.camera->session.is_open && is_next));
}

static void on_failed(struct stream *stream, const struct error *error, bool is_certain) {
    bool was_of_pictures = stream->of_pictures;
    /* Of a camera that is away nothing is known, and asking costs nobody any time. */
    bool has_cost_time = error->executed != EXECUTED_NO || error->reason == ERROR_NOT_DELIVERED;
    if (!has_cost_time) {
        tell_error(stream, error);
        source_plan(&stream->base, AGAIN_US);
        return;
    }
    stream->failures++;
    if (!was_of_pictures && is_to_be_pictures(stream)) {
        source_plan(&stream->base, 0);
        return;
    }
    if (is_certain || stream->failures > 1) {
        tell_error(stream, error);
    }
    unsigned doubled = stream->failures - 1 < AGAIN_MAX ? stream->failures - 1 : AGAIN_MAX;
    source_plan(&stream->base, (int64_t)AGAIN_US << doubled);
}

/* An empty result is what a camera without such a callback gives as well. */
static void take_picture(struct stream *stream, const struct job *job) {
    struct shared_bytes *frame = shared_bytes_new(job->result, job->result_length);
    struct error error;
    if (frame != NULL && frame->length > 0) {
        stream->failures = 0;
        give_picture(stream, frame);
        source_plan(&stream->base,
                    stream->base.begun_us + subscription_fastest_us(&stream->base.subscribers) - omvrpc_now_us());
    } else if (frame == NULL) {
        error_set_out_of_memory(&error);
        on_failed(stream, &error, true);
    } else {
        error_set(&error, ERROR_UNSUPPORTED,
                  "camera \"%s\" gives neither a stream nor pictures: its script needs \"" USUAL "\" or \"" SNAPSHOT
                  "\"",
                  camera_name(stream->base.camera));
        error.executed = EXECUTED_YES;
        on_failed(stream, &error, true);
    }
    shared_bytes_free(frame);
}

static void begin(struct source *source);

/* A stream was left for others, or failed: it takes its place behind those who wait. */
static void on_ended(struct call *call, const struct error *error) {
    struct stream *stream = stream_of(call);
    if (!source_take_end(&stream->base)) {
        return;
    }
    bool was_left = error == NULL && !stream->of_pictures && stream->base.camera->has_frame;
    if (error != NULL) {
        on_failed(stream, error, true);
    } else if (!stream->of_pictures && !was_left) {
        /* Others waited; it may only be slow, and has more time when it is opened again. */
        struct error none;
        error_set_no_stream(&none, camera_name(stream->base.camera));
        on_failed(stream, &none, false);
    } else if (!was_left) {
        take_picture(stream, call->job);
    }
    source_clear_call(&stream->base);
    if (was_left) {
        begin(&stream->base);
    }
}

static bool prepare(struct call *call, struct error *error) {
    struct stream *stream = stream_of(call);
    int64_t now_us = omvrpc_now_us();
    stream->of_pictures = is_to_be_pictures(stream);
    call->is_stream = !stream->of_pictures;
    call->name = stream->of_pictures ? SNAPSHOT : stream->base.name;
    if (!source_bind(&stream->base, call->name,
                     stream->of_pictures ? "{\"name\":\"" SNAPSHOT "\"}" : stream->base.params, now_us, error)) {
        return false;
    }
    call->is_bound = true;
    call->job->schedules = call->is_stream;
    call->job->stream_depth = call->is_stream ? DEPTH : 0;
    call->job->jpeg_frames = stream->is_usual;
    if (call->is_stream) {
        call->job->deadline_us = now_us + RUN_US;
        call->job->repeatable = false;
    }
    return true;
}

static void begin(struct source *source) {
    const struct call call = {
        .priority = QUEUE_NORMAL,
        .is_stream = true,
        .prepare = prepare,
        .ended = on_ended,
    };
    int64_t patience_us = source->camera->state == CAMERA_OFFLINE ? source_timeout_us(source) : RUN_US;
    if (!source_call(source, &call, patience_us)) {
        source_plan(source, AGAIN_US);
    }
}

static void destroy(struct source *source) {
    free((struct stream *)source);
}

static struct source *make(struct camera *camera, const struct params *params);

static const struct source_kind kind = {"stream", make, begin, stop, destroy};

static struct source *make(struct camera *camera, const struct params *params) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL || !source_init(&stream->base, &kind, camera, params)) {
        free(stream);
        return NULL;
    }
    stream->is_usual = is_usual(stream->base.name);
    return &stream->base;
}

static void on_subscription_ended(struct subscription *subscription) {
    struct source *source = source_of(subscription);
    shared_bytes_free(of(subscription)->pending);
    free(subscription);
    source_go_on(source);
}

/* What is wrong already is told to the one who asks. */
static bool check(struct client *client, struct camera *camera, const struct params *params, const char *name,
                  struct error *error) {
    struct source_facts facts;
    if (is_usual(name) && lacks_stream(camera)) {
        return source_is_allowed(client, camera, SNAPSHOT, error);
    }
    if (!source_check(camera, params, name, &facts, error)) {
        return false;
    }
    if (!facts.is_described || facts.schedules == CALLBACK_SCHEDULES_STREAM) {
        return true;
    }
    error_set(error, ERROR_UNSUPPORTED, "\"%s\" begins no stream, as far as is known; subscribe to it by \"name\"",
              name);
    return false;
}

uint64_t stream_subscribe(struct client *client, struct camera *camera, const struct params *params,
                          const struct stream_options *options, struct error *error) {
    char name[CALLBACK_NAME_MAX + 1];
    struct error unused;
    source_read_name(params, kind.name_param, name);
    if (!source_is_allowed(client, camera, name, error) || !check(client, camera, params, name, error)) {
        return 0;
    }
    struct viewer *viewer = calloc(1, sizeof *viewer);
    if (viewer == NULL) {
        error_set_out_of_memory(error);
        return 0;
    }
    *viewer = (struct viewer){
        .base = {.ended = on_subscription_ended, .drained = on_drained, .interval_us = options->interval_us},
        .form = options->form,
        .may_have_pictures = source_is_allowed(client, camera, SNAPSHOT, &unused),
    };
    struct source *source = source_subscribe(client, camera, &kind, params, &viewer->base, error);
    if (source == NULL) {
        free(viewer);
        return 0;
    }
    if (source->begun_us == 0) {
        source_plan(source, 0);
    }
    return viewer->base.number;
}
