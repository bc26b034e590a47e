/* SPDX-License-Identifier: MIT */
/*
 * Calls through a session, by the daemon's exchanges and in its order: one client after the other, whoever clings first,
 * as many results held as the camera has room for, and a new introduction where the session is over.
 */

#include "world_internal.h"

#include "call_order.h"
#include "queue.h"

#include <stdlib.h>
#include <string.h>

/* Calls under way at once, and the clients that make them. */
enum { SLOTS = 4, CLIENTS = 3 };

/* Pieces of the longest result: more would only take longer. */
enum { PIECES_MAX = 60 };

/* Longest argument beyond what the camera's callback needs. */
#define PADDING_MAX 2000

struct slot {
    struct queue_entry entry; /* first, so that an entry is its slot */
    struct exchange exchange;
    struct job *job; /* NULL: there is no call */
    struct call *call;
    bool has_begun;
};

struct sessions {
    struct queue queue;
    struct slot slots[SLOTS];
    char clients[CLIENTS]; /* their addresses are who they are */
    struct slot *running, *clinging;
    bool job_is_out; /* the bus has one */
    struct session session;
    struct exchange introduction; /* under way while its job is not NULL */
    bool is_introduced;
    int64_t introduce_again_us; /* 0 for never */
    unsigned introduction_restarts;
    enum camera_state state;
    int64_t serve_us; /* when there is something new, INT64_MAX for never */
};

static void set_up(struct world *world) {
    struct sessions *sessions = calloc(1, sizeof *sessions);
    if (sessions == NULL) {
        abort();
    }
    queue_init(&sessions->queue);
    sessions->state = CAMERA_CONNECTING;
    sessions->serve_us = INT64_MAX;
    world->sessions = sessions;
}

/* The daemon's thread learns what its worker has seen. */
static void wake_up(struct world *world) {
    int64_t wake_us = world->now_us + random_range(&world->random, 0, 60);
    world->sessions->serve_us = earlier(world->sessions->serve_us, wake_us);
}

/* From the queue to the end. */

static bool leave_queue(struct sessions *sessions, struct slot *slot) {
    if (slot->entry.place == NULL) {
        return false;
    }
    queue_remove(&sessions->queue, &slot->entry);
    if (sessions->clinging == slot) {
        sessions->clinging = NULL;
    }
    return true;
}

static void enter_queue(struct sessions *sessions, struct slot *slot, bool first) {
    void *client = &sessions->clients[(slot - sessions->slots) % CLIENTS];
    if (queue_put(&sessions->queue, &slot->entry, QUEUE_NORMAL, client, first) < 0) {
        abort();
    }
}

static void end_call(struct world *world, struct slot *slot) {
    bool went_stock_way = slot->has_begun && slot->exchange.kind == EXCHANGE_PLAIN;
    if (went_stock_way) {
        world->report->stock_way++;
    } else {
        world->report->numbered++;
        check_numbered_end(world, &slot->exchange, slot->call);
    }
    exchange_clear(&slot->exchange);
    job_free(slot->job);
    *slot = (struct slot){.job = NULL};
    world->calls_out--;
    call_plan_next(world);
}

static void end_early(struct world *world, struct slot *slot, enum omvrpc_cause cause) {
    slot->job->ended_us = world->now_us;
    slot->exchange.job = slot->job;
    exchange_abandon(&slot->exchange, cause);
    end_call(world, slot);
}

static void expire(struct world *world, struct slot *slot) {
    leave_queue(world->sessions, slot);
    end_early(world, slot, OMVRPC_CAUSE_TIMEOUT);
}

/* Introductions. */

static void submit(struct world *world, struct job *job, uint32_t number) {
    if (job == NULL) {
        abort();
    }
    world->sessions->job_is_out = true;
    if (bus_submit(world->bus, job, world->now_us) != 0) {
        fail(world, "the bus refused a job although it had none", number);
    }
}

