/* SPDX-License-Identifier: MIT */
/* "call": asks a camera. Arguments to bytes on the way there, bytes to a value on the way back. */
#include "method.h"

#include "camera_choice.h"
#include "config.h"
#include "daemon.h"
#include "encoding.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* When neither the request nor the schema says how long a call may take. */
enum { DEFAULT_TIMEOUT_MS = 10000 };

/* An answer may be asked for that is up to a day old. */
enum { MAX_AGE_MAX_MS = 86400000 };

enum reply_form { REPLY_BASE64, REPLY_HEX, REPLY_RAW, REPLY_BY_SCHEMA };
enum data_encoding { DATA_BASE64, DATA_HEX, DATA_UTF8 };

/* A call with what is needed for its reply. */
struct asked_call {
    struct call call;                /* first, so that one is the other */
    const struct callback *callback; /* NULL where it is not known */
    enum reply_form form;
    char name[]; /* as the client gave it */
};

static void set_out_of_memory(struct error *error) {
    error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
    error->executed = EXECUTED_NO;
}

static void free_call(struct asked_call *asked) {
    job_free(asked->call.job);
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
    if (job == NULL) {
        return; /* the worker still has it, and the daemon is stopping */
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

static void append_encoded(struct text_buffer *reply, const struct job *job, enum reply_form form) {
    bool is_hex = form == REPLY_HEX;
    text_buffer_append_string(reply, "\"");
    char *place =
        text_buffer_extend(reply, is_hex ? 2 * job->result_length : base64_encoded_length(job->result_length));
    if (place != NULL && is_hex) {
        hex_encode(job->result, job->result_length, place);
    } else if (place != NULL) {
        base64_encode(job->result, job->result_length, place);
    }
    text_buffer_append_string(reply, "\"");
}

/* Returns false, with *error filled, where the bytes do not fit the schema. */
static bool append_value(struct text_buffer *reply, const struct asked_call *asked, struct error *error) {
    const struct job *job = asked->call.job;
    struct schema_error misfit;
    char number[48];
    if (job->result_length == 0) {
        text_buffer_append_string(reply, "null");
        return true;
    }
    if (asked->form == REPLY_RAW) {
        snprintf(number, sizeof number, "{\"raw\":%zu}", job->result_length);
        text_buffer_append_string(reply, number);
        return true;
    }
    if (asked->form != REPLY_BY_SCHEMA) {
        append_encoded(reply, job, asked->form);
        return true;
    }
    const struct schema *schema = asked->callback != NULL ? asked->callback->result : NULL;
    if (schema_unpack(schema, job->result, job->result_length, reply, &misfit) != SCHEMA_MISFIT) {
        return true; /* a failure of the text is told when it is sent */
    }
    char where[SCHEMA_ERROR_PATH_SIZE + SCHEMA_ERROR_MESSAGE_SIZE];
    schema_error_print(&misfit, "result", where, sizeof where);
    error_set(error, ERROR_BAD_RESULT, "%s", where);
    error->bytes = job->result;
    error->length = job->result_length;
    return false;
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

static void on_ended(struct call *call, const struct error *error) {
    struct asked_call *asked = (struct asked_call *)call;
    struct request *request = call->request;
    int64_t now_us = omvrpc_now_us();
    struct text_buffer reply;
    struct error misfit;
    request->cancel = NULL;
    request_begin_reply(request, &reply);
    if (error == NULL) {
        append_member(&reply, "{\"camera\":", camera_name(call->camera));
        append_member(&reply, ",\"name\":", asked->callback != NULL ? asked->callback->name : asked->name);
        text_buffer_append_string(&reply, ",\"value\":");
        if (append_value(&reply, asked, &misfit)) {
            append_times(&reply, asked, now_us);
        } else {
            error = &misfit;
        }
    }
    count_call(asked, error, now_us);
    if (error == NULL) {
        uint8_t *bytes = NULL;
        if (asked->form == REPLY_RAW && request->id != NULL) {
            bytes = call->job->result;
            call->job->result = NULL;
        }
        request_send_reply(request, &reply, bytes, bytes != NULL ? call->job->result_length : 0);
    } else {
        text_buffer_clear(&reply);
        request_fail(request, error);
    }
    free_call(asked);
}

/* The way there. Each of these returns false with *error filled where what the client gave is wrong. */

/* "#1a2b3c4d" is a command id for callbacks whose name nobody knows. */
static bool read_name(const char *name, const struct callback_set *set, uint32_t *command,
                      const struct callback **callback, struct error *error) {
    size_t length = strlen(name);
    if (length == 0 || length > CALLBACK_NAME_MAX) {
        error_set(error, ERROR_INVALID_PARAMS, "name: expected 1 to %zu bytes, found %zu", CALLBACK_NAME_MAX, length);
        return false;
    }
    if (name[0] != '#') {
        *callback = callback_find(set, name);
        *command = omvrpc_command_id(name, length);
        return true;
    }
    if (length != 9 || strspn(name + 1, "0123456789abcdefABCDEF") != 8) {
        error_set(error, ERROR_INVALID_PARAMS, "name: a command id is \"#\" and 8 hexadecimal digits, found \"%s\"",
                  name);
        return false;
    }
    *command = (uint32_t)strtoul(name + 1, NULL, 16);
    *callback = callback_find_id(set, *command);
    return true;
}

static bool decode_data(const struct params *params, struct job *job, struct error *error) {
    static const char *const words[] = {[DATA_BASE64] = "base64", [DATA_HEX] = "hexadecimal digits"};
    enum data_encoding encoding = (enum data_encoding)params_choice(params, "encoding", DATA_BASE64);
    char *text = params_copy_string(params, "data");
    size_t length = text != NULL ? strlen(text) : 0;
    uint8_t *bytes = malloc(length + 1);
    bool is_good = true;
    if (text == NULL || bytes == NULL) {
        set_out_of_memory(error);
        free(text);
        free(bytes);
        return false;
    }
    job->argument = bytes;
    switch (encoding) {
    case DATA_BASE64:
        is_good = base64_decode(text, length, bytes, &job->argument_length);
        break;
    case DATA_HEX:
        is_good = hex_decode(text, length, bytes, &job->argument_length);
        break;
    case DATA_UTF8:
        memcpy(bytes, text, length);
        job->argument_length = length;
        break;
    }
    free(text);
    if (!is_good) {
        error_set(error, ERROR_INVALID_PARAMS, "data: this is not %s", words[encoding]);
    }
    return is_good;
}

static bool pack_args(const struct params *params, const struct callback *callback, size_t limit, struct job *job,
                      struct error *error) {
    const struct schema *schema = callback != NULL ? callback->args : NULL;
    struct schema_error misfit;
    char where[SCHEMA_ERROR_PATH_SIZE + SCHEMA_ERROR_MESSAGE_SIZE];
    switch (schema_pack(schema, params_get(params, "args"), limit, &job->argument, &job->argument_length, &misfit)) {
    case SCHEMA_GOOD:
        return true;
    case SCHEMA_MISFIT:
        schema_error_print(&misfit, "args", where, sizeof where);
        error_set(error, ERROR_INVALID_PARAMS, "%s", where);
        return false;
    case SCHEMA_TOO_LARGE:
        error_set(error, ERROR_TOO_LARGE, "args: longer than limits.payload_bytes (%zu)", limit);
        return false;
    case SCHEMA_OUT_OF_MEMORY:
        break;
    }
    set_out_of_memory(error);
    return false;
}

static bool read_argument(const struct params *params, const struct callback *callback, size_t limit, struct job *job,
                          struct error *error) {
    bool has_data = params_get(params, "data").text != NULL;
    if (has_data && params_get(params, "args").text != NULL) {
        error_set(error, ERROR_INVALID_PARAMS, "\"args\" and \"data\" cannot be given together");
        return false;
    }
    if (!has_data && params_get(params, "encoding").text != NULL) {
        error_set(error, ERROR_INVALID_PARAMS, "\"encoding\" says how \"data\" is written, and there is none");
        return false;
    }
    if (!has_data) {
        return pack_args(params, callback, limit, job, error);
    }
    if (!decode_data(params, job, error)) {
        return false;
    }
    if (job->argument_length > limit) {
        error_set(error, ERROR_TOO_LARGE, "data: %zu bytes are more than limits.payload_bytes (%zu)",
                  job->argument_length, limit);
        return false;
    }
    return true;
}

static bool check_schedule(const struct callback *callback, size_t argument_length, struct error *error) {
    switch (callback != NULL ? callback_schedules(callback, argument_length) : CALLBACK_SCHEDULES_NOTHING) {
    case CALLBACK_SCHEDULES_NOTHING:
        return true;
    case CALLBACK_SCHEDULES_STREAM:
        error_set(error, ERROR_UNSUPPORTED,
                  "\"%s\" begins a stream, which \"call\" cannot read, and this version has no subscriptions yet; call "
                  "\"jpeg_snapshot\" for single pictures",
                  callback->name);
        return false;
    case CALLBACK_SCHEDULES_CUT_THROUGH:
        error_set(
            error, ERROR_UNSUPPORTED,
            "\"%s\" without arguments sends raw bytes behind its result, which this version cannot read yet; give "
            "\"args\":[OFFSET,SIZE]",
            callback->name);
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

static bool cancel(struct request *request) {
    return camera_cancel(request->work);
}

/* Fills the call from the params and hands it to the camera. */
static bool begin_call(struct asked_call *asked, struct camera *camera, const struct params *params,
                       struct error *error) {
    struct request *request = asked->call.request;
    struct job *job = asked->call.job;
    const struct config *config = request->daemon->config;
    asked->form = (enum reply_form)params_choice(params, "reply", REPLY_BY_SCHEMA);
    if (!check_reply_form(request, asked->form, error) ||
        !read_name(asked->name, config->callbacks, &job->command, &asked->callback, error) ||
        !read_argument(params, asked->callback, config->limits.payload_bytes, job, error) ||
        !check_schedule(asked->callback, job->argument_length, error)) {
        return false;
    }
    bool has_timeout = asked->callback != NULL && asked->callback->timeout_ms != 0;
    int64_t timeout_ms = has_timeout ? asked->callback->timeout_ms : DEFAULT_TIMEOUT_MS;
    job->deadline_us = request->arrived_us + params_integer(params, "timeout_ms", timeout_ms) * 1000;
    job->repeatable = asked->callback != NULL && asked->callback->is_repeatable;
    asked->call.priority = (enum queue_priority)params_choice(params, "priority", QUEUE_NORMAL);
    asked->call.waits_offline = params_boolean(params, "wait", false);
    asked->call.ended = on_ended;
    request->work = &asked->call;
    request->cancel = cancel;
    if (camera_call(camera, &asked->call, error)) {
        return true;
    }
    request->cancel = NULL;
    count_call(asked, error, 0);
    return false;
}

static void handle(struct request *request, const struct params *params) {
    struct error error;
    struct camera *camera = camera_choose(request->daemon, params, &error);
    if (camera == NULL) {
        request_fail(request, &error);
        return;
    }
    struct json_span name = params_get(params, "name");
    struct asked_call *asked = calloc(1, sizeof *asked + name.length + 1);
    struct job *job = job_new();
    if (asked == NULL || job == NULL) {
        free(asked);
        job_free(job);
        set_out_of_memory(&error);
        request_fail(request, &error);
        return;
    }
    asked->name[json_string_decode(name, asked->name, name.length)] = '\0';
    asked->call.request = request;
    asked->call.job = job;
    if (!begin_call(asked, camera, params, &error)) {
        free_call(asked);
        request_fail(request, &error);
    }
}

static const struct param params[] = {
    {.name = "name", .type = PARAM_STRING, .is_required = true, .doc = "the callback, or its id as \"#1a2b3c4d\""},
    CAMERA_PARAM,
    {.name = "args", .type = PARAM_ANY, .doc = "arguments, packed by the callback's schema"},
    {.name = "data", .type = PARAM_STRING, .doc = "instead of args: the argument's bytes"},
    {.name = "encoding",
     .type = PARAM_CHOICE,
     .choices = {[DATA_BASE64] = "base64", [DATA_HEX] = "hex", [DATA_UTF8] = "utf8"},
     .doc = "how data is written; base64 unless said"},
    {.name = "timeout_ms",
     .type = PARAM_INTEGER,
     .minimum = 1,
     .maximum = CALLBACK_TIMEOUT_MAX_MS,
     .doc = "deadline from the arrival of the request; 10000 unless the schema says otherwise"},
    {.name = "max_age_ms",
     .type = PARAM_INTEGER,
     .minimum = 0,
     .maximum = MAX_AGE_MAX_MS,
     .doc = "an answer up to this old would do; the camera is asked in any case so far"},
    {.name = "priority",
     .type = PARAM_CHOICE,
     .choices = {[QUEUE_HIGH] = "high", [QUEUE_NORMAL] = "normal", [QUEUE_LOW] = "low"},
     .doc = "normal unless said"},
    {.name = "wait", .type = PARAM_BOOLEAN, .doc = "wait for a camera that is offline as well"},
    {.name = "progress", .type = PARAM_BOOLEAN, .doc = "accepted; no link reports progress so far"},
    {.name = "reply",
     .type = PARAM_CHOICE,
     .choices = {[REPLY_BASE64] = "base64", [REPLY_HEX] = "hex", [REPLY_RAW] = "raw"},
     .doc = "the form of the value, instead of the schema's"},
    {.name = NULL},
};

const struct method method_call = {"call", handle, params, "calls a callback of a camera"};
