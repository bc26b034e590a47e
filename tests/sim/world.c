/* SPDX-License-Identifier: MIT */
/* A simulated world, from its seed to its end. See world.h. */

#include "world_internal.h"

#include "libopenmvrpc/packet.h"

#include <stdlib.h>
#include <string.h>

/* CAN at 250 kbit/s with all the stuffed bits that there may be, and the frames that a camera's controller keeps. */
#define CAN_BYTE_RATE 14814
#define CAN_CAPACITY  24

/* Bytes that a host's tty holds for a port that does not take them. */
#define TTY_SIZE 4096

void note_answer(struct world *world, const uint8_t *data, size_t length) {
    if (length >= 2 && get_u16(data) == OMVRPC_RESULT_DATA && world->model.running >= 0) {
        world->model.answered[world->model.running] = true;
    }
}

void collide(struct world *world, int64_t now_us) {
    trace_add(&world->trace, now_us, "both send with one id, and error frames destroy it all");
    wire_discard_unsent(&world->to_camera, now_us);
    wire_discard_unsent(&world->to_host, now_us);
    world->to_host.lost_packets++;
    if (strcmp(world->faults.profile->name, "clean") == 0) {
        fail(world, "the host sent while the camera did, and nothing had gone wrong", world->call_count);
    }
}