static void introduce(struct world *world) {
    struct sessions *sessions = world->sessions;
    struct job *job = job_new();
    if (job == NULL) {
        abort();
    }
    session_begin(&sessions->session, (uint32_t)random_next(&world->random), world->session_options.host_piece);
    sessions->is_introduced = true;
    sessions->introduce_again_us = 0;
    job->command = omvrpc_command_id(OMVRPC_DESCRIBE_NAME, strlen(OMVRPC_DESCRIBE_NAME));
    job->deadline_us = world->now_us + INTRODUCTION_US;
    job->repeatable = true;
    exchange_begin(&sessions->introduction, EXCHANGE_OPENING, job, &sessions->session, OMVRPC_MAX_PAYLOAD_DEFAULT);
    trace_add(&world->trace, world->now_us, "host opens session %08x", sessions->session.id);
}

static void end_introduction(struct world *world, bool is_vain) {
    struct sessions *sessions = world->sessions;
    const struct job *job = sessions->introduction.job;
    const struct omvrpc_extension_options *camera = &world->session_options.camera;
    if (is_vain || job->outcome != OMVRPC_DONE || sessions->introduction.end != EXCHANGE_BY_OUTCOME) {
        sessions->introduce_again_us = world->now_us + INTRODUCTION_AGAIN_US;
        trace_add(&world->trace, world->now_us, "no introduction: %s", omvrpc_outcome_name(job->outcome));
    } else if (job->result_length == 0) {
        fail(world, "a camera with the extensions was taken for a stock one", world->call_count);
    } else if (job->result_length != strlen(camera->description) ||
               memcmp(job->result, camera->description, job->result_length) != 0) {
        fail(world, "a wrong description was delivered as good", world->call_count);
    } else {
        world->report->sessions++;
        session_open(&sessions->session, camera->piece, camera->held);
    }
}

static void take_introduction(struct world *world, struct job *ended) {
    struct sessions *sessions = world->sessions;
    enum exchange_verdict taken = exchange_take(&sessions->introduction, ended, world->now_us);
    enum introduction_verdict verdict =
        call_order_judge(taken, sessions->state == CAMERA_ONLINE, &sessions->introduction_restarts);
    if (verdict == INTRODUCTION_GOES_ON) {
        return;
    }
    if (verdict == INTRODUCTION_RESTARTS) {
        sessions->is_introduced = false;
    } else {
        end_introduction(world, verdict == INTRODUCTION_IS_VAIN);
    }
    job_free(sessions->introduction.job);
    exchange_clear(&sessions->introduction);
}

/* Calls. */

static void begin_exchange(struct world *world, struct slot *slot) {
    struct sessions *sessions = world->sessions;
    bool is_numbered = sessions->session.is_open;
    bool is_missing = model_fate(slot->call->argument.number) == MODEL_HAS_NO_SUCH;
    const char *name = !is_numbered ? MODEL_UNCOUNTED_CALLBACK : is_missing ? "nobody" : MODEL_CALLBACK;
    slot->job->command = omvrpc_command_id(name, strlen(name));
    bool ran_before = slot->exchange.ran_before;
    exchange_begin(&slot->exchange, is_numbered ? EXCHANGE_NUMBERED : EXCHANGE_PLAIN, slot->job,
                   is_numbered ? &sessions->session : NULL, OMVRPC_MAX_PAYLOAD_DEFAULT);
    slot->exchange.ran_before = ran_before;
    slot->has_begun = true;
}

static void run_call(struct world *world, struct slot *slot) {
    leave_queue(world->sessions, slot);
    if (!slot->has_begun) {
        begin_exchange(world, slot);
    }
    world->sessions->running = slot;
    submit(world, exchange_next(&slot->exchange, world->now_us), slot->call->argument.number);
}

static bool may_serve(const struct queue_entry *entry, void *context) {
    const struct slot *slot = (const struct slot *)entry;
    const struct session *session = context;
    return !call_order_is_new(&slot->exchange, slot->has_begun) || call_order_has_room(session);
}

