/* SPDX-License-Identifier: MIT */
/* Calls as one exchange or several. See exchange.h. */

#include "exchange.h"

#include "little_endian.h"

#include <stdlib.h>
#include <string.h>

/*
 * Constants, in microseconds.
 *
 * RESTART_US       No camera script is reset, loaded and answering again within this time: a stock answer to a call
 *                  through a session means, so soon after the call was made, that the camera was another before it. A
 *                  board needs some 1500000.
 * CLOCK_SLACK_US   A camera's uptime and ours are compared with this margin and one part in CLOCK_PARTS, more than the
 *                  worst crystal-less oscillator.
 */
enum { RESTART_US = 300000, CLOCK_SLACK_US = 50000, CLOCK_PARTS = 20 };

/* Empty results in a row that show that a camera knows nothing of the extensions: when it is first met, and when it knew
 * them before, which costs the others their session. */
enum { EMPTY_OPENINGS = 2, EMPTY_REPLIES = 3 };

#define READ_ARGUMENT_SIZE ((size_t)8)

static uint32_t command_of(const char *name) {
    return omvrpc_command_id(name, strlen(name));
}

void exchange_begin(struct exchange *exchange, enum exchange_kind kind, struct job *job, struct session *session,
                    size_t limit) {
    *exchange = (struct exchange){.kind = kind, .job = job, .session = session, .limit = limit};
}

void exchange_read_picture(struct exchange *exchange, const struct exchange_picture *picture, uint32_t piece) {
    exchange->kind = EXCHANGE_PICTURE;
    exchange->picture = *picture;
    exchange->picture_piece = piece;
}

bool exchange_may_have_run(const struct exchange *exchange) {
    return exchange->ran_before || exchange->may_have_run || exchange->total > 0;
}

bool exchange_clings(const struct exchange *exchange) {
    bool is_between = exchange->total > 0;
    switch (exchange->kind) {
    case EXCHANGE_PICTURE:
        return is_between;
    case EXCHANGE_NUMBERED:
        /* A later number would make the camera take this one for an old one. */
        return is_between ? exchange->is_exclusive : exchange->may_have_run;
    case EXCHANGE_OPENING:
        return true;
    case EXCHANGE_PLAIN:
        break;
    }
    return false;
}

static bool is_of_this_session(const struct exchange *exchange) {
    return exchange->session != NULL && exchange->session_id == exchange->session->id;
}

/* The camera need not hold the result any longer. */
static void let_go(struct exchange *exchange) {
    if (exchange->is_held && is_of_this_session(exchange)) {
        session_release(exchange->session, exchange->number);
    }
    exchange->is_held = false;
}

/* Forgets all progress, so that the next job begins at the beginning. */
static void rewind_exchange(struct exchange *exchange) {
    let_go(exchange);
    free(exchange->data);
    exchange->data = NULL;
    exchange->total = exchange->have = 0;
    exchange->session_id = exchange->number = 0;
    exchange->may_have_run = false;
    exchange->empty_replies = 0;
    exchange->pieces = 0;
    exchange->job->taken_us = 0;
}

/* The way there. */

static struct job *make_job(const struct exchange *exchange, const char *name, size_t length) {
    struct job *job = job_new();
    if (job == NULL) {
        return NULL;
    }
    job->argument = malloc(length);
    if (job->argument == NULL) {
        job_free(job);
        return NULL;
    }
    job->argument_length = length;
    job->command = command_of(name);
    job->deadline_us = exchange->job->deadline_us;
    job->repeatable = true;
    return job;
}

/* A reply is a packet like others, and with its envelope no longer than those may be. */
static uint32_t piece_size(const struct exchange *exchange) {
    size_t most = exchange->limit > OMVRPC_ENVELOPE_SIZE ? exchange->limit - OMVRPC_ENVELOPE_SIZE : 1;
    return exchange->session->piece < most ? exchange->session->piece : (uint32_t)most;
}

