/* SPDX-License-Identifier: MIT */
#ifndef BUS_BENCH_H
#define BUS_BENCH_H

/* A bench for the bus: virtual time, a link of the test's own and the library's slave as camera. */

#include "bus.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS          1000
#define SECOND      1000000
#define LINE_MOST   4096
#define STEPS_MOST  5000
#define DESCRIPTOR  1234
#define DESCRIPTION "the test's link"

/* A link without a delay; the camera behind it is told of every byte at once. */
struct line {
    struct omvrpc_link link; /* first */
    struct omvrpc_slave *camera;
    bool silent; /* the camera is not running */
    bool blocked;
    int error; /* of every operation from now on */
    uint8_t bytes[LINE_MOST];
    size_t length;
    unsigned opened, closed, discarded;
    int open_errno;                                  /* 0: opens */
    const struct omvrpc_link_operations *operations; /* of the next opening; NULL for those of a line without more */
};

static struct line line;
static struct bus *bus;
static int64_t now_us, next_us;
static struct job *ended;
static unsigned ends, changes, executions;
static enum camera_state state;
static char reason[BUS_REASON_SIZE];
static int64_t state_us;
static enum camera_state state_at_end; /* when the last job ended */
static int64_t duration_us;
static struct healing healing; /* of the next set_up() */
static bool waits;             /* likewise */
static uint8_t heard[BUS_HEARD_SIZE];
static size_t heard_length;
static unsigned explanations;
static bool (*pull_reset)(void *context, bool active, char *why, size_t size); /* of the next set_up() */
static void (*reset_ended)(void *context, size_t camera, const char *problem); /* likewise */

static inline void let_camera_work(void) {
    struct omvrpc_step step;
    if (line.silent) {
        return;
    }
    omvrpc_slave_next(line.camera, now_us, &step);
    while (step.kind == OMVRPC_STEP_SEND) {
        ck_assert_uint_le(step.length, LINE_MOST - line.length);
        memcpy(line.bytes + line.length, step.data, step.length);
        line.length += step.length;
        omvrpc_slave_sent(line.camera, step.length, now_us);
        omvrpc_slave_next(line.camera, now_us, &step);
    }
}

static inline ssize_t line_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    ck_assert_ptr_eq(link, &line.link);
    if (line.error != 0) {
        return line.error;
    }
    if (line.blocked) {
        return 0;
    }
    if (!line.silent) {
        omvrpc_slave_received(line.camera, data, length, now_us);
        let_camera_work();
    }
    return (ssize_t)length;
}

static inline ssize_t line_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    ck_assert_ptr_eq(link, &line.link);
    if (line.error != 0) {
        return line.error;
    }
    let_camera_work();
    size_t length = line.length < size ? line.length : size;
    memcpy(buffer, line.bytes, length);
    memmove(line.bytes, line.bytes + length, line.length - length);
    line.length -= length;
    return (ssize_t)length;
}

static inline void line_discard(struct omvrpc_link *link) {
    ck_assert_ptr_eq(link, &line.link);
    line.length = 0;
    line.discarded++;
}

static inline int line_descriptor(struct omvrpc_link *link) {
    ck_assert_ptr_eq(link, &line.link);
    return DESCRIPTOR;
}

static inline void line_close(struct omvrpc_link *link) {
    ck_assert_ptr_eq(link, &line.link);
    line.closed++;
}

static const struct omvrpc_link_operations operations = {
    .type = "test",
    .send = line_send,
    .receive = line_receive,
    .discard = line_discard,
    .descriptor = line_descriptor,
    .close = line_close,
};

static inline struct omvrpc_link *line_open(void *context, char *why, size_t size) {
    struct line *opened = context;
    opened->opened++;
    if (opened->open_errno != 0) {
        snprintf(why, size, "cannot open: %s", strerror(opened->open_errno));
        return NULL;
    }
    opened->length = 0;
    opened->link = (struct omvrpc_link){opened->operations != NULL ? opened->operations : &operations,
                                        {.pairs = true, .byte_rate = 0, .receive_buffer = 1024}};
    return &opened->link;
}

static inline void on_job_ended(void *context, struct job *job) {
    ck_assert_ptr_eq(context, &line);
    ck_assert_ptr_null(ended);
    ended = job;
    ends++;
    state_at_end = state;
}

static inline void on_state_changed(void *context, size_t camera, enum camera_state new_state, const char *why,
                                    int64_t at_us) {
    ck_assert_ptr_eq(context, &line);
    ck_assert_uint_eq(camera, 0);
    ck_assert_int_eq(at_us, now_us);
    state = new_state;
    snprintf(reason, sizeof reason, "%s", why);
    state_us = at_us;
    changes++;
}

