/* SPDX-License-Identifier: MIT */
/*
 * A camera that says anything at any time. The input is a script for it: received bytes, whole packets with a good
 * checksum so that the later phases are reached, pauses, and what the owner of the master does meanwhile. Whatever
 * comes, the master must come to rest at each point of time, end every call by its deadline and keep its memory
 * bounded.
 */

#include "master_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_PAYLOAD ((size_t)4096)
#define MEMORY_MAX  ((size_t)256 << 10)

/* Steps that a master may take at one point of time: a frame of 8 bytes each in a full input, and their answers. */
#define STEPS_MOST 40000

/* A stream ends after its current frame; it gives up within a second of silence. */
#define LATE_US 50000

struct script {
    const uint8_t *bytes;
    size_t length;
};

static uint8_t take(struct script *script) {
    if (script->length == 0) {
        return 0;
    }
    script->length--;
    return *script->bytes++;
}

struct owner {
    struct omvrpc_master *master;
    int64_t now_us;
    uint8_t line; /* the most that the line takes at a time; 0 is all */
    struct omvrpc_request request;
    uint8_t argument[64];
    bool transacts;
    uint8_t said[512]; /* on a link of transactions, what the next read of this length brings */
    size_t said_length;
};

static void check(bool condition) {
    if (!condition) {
        abort();
    }
}

/* Touches every byte, so that memory that is not there is noticed. */
static void look_at(const uint8_t *bytes, size_t length) {
    (void)omvrpc_crc16(OMVRPC_CRC16_INITIAL, bytes, length);
}

/* A read, which takes its time and finds nobody, or what the script has last said. */
static void transact(struct owner *owner, const struct omvrpc_step *step) {
    check(step->length <= MAX_PAYLOAD + OMVRPC_PACKET_OVERHEAD);
    uint8_t *room = omvrpc_master_reserve(owner->master, step->length);
    if (room == NULL) {
        return;
    }
    size_t length = owner->said_length == step->length ? step->length : 0;
    if (length > 0) {
        memcpy(room, owner->said, length);
        owner->said_length = 0;
    }
    owner->now_us += 100 + (int64_t)step->length;
    omvrpc_master_received(owner->master, room, length, owner->now_us);
}

static int64_t settle_down(struct owner *owner) {
    struct omvrpc_step step;
    for (int steps = 0;; steps++) {
        check(steps < STEPS_MOST);
        omvrpc_master_next(owner->master, owner->now_us, &step);
        switch (step.kind) {
        case OMVRPC_STEP_SEND: {
            check(step.length > 0);
            look_at(step.data, step.length);
            size_t taken = owner->line == 0 || step.length < owner->line ? step.length : owner->line;
            if (owner->transacts) {
                /* All or nothing. */
                owner->now_us += 100;
                omvrpc_master_sent(owner->master, taken == step.length ? taken : 0, owner->now_us);
                return owner->now_us;
            }
            omvrpc_master_sent(owner->master, taken, owner->now_us);
            if (taken < step.length) {
                return owner->now_us + 1000;
            }
            break;
        }
        case OMVRPC_STEP_FRAME:
            check(step.length <= MAX_PAYLOAD);
            look_at(step.data, step.length);
            break;
        case OMVRPC_STEP_DONE: {
            const struct omvrpc_result *result = omvrpc_master_result(owner->master);
            check(result->length <= MAX_PAYLOAD);
            check(result->outcome == OMVRPC_DONE || result->length == 0);
            look_at(result->data, result->length);
            break;
        }
        case OMVRPC_STEP_DISCARD:
            break;
        case OMVRPC_STEP_RECEIVE:
            if (owner->transacts && step.length > 0) {
                transact(owner, &step);
                return owner->now_us;
            }
            check(step.until_us > owner->now_us);
            return step.until_us;
        case OMVRPC_STEP_IDLE:
            check(step.until_us > owner->now_us);
            return step.until_us;
        }
    }
}

/* Bytes from the camera: on a link of transactions they wait to be read. */
static void say(struct owner *owner, const uint8_t *bytes, size_t length) {
    if (owner->transacts && length <= sizeof owner->said) {
        memcpy(owner->said, bytes, length);
        owner->said_length = length;
        return;
    }
    omvrpc_master_received(owner->master, bytes, length, owner->now_us);
}

static void say_packet(struct owner *owner, struct script *script) {
    static const enum omvrpc_magic magics[] = {OMVRPC_COMMAND_HEADER, OMVRPC_COMMAND_DATA, OMVRPC_RESULT_HEADER,
                                               OMVRPC_RESULT_DATA,    OMVRPC_STREAM_OPEN,  OMVRPC_STREAM_FRAME};
    uint8_t payload[256], packet[sizeof payload + OMVRPC_PACKET_OVERHEAD];
    enum omvrpc_magic magic = magics[take(script) % 6];
    size_t length = take(script);
    for (size_t i = 0; i < length; i++) {
        payload[i] = take(script);
    }
    say(owner, packet, packet_put(packet, magic, payload, length));
}

