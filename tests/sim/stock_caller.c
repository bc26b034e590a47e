/* SPDX-License-Identifier: MIT */
/* Calls that are made one at a time, the stock way. */

#include "world_internal.h"

/* Longest argument beyond what the camera's callback needs. */
#define PADDING_MAX 2000

/* The host asks the next question. After the faults it is a repeatable one that must be answered in time. */
static void begin_call(struct world *world) {
    bool last = world->faults.end_us != 0;
    struct call *call = call_begin(world, last);
    struct job *job = call_new_job(world, call, last, PADDING_MAX);
    world->calls_out = 1;
    world->deadline_us = job->deadline_us;
    trace_add(&world->trace, world->now_us,
              "call %u begins: %s, %zu bytes, result %u bytes after %u us, %.1f ms of time", call->argument.number,
              call->repeatable ? "repeatable" : "once", job->argument_length, call->argument.length,
              call->argument.duration_us, (double)(job->deadline_us - world->now_us) / 1000.0);
    if (bus_submit(world->bus, job, world->now_us) != 0) {
        fail(world, "the bus refused a job although it had none", call->argument.number);
    }
}

static int64_t next_us(const struct world *world) {
    if (world->calls_out > 0 || !call_is_wanted(world)) {
        return INT64_MAX;
    }
    return world->next_call_us > world->faults.end_us ? world->next_call_us : world->faults.end_us;
}

static void take_job(struct world *world, struct job *job) {
    struct call *call = &world->calls[world->call_count - 1];
    check_end(world, job, call);
    world->calls_out = 0;
    if (world->faults.end_us != 0 && job->outcome == OMVRPC_DONE && call->argument.number >= world->calls_wanted) {
        world->recovered = true;
    }
    call_plan_next(world);
    job_free(job);
}

static void check_deadlines(struct world *world) {
    if (world->calls_out > 0 && world->now_us > world->deadline_us + late_us(world)) {
        fail(world, "it has not ended, 50 ms after its deadline", world->call_count - 1);
    }
}

static void pass(struct world *world) {
    (void)world;
}

static void pass_state(struct world *world, enum camera_state state) {
    (void)world;
    (void)state;
}

const struct caller stock_caller = {
    .set_up = pass,
    .tear_down = pass,
    .next_us = next_us,
    .play = begin_call,
    .take_job = take_job,
    .change_state = pass_state,
    .check_deadlines = check_deadlines,
};