static void camera_sends(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    struct world *world = context;
    trace_add_bytes(&world->trace, now_us, "    camera sends", false, data, length);
    note_answer(world, data, length);
    if (!world->faults.plugged) {
        return;
    }
    if (model_kind_is_can(world->model.kind) && world->to_camera.free_us > now_us) {
        collide(world, now_us);
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

/* The next time at which anything happens. */
static int64_t next_event(const struct world *world) {
    int64_t next_us = earlier(host_next_us(world), world->camera_us);
    int64_t arrival_us = wire_next(&world->to_camera);
    if (arrival_us > world->now_us) {
        /* What the camera had no room for waits for its next step instead. */
        next_us = earlier(next_us, arrival_us);
    }
    next_us = earlier(next_us, faults_next_us(world));
    return next_us > world->now_us ? next_us : world->now_us + 1;
}

/* A camera that was told a wrong length, and cannot know it, swallows what the master sends until that falls silent. */
#define FORGED_RECOVERY_US 5000000

/* Our script is armed for a command for a second. Whoever reads from it then, on I2C, finds the clock held until the driver
 * gives up, and some reads after a lost packet cannot know better. */
#define HELD_US 600000

/* A result that the link cannot move is dropped by the camera itself, which keeps it for so long. */
#define UNMOVABLE_US 1000000

/*
 * A second, and what no master can shorten: forty times the latency of the line, the rest of an abandoned answer on it,
 * and the callback of the call that was under way when the faults stopped. On a bus nothing can be sent while that rest
 * comes, and then the result of the call after it may be as long. Before a session's first call the camera
 * introduces itself, which takes the line's time again.
 */
static int64_t recovery_us(const struct world *world) {
    uint32_t rate = world->to_host.options.byte_rate;
    enum model_kind kind = world->model.kind;
    bool is_bus = model_kind_transacts(kind) || model_kind_is_can(kind);
    bool forged = world->to_camera.forged_packets + world->to_host.forged_packets > 0;
    int64_t latencies = model_kind_is_extended(world->model.kind) ? 80 : 40;
    return RECOVERY_US + DURATION_LONG +
           (kind == MODEL_STOCK_I2C      ? UNMOVABLE_US
            : kind == MODEL_EXTENDED_I2C ? HELD_US
                                         : 0) +
           (forged ? FORGED_RECOVERY_US : 0) + latencies * world->to_host.options.latency_us +
           (rate == 0 ? 0 : (is_bus ? 2 : 1) * (int64_t)ANSWER_LONG * 1000000 / rate);
}

static enum model_kind choose_kind(struct world *world) {
    int kind = (int)random_range(&world->random, 0, MODEL_KINDS - 1);
    const char *name = world->choice->camera;
    for (int i = 0; i < MODEL_KINDS && name != NULL; i++) {
        kind = strcmp(model_kind_name((enum model_kind)i), name) == 0 ? i : kind;
    }
    return (enum model_kind)kind;
}

/* Small pieces, so that results have many of them, and a description that sometimes has several itself. */
static void draw_session_options(struct world *world) {
    static const char long_text[] =
        "{\"extensions\":1,\"callbacks\":{\"call\":{\"doc\":\"Answers with bytes that belong to the number in its "
        "argument. The answer may be as long as the caller asks for, and take as long; then the caller has to wait, "
        "and with it whoever waits for the caller, and so on: patience is what this camera teaches.\"}}}";
    struct random *random = &world->random;
    world->session_options = (struct session_options){
        .camera = {.description = random_chance(random, 500000) ? "{\"extensions\":1,\"callbacks\":{}}" : long_text,
                   .piece = (uint32_t)random_range(random, 64, 512),
                   .held = (uint32_t)random_range(random, 1, 4)},
        .host_piece = random_chance(random, 500000) ? (uint32_t)random_range(random, 64, 512) : 65536,
    };
    size_t used = strlen(world->description);
    snprintf(world->description + used, sizeof world->description - used, ", pieces %u and %u, holds %u",
             world->session_options.camera.piece, world->session_options.host_piece,
             world->session_options.camera.held);
}

/* The buses have rates and delays of their own. What is under way on CAN is bounded by the camera's FIFO. */
static void draw_bus(struct world *world, enum model_kind kind, struct wire_options *options) {
    static const uint32_t spi_rates[] = {125000, 500000, 1250000}, i2c_rates[] = {11111, 44444};
    struct random *random = &world->random;
    if (model_kind_is_can(kind)) {
        *options = (struct wire_options){
            .latency_us = 10, .jitter_us = 30, .byte_rate = CAN_BYTE_RATE, .capacity = CAN_CAPACITY, .piece = 8};
    } else if (model_kind_transacts(kind)) {
        bool is_spi = kind == MODEL_STOCK_SPI || kind == MODEL_EXTENDED_SPI;
        options->latency_us = options->jitter_us = 0;
        options->piece = 1;
        options->byte_rate = is_spi ? spi_rates[random_range(random, 0, 2)] : i2c_rates[random_range(random, 0, 1)];
        world->has_ready_line = model_kind_is_extended(kind) && random_chance(random, 500000);
        world->has_own_select = is_spi && random_chance(random, 500000);
    }
}

static void set_up(struct world *world) {
    struct random *random = &world->random;
    const struct profile *profile = faults_choose_profile(random, world->choice->profile);
    enum model_kind kind = choose_kind(world);
    static const uint32_t rates[] = {11520, 46080, 92160, 0};
    struct wire_options options = {
        .latency_us = random_range(random, 5, 2500),
        .jitter_us = random_chance(random, 500000) ? random_range(random, 0, 3000) : 20,
        .byte_rate = kind == MODEL_STOCK_UART ? rates[random_range(random, 0, 3)] : 0,
        .capacity = (size_t)random_range(random, 64, TTY_SIZE),
    };
    draw_bus(world, kind, &options);
    if (kind == MODEL_STOCK_UART && options.byte_rate == 0) {
        /* A pty: nothing that is faster than a UART has a UART's latency. */
        options.latency_us %= 200;
        options.jitter_us %= 200;
    } else if (options.piece == 0 && random_chance(random, 100000)) {
        /* As slow as the fault model allows: a round trip of just under 100 ms with all that the camera does in it. */
        options.latency_us = random_range(random, 5000, 42000);
    }
    wire_init(&world->to_camera, &options, random_next(random));
    options.capacity = (size_t)1 << 20;
    wire_init(&world->to_host, &options, random_next(random));
    world->to_camera.faults = world->to_host.faults = profile->wires;
    if (model_kind_is_can(kind)) {
        /* Here chance has its say for each frame, of which a packet may have a hundred. */
        struct wire_faults *faults = &world->to_camera.faults;
        *faults = (struct wire_faults){faults->drop / 8, faults->flip / 8, faults->twice / 8, faults->cut / 8, 0};
    }
    if (!model_kind_is_extended(kind)) {
        world->to_camera.faults.forge = world->to_host.faults.forge = 0;
    }
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
        .arm = {20, 80},
        .stretches = random_chance(random, 300000),
    };
    snprintf(world->description, sizeof world->description,
             "%s, %s camera, latency %lld + %lld us, %u bytes/s, collects %lld to %lld us%s%s", profile->name,
             model_kind_name(kind), (long long)options.latency_us, (long long)options.jitter_us, options.byte_rate,
             (long long)stock.gc.least_us, (long long)stock.gc.most_us, stock.strict_gap ? ", strict gap" : "",
             stock.overrun_byte ? ", overrun byte" : "");
    if (model_kind_is_extended(kind)) {
        draw_session_options(world);
    }
    model_init(&world->model, kind, &stock, &world->session_options.camera, &world->trace);
    world->calls = calloc(MODEL_CALLS, sizeof world->calls[0]);
    if (world->calls == NULL) {
        abort();
    }
    world->caller = model_kind_is_extended(kind) ? &session_caller : &stock_caller;
    world->caller->set_up(world);
    host_set_up(world);
    faults_set_up(world, profile);
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
    report->forged_packets += world->to_camera.forged_packets + world->to_host.forged_packets;
    bus_free(world->bus, world->now_us);
    world->caller->tear_down(world);
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
    while (!world->failed && !(world->recovered && world->calls_out == 0)) {
        faults_play(world);
        play_camera(world);
        if (host_is_due(world)) {
            host_play(world);
            if (world->now_us < world->line_us) {
                world->now_us = world->line_us;
            }
        }
        world->caller->check_deadlines(world);
        if (world->faults.end_us == 0 && world->now_us >= world->faults.stop_us) {
            faults_stop(world);
            world->next_call_us = world->faults.end_us;
        }
        if (world->faults.end_us != 0 && !world->recovered &&
            world->now_us > world->faults.end_us + recovery_us(world) + LATE_US) {
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
