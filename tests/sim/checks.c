/* SPDX-License-Identifier: MIT */
/* The promises that a world checks. See world.h. */

#include "world_internal.h"

#include <stdlib.h>
#include <string.h>

/* Of uptimes, with what it takes to wake up. */
#define MARGIN_US 51000

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

static void count_done(struct world *world, const struct job *job, const struct call *call) {
    struct world_report *report = world->report;
    report->done++;
    if (report->latencies_count < report->latencies_size) {
        report->latencies_us[report->latencies_count++] = job->ended_us - call->begun_us - call->argument.duration_us;
    }
}

/* Whether the link moves the result of a call. */
static bool is_movable(const struct world *world, const struct call *call) {
    return world->model.kind != MODEL_STOCK_I2C ||
           call->argument.length + OMVRPC_PACKET_OVERHEAD <= OMVRPC_I2C_MESSAGE_MAX;
}

uint64_t lost_acks(const struct world *world) {
    uint64_t unfetched = world->model.stock != NULL ? stock_slave_counts(world->model.stock)->unfetched : 0;
    return world->to_host.lost_acks + unfetched;
}

void check_end(struct world *world, const struct job *job, struct call *call) {
    uint32_t number = call->argument.number;
    call->acks_lost = lost_acks(world) - call->acks_lost_before;
    trace_add(&world->trace, world->now_us, "call %u ends: %s, %s, %zu bytes", number,
              omvrpc_outcome_name(job->outcome), omvrpc_cause_name(job->cause), job->result_length);
    if (job->ended_us > job->deadline_us + late_us(world)) {
        fail(world, "it ended later than its deadline and 50 ms", number);
    }
    switch (job->outcome) {
    case OMVRPC_DONE:
        check_answer(world, job, call);
        if (!world->model.answered[number]) {
            fail(world, "an answer was delivered that the camera never gave to this call", number);
        }
        count_done(world, job, call);
        break;
    case OMVRPC_NOT_DELIVERED:
        call->not_delivered = true;
        world->report->not_delivered++;
        break;
    case OMVRPC_RESULT_UNKNOWN:
        world->report->result_unknown++;
        break;
    case OMVRPC_TOO_LARGE:
        if (job->cause != OMVRPC_CAUSE_PACKET_LIMIT || is_movable(world, call)) {
            fail(world, "a result was said to be too large", number);
        }
        break;
    }
}

/*
 * Whether the camera has lost its memory in the middle of a call, or so shortly before that its uptime does not tell: it
 * was read when the camera took the call, and is compared, with a margin of 50 ms and one part in 20, with the age that
 * the call has when the answer is there, which on a line that fails is later.
 */
static bool may_have_lost(const struct world *world, int64_t begun_us) {
    int64_t age_us = world->now_us - begun_us;
    return world->model.deaf_until_us != 0 && world->model.deaf_until_us + age_us + age_us / 20 + MARGIN_US >= begun_us;
}

static void check_raised(struct world *world, const struct job *job, uint32_t number) {
    char text[MODEL_RAISED_SIZE];
    model_write_raised(number, text);
    size_t most = world->session_options.camera.piece < world->session_options.host_piece
                      ? world->session_options.camera.piece
                      : world->session_options.host_piece;
    size_t length = strlen(text) < most ? strlen(text) : most;
    if (model_fate(number) != MODEL_RAISES || job->result_length != length || memcmp(job->result, text, length) != 0) {
        fail(world, "an exception was delivered that is not this call's", number);
    }
}

static void check_numbered_done(struct world *world, const struct exchange *exchange, const struct call *call) {
    uint32_t number = call->argument.number;
    if (world->model.executions[number] == 0) {
        fail(world, "it was done, and the callback never ran", number);
    } else if (exchange->end == EXCHANGE_RAISED) {
        check_raised(world, exchange->job, number);
    } else if (model_fate(number) != MODEL_ANSWERS) {
        fail(world, "an answer was delivered of a callback that gives none", number);
    } else {
        check_answer(world, exchange->job, call);
    }
    world->report->raised += exchange->end == EXCHANGE_RAISED;
    world->report->pieces += exchange->pieces;
    count_done(world, exchange->job, call);
}

/* Only time and a camera that forgets are reasons not to have done a call. */
static void check_numbered_failure(struct world *world, const struct exchange *exchange, struct call *call) {
    const struct job *job = exchange->job;
    uint32_t number = call->argument.number;
    bool is_unknown = job->outcome == OMVRPC_RESULT_UNKNOWN;
    /* What was sent again has begun again. */
    int64_t begun_us = exchange->ran_before || exchange->begun_us == 0 ? call->begun_us : exchange->begun_us;
    bool in_time = job->ended_us < job->deadline_us || call->patient;
    if (in_time && !may_have_lost(world, is_unknown ? begun_us : call->begun_us)) {
        fail(world, "it had time, and the camera kept its memory, and yet it was not done", number);
    }
    call->not_delivered = !is_unknown;
    world->report->result_unknown += is_unknown;
    world->report->not_delivered += !is_unknown;
}

void check_numbered_end(struct world *world, const struct exchange *exchange, struct call *call) {
    const struct job *job = exchange->job;
    uint32_t number = call->argument.number;
    trace_add(&world->trace, world->now_us, "call %u ends: %s, %s, %zu bytes", number,
              exchange->end == EXCHANGE_RAISED ? "raised" : omvrpc_outcome_name(job->outcome),
              omvrpc_cause_name(job->cause), job->result_length);
    if (world->now_us > job->deadline_us + late_us(world)) {
        fail(world, "it ended later than its deadline and 50 ms", number);
    }
    if (exchange->end == EXCHANGE_NO_SUCH_CALLBACK) {
        call->not_delivered = true;
        world->report->no_such++;
        if (model_fate(number) != MODEL_HAS_NO_SUCH) {
            fail(world, "the camera was said not to have this callback", number);
        }
    } else if (job->outcome == OMVRPC_DONE) {
        check_numbered_done(world, exchange, call);
    } else if (job->outcome == OMVRPC_TOO_LARGE) {
        fail(world, "a result was said to be too large", number);
    } else {
        check_numbered_failure(world, exchange, call);
    }
}

void check_numbered_reply(struct world *world, const struct exchange *exchange, const struct job *ended,
                          uint32_t number) {
    struct omvrpc_session_reply reply;
    bool is_reply = ended->outcome == OMVRPC_DONE && ended->result_length > 0 &&
                    omvrpc_session_reply_read(ended->result, ended->result_length, &reply);
    if (is_reply && reply.session == exchange->session_id && reply.number == exchange->number &&
        reply.status == OMVRPC_STATUS_FORGOTTEN) {
        fail(world, "the camera has forgotten what it was to keep: it was made to hold too much", number);
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
            if (call->numbered) {
                fail(world, "it must not run twice, and did, through a session", i);
            } else if (call->acks_lost > 1) {
                world->report->twice++;
            } else {
                fail(world, "it must not run twice, and did, with at most one acknowledgement lost", i);
            }
        }
    }
}
