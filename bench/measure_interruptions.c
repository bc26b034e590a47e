/* SPDX-License-Identifier: MIT */
/* A stream that is left for calls. See measure_interruptions.h. */

#include "measure_interruptions.h"

#include "asker.h"
#include "crowd.h"
#include "openmvrpc.h"
#include "samples.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Of the calls, in microseconds: from one to the next, and what each takes on the camera. */
#define INTERVAL_US 100000
#define CALL_US     2000

static const char stream[] = "\"stream\":\"jpeg_image_stream\",\"args\":\"sensor.RGB565,sensor.QVGA\"";

struct caller {
    struct asker *asker;
    atomic_bool stopping;
    unsigned failed;
    struct samples waits; /* beyond what the callback takes */
};

static void sleep_until(int64_t until_us) {
    int64_t left_us = until_us - omvrpc_now_us();
    if (left_us > 0) {
        nanosleep(&(struct timespec){.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000}, NULL);
    }
}

static void *call_now_and_then(void *context) {
    static const uint8_t argument[4] = {CALL_US / 1000};
    struct caller *caller = context;
    for (int64_t due_us = omvrpc_now_us(); !atomic_load(&caller->stopping); due_us += INTERVAL_US) {
        sleep_until(due_us);
        int64_t begin_us = omvrpc_now_us();
        caller->failed += !asker_ask(caller->asker, "sleep", argument, sizeof argument);
        samples_add(&caller->waits, omvrpc_now_us() - begin_us - CALL_US);
    }
    return NULL;
}

cJSON *measure_interruptions(const struct process *daemon, const char *camera, double seconds) {
    struct crowd_sight alone = crowd_watch(daemon, 1, stream, seconds);
    struct caller caller = {.asker = asker_open_socket(daemon->path)};
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_now_and_then, &caller) != 0) {
        fprintf(stderr, "bench: a thread for the calls cannot be started\n");
        exit(EXIT_FAILURE);
    }
    struct crowd_sight beside = crowd_watch(daemon, 1, stream, seconds);
    atomic_store(&caller.stopping, true);
    pthread_join(thread, NULL);
    asker_close(caller.asker);
    double alone_rate = (double)alone.count / alone.seconds, beside_rate = (double)beside.count / beside.seconds;
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "camera", camera);
    cJSON_AddNumberToObject(row, "alone_per_second", alone_rate);
    cJSON_AddNumberToObject(row, "frames_per_second", beside_rate);
    cJSON_AddNumberToObject(row, "frames_percent", 100 * beside_rate / alone_rate);
    cJSON_AddNumberToObject(row, "calls", (double)caller.waits.count);
    cJSON_AddNumberToObject(row, "failed", caller.failed);
    cJSON_AddNumberToObject(row, "wait_median_ms", samples_quantile_ms(&caller.waits, 500));
    cJSON_AddNumberToObject(row, "wait_max_ms", samples_quantile_ms(&caller.waits, 1000));
    samples_clear(&caller.waits);
    return row;
}