/* Acknowledgements and a result as a good camera sends them. */
static void say_result(struct owner *owner, struct script *script) {
    static const uint8_t zeros[32];
    uint8_t bytes[64];
    uint8_t length = take(script) % 32;
    size_t size = packet_put(bytes, OMVRPC_COMMAND_HEADER, NULL, 0);
    size += packet_put(bytes + size, OMVRPC_COMMAND_DATA, NULL, 0);
    size += packet_put_u32(bytes + size, OMVRPC_RESULT_HEADER, length);
    omvrpc_master_received(owner->master, bytes, size, owner->now_us);
    size = packet_put(bytes, OMVRPC_RESULT_DATA, zeros, length);
    omvrpc_master_received(owner->master, bytes, size, owner->now_us);
}

static void say_noise(struct owner *owner, struct script *script) {
    uint8_t noise[4096];
    size_t length = (size_t)take(script) * 16 + 1;
    uint8_t first = take(script), second = take(script);
    for (size_t i = 0; i < length; i++) {
        noise[i] = i % 2 == 0 ? first : second;
    }
    for (int times = take(script) % 32; times >= 0; times--) {
        omvrpc_master_received(owner->master, noise, length, owner->now_us);
    }
}

static void begin_call(struct owner *owner, struct script *script) {
    uint8_t choices = take(script);
    struct omvrpc_request request = {
        .command = 7,
        .argument = owner->argument,
        .argument_length = take(script) % sizeof owner->argument,
        .deadline_us = owner->now_us + ((int64_t)take(script) << 14),
        .repeatable = choices & 1,
        .schedules = choices & 2,
        .raw_length = choices & 4 ? take(script) : 0,
        .stream_depth = choices & 8 ? take(script) : 0,
    };
    if (omvrpc_master_call(owner->master, &request, owner->now_us) == 0) {
        owner->request = request;
    }
}

static void let_time_pass(struct owner *owner, int64_t time_us) {
    int64_t end_us = owner->now_us + time_us;
    int64_t wake_us = settle_down(owner);
    while (wake_us < end_us) {
        owner->now_us = wake_us;
        wake_us = settle_down(owner);
    }
    owner->now_us = end_us;
    (void)settle_down(owner);
}

static void open_link(struct owner *owner, uint8_t choices) {
    const struct omvrpc_link_info info = {
        .pairs = choices & 1,
        .byte_rate = choices & 2 ? 11520 : 0,
        .receive_buffer = choices & 4 ? 64 : 1024,
        .transactions = !(choices & 1) && choices & 16,
        .acknowledges = choices & 32,
        .packet_max = choices & 32 ? 2048 : 0,
    };
    owner->transacts = info.transactions;
    owner->said_length = 0;
    omvrpc_master_link_gone(owner->master, owner->now_us);
    omvrpc_master_link_opened(owner->master, &info, owner->now_us);
    /* Settling needs an exchange that chance hardly ever finds; every other script begins behind it. */
    if (choices & 8) {
        (void)settle_down(owner);
        owner->master->output_length = owner->master->output_sent = 0;
        owner->master->silent_since_us = 0;
        master_ready(owner->master, owner->now_us);
    }
}

static void check_bounds(const struct owner *owner) {
    const struct omvrpc_master *master = owner->master;
    check(master->input.capacity <= MEMORY_MAX && master->kept.capacity <= MEMORY_MAX);
    bool streams = owner->request.stream_depth > 0;
    if (master->busy && !streams) {
        check(owner->now_us < owner->request.deadline_us + LATE_US);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct script script = {data, size};
    struct owner owner = {.master = omvrpc_master_new(), .now_us = 1000000};
    if (owner.master == NULL) {
        return 0;
    }
    omvrpc_master_set_max_payload(owner.master, MAX_PAYLOAD);
    open_link(&owner, take(&script));
    while (script.length > 0) {
        switch (take(&script) % 13) {
        case 0:
        case 1:
            say_packet(&owner, &script);
            break;
        case 2: {
            size_t length = take(&script);
            length = length < script.length ? length : script.length;
            omvrpc_master_received(owner.master, script.bytes, length, owner.now_us);
            script.bytes += length;
            script.length -= length;
            break;
        }
        case 3:
            say_noise(&owner, &script);
            break;
        case 4:
            say_result(&owner, &script);
            break;
        case 5:
            let_time_pass(&owner, (int64_t)take(&script) * 16);
            break;
        case 6:
            let_time_pass(&owner, (int64_t)take(&script) << 12);
            break;
        case 7:
        case 8:
            begin_call(&owner, &script);
            break;
        case 9:
            owner.line = take(&script) & 31;
            break;
        case 10:
            omvrpc_master_stop(owner.master, owner.now_us);
            break;
        case 11:
            omvrpc_master_leave_stream(owner.master, owner.now_us);
            break;
        default:
            open_link(&owner, take(&script));
            break;
        }
        (void)settle_down(&owner);
        check_bounds(&owner);
    }
    omvrpc_master_free(owner.master);
    return 0;
}
