/* SPDX-License-Identifier: MIT */
/* Calls that are made one at a time, the stock way; and what every caller draws alike. */

#include "world_internal.h"

#include <stdlib.h>
#include <string.h>

static uint32_t draw_length(struct random *random) {
    switch (random_range(random, 0, 19)) {
    case 0:
    case 1:
    case 2:
        return 0;
    case 3:
        return (uint32_t)random_range(random, 1000, ANSWER_LONG);
    default:
        return (uint32_t)random_range(random, 1, 70);
    }
}

static uint32_t draw_duration(struct random *random) {
    switch (random_range(random, 0, 9)) {
    case 0:
        return (uint32_t)random_range(random, 20000, DURATION_LONG);
    case 1:
    case 2:
        return (uint32_t)random_range(random, 1000, 20000);
    default:
        return (uint32_t)random_range(random, 0, 500);
    }
}

bool call_is_wanted(const struct world *world) {
    return world->call_count < MODEL_CALLS && !world->recovered &&
           (world->call_count < world->calls_wanted || world->faults.end_us != 0);
}

struct call *call_begin(struct world *world, bool last) {
    struct call *call = &world->calls[world->call_count];
    struct random *random = &world->random;
    *call = (struct call){.acks_lost_before = world->to_host.lost_acks};
    call->argument = (struct model_argument){.number = world->call_count,
                                             .length = last ? 20 : draw_length(random),
                                             .duration_us = last ? 0 : draw_duration(random)};
    call->repeatable = last || random_chance(random, 300000);
    world->call_count++;
    world->report->calls++;
    return call;
}

/* The host asks the next question. After the faults it is a repeatable one that must be answered in time. */
static void begin_call(struct world *world) {
    struct job *job = job_new();
    struct random *random = &world->random;
    bool last = world->faults.end_us != 0;
    struct call *call = call_begin(world, last);
    size_t size = MODEL_ARGUMENT_SIZE;
    /* The call that sees the faults end has a short argument: a long one takes half a second of a slow line by itself.
     */
    bool short_argument = last || world->call_count == world->calls_wanted;
    if (!short_argument && random_chance(random, 100000)) {
        size += (size_t)random_range(random, 1, 2000);
    }
    if (job == NULL || (job->argument = malloc(size)) == NULL) {
        abort();
    }
    model_pack(&call->argument, job->argument, size);
    job->argument_length = size;
    static const char name[] = "call";
    job->command = omvrpc_command_id(name, strlen(name));
    job->repeatable = call->repeatable;
    job->deadline_us =
        world->now_us +
        (last ? RECOVERY_US : random_range(random, 1000, random_chance(random, 200000) ? 100000 : 3000000));
    job->owner = (void *)(intptr_t)world->now_us;
    world->job_out = true;
    world->deadline_us = job->deadline_us;
    if (world->call_count == world->calls_wanted) {
        world->faults.stop_us = world->now_us + random_range(random, 0, 50000);
    }
    trace_add(&world->trace, world->now_us,
              "call %u begins: %s, %zu bytes, result %u bytes after %u us, %.1f ms of time", call->argument.number,
              call->repeatable ? "repeatable" : "once", size, call->argument.length, call->argument.duration_us,
              (double)(job->deadline_us - world->now_us) / 1000.0);
    if (bus_submit(world->bus, job, world->now_us) != 0) {
        fail(world, "the bus refused a job although it had none", call->argument.number);
    }
}

static int64_t next_us(const struct world *world) {
    if (world->job_out || !call_is_wanted(world)) {
        return INT64_MAX;
    }
    return world->next_call_us > world->faults.end_us ? world->next_call_us : world->faults.end_us;
}

static void take_job(struct world *world, struct job *job) {
    struct call *call = &world->calls[world->call_count - 1];
    check_end(world, job, call);
    world->job_out = false;
    if (world->faults.end_us != 0 && job->outcome == OMVRPC_DONE && call->argument.number >= world->calls_wanted) {
        world->recovered = true;
    }
    bool hurried = random_chance(&world->random, 600000);
    world->next_call_us = world->now_us + (hurried ? 0 : random_range(&world->random, 0, 20000));
    job_free(job);
}

static void check_deadlines(struct world *world) {
    if (world->job_out && world->now_us > world->deadline_us + LATE_US) {
        fail(world, "it has not ended, 50 ms after its deadline", world->call_count - 1);
    }
}

const struct caller stock_caller = {
    .next_us = next_us,
    .play = begin_call,
    .take_job = take_job,
    .check_deadlines = check_deadlines,
};
