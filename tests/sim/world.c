/* SPDX-License-Identifier: MIT */
/* A simulated world. See world.h. */

#include "world.h"

#include "bus.h"
#include "camera_model.h"
#include "wire.h"

#include "libopenmvrpc/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that a host's tty holds for a port that does not take them. */
#define TTY_SIZE 4096

/* The promise: how late after its deadline a call may end. */
#define LATE_US 50000

/* The promise: how long after the last fault calls are answered again. */
#define RECOVERY_US 1000000

/* Longest time that the host is kept from running; with it a call is still in time. */
#define PREEMPTION_MAX_US 40000

/* The longest answers, in bytes, and callbacks, in microseconds. */
#define ANSWER_LONG   20000
#define DURATION_LONG 300000

/* A camera that was reset or plugged in is deaf for so long. */
#define BOOT_US 1000000

struct profile {
    const char *name;
    struct wire_faults faults;
    int64_t preempt_every_us, reset_every_us, unplug_every_us, silence_every_us; /* on average; 0 for never */
};

static const struct profile profiles[] = {
    {"clean", {0, 0, 0, 0}, 0, 0, 0, 0},
    {"one-percent", {5000, 5000, 0, 0}, 0, 0, 0, 0},
    {"dropping", {50000, 0, 0, 0}, 0, 0, 0, 0},
    {"noisy", {0, 50000, 0, 0}, 0, 0, 0, 0},
    {"mixed", {15000, 15000, 10000, 10000}, 300000, 0, 0, 0},
    {"busy-host", {0, 0, 0, 0}, 30000, 0, 0, 0},
    {"resetting", {2000, 2000, 0, 0}, 0, 2500000, 0, 0},
    {"unplugged", {2000, 2000, 0, 0}, 0, 0, 1500000, 0},
    {"silent", {2000, 2000, 0, 0}, 0, 0, 0, 1500000},
    {"everything", {10000, 10000, 5000, 5000}, 200000, 4000000, 4000000, 4000000},
};

#define PROFILES (sizeof profiles / sizeof profiles[0])

struct world_link {
    struct omvrpc_link link;
    struct world *world;
};

struct call {
    struct model_argument argument;
    uint64_t acks_lost_before;
    bool repeatable;
    bool not_delivered;
    uint64_t acks_lost;
};

struct world {
    uint64_t seed;
    const struct profile *profile;
    struct random random;
    struct trace trace;
    char description[192];
    struct model model;
    struct wire to_camera, to_host;
    struct bus *bus;
    struct world_link *link; /* while the host has it open */
    bool plugged;
    bool silenced; /* bytes to the camera get lost */
    bool input_waits;
    int64_t now_us;
    int64_t host_us, camera_us;
    int64_t preempted_until_us, plug_us, unsilence_us;
    int64_t next_preempt_us, next_reset_us, next_unplug_us, next_silence_us, next_call_us;
    int64_t quiet_since_us; /* when the last fault was over */
    int64_t faults_stop_us; /* when they are to stop */
    int64_t faults_end_us;  /* when they were over, 0 before */
    struct call *calls;
    uint32_t call_count, calls_wanted;
    bool job_out;
    int64_t deadline_us; /* of that job */
    bool failed;
    bool recovered;
    const struct world_choice *choice;
    struct world_report *report;
    FILE *file;
};

const char *const *world_profiles(void) {
    static const char *names[PROFILES + 1];
    for (size_t i = 0; i < PROFILES; i++) {
        names[i] = profiles[i].name;
    }
    return names;
}

static void fail(struct world *world, const char *what, uint32_t number) {
    if (world->failed) {
        return;
    }
    world->failed = true;
    trace_print(&world->trace, world->file);
    fprintf(world->file, "seed %llu (%s): call %u at %.3f ms: %s\n", (unsigned long long)world->seed,
            world->description, number, (double)world->now_us / 1000.0, what);
}

static ssize_t link_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    struct world *world = ((struct world_link *)link)->world;
    if (!world->plugged) {
        return -EIO;
    }
    trace_add_bytes(&world->trace, world->now_us, "host sends", true, data, length);
    if (world->silenced) {
        return (ssize_t)length;
    }
    return (ssize_t)wire_send(&world->to_camera, data, length, world->now_us);
}

static ssize_t link_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    struct world *world = ((struct world_link *)link)->world;
    if (!world->plugged) {
        return -EIO;
    }
    size_t received = 0;
    struct wire_piece *piece;
    while ((piece = wire_peek(&world->to_host, world->now_us)) != NULL && received < size) {
        size_t part = piece->length < size - received ? piece->length : size - received;
        memcpy(buffer + received, piece->data, part);
        received += part;
        wire_consume(&world->to_host, part);
    }
    if (received > 0) {
        trace_add_bytes(&world->trace, world->now_us, "host receives", false, buffer, received);
    }
    return (ssize_t)received;
}

