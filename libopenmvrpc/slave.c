/* SPDX-License-Identifier: MIT */
/*
 * The camera's half: what a master sees of it is what a stock slave shows, but damage costs less. It does not throw its
 * input away while it waits for a command; it finds the next packet in what came. After a callback it does discard what
 * arrived meanwhile, as the stock slave does: those bytes are copies of the command and polls that came too early, and
 * answering them later would hand one call's result to the next.
 */

#include "slave_internal.h"

#include <stdlib.h>

/* A result that nobody fetches is dropped after the stock slave's send timeout. */
#define SEND_TIMEOUT_US 1000000

/* A stream's writer waits this long for its reader, as the stock writer does. */
#define STREAM_TIMEOUT_US 1000000

/* Silence inside the data of a command, after which the rest is not coming: several times what USB or a UART ever
 * pauses. */
#define DATA_TIMEOUT_US 200000

/* Input that holds no packet is dropped beyond this. */
#define INPUT_MAX ((size_t)64 << 10)

/* Longest argument: the longest that a master sends unless told otherwise, also within an envelope. */
#define ARGUMENT_MAX (OMVRPC_MAX_PAYLOAD_DEFAULT + OMVRPC_ENVELOPE_SIZE)

struct omvrpc_slave *omvrpc_slave_new(void) {
    return calloc(1, sizeof(struct omvrpc_slave));
}

void omvrpc_slave_free(struct omvrpc_slave *slave) {
    if (slave == NULL) {
        return;
    }
    slave_callbacks_free(slave);
    slave_session_free(slave->session);
    buffer_free(&slave->input);
    buffer_free(&slave->output);
    buffer_free(&slave->reply.result);
    buffer_free(&slave->reply.raw);
    free(slave);
}

void omvrpc_slave_reset(struct omvrpc_slave *slave) {
    slave->state = SLAVE_COMMAND;
    slave->started = false;
    slave_session_forget(slave->session);
    buffer_clear(&slave->input);
    buffer_clear(&slave->output);
    slave_reply_clear(&slave->reply);
}

/* Queues a packet. Where memory is short it is as if the packet had been lost, which every master survives. */
static void put(struct omvrpc_slave *slave, enum omvrpc_magic magic, const uint8_t *payload, size_t length) {
    if (buffer_reserve(&slave->output, length + OMVRPC_PACKET_OVERHEAD)) {
        slave->output.end += packet_put(slave->output.data + slave->output.end, magic, payload, length);
    }
}

static void await_command(struct omvrpc_slave *slave) {
    slave_reply_clear(&slave->reply);
    slave->state = SLAVE_COMMAND;
}

static void run(struct omvrpc_slave *slave, const uint8_t *argument, size_t length, int64_t now_us) {
    slave_reply_clear(&slave->reply);
    (void)slave_callback_run(slave, slave->command, argument, length, &slave->reply);
    slave->state = SLAVE_RUNNING;
    slave->until_us = now_us + slave->reply.delay_us;
}

/*
 * Finds a packet of a fixed size whose magic is one of two, skipping what is none. Returns its magic with the packet at
 * the front of the input, or 0 when more bytes are needed.
 */
static uint16_t find_packet(struct buffer *input, size_t size, enum omvrpc_magic first, enum omvrpc_magic second) {
    while (buffer_length(input) >= size) {
        const uint8_t *bytes = buffer_bytes(input);
        if (packet_is_valid(bytes, size, first) || packet_is_valid(bytes, size, second)) {
            return get_u16(bytes);
        }
        buffer_consume(input, 1);
    }
    return 0;
}

static bool parse_command(struct omvrpc_slave *slave, int64_t now_us) {
    struct buffer *input = &slave->input;
    if (find_packet(input, PACKET_COMMAND_HEADER_SIZE, OMVRPC_COMMAND_HEADER, OMVRPC_COMMAND_HEADER) == 0) {
        return false;
    }
    slave->command = get_u32(buffer_bytes(input) + 2);
    slave->data_length = get_u32(buffer_bytes(input) + 6);
    buffer_consume(input, PACKET_COMMAND_HEADER_SIZE);
    if (slave->data_length > ARGUMENT_MAX) {
        return true;
    }
    put(slave, OMVRPC_COMMAND_HEADER, NULL, 0);
    slave->state = SLAVE_DATA;
    slave->until_us = now_us + DATA_TIMEOUT_US;
    return true;
}

