/* SPDX-License-Identifier: MIT */
/* The measurements. See measure.h. */

#include "measure.h"

#include "openmvrpc.h"
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls that come before what is counted: opening, settling, and learning how long a callback takes. */
enum { WARM_UP_CALLS = 3 };

/* At once after the current frame, and the next frame is under way meanwhile. */
enum { STREAM_DEPTH = 2 };

static void end_because(const char *camera, const struct asker *asker, const char *what) {
    fprintf(stderr, "bench: %s by %s: %s\n", camera, asker->operations->name, what);
    exit(EXIT_FAILURE);
}

static void put_number(uint8_t *place, uint32_t number) {
    for (int i = 0; i < 4; i++) {
        place[i] = (uint8_t)(number >> (8 * i));
    }
}

static cJSON *row_new(const char *camera, const char *way) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "camera", camera);
    cJSON_AddStringToObject(row, "through", way);
    return row;
}

static void warm_up(struct asker *asker, const char *camera, const char *name, const uint8_t *argument, size_t length) {
    for (int i = 0; i < WARM_UP_CALLS; i++) {
        if (!asker_ask(asker, name, argument, length)) {
            end_because(camera, asker, "no answer");
        }
    }
}

cJSON *measure_calls(struct asker *asker, const char *camera, double seconds) {
    uint8_t argument[8] = {0};
    struct samples samples = {0};
    unsigned failed = 0;
    warm_up(asker, camera, "echo", argument, sizeof argument);
    int64_t begin_us = omvrpc_now_us();
    int64_t end_us = begin_us + (int64_t)(seconds * 1e6);
    int64_t now_us = begin_us;
    for (uint32_t number = 1; now_us < end_us; number++) {
        put_number(argument, number);
        bool answered = asker_ask(asker, "echo", argument, sizeof argument);
        int64_t before_us = now_us;
        now_us = omvrpc_now_us();
        samples_add(&samples, now_us - before_us);
        failed += !answered;
        if (answered &&
            (asker->answer_length != sizeof argument || memcmp(asker->answer, argument, sizeof argument) != 0)) {
            end_because(camera, asker, "a wrong answer");
        }
    }
    cJSON *row = row_new(camera, asker->operations->name);
    cJSON_AddNumberToObject(row, "calls", (double)samples.count);
    cJSON_AddNumberToObject(row, "failed", failed);
    cJSON_AddNumberToObject(row, "calls_per_second", (double)samples.count * 1e6 / (double)(now_us - begin_us));
    cJSON_AddNumberToObject(row, "median_ms", samples_quantile_ms(&samples, 500));
    cJSON_AddNumberToObject(row, "p99_ms", samples_quantile_ms(&samples, 990));
    cJSON_AddNumberToObject(row, "max_ms", samples_quantile_ms(&samples, 1000));
    samples_clear(&samples);
    return row;
}

cJSON *measure_results(struct asker *asker, const char *camera, uint32_t size, unsigned count) {
    uint8_t argument[4];
    struct samples samples = {0};
    unsigned failed = 0;
    put_number(argument, size);
    warm_up(asker, camera, "blob", argument, sizeof argument);
    for (unsigned i = 0; i < count; i++) {
        int64_t begin_us = omvrpc_now_us();
        bool answered = asker_ask(asker, "blob", argument, sizeof argument);
        samples_add(&samples, omvrpc_now_us() - begin_us);
        failed += !answered;
        if (answered && asker->answer_length != size) {
            end_because(camera, asker, "a result of a wrong size");
        }
    }
    double median_ms = samples_quantile_ms(&samples, 500);
    cJSON *row = row_new(camera, asker->operations->name);
    cJSON_AddNumberToObject(row, "bytes", size);
    cJSON_AddNumberToObject(row, "calls", count);
    cJSON_AddNumberToObject(row, "failed", failed);
    cJSON_AddNumberToObject(row, "median_ms", median_ms);
    cJSON_AddNumberToObject(row, "max_ms", samples_quantile_ms(&samples, 1000));
    cJSON_AddNumberToObject(row, "megabytes_per_second", size / (1e3 * median_ms));
    samples_clear(&samples);
    return row;
}

cJSON *measure_callbacks(struct asker *asker, const char *camera, uint32_t duration_ms, unsigned count) {
    uint8_t argument[4];
    struct samples samples = {0};
    unsigned failed = 0;
    put_number(argument, duration_ms);
    warm_up(asker, camera, "sleep", argument, sizeof argument);
    for (unsigned i = 0; i < count; i++) {
        int64_t begin_us = omvrpc_now_us();
        bool answered = asker_ask(asker, "sleep", argument, sizeof argument);
        samples_add(&samples, omvrpc_now_us() - begin_us - (int64_t)duration_ms * 1000);
        failed += !answered;
    }
    double median_ms = samples_quantile_ms(&samples, 500);
    cJSON *row = row_new(camera, asker->operations->name);
    cJSON_AddNumberToObject(row, "duration_ms", duration_ms);
    cJSON_AddNumberToObject(row, "calls", count);
    cJSON_AddNumberToObject(row, "failed", failed);
    cJSON_AddNumberToObject(row, "late_median_ms", median_ms);
    cJSON_AddNumberToObject(row, "late_max_ms", samples_quantile_ms(&samples, 1000));
    cJSON_AddNumberToObject(row, "late_median_percent", 100 * median_ms / duration_ms);
    samples_clear(&samples);
    return row;
}

struct frames {
    int64_t first_us, last_us, end_us;
    uint64_t count, bytes; /* after the first */
};

static bool on_frame(void *context, const uint8_t *data, size_t length) {
    struct frames *frames = context;
    (void)data;
    frames->last_us = omvrpc_now_us();
    if (frames->first_us == 0) {
        frames->first_us = frames->last_us;
    } else {
        frames->count++;
        frames->bytes += length;
    }
    return frames->last_us < frames->end_us;
}

cJSON *measure_stream(const char *device, const char *camera, const char *what, const char *callback,
                      const uint8_t *argument, size_t length, double seconds) {
    struct omvrpc_link *link = omvrpc_serial_open(&(struct omvrpc_serial_options){.device = device, .baud = 115200});
    struct omvrpc_master *master = omvrpc_master_new();
    int64_t end_us = omvrpc_now_us() + (int64_t)(seconds * 1e6);
    struct frames frames = {.end_us = end_us};
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(callback, strlen(callback)),
        .argument = argument,
        .argument_length = length,
        .deadline_us = end_us + 5000000,
        .schedules = true,
        .stream_depth = STREAM_DEPTH,
    };
    struct omvrpc_result result;
    if (link == NULL || master == NULL || omvrpc_stream(master, link, &request, on_frame, &frames, &result) != 0 ||
        frames.count == 0) {
        fprintf(stderr, "bench: %s: no stream of %s\n", camera, callback);
        exit(EXIT_FAILURE);
    }
    double taken_s = (double)(frames.last_us - frames.first_us) / 1e6;
    cJSON *row = row_new(camera, "library");
    cJSON_AddStringToObject(row, "frames", what);
    cJSON_AddNumberToObject(row, "bytes_per_frame", (double)frames.bytes / (double)frames.count);
    cJSON_AddNumberToObject(row, "frames_per_second", (double)frames.count / taken_s);
    cJSON_AddNumberToObject(row, "megabytes_per_second", (double)frames.bytes / taken_s / 1e6);
    cJSON_AddNumberToObject(row, "restarts", (double)omvrpc_master_statistics(master)->stream_restarts);
    omvrpc_link_close(link);
    omvrpc_master_free(master);
    return row;
}
