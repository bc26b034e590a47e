/* SPDX-License-Identifier: MIT */
/* "call": asks a camera. Arguments to bytes on the way there, bytes to a value on the way back. */
#include "method.h"

#include "access.h"
#include "call_argument.h"
#include "call_value.h"
#include "camera_choice.h"
#include "config.h"
#include "daemon.h"
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call with what is needed for its reply. */
struct asked_call {
    struct call call; /* first, so that one is the other */
    enum reply_form form;
    struct progress progress;
    struct callback_set *callbacks;  /* keeps the callback */
    const struct callback *callback; /* NULL where it is not known */
    char *params;                    /* their text, for when it is known what camera it is */
    char name[];                     /* as the client gave it */
};

static void free_call(struct asked_call *asked) {
    exchange_clear(&asked->call.exchange);
    job_free(asked->call.job);
    callback_set_free(asked->callbacks);
    free(asked->params);
    free(asked);
}

/* The way back. */

static void count_call(const struct asked_call *asked, const struct error *error, int64_t now_us) {
    struct callback_statistics *statistics = camera_statistics(asked->call.camera);
    const char *name = asked->callback != NULL ? asked->callback->name : asked->name;
    struct callback_statistics_row *row = callback_statistics_row(statistics, name);
    if (row == NULL) {
        return;
    }
    enum error_reason reason = error != NULL ? error->reason : ERROR_NONE;
    row->ended[reason]++;
    if (error == NULL) {
        histogram_add(&row->latency, now_us - asked->call.request->arrived_us);
    }
    const struct job *job = asked->call.job;
    if (asked->call.is_shared) {
        return; /* its bytes were counted with the call that fetched them */
    }
    if (error_row(reason)->executed != EXECUTED_NO) {
        row->bytes_to_camera += job->argument_length;
    }
    row->bytes_from_camera += job->result_length;
    size_t larger = job->argument_length > job->result_length ? job->argument_length : job->result_length;
    if (larger > statistics->largest_payload) {
        statistics->largest_payload = larger;
    }
}

static void append_member(struct text_buffer *reply, const char *name, const char *text) {
    text_buffer_append_string(reply, name);
    text_buffer_append_json_string(reply, text, strlen(text));
}

static void append_times(struct text_buffer *reply, const struct asked_call *asked, int64_t now_us) {
    const struct job *job = asked->call.job;
    int64_t taken_us = job->taken_us > 0 ? job->taken_us : job->ended_us;
    char text[120];
    snprintf(text, sizeof text, ",\"bytes\":%zu,\"elapsed_ms\":%.3f,\"age_ms\":%.3f}", job->result_length,
             (double)(now_us - asked->call.request->arrived_us) / 1000, (double)(now_us - taken_us) / 1000);
    text_buffer_append_string(reply, text);
}

/* A snapshot's picture stays with its client, whose reads are answered from it. */
static void keep_picture(struct asked_call *asked) {
    const struct call *call = &asked->call;
    struct exchange *exchange = &asked->call.exchange;
    if (call->request->client != NULL && exchange->total > 0 && exchange->have == exchange->total) {
        held_picture_set(&call->request->client->picture, camera_name(call->camera), call->picture.read_command,
                         exchange->data, exchange->total, call->job->taken_us);
        exchange->data = NULL;
    }
}

static void on_progress(struct call *call, size_t received, size_t total) {
    struct asked_call *asked = (struct asked_call *)call;
    const struct progress_name name = {"id", call->request->id};
    progress_tell(&asked->progress, call->request->client, name, received, total);
}

/* A snapshot's result is small; what took long is its picture. */
static void complete_progress(struct asked_call *asked) {
    const struct call *call = &asked->call;
    const struct progress_name name = {"id", call->request->id};
    size_t total = call->picture.read_command != 0 ? call->exchange.have : call->job->result_length;
    progress_complete(&asked->progress, call->request->client, name, total);
}

static void on_ended(struct call *call, const struct error *error) {
    struct asked_call *asked = (struct asked_call *)call;
    struct request *request = call->request;
    const struct job *job = call->job;
    int64_t now_us = omvrpc_now_us();
    struct text_buffer reply;
    struct error misfit;
    request->cancel = NULL;
    request_begin_reply(request, &reply);
    if (error == NULL) {
        append_member(&reply, "{\"camera\":", camera_name(call->camera));
        append_member(&reply, ",\"name\":", asked->callback != NULL ? asked->callback->name : asked->name);
        text_buffer_append_string(&reply, ",\"value\":");
        if (call_append_value(&reply, asked->form, asked->callback, job->result, job->result_length, &misfit)) {
            append_times(&reply, asked, now_us);
        } else {
            camera_forget_answer(call->camera, call);
            error = &misfit;
        }
    }
    count_call(asked, error, now_us);
    if (error == NULL) {
        complete_progress(asked);
        if (call->picture.read_command != 0) {
            keep_picture(asked);
        }
        uint8_t *bytes = NULL;
        if (asked->form == REPLY_RAW && request->id != NULL) {
            bytes = call->job->result;
            call->job->result = NULL;
        }
        request_send_reply(request, &reply, bytes, bytes != NULL ? job->result_length : 0);
    } else {
        text_buffer_clear(&reply);
        request_fail(request, error);
    }
    free_call(asked);
}

