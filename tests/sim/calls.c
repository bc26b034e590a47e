/* SPDX-License-Identifier: MIT */
/* What is asked of a camera, as chance will have it: every caller draws alike. */

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
    *call = (struct call){.acks_lost_before = lost_acks(world), .begun_us = world->now_us};
    call->argument = (struct model_argument){.number = world->call_count,
                                             .length = last ? 20 : draw_length(random),
                                             .duration_us = last ? 0 : draw_duration(random)};
    call->repeatable = last || random_chance(random, 300000);
    world->call_count++;
    world->report->calls++;
    return call;
}

struct job *call_new_job(struct world *world, struct call *call, bool last, int64_t padding_max) {
    struct random *random = &world->random;
    struct job *job = job_new();
    size_t size = MODEL_ARGUMENT_SIZE;
    /* The call that sees the faults end has a short argument: a long one takes half a second of a slow line by itself.
     */
    bool short_argument = last || world->call_count == world->calls_wanted;
    if (!short_argument && random_chance(random, 100000)) {
        size += (size_t)random_range(random, 1, padding_max);
    }
    if (job == NULL || (job->argument = malloc(size)) == NULL) {
        abort();
    }
    model_pack(&call->argument, job->argument, size);
    job->argument_length = size;
    job->command = omvrpc_command_id(MODEL_CALLBACK, strlen(MODEL_CALLBACK));
    job->repeatable = call->repeatable;
    job->deadline_us =
        world->now_us +
        (last ? RECOVERY_US : random_range(random, 1000, random_chance(random, 200000) ? 100000 : 3000000));
    if (world->call_count == world->calls_wanted) {
        world->faults.stop_us = world->now_us + random_range(random, 0, 50000);
    }
    return job;
}

void call_plan_next(struct world *world) {
    bool hurried = random_chance(&world->random, 600000);
    world->next_call_us = world->now_us + (hurried ? 0 : random_range(&world->random, 0, 20000));
}