/* Gives the bus its next job, whosever it is. */
static void serve(struct world *world) {
    struct sessions *sessions = world->sessions;
    sessions->serve_us = INT64_MAX;
    while (sessions->state == CAMERA_ONLINE && !sessions->job_is_out) {
        bool is_strange =
            call_order_introduces(&sessions->session, sessions->is_introduced, sessions->introduce_again_us,
                                  sessions->clinging != NULL, world->now_us);
        if (sessions->introduction.job == NULL && is_strange) {
            introduce(world);
        }
        if (sessions->introduction.job != NULL) {
            submit(world, exchange_next(&sessions->introduction, world->now_us), world->call_count);
            return;
        }
        struct slot *slot = sessions->clinging;
        if (slot == NULL) {
            slot = (struct slot *)queue_next(&sessions->queue, may_serve, &sessions->session);
        }
        if (slot == NULL) {
            return;
        }
        if (world->now_us >= slot->job->deadline_us) {
            expire(world, slot);
        } else {
            run_call(world, slot);
        }
    }
}

static void take_exchange(struct world *world, struct slot *slot, struct job *ended) {
    struct sessions *sessions = world->sessions;
    if (world->faults.end_us != 0 && world->now_us >= world->faults.end_us && ended->outcome == OMVRPC_DONE) {
        /* A long result may take long on a slow line, and others wait for it; but it goes on. */
        world->recovered = true;
    }
    check_numbered_reply(world, &slot->exchange, ended, slot->call->argument.number);
    enum exchange_verdict verdict = exchange_take(&slot->exchange, ended, world->now_us);
    if (slot->exchange.session != NULL && !sessions->session.is_open) {
        sessions->is_introduced = false;
    }
    if (verdict == EXCHANGE_ENDED) {
        end_call(world, slot);
        return;
    }
    if (verdict == EXCHANGE_RESTARTS) {
        slot->has_begun = false;
    }
    enter_queue(sessions, slot, true);
    if (verdict == EXCHANGE_CLINGS) {
        sessions->clinging = slot;
    }
}

static void take_job(struct world *world, struct job *ended) {
    struct sessions *sessions = world->sessions;
    struct slot *slot = sessions->running;
    sessions->running = NULL;
    sessions->job_is_out = false;
    if (sessions->introduction.job != NULL) {
        take_introduction(world, ended);
    } else {
        take_exchange(world, slot, ended);
    }
    wake_up(world);
}

static void change_state(struct world *world, enum camera_state state) {
    struct sessions *sessions = world->sessions;
    bool has_come = state == CAMERA_ONLINE && sessions->state != CAMERA_ONLINE;
    sessions->state = state;
    bool is_asking = sessions->running != NULL && sessions->running->exchange.kind == EXCHANGE_NUMBERED;
    if (has_come && !is_asking && sessions->clinging == NULL && sessions->session.held == 0) {
        sessions->session.is_open = false;
        sessions->is_introduced = false;
    }
    for (struct slot *slot = sessions->slots; state == CAMERA_OFFLINE && slot < sessions->slots + SLOTS; slot++) {
        if (slot->entry.place != NULL && slot->exchange.session != NULL && exchange_may_have_run(&slot->exchange)) {
            leave_queue(sessions, slot);
            end_early(world, slot, OMVRPC_CAUSE_LINK_GONE);
        }
    }
    wake_up(world);
}

static const struct slot *find_slot(const struct sessions *sessions, bool (*is_wanted)(const struct slot *slot)) {
    for (const struct slot *slot = sessions->slots; slot < sessions->slots + SLOTS; slot++) {
        if (is_wanted(slot)) {
            return slot;
        }
    }
    return NULL;
}

static bool is_free(const struct slot *slot) {
    return slot->job == NULL;
}

/*
 * Header and data of a longer call go separately, as the stock protocol has it: on a line that holds less than them a
 * busy host may be unlucky with that for longer than anybody is patient.
 */