/* The way there. Each of these returns false with *error filled where what the client gave is wrong. */

static bool check_schedule(const struct asked_call *asked, struct error *error) {
    const struct callback *callback = asked->callback;
    const char *snapshot = held_picture_snapshot_of(asked->call.job->command);
    switch (callback != NULL ? callback_schedules(callback, asked->call.job->argument_length)
                             : CALLBACK_SCHEDULES_NOTHING) {
    case CALLBACK_SCHEDULES_NOTHING:
        return true;
    case CALLBACK_SCHEDULES_STREAM:
        error_set(
            error, ERROR_UNSUPPORTED,
            "\"%s\" begins a stream, which \"call\" cannot read; subscribe to it, or call \"jpeg_snapshot\" for single "
            "pictures",
            callback->name);
        return false;
    case CALLBACK_SCHEDULES_CUT_THROUGH:
        error_set(error, ERROR_UNSUPPORTED,
                  "\"%s\" without arguments sends raw bytes behind its result, and nobody knows how many; give "
                  "\"args\":[OFFSET,SIZE]%s%s%s",
                  callback->name, snapshot != NULL ? ", or call \"" : "", snapshot != NULL ? snapshot : "",
                  snapshot != NULL ? "\" on this connection before" : "");
        return false;
    }
    return false;
}

static bool check_reply_form(const struct request *request, enum reply_form form, struct error *error) {
    if (form != REPLY_RAW || request->batch == NULL) {
        return true;
    }
    error_set(error, ERROR_INVALID_PARAMS, "reply: raw bytes cannot stand inside the reply to a batch");
    return false;
}

/* What is to be called, with what: by all that is known of the camera now. */
static bool bind_call(struct asked_call *asked, struct camera *camera, const struct params *params,
                      struct error *error) {
    struct job *job = asked->call.job;
    const struct request *request = asked->call.request;
    uint32_t command;
    const struct callback *callback;
    /* The right comes first: whoever may not call it learns neither whether it is there nor what it takes. */
    if (!call_read_command(asked->name, camera_callbacks(camera), &command, &callback, error) ||
        !access_check_callback(request->client, &method_call, asked->name, command, callback, error) ||
        !call_bind(job, asked->name, camera, params, request->daemon->config->limits.payload_bytes, request->arrived_us,
                   &asked->callbacks, &asked->callback, error)) {
        return false;
    }
    asked->call.is_stock = call_is_reserved(job->command);
    asked->call.is_bound = true;
    held_picture_of_snapshot(job->command, &asked->call.picture);
    return true;
}

static bool cancel(struct request *request) {
    return camera_cancel(request->work);
}

/* Arguments that were packed for one camera are not for another that has come in its place meanwhile. */
static bool check_camera(const struct asked_call *asked, struct error *error) {
    const struct camera *camera = asked->call.camera;
    const struct callback_set *callbacks = camera_callbacks(camera);
    if (callbacks == asked->callbacks ||
        callback_is_like(asked->callback, callback_find_id(callbacks, asked->call.job->command))) {
        return true;
    }
    error_set(error, ERROR_NOT_DELIVERED,
              "camera \"%s\" takes or gives something else for \"%s\" than when the call was made", camera_name(camera),
              asked->name);
    return false;
}

/* The camera has come, and has said what it has. */
static bool prepare(struct call *call, struct error *error) {
    struct asked_call *asked = (struct asked_call *)call;
    if (asked->params == NULL) {
        return check_camera(asked, error);
    }
    struct params given;
    struct json_span text = {.text = asked->params, .length = strlen(asked->params)};
    return params_read(method_call.params, text, &given, error) && bind_call(asked, call->camera, &given, error) &&
           check_schedule(asked, error);
}

/* Keeps the params of a call until the camera is known, since only then its callbacks are. */
static bool postpone(struct asked_call *asked, const struct params *given, struct error *error) {
    asked->params = strndup(given->object.text, given->object.length);
    if (asked->params == NULL) {
        error_set_out_of_memory(error);
        return false;
    }
    asked->call.kept_bytes = given->object.length;
    asked->call.job->deadline_us = call_deadline(given, asked->callback, asked->call.request->arrived_us);
    return true;
}

