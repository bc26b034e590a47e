/* SPDX-License-Identifier: MIT */
/* The promises that a world checks. See world.h. */

#include "world_internal.h"

#include <stdlib.h>
#include <string.h>

void fail(struct world *world, const char *what, uint32_t number) {
    if (world->failed) {
        return;
    }
    world->failed = true;
    trace_print(&world->trace, world->file);
    fprintf(world->file, "seed %llu (%s): call %u at %.3f ms: %s\n", (unsigned long long)world->seed,
            world->description, number, (double)world->now_us / 1000.0, what);
}

static void check_answer(struct world *world, const struct job *job, const struct call *call) {
    uint8_t *expected = malloc(call->argument.length + 1);
    if (expected == NULL) {
        abort();
    }
    model_answer(&call->argument, expected);
    if (job->result_length != call->argument.length ||
        memcmp(expected, job->result != NULL ? job->result : expected, job->result_length) != 0) {
        fail(world, "a wrong answer was delivered as good", call->argument.number);
    }
    free(expected);
}

void check_end(struct world *world, const struct job *job, struct call *call) {
    uint32_t number = call->argument.number;
    call->acks_lost = world->to_host.lost_acks - call->acks_lost_before;
    trace_add(&world->trace, world->now_us, "call %u ends: %s, %s, %zu bytes", number,
              omvrpc_outcome_name(job->outcome), omvrpc_cause_name(job->cause), job->result_length);
    if (job->ended_us > job->deadline_us + LATE_US) {
        fail(world, "it ended later than its deadline and 50 ms", number);
    }
    switch (job->outcome) {
    case OMVRPC_DONE:
        check_answer(world, job, call);
        if (!world->model.answered[number]) {
            fail(world, "an answer was delivered that the camera never gave to this call", number);
        }
        world->report->done++;
        if (world->report->latencies_count < world->report->latencies_size) {
            world->report->latencies_us[world->report->latencies_count++] =
                job->ended_us - (int64_t)(intptr_t)job->owner - call->argument.duration_us;
        }
        break;
    case OMVRPC_NOT_DELIVERED:
        call->not_delivered = true;
        world->report->not_delivered++;
        break;
    case OMVRPC_RESULT_UNKNOWN:
        world->report->result_unknown++;
        break;
    case OMVRPC_TOO_LARGE:
        fail(world, "a result was said to be too large", number);
        break;
    }
}

void check_executions(struct world *world) {
    for (uint32_t i = 0; i < world->call_count && !world->failed; i++) {
        const struct call *call = &world->calls[i];
        unsigned runs = world->model.executions[i];
        if (call->not_delivered && runs > 0) {
            fail(world, "it ended as not delivered, and ran", i);
        }
        if (!call->repeatable && runs > 1) {
            if (call->acks_lost > 1) {
                world->report->twice++;
            } else {
                fail(world, "it must not run twice, and did, with at most one acknowledgement lost", i);
            }
        }
    }
}