static inline void explain_silence(void *context, const uint8_t *bytes, size_t length, char *why, size_t size) {
    ck_assert_ptr_eq(context, &line);
    ck_assert_uint_le(length, sizeof heard);
    memcpy(heard, bytes, length);
    heard_length = length;
    snprintf(why, size, "explained %u", ++explanations);
}

static inline void echo(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    (void)context;
    executions++;
    omvrpc_reply_append(reply, argument, length);
    omvrpc_reply_delay(reply, duration_us);
}

static inline void step(void) {
    next_us = bus_step(bus, now_us);
    int turns = 0;
    while (next_us <= now_us) {
        ck_assert_msg(++turns < STEPS_MOST, "the bus never comes to rest at one point of time");
        next_us = bus_step(bus, now_us);
    }
}

/* Lets time pass; the camera's own time counts as a readable descriptor. */
static inline void live_until(int64_t end_us) {
    step();
    while (now_us < end_us) {
        int64_t wake_us = next_us;
        struct omvrpc_step camera;
        omvrpc_slave_next(line.camera, now_us, &camera);
        if (!line.silent && camera.kind == OMVRPC_STEP_RECEIVE && camera.until_us < wake_us) {
            wake_us = camera.until_us;
        }
        now_us = wake_us < end_us ? wake_us : end_us;
        step();
    }
}

static inline void live_for(int64_t time_us) {
    live_until(now_us + time_us);
}

static inline void set_up_bus(bool explains) {
    memset(&line, 0, sizeof line);
    explanations = 0;
    heard_length = 0;
    now_us = 500 * (int64_t)SECOND;
    ended = NULL;
    ends = changes = executions = 0;
    duration_us = 0;
    state = CAMERA_CONNECTING;
    line.camera = omvrpc_slave_new();
    ck_assert_ptr_nonnull(line.camera);
    ck_assert_int_eq(omvrpc_slave_register(line.camera, "echo", echo, NULL), 0);
    const struct bus_opener opener = {
        .open = line_open,
        .context = &line,
        .description = DESCRIPTION,
        .healing = &healing,
        .explain_silence = explains ? explain_silence : NULL,
        .pull_reset = pull_reset,
        .reset_context = &line,
        .reset_pulse_ms = 50,
        .waits = waits,
    };
    const struct bus_events events = {
        .job_ended = on_job_ended,
        .state_changed = on_state_changed,
        .context = &line,
        .reset_ended = reset_ended,
    };
    struct bus_camera *camera = bus_camera_new(&opener, 65536);
    ck_assert_ptr_nonnull(camera);
    bus = bus_new(&events);
    ck_assert_ptr_nonnull(bus);
    bus_add(bus, 0, camera, now_us);
}

static inline void set_up(void) {
    healing = (struct healing){0};
    set_up_bus(false);
}

static inline void free_ended(void) {
    job_free(ended);
    ended = NULL;
}

static inline void tear_down(void) {
    free_ended();
    bus_free(bus, now_us);
    free_ended();
    omvrpc_slave_free(line.camera);
}

static inline struct job *new_job(int64_t timeout_us, bool repeatable) {
    struct job *job = job_new();
    ck_assert_ptr_nonnull(job);
    job->command = omvrpc_command_id("echo", 4);
    job->argument = malloc(3);
    ck_assert_ptr_nonnull(job->argument);
    memcpy(job->argument, "abc", 3);
    job->argument_length = 3;
    job->deadline_us = now_us + timeout_us;
    job->repeatable = repeatable;
    return job;
}

static inline void submit(int64_t timeout_us, bool repeatable) {
    free_ended();
    ck_assert_int_eq(bus_submit(bus, new_job(timeout_us, repeatable), now_us), 0);
}

static inline void expect_end(enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    ck_assert_ptr_nonnull(ended);
    ck_assert_str_eq(omvrpc_outcome_name(ended->outcome), omvrpc_outcome_name(outcome));
    ck_assert_str_eq(omvrpc_cause_name(ended->cause), omvrpc_cause_name(cause));
    if (outcome == OMVRPC_DONE) {
        ck_assert_uint_eq(ended->result_length, 3);
        ck_assert_mem_eq(ended->result, "abc", 3);
    } else {
        ck_assert_ptr_null(ended->result);
    }
}

static inline void go_online(void) {
    live_for(SECOND);
    ck_assert_int_eq(bus_state(bus, 0), CAMERA_ONLINE);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    ck_assert_str_eq(reason, "");
}

#endif
