/* SPDX-License-Identifier: MIT */
/* "trace": records a camera's wire for a while, and answers with the capture. */
#include "method.h"

#include "camera_choice.h"
#include "config.h"
#include "daemon.h"
#include "description.h"
#include "recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * A capture of ten seconds of a busy stock camera has some hundred kilobytes. The longest one, with its line ends as
 * they are written in JSON, fits the reply that limits.output_bytes allows unless that was lowered.
 */
enum { DURATION_DEFAULT_MS = 10000, DURATION_MAX_MS = 3600000 };
enum { BYTES_MIN = 1024, BYTES_DEFAULT = 1 << 20, BYTES_MAX = 4 << 20 };

struct trace {
    struct recording recording; /* first, so that one is the other */
    struct camera *camera;
    struct request *request;
    struct event timer;
};

static void free_trace(struct trace *trace) {
    recording_clear(&trace->recording);
    free(trace);
}

static void add_header(struct text_buffer *text, const char *name, const char *value) {
    text_buffer_append_string(text, "# ");
    text_buffer_append_string(text, name);
    text_buffer_append_string(text, ": ");
    for (; *value != '\0'; value++) {
        text_buffer_append(text, (unsigned char)*value < 0x20 || *value == 0x7f ? "?" : value, 1);
    }
    text_buffer_append_string(text, "\n");
}

static void write_header(struct text_buffer *text, const struct camera *camera) {
    struct camera_status status;
    char date[32];
    time_t now = time(NULL);
    struct tm parts;
    camera_get_status(camera, &status);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
    text_buffer_append_string(text, CAPTURE_FIRST_LINE "\n");
    add_header(text, "camera", status.name);
    add_header(text, "link", status.link);
    add_header(text, "state", camera_state_name(status.state));
    add_header(text, "date", date);
    add_header(text, "openmvd", OPENMVD_VERSION);
    const struct description *description = camera_description(camera);
    if (description != NULL) {
        add_header(text, "board", description->board);
        add_header(text, "firmware", description->firmware);
        add_header(text, "library", description->library);
    }
}

/* Answers with what was captured. The recording is no longer the camera's. */
static void answer(struct trace *trace, const char *why) {
    const struct recording *recording = &trace->recording;
    struct request *request = trace->request;
    struct text_buffer reply;
    char numbers[160];
    event_del(&trace->timer);
    request->cancel = NULL;
    request_begin_reply(request, &reply);
    text_buffer_append_string(&reply, "{\"camera\":");
    text_buffer_append_json_string(&reply, camera_name(trace->camera), strlen(camera_name(trace->camera)));
    snprintf(
        numbers, sizeof numbers,
        ",\"duration_ms\":%.3f,\"bytes_sent\":%" PRIu64 ",\"bytes_received\":%" PRIu64 ",\"ended\":\"%s\",\"capture\":",
        (double)(omvrpc_now_us() - recording->begun_us) / 1000, recording->bytes_sent, recording->bytes_received, why);
    text_buffer_append_string(&reply, numbers);
    text_buffer_append_json_string(&reply, recording->text.text, recording->text.length);
    text_buffer_append_string(&reply, "}");
    request_send_reply(request, &reply, NULL, 0);
    free_trace(trace);
}

static void on_time(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct trace *trace = context;
    camera_end_recording(trace->camera, &trace->recording);
    answer(trace, "duration");
}

static bool cancel(struct request *request) {
    struct trace *trace = request->work;
    camera_end_recording(trace->camera, &trace->recording);
    answer(trace, "cancelled");
    return true;
}

static void on_ended(struct recording *recording, enum recording_end why) {
    static const char *const reasons[] = {
        [RECORDING_FULL] = "max_bytes", [RECORDING_STOPPING] = "stopping", [RECORDING_REMOVED] = "removed"};
    answer((struct trace *)recording, reasons[why]);
}

/* A reply may be longer than its text by what JSON escapes, at most the double. Returns 0 with *error filled where the
 * client wants more. */
static size_t read_limit(const struct request *request, const struct params *params, struct error *error) {
    size_t most = request->daemon->config->limits.output_bytes / 2;
    size_t fallback = most < BYTES_DEFAULT ? most : BYTES_DEFAULT;
    size_t wanted = (size_t)params_integer(params, "max_bytes", (int64_t)fallback);
    if (wanted > most) {
        error_set(error, ERROR_INVALID_PARAMS, "max_bytes: at most half of limits.output_bytes, %zu", most);
        return 0;
    }
    return wanted;
}

static bool begin(struct trace *trace, size_t limit, int64_t duration_ms, struct error *error) {
    struct timeval duration = {.tv_sec = (time_t)(duration_ms / 1000),
                               .tv_usec = (suseconds_t)(duration_ms % 1000 * 1000)};
    struct request *request = trace->request;
    recording_init(&trace->recording, limit);
    trace->recording.ended = on_ended;
    write_header(&trace->recording.text, trace->camera);
    evtimer_assign(&trace->timer, request->daemon->base, on_time, trace);
    if (evtimer_add(&trace->timer, &duration) < 0) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        return false;
    }
    request->work = trace;
    request->cancel = cancel;
    if (camera_record(trace->camera, &trace->recording, error)) {
        return true;
    }
    request->cancel = NULL;
    event_del(&trace->timer);
    return false;
}

static void handle(struct request *request, const struct params *params) {
    struct error error;
    struct camera *camera = camera_choose(request->daemon, params, &error);
    size_t limit = camera != NULL ? read_limit(request, params, &error) : 0;
    if (limit == 0) {
        request_fail(request, &error);
        return;
    }
    struct trace *trace = calloc(1, sizeof *trace);
    if (trace == NULL) {
        error_set(&error, ERROR_INTERNAL, "the daemon is out of memory");
        request_fail(request, &error);
        return;
    }
    trace->camera = camera;
    trace->request = request;
    if (!begin(trace, limit, params_integer(params, "duration_ms", DURATION_DEFAULT_MS), &error)) {
        free_trace(trace);
        request_fail(request, &error);
    }
}

static const struct param params[] = {
    CAMERA_PARAM,
    {.name = "duration_ms",
     .type = PARAM_INTEGER,
     .minimum = 1,
     .maximum = DURATION_MAX_MS,
     .doc = "how long to record; 10000 unless said"},
    {.name = "max_bytes",
     .type = PARAM_INTEGER,
     .minimum = BYTES_MIN,
     .maximum = BYTES_MAX,
     .doc = "most bytes of the capture's text; 1048576 unless said"},
    {.name = NULL},
};

const struct method method_trace = {"trace", handle, params,
                                    "records a camera's wire for a while; \"cancel\" ends it early"};
