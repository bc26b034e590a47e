/* SPDX-License-Identifier: MIT */
/*
 * A master that says anything at any time. The input is a script: raw bytes, packets with a good checksum, and pauses.
 * The slave must come to rest at each point of time, never send more than it was given reason for, and still answer a
 * good call at the end.
 */

#include "packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MOST 100000

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

struct world {
    struct omvrpc_slave *slave;
    int64_t now_us;
    unsigned frames;
    uint8_t last[64]; /* the end of what was sent */
    size_t last_length;
};

static void check(bool condition) {
    if (!condition) {
        abort();
    }
}

static bool give_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    struct world *world = context;
    (void)now_us, (void)due_us;
    *data = (const uint8_t *)"frame";
    *length = world->frames % 6;
    return world->frames++ < 100;
}

/* What the first byte of the argument says: answer, take time, send raw bytes, stream. */
static void callback(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct world *world = context;
    uint8_t choices = length > 0 ? argument[0] : 0;
    omvrpc_reply_append(reply, argument, length);
    if (choices & 1) {
        omvrpc_reply_delay(reply, choices * 100);
    }
    if (choices & 2) {
        omvrpc_reply_put_bytes(reply, argument, length);
    }
    if (choices & 4) {
        world->frames = 0;
        omvrpc_reply_stream(reply, give_frame, world);
    }
}

static void work(struct world *world, size_t line) {
    struct omvrpc_step step;
    for (int steps = 0;; steps++) {
        check(steps < STEPS_MOST);
        omvrpc_slave_next(world->slave, world->now_us, &step);
        if (step.kind != OMVRPC_STEP_SEND) {
            check(step.kind == OMVRPC_STEP_RECEIVE && step.until_us > world->now_us);
            return;
        }
        check(step.length > 0);
        size_t length = line > 0 && line < step.length ? line : step.length;
        world->last_length = length < sizeof world->last ? length : sizeof world->last;
        memcpy(world->last, step.data + length - world->last_length, world->last_length);
        omvrpc_slave_sent(world->slave, length, world->now_us);
    }
}

static void hear(struct world *world, const uint8_t *bytes, size_t length) {
    omvrpc_slave_received(world->slave, bytes, length, world->now_us);
}

static void hear_packet(struct world *world, struct script *script) {
    static const enum omvrpc_magic magics[] = {OMVRPC_COMMAND_DATA, OMVRPC_RESULT_HEADER, OMVRPC_RESULT_DATA,
                                               OMVRPC_STREAM_OPEN};
    uint8_t payload[256], packet[sizeof payload + OMVRPC_PACKET_OVERHEAD];
    enum omvrpc_magic magic = magics[take(script) % 4];
    size_t length = take(script);
    for (size_t i = 0; i < length; i++) {
        payload[i] = take(script);
    }
    hear(world, packet, packet_put(packet, magic, payload, length));
}

static void hear_header(struct world *world, uint32_t length) {
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    hear(world, packet, packet_put_command_header(packet, omvrpc_command_id("test", 4), length));
}

/* After silence any call has to work. */
static void call_at_last(struct world *world) {
    uint8_t bytes[32];
    world->now_us += 10000000;
    work(world, 0);
    world->now_us += 10000000;
    work(world, 0);
    hear_header(world, 1);
    hear(world, bytes, packet_put(bytes, OMVRPC_COMMAND_DATA, (const uint8_t *)"\xf8", 1));
    work(world, 0);
    hear(world, bytes, packet_put(bytes, OMVRPC_RESULT_HEADER, NULL, 0));
    work(world, 0);
    hear(world, bytes, packet_put(bytes, OMVRPC_RESULT_DATA, NULL, 0));
    work(world, 0);
    size_t size = packet_put(bytes, OMVRPC_RESULT_DATA, (const uint8_t *)"\xf8", 1);
    check(world->last_length >= size && memcmp(world->last + world->last_length - size, bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct script script = {data, size};
    struct world world = {.slave = omvrpc_slave_new(), .now_us = 1000000};
    if (world.slave == NULL || omvrpc_slave_register(world.slave, "test", callback, &world) != 0) {
        abort();
    }
    while (script.length > 0) {
        uint8_t choice = take(&script);
        switch (choice % 6) {
        case 0:
            hear_packet(&world, &script);
            break;
        case 1:
            hear_header(&world, take(&script));
            break;
        case 2:
            hear_header(&world, (uint32_t)take(&script) << (take(&script) % 32));
            break;
        case 3: {
            size_t length = take(&script);
            length = length < script.length ? length : script.length;
            hear(&world, script.bytes, length);
            script.bytes += length;
            script.length -= length;
            break;
        }
        case 4:
            world.now_us += (int64_t)take(&script) << (take(&script) % 16);
            break;
        default:
            if (take(&script) == 0) {
                omvrpc_slave_reset(world.slave);
            }
            break;
        }
        work(&world, choice >> 5);
    }
    call_at_last(&world);
    omvrpc_slave_free(world.slave);
    return 0;
}