static struct job *make_envelope(struct exchange *exchange, const char *name, uint32_t target, const void *argument,
                                 size_t length) {
    struct job *job = make_job(exchange, name, length + OMVRPC_ENVELOPE_SIZE);
    if (job == NULL) {
        return NULL;
    }
    exchange->released = is_of_this_session(exchange) ? session_next_released(exchange->session) : 0;
    const struct omvrpc_envelope envelope = {
        .session = exchange->session_id,
        .number = exchange->number,
        .released = exchange->released,
        .piece = piece_size(exchange),
        .target = target,
    };
    omvrpc_envelope_write(&envelope, argument, length, job->argument);
    job->schedules = exchange->job->schedules;
    return job;
}

static struct job *next_numbered(struct exchange *exchange, int64_t now_us) {
    const struct job *call = exchange->job;
    if (exchange->session_id == 0) {
        exchange->session_id = exchange->session->id;
        exchange->number = exchange->kind == EXCHANGE_OPENING ? 0 : ++exchange->session->last_number;
        exchange->begun_us = now_us;
    }
    if (exchange->total > 0) {
        return make_envelope(exchange, OMVRPC_READ_NAME, (uint32_t)exchange->have, NULL, 0);
    }
    return make_envelope(exchange, OMVRPC_CALL_NAME, call->command, call->argument, call->argument_length);
}

static struct job *copy_call(const struct job *call) {
    struct job *job = job_new();
    if (job == NULL) {
        return NULL;
    }
    *job = (struct job){
        .command = call->command,
        .argument_length = call->argument_length,
        .deadline_us = call->deadline_us,
        .repeatable = call->repeatable,
        .schedules = call->schedules,
        .stream_depth = call->stream_depth,
        .jpeg_frames = call->jpeg_frames,
    };
    if (call->argument_length > 0) {
        job->argument = malloc(call->argument_length);
        if (job->argument == NULL) {
            job_free(job);
            return NULL;
        }
        memcpy(job->argument, call->argument, call->argument_length);
    }
    return job;
}

static struct job *next_read(struct exchange *exchange) {
    struct job *job = make_job(exchange, "", READ_ARGUMENT_SIZE);
    if (job != NULL) {
        size_t left = exchange->total - exchange->have;
        job->command = exchange->picture.read_command;
        put_u32(job->argument, (uint32_t)exchange->have);
        put_u32(job->argument + 4, left < exchange->picture_piece ? (uint32_t)left : exchange->picture_piece);
    }
    return job;
}

struct job *exchange_next(struct exchange *exchange, int64_t now_us) {
    switch (exchange->kind) {
    case EXCHANGE_NUMBERED:
    case EXCHANGE_OPENING:
        return next_numbered(exchange, now_us);
    case EXCHANGE_PICTURE:
        return exchange->total > 0 ? next_read(exchange) : copy_call(exchange->job);
    case EXCHANGE_PLAIN:
        break;
    }
    return copy_call(exchange->job);
}

/* The way back. */

static enum exchange_verdict end_with(struct exchange *exchange, enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    exchange->job->outcome = outcome;
    exchange->job->cause = cause;
    let_go(exchange);
    return EXCHANGE_ENDED;
}

void exchange_abandon(struct exchange *exchange, enum omvrpc_cause cause) {
    if (exchange->kind == EXCHANGE_NUMBERED && exchange->may_have_run && !exchange->is_held &&
        is_of_this_session(exchange)) {
        /* The camera may hold a result of which nothing has come yet. */
        session_hold(exchange->session);
        exchange->is_held = true;
    }
    end_with(exchange, exchange_may_have_run(exchange) ? OMVRPC_RESULT_UNKNOWN : OMVRPC_NOT_DELIVERED, cause);
}

/* Hands the bytes of a job that has ended over to the call. */
static void take_result(struct exchange *exchange, struct job *ended) {
    exchange->job->result = ended->result;
    exchange->job->result_length = ended->result_length;
    ended->result = NULL;
}

static bool lost_link(const struct job *ended) {
    return ended->cause == OMVRPC_CAUSE_LINK_GONE || ended->cause == OMVRPC_CAUSE_SILENT;
}

static void end_session(struct exchange *exchange) {
    if (is_of_this_session(exchange)) {
        exchange->session->is_open = false;
    }
}

