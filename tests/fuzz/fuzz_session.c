/* SPDX-License-Identifier: MIT */
/*
 * A master that says anything through the extensions. The input is a script: calls and reads with chosen numbers, any
 * bytes in their place, stock calls, resets and pauses. Each callback must run at most once for its number, and each
 * byte of a result must be the one that it gave for that number.
 */

#include "packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE       200
#define HELD        2
#define DESCRIPTION "{\"extensions\":1,\"callbacks\":{\"give\":{},\"fail\":{}}}"

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
    unsigned executions;
    uint32_t open, last;   /* the session that the camera has, and its highest number */
    unsigned generation;   /* of the sessions */
    unsigned number;       /* of the call that is being made */
    const uint8_t *result; /* of the last stock call */
    size_t result_length;
    uint8_t sent[8192];
    size_t sent_length;
};

static void check(bool condition) {
    if (!condition) {
        abort();
    }
}

static uint8_t pattern(const struct world *world, uint32_t number, size_t at) {
    return (uint8_t)(world->generation * 31 + number * 7 + at + (at >> 8));
}

/* Gives four bytes for each unit of the argument's first byte. */
static void give(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct world *world = context;
    world->executions++;
    for (size_t i = 0; length > 0 && i < (size_t)argument[0] * 4; i++) {
        uint8_t byte = pattern(world, world->number, i);
        check(omvrpc_reply_append(reply, &byte, 1) == 0);
    }
}

static void fail(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct world *world = context;
    char text[300] = {0};
    world->executions++;
    memcpy(text, argument, length < sizeof text ? length : sizeof text - 1);
    omvrpc_reply_append(reply, argument, length);
    omvrpc_reply_raise(reply, text, text);
}

static void hear(struct world *world, enum omvrpc_magic magic, const uint8_t *payload, size_t length) {
    uint8_t packet[1024];
    struct omvrpc_step step;
    world->sent_length = 0;
    omvrpc_slave_received(world->slave, packet, packet_put(packet, magic, payload, length), world->now_us);
    for (;;) {
        omvrpc_slave_next(world->slave, world->now_us, &step);
        if (step.kind != OMVRPC_STEP_SEND) {
            return;
        }
        check(step.length <= sizeof world->sent - world->sent_length);
        memcpy(world->sent + world->sent_length, step.data, step.length);
        world->sent_length += step.length;
        omvrpc_slave_sent(world->slave, step.length, world->now_us);
    }
}

static void call_stock(struct world *world, const char *name, const uint8_t *argument, size_t length) {
    uint8_t numbers[8];
    put_u32(numbers, omvrpc_command_id(name, strlen(name)));
    put_u32(numbers + 4, (uint32_t)length);
    hear(world, OMVRPC_COMMAND_HEADER, numbers, sizeof numbers);
    hear(world, OMVRPC_COMMAND_DATA, argument, length);
    check(packet_is_valid(world->sent, world->sent_length, OMVRPC_COMMAND_DATA));
    hear(world, OMVRPC_RESULT_HEADER, NULL, 0);
    check(packet_is_valid(world->sent, world->sent_length, OMVRPC_RESULT_HEADER));
    world->result_length = get_u32(world->sent + 2);
    hear(world, OMVRPC_RESULT_DATA, NULL, 0);
    check(world->sent_length == world->result_length + OMVRPC_PACKET_OVERHEAD &&
          packet_is_valid(world->sent, world->sent_length, OMVRPC_RESULT_DATA));
    world->result = world->sent + 2;
}

static struct omvrpc_envelope take_envelope(struct script *script, const struct world *world) {
    uint8_t choice = take(script), number = take(script);
    return (struct omvrpc_envelope){
        .session = choice & 3,
        .number = choice & 4 ? number : world->last + number % 2,
        .released = take(script),
        .piece = choice & 8 ? UINT32_MAX : take(script),
    };
}

/* Checks what is true of each reply to an envelope in one piece. */
static struct omvrpc_session_reply check_reply(struct world *world, const struct omvrpc_envelope *envelope,
                                               uint32_t offset) {
    struct omvrpc_session_reply reply;
    check(omvrpc_session_reply_read(world->result, world->result_length, &reply));
    check(reply.session == envelope->session && reply.number == envelope->number && reply.offset == offset);
    check(reply.length <= envelope->piece && reply.length <= PIECE);
    bool is_open = envelope->session != 0 && envelope->session == world->open;
    check((reply.status == OMVRPC_STATUS_NO_SESSION) == !is_open);
    if (reply.status != OMVRPC_STATUS_DONE) {
        return reply;
    }
    check(offset >= reply.total ? reply.length == 0 : reply.length <= reply.total - offset);
    for (size_t i = 0; i < reply.length; i++) {
        size_t at = (size_t)offset + i;
        check(reply.data[i] == (reply.number == 0 ? (uint8_t)DESCRIPTION[at] : pattern(world, envelope->number, at)));
    }
    return reply;
}