static bool parse_data(struct omvrpc_slave *slave, int64_t now_us) {
    struct buffer *input = &slave->input;
    size_t size = slave->data_length + OMVRPC_PACKET_OVERHEAD;
    if (buffer_length(input) >= 2 && get_u16(buffer_bytes(input)) != OMVRPC_COMMAND_DATA) {
        /* The data was lost on the way. What follows may be the next try's header. */
        slave->state = SLAVE_COMMAND;
        return true;
    }
    if (buffer_length(input) < size) {
        return false;
    }
    if (!packet_is_valid(buffer_bytes(input), size, OMVRPC_COMMAND_DATA)) {
        buffer_consume(input, 1);
        slave->state = SLAVE_COMMAND;
        return true;
    }
    put(slave, OMVRPC_COMMAND_DATA, NULL, 0);
    run(slave, buffer_bytes(input) + 2, slave->data_length, now_us);
    buffer_consume(input, size);
    return true;
}

static void finish_result(struct omvrpc_slave *slave, int64_t now_us) {
    slave->until_us = now_us + STREAM_TIMEOUT_US;
    if (buffer_length(&slave->reply.raw) > 0) {
        slave->state = SLAVE_RAW;
    } else if (slave->reply.source != NULL) {
        slave->state = SLAVE_STREAM_OPEN;
    } else {
        await_command(slave);
    }
}

static bool parse_poll(struct omvrpc_slave *slave, int64_t now_us) {
    struct buffer *input = &slave->input;
    const struct buffer *result = &slave->reply.result;
    uint16_t magic = find_packet(input, PACKET_POLL_SIZE, OMVRPC_RESULT_HEADER,
                                 slave->header_sent ? OMVRPC_RESULT_DATA : OMVRPC_RESULT_HEADER);
    if (magic == 0) {
        return false;
    }
    buffer_consume(input, PACKET_POLL_SIZE);
    if (magic == OMVRPC_RESULT_HEADER) {
        uint8_t length[4];
        put_u32(length, (uint32_t)buffer_length(result));
        put(slave, OMVRPC_RESULT_HEADER, length, sizeof length);
        slave->header_sent = true;
    } else {
        put(slave, OMVRPC_RESULT_DATA, buffer_bytes(result), buffer_length(result));
        finish_result(slave, now_us);
    }
    return true;
}

static bool parse_stream_open(struct omvrpc_slave *slave, int64_t now_us) {
    struct buffer *input = &slave->input;
    if (find_packet(input, PACKET_STREAM_SIZE, OMVRPC_STREAM_OPEN, OMVRPC_STREAM_OPEN) == 0) {
        return false;
    }
    uint32_t depth = get_u32(buffer_bytes(input) + 2);
    buffer_consume(input, PACKET_STREAM_SIZE);
    slave->depth = depth < 1 ? 1 : depth > 255 ? 255 : depth;
    slave->credits = slave->depth;
    slave->expected_byte = 0xFF;
    slave->state = SLAVE_STREAM;
    slave->until_us = now_us + STREAM_TIMEOUT_US;
    return true;
}

/* Takes the reader's byte where one is due. Returns false while it has not come. */
static bool parse_credit(struct omvrpc_slave *slave, int64_t now_us) {
    if (slave->credits > slave->depth / 2 || buffer_length(&slave->input) == 0) {
        return false;
    }
    uint8_t byte = buffer_bytes(&slave->input)[0];
    buffer_consume(&slave->input, 1);
    if (byte != slave->expected_byte) {
        await_command(slave);
        return true;
    }
    slave->expected_byte = stream_next_byte(byte);
    slave->credits++;
    slave->until_us = now_us + STREAM_TIMEOUT_US;
    return true;
}

static bool parse(struct omvrpc_slave *slave, int64_t now_us) {
    switch (slave->state) {
    case SLAVE_COMMAND:
        return parse_command(slave, now_us);
    case SLAVE_DATA:
        return parse_data(slave, now_us);
    case SLAVE_RESULT:
        return parse_poll(slave, now_us);
    case SLAVE_STREAM_OPEN:
        return parse_stream_open(slave, now_us);
    case SLAVE_STREAM:
        return parse_credit(slave, now_us);
    case SLAVE_RUNNING:
    case SLAVE_RAW:
        break;
    }
    return false;
}