static void link_discard(struct omvrpc_link *link) {
    struct world *world = ((struct world_link *)link)->world;
    trace_add(&world->trace, world->now_us, "host discards");
    wire_discard_unsent(&world->to_camera, world->now_us);
    while (wire_peek(&world->to_host, world->now_us) != NULL) {
        wire_consume(&world->to_host, wire_peek(&world->to_host, world->now_us)->length);
    }
}

static int link_descriptor(struct omvrpc_link *link) {
    (void)link;
    return -1;
}

static void link_close(struct omvrpc_link *link) {
    ((struct world_link *)link)->world->link = NULL;
    free(link);
}

static const struct omvrpc_link_operations operations = {
    .type = "simulated",
    .send = link_send,
    .receive = link_receive,
    .discard = link_discard,
    .descriptor = link_descriptor,
    .close = link_close,
};

static struct omvrpc_link *open_link(void *context, char *reason, size_t size) {
    struct world *world = context;
    if (!world->plugged) {
        snprintf(reason, size, "unplugged");
        return NULL;
    }
    struct world_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        abort();
    }
    link->link.operations = &operations;
    link->link.info = (struct omvrpc_link_info){
        .pairs = true,
        .byte_rate = world->to_camera.options.byte_rate,
        .receive_buffer = world->model.kind == MODEL_STOCK_UART ? 64 : 1024,
    };
    link->world = world;
    world->link = link;
    return &link->link;
}