/* The callback ran, or may have, and the camera does not know of it any more. */
static enum exchange_verdict lose(struct exchange *exchange, bool session_is_over) {
    if (session_is_over) {
        end_session(exchange);
    }
    if (!exchange->job->repeatable && exchange->kind != EXCHANGE_OPENING) {
        return end_with(exchange, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    }
    rewind_exchange(exchange);
    exchange->ran_before = true;
    exchange->is_exclusive = true;
    return session_is_over ? EXCHANGE_RESTARTS : EXCHANGE_CLINGS;
}

/* Nothing of it has run. */
static enum exchange_verdict begin_again(struct exchange *exchange) {
    end_session(exchange);
    rewind_exchange(exchange);
    return EXCHANGE_RESTARTS;
}

/* Whether the camera's script has run for longer than this call is under way, so that nothing of it can have run in a
 * life before. */
static bool is_older_than_call(const struct exchange *exchange, const struct omvrpc_session_reply *reply,
                               int64_t now_us) {
    int64_t age_us = now_us - exchange->begun_us;
    /* A result of which there is a piece already was made by the camera that has forgotten it since. */
    return exchange->total == 0 && reply->length >= 4 &&
           (int64_t)get_u32(reply->data) * 1000 > age_us + age_us / CLOCK_PARTS + CLOCK_SLACK_US;
}

/* Adds the piece that has come. Returns false where it is not the one that was asked for. */
static bool add_piece(struct exchange *exchange, const struct omvrpc_session_reply *reply) {
    size_t left = exchange->total - exchange->have;
    if (reply->total != exchange->total || reply->length > left || (reply->length == 0 && left > 0)) {
        return false;
    }
    if (reply->length > 0) {
        memcpy(exchange->data + exchange->have, reply->data, reply->length);
    }
    exchange->have += reply->length;
    exchange->pieces++;
    return true;
}

/* The first piece of a result: makes room for all of it. */
static bool begin_result(struct exchange *exchange, const struct omvrpc_session_reply *reply) {
    /* The description is not held as results are. */
    if (reply->length < reply->total && exchange->kind == EXCHANGE_NUMBERED) {
        session_hold(exchange->session);
        exchange->is_held = true;
    }
    if (reply->total > exchange->limit) {
        end_with(exchange, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
        return false;
    }
    exchange->data = reply->total > 0 ? malloc(reply->total) : NULL;
    if (exchange->data == NULL && reply->total > 0) {
        end_with(exchange, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY);
        return false;
    }
    exchange->total = reply->total;
    return true;
}

static enum exchange_verdict take_piece(struct exchange *exchange, const struct omvrpc_session_reply *reply) {
    if (exchange->total == 0 && !begin_result(exchange, reply)) {
        return EXCHANGE_ENDED;
    }
    if (!add_piece(exchange, reply)) {
        return EXCHANGE_CLINGS;
    }
    if (exchange->have < exchange->total) {
        return exchange_clings(exchange) ? EXCHANGE_CLINGS : EXCHANGE_GOES_ON;
    }
    exchange->job->result = exchange->data;
    exchange->job->result_length = exchange->total;
    exchange->data = NULL;
    return end_with(exchange, OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}

/* An exception never has a second piece. */
static enum exchange_verdict take_exception(struct exchange *exchange, const struct omvrpc_session_reply *reply) {
    struct job *job = exchange->job;
    exchange->end = EXCHANGE_RAISED;
    job->result = reply->length > 0 ? malloc(reply->length) : NULL;
    if (job->result != NULL) {
        memcpy(job->result, reply->data, reply->length);
        job->result_length = reply->length;
    }
    return end_with(exchange, OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}

static enum exchange_verdict take_reply(struct exchange *exchange, const struct omvrpc_session_reply *reply,
                                        int64_t now_us) {
    if (reply->session != exchange->session_id || reply->number != exchange->number ||
        reply->offset != exchange->have) {
        exchange->may_have_run = true;
        return EXCHANGE_CLINGS;
    }
    if (reply->status != OMVRPC_STATUS_NO_SESSION) {
        session_told_released(exchange->session, exchange->released);
    }
    switch (reply->status) {
    case OMVRPC_STATUS_DONE:
        exchange->may_have_run = true;
        return take_piece(exchange, reply);
    case OMVRPC_STATUS_RAISED:
        return take_exception(exchange, reply);
    case OMVRPC_STATUS_NO_SUCH_CALLBACK:
        exchange->end = EXCHANGE_NO_SUCH_CALLBACK;
        return end_with(exchange, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_NONE);
    case OMVRPC_STATUS_NO_SESSION:
        return is_older_than_call(exchange, reply, now_us) ? begin_again(exchange) : lose(exchange, true);
    case OMVRPC_STATUS_TOO_LARGE:
        return end_with(exchange, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
    default:
        return lose(exchange, false);
    }
}

/* Where the call is certain not to have been taken others go first, and it gets a number behind theirs. */
static enum exchange_verdict ask_again(struct exchange *exchange) {
    if (exchange->kind == EXCHANGE_NUMBERED && !exchange->may_have_run && exchange->total == 0) {
        exchange->session_id = 0;
    }
    return exchange_clings(exchange) ? EXCHANGE_CLINGS : EXCHANGE_GOES_ON;
}

/*
 * A stock camera's answer; or that of any camera to a command whose id was damaged on the way, for which only the CRC-16
 * of its header stands. So it is believed when it comes again.
 */
static enum exchange_verdict take_empty(struct exchange *exchange, int64_t now_us) {
    bool is_soon = !exchange_may_have_run(exchange) && now_us - exchange->begun_us < RESTART_US;
    if (exchange->empty_replies++ == 0) {
        exchange->is_soon = is_soon;
    }
    exchange->may_have_run = true;
    if (exchange->empty_replies < (exchange->kind == EXCHANGE_OPENING ? EMPTY_OPENINGS : EMPTY_REPLIES)) {
        return EXCHANGE_CLINGS;
    }
    if (exchange->kind == EXCHANGE_OPENING) {
        return end_with(exchange, OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    }
    return exchange->is_soon ? begin_again(exchange) : lose(exchange, true);
}

static enum exchange_verdict take_enveloped(struct exchange *exchange, struct job *ended, int64_t now_us) {
    struct omvrpc_session_reply reply;
    if (ended->outcome == OMVRPC_NOT_DELIVERED || ended->outcome == OMVRPC_RESULT_UNKNOWN) {
        exchange->may_have_run |= ended->outcome == OMVRPC_RESULT_UNKNOWN;
        /* What ends without a cause was refused before it came to the wire, and would be so again. */
        bool is_worth_it = ended->cause != OMVRPC_CAUSE_MEMORY && ended->cause != OMVRPC_CAUSE_NONE;
        if (is_worth_it && now_us < exchange->job->deadline_us) {
            return ask_again(exchange);
        }
        exchange_abandon(exchange, ended->cause);
        return EXCHANGE_ENDED;
    }
    if (ended->outcome == OMVRPC_TOO_LARGE) {
        /* No reply is: its length was damaged on the way. */
        exchange->may_have_run = true;
        return EXCHANGE_CLINGS;
    }
    if (exchange->job->taken_us == 0) {
        exchange->job->taken_us = exchange->may_have_run ? exchange->begun_us : ended->taken_us;
    }
    if (ended->result_length == 0) {
        return take_empty(exchange, now_us);
    }
    exchange->empty_replies = 0;
    if (!omvrpc_session_reply_read(ended->result, ended->result_length, &reply)) {
        exchange->may_have_run = true;
        return EXCHANGE_CLINGS;
    }
    if (reply.status == OMVRPC_STATUS_DAMAGED) {
        /* This copy has not run, but one before it may have. */
        exchange->may_have_run = true;
        return EXCHANGE_CLINGS;
    }
    return take_reply(exchange, &reply, now_us);
}

static enum exchange_verdict take_plain(struct exchange *exchange, struct job *ended, int64_t now_us) {
    struct job *call = exchange->job;
    if (call->repeatable && ended->outcome != OMVRPC_DONE && lost_link(ended) && now_us < call->deadline_us) {
        rewind_exchange(exchange);
        exchange->ran_before |= ended->outcome == OMVRPC_RESULT_UNKNOWN;
        return EXCHANGE_GOES_ON;
    }
    call->taken_us = ended->taken_us;
    /* The bus takes results as long as a reply with its envelope may be. */
    if (ended->outcome == OMVRPC_DONE && ended->result_length > exchange->limit) {
        return end_with(exchange, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
    }
    take_result(exchange, ended);
    return end_with(exchange, ended->outcome, ended->cause);
}

/* The snapshot has been taken: makes room for its picture. */
static enum exchange_verdict begin_picture(struct exchange *exchange) {
    const struct exchange_picture *picture = &exchange->picture;
    const struct job *call = exchange->job;
    size_t total = 0;
    if (call->result_length == picture->result_length) {
        total = get_u32(call->result + picture->size_offset);
    }
    if (total > exchange->limit) {
        return end_with(exchange, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
    }
    if (total == 0) {
        return EXCHANGE_ENDED;
    }
    exchange->data = malloc(total);
    if (exchange->data == NULL) {
        return end_with(exchange, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY);
    }
    exchange->total = total;
    return EXCHANGE_CLINGS;
}

/* A snapshot is worth nothing without its picture, so both are lost, or taken again, together. */
static enum exchange_verdict take_picture(struct exchange *exchange, struct job *ended, int64_t now_us) {
    struct job *call = exchange->job;
    if (exchange->total == 0) {
        enum exchange_verdict verdict = take_plain(exchange, ended, now_us);
        bool is_taken = verdict == EXCHANGE_ENDED && call->outcome == OMVRPC_DONE;
        return is_taken ? begin_picture(exchange) : verdict;
    }
    size_t left = exchange->total - exchange->have;
    if (ended->outcome == OMVRPC_DONE && ended->result_length > 0 && ended->result_length <= left) {
        memcpy(exchange->data + exchange->have, ended->result, ended->result_length);
        exchange->have += ended->result_length;
        exchange->pieces++;
        return exchange->have < exchange->total ? EXCHANGE_CLINGS : EXCHANGE_ENDED;
    }
    if (call->repeatable && ended->outcome != OMVRPC_DONE && lost_link(ended) && now_us < call->deadline_us) {
        free(call->result);
        call->result = NULL;
        call->result_length = 0;
        rewind_exchange(exchange);
        exchange->ran_before = true;
        return EXCHANGE_GOES_ON;
    }
    bool is_done = ended->outcome == OMVRPC_DONE;
    return end_with(exchange, OMVRPC_RESULT_UNKNOWN, is_done ? OMVRPC_CAUSE_DAMAGED : ended->cause);
}

enum exchange_verdict exchange_take(struct exchange *exchange, struct job *ended, int64_t now_us) {
    enum exchange_verdict verdict = EXCHANGE_ENDED;
    exchange->job->ended_us = now_us;
    switch (exchange->kind) {
    case EXCHANGE_PLAIN:
        verdict = take_plain(exchange, ended, now_us);
        break;
    case EXCHANGE_NUMBERED:
    case EXCHANGE_OPENING:
        verdict = take_enveloped(exchange, ended, now_us);
        break;
    case EXCHANGE_PICTURE:
        verdict = take_picture(exchange, ended, now_us);
        break;
    }
    job_free(ended);
    return verdict;
}

bool exchange_progress(const struct exchange *exchange, size_t received, size_t *have, size_t *total) {
    if (exchange->kind == EXCHANGE_PLAIN) {
        *have = received;
        return true;
    }
    /* What stands around a piece is no part of the result. */
    size_t around = exchange->kind == EXCHANGE_PICTURE ? 0 : OMVRPC_ENVELOPE_SIZE;
    size_t left = exchange->total - exchange->have;
    size_t piece = received > around ? received - around : 0;
    *have = exchange->have + (piece < left ? piece : left);
    *total = exchange->total;
    return exchange->total > 0;
}

void exchange_clear(struct exchange *exchange) {
    free(exchange->data);
    *exchange = (struct exchange){.kind = EXCHANGE_PLAIN};
}