static void call_by_number(struct world *world, struct script *script) {
    static const char *const names[] = {"give", "fail", "nonsense", OMVRPC_CALL_NAME};
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 300], argument[300];
    struct omvrpc_envelope envelope = take_envelope(script, world);
    unsigned target = take(script) % 4, before = world->executions;
    size_t length = take(script);
    for (size_t i = 0; i < length; i++) {
        argument[i] = take(script);
    }
    envelope.target = omvrpc_command_id(names[target], strlen(names[target]));
    omvrpc_envelope_write(&envelope, argument, length, bytes);
    if (envelope.number == 0 && envelope.session != 0 && envelope.session != world->open) {
        world->open = envelope.session;
        world->last = 0;
        world->generation++;
    }
    world->number = envelope.number;
    bool is_new = envelope.session != 0 && envelope.session == world->open && envelope.number > world->last;
    call_stock(world, OMVRPC_CALL_NAME, bytes, length + OMVRPC_ENVELOPE_SIZE);
    check(world->executions - before == (is_new && target < 2 ? 1 : 0));
    struct omvrpc_session_reply reply = check_reply(world, &envelope, 0);
    if (is_new) {
        static const enum omvrpc_status statuses[] = {OMVRPC_STATUS_DONE, OMVRPC_STATUS_RAISED,
                                                      OMVRPC_STATUS_NO_SUCH_CALLBACK, OMVRPC_STATUS_NO_SUCH_CALLBACK};
        check(reply.status == statuses[target]);
        world->last = envelope.number;
    }
}

static void read_piece(struct world *world, struct script *script) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE];
    struct omvrpc_envelope envelope = take_envelope(script, world);
    unsigned before = world->executions;
    envelope.target = take(script) * (take(script) & 1 ? 0x01010101u : 4u);
    omvrpc_envelope_write(&envelope, NULL, 0, bytes);
    call_stock(world, OMVRPC_READ_NAME, bytes, sizeof bytes);
    check(world->executions == before);
    check_reply(world, &envelope, envelope.target);
}

/* Any bytes in the place of an envelope; those that are one by chance may do what one does. */
static void say_anything(struct world *world, struct script *script) {
    struct omvrpc_envelope envelope;
    struct omvrpc_session_reply reply;
    const uint8_t *argument;
    uint8_t choice = take(script);
    size_t length = choice >> 1, argument_length;
    length = length < script->length ? length : script->length;
    if (omvrpc_envelope_read(script->bytes, length, &envelope, &argument, &argument_length)) {
        check(argument >= script->bytes && argument_length + OMVRPC_ENVELOPE_SIZE == length);
    } else {
        unsigned before = world->executions;
        call_stock(world, choice & 1 ? OMVRPC_CALL_NAME : OMVRPC_READ_NAME, script->bytes, length);
        check(omvrpc_session_reply_read(world->result, world->result_length, &reply));
        check(reply.status == OMVRPC_STATUS_DAMAGED && world->executions == before);
        check((reply.session | reply.number | reply.offset) == 0 && reply.length == 0);
    }
    if (omvrpc_session_reply_read(script->bytes, length, &reply)) {
        check(reply.data >= script->bytes && reply.length + OMVRPC_ENVELOPE_SIZE == length);
    }
    script->bytes += length;
    script->length -= length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct script script = {data, size};
    struct world world = {.slave = omvrpc_slave_new(), .now_us = 1000000};
    check(world.slave != NULL);
    check(omvrpc_slave_register(world.slave, "give", give, &world) == 0);
    check(omvrpc_slave_register(world.slave, "fail", fail, &world) == 0);
    check(omvrpc_slave_offer_extensions(world.slave, &(struct omvrpc_extension_options){DESCRIPTION, PIECE, HELD}) ==
          0);
    while (script.length > 0) {
        switch (take(&script) % 6) {
        case 0:
        case 1:
            call_by_number(&world, &script);
            break;
        case 2:
            read_piece(&world, &script);
            break;
        case 3:
            say_anything(&world, &script);
            break;
        case 4:
            call_stock(&world, "give", (const uint8_t[]){take(&script)}, 1);
            break;
        default:
            world.now_us += (int64_t)take(&script) << (take(&script) % 48);
            if (take(&script) == 0) {
                omvrpc_slave_reset(world.slave);
                world.open = world.last = 0;
            }
            break;
        }
    }
    omvrpc_slave_free(world.slave);
    return 0;
}