static bool fits_as_pair(const struct job *job) {
    return job->argument_length + OMVRPC_ENVELOPE_SIZE + 2 * OMVRPC_PACKET_OVERHEAD + 8 <= HOST_BUFFER;
}

static void begin_call(struct world *world) {
    struct sessions *sessions = world->sessions;
    struct slot *slot = &sessions->slots[find_slot(sessions, is_free) - sessions->slots];
    const struct session_options *options = &world->session_options;
    uint32_t piece = options->camera.piece < options->host_piece ? options->camera.piece : options->host_piece;
    bool last = world->faults.end_us != 0;
    slot->call = call_begin(world, last);
    slot->call->numbered = true;
    slot->call->argument.length %= PIECES_MAX * piece;
    slot->job = call_new_job(world, slot->call, last, PADDING_MAX);
    slot->call->patient = !last && random_chance(&world->random, 300000) && fits_as_pair(slot->job);
    if (slot->call->patient) {
        slot->job->deadline_us = world->now_us + PATIENCE_US;
    }
    world->calls_out++;
    trace_add(&world->trace, world->now_us,
              "call %u begins: %s, %zu bytes, result %u bytes after %u us, %.1f ms of time",
              slot->call->argument.number, slot->call->repeatable ? "repeatable" : "once", slot->job->argument_length,
              slot->call->argument.length, slot->call->argument.duration_us,
              (double)(slot->job->deadline_us - world->now_us) / 1000.0);
    enter_queue(sessions, slot, false);
    call_plan_next(world);
}

/* When the next call begins; after the faults, one at a time. */
static int64_t begin_us(const struct world *world) {
    bool last = world->faults.end_us != 0;
    bool last_is_out = false;
    for (const struct slot *slot = world->sessions->slots; slot < world->sessions->slots + SLOTS; slot++) {
        last_is_out |= slot->job != NULL && slot->call->argument.number >= world->calls_wanted;
    }
    if (!call_is_wanted(world) || last_is_out || find_slot(world->sessions, is_free) == NULL) {
        return INT64_MAX;
    }
    return last && world->next_call_us < world->faults.end_us ? world->faults.end_us : world->next_call_us;
}

static int64_t next_us(const struct world *world) {
    const struct sessions *sessions = world->sessions;
    int64_t next_us_ = earlier(sessions->serve_us, begin_us(world));
    for (const struct slot *slot = sessions->slots; slot < sessions->slots + SLOTS; slot++) {
        if (slot->entry.place != NULL) {
            next_us_ = earlier(next_us_, slot->job->deadline_us);
        }
    }
    return next_us_;
}

static void play(struct world *world) {
    struct sessions *sessions = world->sessions;
    for (struct slot *slot = sessions->slots; slot < sessions->slots + SLOTS; slot++) {
        if (slot->entry.place != NULL && world->now_us >= slot->job->deadline_us) {
            expire(world, slot);
        }
    }
    if (world->now_us >= begin_us(world)) {
        begin_call(world);
    }
    serve(world);
}

static void check_deadlines(struct world *world) {
    for (const struct slot *slot = world->sessions->slots; slot < world->sessions->slots + SLOTS; slot++) {
        if (slot->job != NULL && world->now_us > slot->job->deadline_us + late_us(world)) {
            fail(world, "it has not ended, 50 ms after its deadline", slot->call->argument.number);
        }
    }
}

static void tear_down(struct world *world) {
    struct sessions *sessions = world->sessions;
    for (struct slot *slot = sessions->slots; slot < sessions->slots + SLOTS; slot++) {
        leave_queue(sessions, slot);
        exchange_clear(&slot->exchange);
        job_free(slot->job);
    }
    job_free(sessions->introduction.job);
    exchange_clear(&sessions->introduction);
    free(sessions);
}

const struct caller session_caller = {
    .set_up = set_up,
    .tear_down = tear_down,
    .next_us = next_us,
    .play = play,
    .take_job = take_job,
    .change_state = change_state,
    .check_deadlines = check_deadlines,
};