/* Acts on time that has passed. Returns whether the state has changed. */
static bool advance(struct omvrpc_slave *slave, int64_t now_us) {
    switch (slave->state) {
    case SLAVE_RUNNING:
        if (now_us < slave->until_us) {
            return false;
        }
        buffer_clear(&slave->input);
        slave->header_sent = false;
        slave->state = SLAVE_RESULT;
        slave->until_us = now_us + SEND_TIMEOUT_US;
        return true;
    case SLAVE_RAW:
        (void)buffer_append(&slave->output, buffer_bytes(&slave->reply.raw), buffer_length(&slave->reply.raw));
        await_command(slave);
        return true;
    case SLAVE_DATA:
        if (now_us >= slave->until_us) {
            /* Copies of commands in what came are as old as the silence; whoever sent them does not wait any more. */
            buffer_clear(&slave->input);
            slave->state = SLAVE_COMMAND;
            return true;
        }
        return false;
    case SLAVE_RESULT:
    case SLAVE_STREAM_OPEN:
        if (now_us >= slave->until_us) {
            await_command(slave);
            return true;
        }
        return false;
    case SLAVE_STREAM:
        if (slave->credits <= slave->depth / 2 && now_us >= slave->until_us) {
            await_command(slave);
            return true;
        }
        return false;
    case SLAVE_COMMAND:
        break;
    }
    return false;
}

/* Queues the stream's next frame if there is credit. Returns the time to ask again. */
static int64_t put_frame(struct omvrpc_slave *slave, int64_t now_us) {
    if (slave->credits <= slave->depth / 2) {
        return slave->until_us;
    }
    const uint8_t *data = NULL;
    size_t length = 0;
    int64_t due_us = now_us;
    if (!slave->reply.source(slave->reply.source_context, now_us, &data, &length, &due_us)) {
        await_command(slave);
        return now_us;
    }
    if (due_us > now_us) {
        return due_us;
    }
    uint8_t size[4];
    put_u32(size, (uint32_t)length);
    put(slave, OMVRPC_STREAM_FRAME, size, sizeof size);
    (void)buffer_append(&slave->output, data, length);
    slave->credits--;
    slave->until_us = now_us + STREAM_TIMEOUT_US;
    return now_us;
}

void omvrpc_slave_next(struct omvrpc_slave *slave, int64_t now_us, struct omvrpc_step *step) {
    *step = (struct omvrpc_step){.kind = OMVRPC_STEP_RECEIVE, .until_us = INT64_MAX};
    if (!slave->started) {
        slave->started = true;
        slave->forgot_us = now_us;
    }
    slave->now_us = now_us;
    for (;;) {
        if (buffer_length(&slave->output) > 0) {
            step->kind = OMVRPC_STEP_SEND;
            step->data = buffer_bytes(&slave->output);
            step->length = buffer_length(&slave->output);
            return;
        }
        buffer_shrink(&slave->output);
        if (parse(slave, now_us) || advance(slave, now_us)) {
            continue;
        }
        if (slave->state == SLAVE_STREAM) {
            int64_t again_us = put_frame(slave, now_us);
            if (again_us <= now_us) {
                continue;
            }
            step->until_us = again_us;
        } else if (slave->state != SLAVE_COMMAND) {
            step->until_us = slave->until_us;
        }
        return;
    }
}

void omvrpc_slave_sent(struct omvrpc_slave *slave, size_t length, int64_t now_us) {
    (void)now_us;
    buffer_consume(&slave->output, length);
}

void omvrpc_slave_received(struct omvrpc_slave *slave, const uint8_t *data, size_t length, int64_t now_us) {
    if (slave->state == SLAVE_DATA) {
        slave->until_us = now_us + DATA_TIMEOUT_US;
    }
    size_t limit = slave->state == SLAVE_DATA ? slave->data_length + OMVRPC_PACKET_OVERHEAD + INPUT_MAX : INPUT_MAX;
    if (length > limit) {
        data += length - limit;
        length = limit;
    }
    if (buffer_length(&slave->input) + length > limit) {
        buffer_clear(&slave->input);
    }
    (void)buffer_append(&slave->input, data, length);
}