/* Checks how a call ended against what the camera did. */
static void check_end(struct world *world, const struct job *job, struct call *call) {
    uint32_t number = call->argument.number;
    call->acks_lost = world->to_host.lost_acks - call->acks_lost_before;
    trace_add(&world->trace, world->now_us, "call %u ends: %s, %s, %zu bytes", number,
              omvrpc_outcome_name(job->outcome), omvrpc_cause_name(job->cause), job->result_length);
    if (job->ended_us > job->deadline_us + LATE_US) {
        fail(world, "it ended later than its deadline and 50 ms", number);
    }
    switch (job->outcome) {
    case OMVRPC_DONE: {
        uint8_t *expected = malloc(call->argument.length + 1);
        if (expected == NULL) {
            abort();
        }
        model_answer(&call->argument, expected);
        if (job->result_length != call->argument.length ||
            memcmp(expected, job->result != NULL ? job->result : expected, job->result_length) != 0) {
            fail(world, "a wrong answer was delivered as good", number);
        }
        free(expected);
        if (!world->model.answered[number]) {
            fail(world, "an answer was delivered that the camera never gave to this call", number);
        }
        world->report->done++;
        if (world->report->latencies_count < world->report->latencies_size) {
            world->report->latencies_us[world->report->latencies_count++] =
                job->ended_us - (int64_t)(intptr_t)job->owner - call->argument.duration_us;
        }
        break;
    }
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

static void job_ended(void *context, struct job *job) {
    struct world *world = context;
    struct call *call = &world->calls[world->call_count - 1];
    check_end(world, job, call);
    world->job_out = false;
    if (world->faults_end_us != 0 && job->outcome == OMVRPC_DONE && call->argument.number >= world->calls_wanted) {
        world->recovered = true;
    }
    bool hurried = random_chance(&world->random, 600000);
    world->next_call_us = world->now_us + (hurried ? 0 : random_range(&world->random, 0, 20000));
    if (world->next_call_us < world->faults_end_us) {
        world->next_call_us = world->faults_end_us;
    }
    job_free(job);
}

static void state_changed(void *context, size_t camera, enum camera_state state, const char *reason, int64_t now_us) {
    struct world *world = context;
    (void)camera;
    trace_add(&world->trace, now_us, "camera is %s: %s", camera_state_name(state), reason);
}

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

/* The host asks the next question. After the faults it is a repeatable one that must be answered in time. */
static void begin_call(struct world *world) {
    struct job *job = job_new();
    struct call *call = &world->calls[world->call_count];
    *call = (struct call){.acks_lost_before = world->to_host.lost_acks};
    struct random *random = &world->random;
    bool last = world->faults_end_us != 0;
    call->argument = (struct model_argument){.number = world->call_count,
                                             .length = last ? 20 : draw_length(random),
                                             .duration_us = last ? 0 : draw_duration(random)};
    call->repeatable = last || random_chance(random, 300000);
    size_t size = MODEL_ARGUMENT_SIZE;
    /* The call that sees the faults end has a short argument: a long one takes half a second of a slow line by itself.
     */
    bool short_argument = last || world->call_count + 1 == world->calls_wanted;
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
    world->call_count++;
    world->job_out = true;
    world->deadline_us = job->deadline_us;
    if (world->call_count == world->calls_wanted) {
        world->faults_stop_us = world->now_us + random_range(random, 0, 50000);
    }
    world->report->calls++;
    trace_add(&world->trace, world->now_us,
              "call %u begins: %s, %zu bytes, result %u bytes after %u us, %.1f ms of time", call->argument.number,
              call->repeatable ? "repeatable" : "once", size, call->argument.length, call->argument.duration_us,
              (double)(job->deadline_us - world->now_us) / 1000.0);
    if (bus_submit(world->bus, job, world->now_us) != 0) {
        fail(world, "the bus refused a job although it had none", call->argument.number);
    }
}

static int64_t draw_next(struct world *world, int64_t every_us) {
    return every_us == 0 ? INT64_MAX : world->now_us + random_range(&world->random, every_us / 10, 2 * every_us);
}

static void fault_over_at(struct world *world, int64_t time_us) {
    if (world->quiet_since_us < time_us) {
        world->quiet_since_us = time_us;
    }
}

static void unplug(struct world *world) {
    world->plugged = false;
    wire_clear(&world->to_camera);
    wire_clear(&world->to_host);
}

/* Faults that begin or end by now. */
static void play_faults(struct world *world) {
    struct world_report *report = world->report;
    if (world->now_us >= world->plug_us) {
        trace_add(&world->trace, world->now_us, "plugged in");
        world->plugged = true;
        world->plug_us = INT64_MAX;
    }
    if (world->now_us >= world->unsilence_us) {
        trace_add(&world->trace, world->now_us, "the line to the camera works again");
        world->silenced = false;
        world->unsilence_us = INT64_MAX;
    }
    if (world->faults_end_us != 0) {
        return;
    }
    if (world->now_us >= world->next_preempt_us) {
        report->preemptions++;
        world->preempted_until_us = world->now_us + random_range(&world->random, 100, PREEMPTION_MAX_US);
        world->next_preempt_us =
            world->preempted_until_us + draw_next(world, world->profile->preempt_every_us) - world->now_us;
        trace_add(&world->trace, world->now_us, "host preempted until %.3f",
                  (double)world->preempted_until_us / 1000.0);
    }
    if (world->now_us >= world->next_reset_us) {
        report->resets++;
        trace_add(&world->trace, world->now_us, "camera reset");
        model_reset(&world->model, world->now_us);
        world->next_reset_us = draw_next(world, world->profile->reset_every_us);
        fault_over_at(world, world->now_us + BOOT_US);
    }
    if (world->now_us >= world->next_unplug_us) {
        report->unplugs++;
        trace_add(&world->trace, world->now_us, "unplugged");
        unplug(world);
        model_reset(&world->model, world->now_us);
        world->plug_us = world->now_us + random_range(&world->random, 1000, 4000000);
        fault_over_at(world, world->plug_us + BOOT_US);
        world->next_unplug_us = world->plug_us + draw_next(world, world->profile->unplug_every_us) - world->now_us;
    }
    if (world->now_us >= world->next_silence_us) {
        report->silences++;
        trace_add(&world->trace, world->now_us, "the line to the camera goes dead");
        world->silenced = true;
        world->unsilence_us = world->now_us + random_range(&world->random, 1000, 2000000);
        fault_over_at(world, world->unsilence_us);
        world->next_silence_us =
            world->unsilence_us + draw_next(world, world->profile->silence_every_us) - world->now_us;
    }
}

static void camera_sends(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    struct world *world = context;
    trace_add_bytes(&world->trace, now_us, "    camera sends", false, data, length);
    if (length >= 2 && get_u16(data) == OMVRPC_RESULT_DATA && world->model.running >= 0) {
        world->model.answered[world->model.running] = true;
    }
    if (!world->plugged) {
        return;
    }
    wire_send(&world->to_host, data, length, now_us);
}

/* The camera lives up to now, and takes what has arrived for it. */
static void play_camera(struct world *world) {
    world->camera_us = model_step(&world->model, world->now_us, camera_sends, world);
    struct wire_piece *piece;
    while ((piece = wire_peek(&world->to_camera, world->now_us)) != NULL) {
        size_t length = piece->length;
        size_t taken = model_deliver(&world->model, piece->data, length, world->now_us);
        if (taken > 0) {
            wire_consume(&world->to_camera, taken);
        }
        world->camera_us = model_step(&world->model, world->now_us, camera_sends, world);
        if (taken < length) {
            break;
        }
    }
}

static void play_host(struct world *world) {
    if (!world->job_out && world->now_us >= world->next_call_us && !world->recovered &&
        (world->call_count < world->calls_wanted || world->faults_end_us != 0) && world->call_count < MODEL_CALLS) {
        begin_call(world);
    }
    /* Waking up takes its time. */
    world->host_us = bus_step(world->bus, world->now_us);
    if (world->host_us != INT64_MAX) {
        world->host_us += random_range(&world->random, 0, 60);
    }
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool host_is_due(const struct world *world) {
    bool input = world->link != NULL && wire_next(&world->to_host) <= world->now_us;
    bool call = !world->job_out && world->now_us >= world->next_call_us &&
                (world->call_count < world->calls_wanted || (world->faults_end_us != 0 && !world->recovered));
    bool lost = world->link != NULL && !world->plugged;
    bool room = bus_wants_output(world->bus, 0) && world->to_camera.bytes < world->to_camera.options.capacity;
    return world->now_us >= world->preempted_until_us &&
           (world->now_us >= world->host_us || input || call || lost || room);
}

/* The next time at which anything happens. */
static int64_t next_event(const struct world *world) {
    int64_t host_us = world->host_us;
    if (world->link != NULL) {
        host_us = earlier(host_us, wire_next(&world->to_host));
    }
    if (!world->job_out &&
        (world->call_count < world->calls_wanted || (world->faults_end_us != 0 && !world->recovered))) {
        host_us = earlier(host_us, world->next_call_us);
    }
    if (host_us < world->preempted_until_us) {
        host_us = world->preempted_until_us;
    }
    int64_t next_us = earlier(host_us, world->camera_us);
    int64_t arrival_us = wire_next(&world->to_camera);
    if (arrival_us > world->now_us) {
        /* What the camera had no room for waits for its next step instead. */
        next_us = earlier(next_us, arrival_us);
    }
    next_us = earlier(next_us, earlier(world->plug_us, world->unsilence_us));
    if (world->faults_end_us == 0) {
        next_us = earlier(next_us, world->faults_stop_us);
        next_us = earlier(next_us, earlier(world->next_preempt_us, world->next_reset_us));
        next_us = earlier(next_us, earlier(world->next_unplug_us, world->next_silence_us));
    }
    return next_us > world->now_us ? next_us : world->now_us + 1;
}

/* No more faults, and a second to get over those that were, also for a call that is still under way. */
static void end_faults(struct world *world) {
    trace_add(&world->trace, world->now_us, "no more faults");
    world->to_camera.faults = world->to_host.faults = (struct wire_faults){0};
    world->preempted_until_us = 0;
    fault_over_at(world, world->now_us);
    world->faults_end_us = world->quiet_since_us;
    if (!world->job_out) {
        world->next_call_us = world->faults_end_us;
    }
}

/*
 * A second, and what no master can shorten: forty times the latency of the line, the rest of an abandoned answer on it,
 * and the callback of the call that was under way when the faults stopped.
 */
static int64_t recovery_us(const struct world *world) {
    uint32_t rate = world->to_host.options.byte_rate;
    return RECOVERY_US + DURATION_LONG + 40 * world->to_host.options.latency_us +
           (rate == 0 ? 0 : (int64_t)ANSWER_LONG * 1000000 / rate);
}

static void check_executions(struct world *world) {
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

static void set_up(struct world *world) {
    struct random *random = &world->random;
    const struct profile *profile = &profiles[random_range(random, 0, PROFILES - 1)];
    for (size_t i = 0; i < PROFILES && world->choice->profile != NULL; i++) {
        if (strcmp(profiles[i].name, world->choice->profile) == 0) {
            profile = &profiles[i];
        }
    }
    world->profile = profile;
    enum model_kind kind = (enum model_kind)random_range(random, 0, MODEL_KINDS - 1);
    static const uint32_t rates[] = {11520, 46080, 92160, 0};
    struct wire_options options = {
        .latency_us = random_range(random, 5, 2500),
        .jitter_us = random_chance(random, 500000) ? random_range(random, 0, 3000) : 20,
        .byte_rate = kind == MODEL_STOCK_UART ? rates[random_range(random, 0, 3)] : 0,
        .capacity = (size_t)random_range(random, 64, TTY_SIZE),
    };
    if (kind == MODEL_STOCK_UART && options.byte_rate == 0) {
        /* A pty: nothing that is faster than a UART has a UART's latency. */
        options.latency_us %= 200;
        options.jitter_us %= 200;
    } else if (random_chance(random, 100000)) {
        /* As slow as the fault model allows: a round trip of just under 100 ms with all that the camera does in it. */
        options.latency_us = random_range(random, 5000, 42000);
    }
    wire_init(&world->to_camera, &options, random_next(random));
    options.capacity = (size_t)1 << 20;
    wire_init(&world->to_host, &options, random_next(random));
    world->to_camera.faults = world->to_host.faults = profile->faults;
    int64_t collects_us = random_range(random, 200, 4000);
    const struct stock_slave_options stock = {
        .seed = random_next(random),
        .gc = {random_chance(random, 500000) ? 200 : collects_us, random_chance(random, 300000) ? 8000 : collects_us},
        .packet = {20, 200},
        .byte_rate = options.byte_rate,
        .boot_us = BOOT_US,
        .tick_phase_us = (uint32_t)random_range(random, 0, 999),
        .strict_gap = random_chance(random, 500000),
        .overrun_byte = random_chance(random, 200000),
    };
    snprintf(world->description, sizeof world->description,
             "%s, %s camera, latency %lld + %lld us, %u bytes/s, collects %lld to %lld us%s%s", profile->name,
             ((const char *[]){"stock UART", "stock VCP", "own"})[kind], (long long)options.latency_us,
             (long long)options.jitter_us, options.byte_rate, (long long)stock.gc.least_us, (long long)stock.gc.most_us,
             stock.strict_gap ? ", strict gap" : "", stock.overrun_byte ? ", overrun byte" : "");
    model_init(&world->model, kind, &stock, &world->trace);
    const struct bus_events events = {.job_ended = job_ended, .state_changed = state_changed, .context = world};
    const struct bus_opener opener = {.open = open_link, .context = world, .description = "the simulated line"};
    world->bus = bus_new(&opener, 1, &events, OMVRPC_MAX_PAYLOAD_DEFAULT, 0);
    world->calls = calloc(MODEL_CALLS, sizeof world->calls[0]);
    if (world->bus == NULL || world->calls == NULL) {
        abort();
    }
    world->plugged = true;
    world->plug_us = world->unsilence_us = world->faults_stop_us = INT64_MAX;
    world->next_preempt_us = draw_next(world, profile->preempt_every_us);
    world->next_reset_us = draw_next(world, profile->reset_every_us);
    world->next_unplug_us = draw_next(world, profile->unplug_every_us);
    world->next_silence_us = draw_next(world, profile->silence_every_us);
}

static void tear_down(struct world *world) {
    struct world_report *report = world->report;
    const struct omvrpc_statistics *statistics = bus_statistics(world->bus, 0);
    report->copies += statistics->command_copies;
    report->polls += statistics->polls;
    report->settlings += statistics->settlings;
    report->stale_results += statistics->stale_results;
    report->lost_packets += world->to_camera.lost_packets + world->to_host.lost_packets;
    report->virtual_us += world->now_us;
    if (report->queued_most < world->to_camera.most_bytes) {
        report->queued_most = world->to_camera.most_bytes;
    }
    bus_free(world->bus, world->now_us);
    model_free(&world->model);
    wire_free(&world->to_camera);
    wire_free(&world->to_host);
    free(world->calls);
}

int world_run(uint64_t seed, const struct world_choice *choice, struct world_report *report, FILE *file) {
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL) {
        abort();
    }
    world->seed = seed;
    world->random.state = seed * UINT64_C(0xd1342543de82ef95) + 1;
    world->calls_wanted = (uint32_t)choice->calls;
    world->choice = choice;
    world->report = report;
    world->file = file;
    set_up(world);
    while (!world->failed && !world->recovered) {
        play_faults(world);
        play_camera(world);
        if (host_is_due(world)) {
            play_host(world);
        }
        if (world->job_out && world->now_us > world->deadline_us + LATE_US) {
            fail(world, "it has not ended, 50 ms after its deadline", world->call_count - 1);
        }
        if (world->faults_end_us == 0 && world->now_us >= world->faults_stop_us) {
            end_faults(world);
        }
        if (world->faults_end_us != 0 && world->now_us > world->faults_end_us + recovery_us(world) + LATE_US) {
            fail(world, "no call was answered within a second after the last fault", world->call_count - 1);
        }
        world->now_us = next_event(world);
    }
    check_executions(world);
    int result = world->failed ? -1 : 0;
    tear_down(world);
    free(world);
    return result;
}