/* Reads of a picture that the daemon keeps for this client do not go to the camera. */
static bool is_kept(const struct asked_call *asked, const struct camera *camera) {
    return held_picture_answers(&asked->call.request->client->picture, camera_name(camera), asked->call.job->command);
}

static bool read_kept(struct asked_call *asked, struct camera *camera, struct error *error) {
    struct call *call = &asked->call;
    int failure = held_picture_read(&call->request->client->picture, call->job);
    if (failure == -EINVAL) {
        error_set(error, ERROR_INVALID_PARAMS, "data: expected offset and size, 4 bytes each, or nothing");
        return false;
    }
    if (failure != 0) {
        error_set_out_of_memory(error);
        return false;
    }
    call->camera = camera;
    on_ended(call, NULL);
    return true;
}

/* While a camera is away, what it has answered lately would still do for those who say so. */
static bool recall(struct asked_call *asked, struct camera *camera, const struct params *given) {
    struct call *call = &asked->call;
    const struct callback *configured = asked->callback;
    struct error unused;
    call->camera = camera;
    if (call->max_age_us > 0 && bind_call(asked, camera, given, &unused) && camera_recall_answer(camera, call)) {
        on_ended(call, NULL);
        return true;
    }
    /* What it takes and gives is read anew when it is back, since it may be another one then. */
    asked->callback = configured;
    call->is_bound = false;
    call->is_stock = false;
    call->picture = (struct exchange_picture){.read_command = 0};
    return false;
}

/* Fills the call from the params and hands it to the camera. */
static bool begin_call(struct asked_call *asked, struct camera *camera, const struct params *given,
                       struct error *error) {
    struct request *request = asked->call.request;
    struct call *call = &asked->call;
    asked->form = (enum reply_form)params_choice(given, "reply", REPLY_BY_SCHEMA);
    asked->progress.is_wanted = params_boolean(given, "progress", false);
    if (!check_reply_form(request, asked->form, error)) {
        return false;
    }
    /* What the configuration knows is all that is known of a camera that has not come yet. Whether one that has come
     * offers the callback is said by bind_call(). */
    bool is_known = camera_is_introduced(camera);
    const struct callback_set *configured = request->daemon->config->callbacks;
    if (is_known
            ? !call_read_command(asked->name, camera_callbacks(camera), &call->job->command, &asked->callback, error)
            : !call_read_name(asked->name, configured, &call->job->command, &asked->callback, error)) {
        return false;
    }
    call->max_age_us = params_integer(given, "max_age_ms", 0) * 1000;
    if (!is_known && !is_kept(asked, camera)) {
        if (recall(asked, camera, given)) {
            return true;
        }
        if (!postpone(asked, given, error)) {
            return false;
        }
    } else if (!bind_call(asked, camera, given, error)) {
        return false;
    } else if (is_kept(asked, camera)) {
        return read_kept(asked, camera, error);
    } else if (!check_schedule(asked, error)) {
        return false;
    }
    call->priority = (enum queue_priority)params_choice(given, "priority", QUEUE_NORMAL);
    call->waits_offline = params_boolean(given, "wait", false);
    call->prepare = prepare;
    call->ended = on_ended;
    call->progressed = on_progress;
    request->work = call;
    request->cancel = cancel;
    if (camera_call(camera, call, error)) {
        return true;
    }
    request->cancel = NULL;
    count_call(asked, error, 0);
    return false;
}

static void handle(struct request *request, const struct params *given) {
    struct error error;
    struct camera *camera = camera_choose(request->daemon, given, &error);
    if (camera == NULL) {
        request_fail(request, &error);
        return;
    }
    struct json_span name = params_get(given, "name");
    struct asked_call *asked = calloc(1, sizeof *asked + name.length + 1);
    struct job *job = job_new();
    if (asked == NULL || job == NULL) {
        free(asked);
        job_free(job);
        error_set_out_of_memory(&error);
        request_fail(request, &error);
        return;
    }
    asked->name[json_string_decode(name, asked->name, name.length)] = '\0';
    asked->call.request = request;
    asked->call.job = job;
    asked->call.name = asked->name;
    if (!begin_call(asked, camera, given, &error)) {
        free_call(asked);
        request_fail(request, &error);
    }
}

static const struct param params[] = {
    {.name = "name", .type = PARAM_STRING, .is_required = true, .doc = "the callback, or its id as \"#1a2b3c4d\""},
    CAMERA_PARAM,
    CALL_ARGS_PARAM,
    CALL_DATA_PARAM,
    CALL_ENCODING_PARAM,
    CALL_TIMEOUT_PARAM,
    CALL_MAX_AGE_PARAM,
    CALL_PRIORITY_PARAM,
    CALL_REPLY_PARAM,
    CALL_PROGRESS_PARAM,
    CALL_WAIT_PARAM,
    {.name = NULL},
};

const struct method method_call = {"call", handle, params, "calls a callback of a camera"};
