/* SPDX-License-Identifier: MIT */
/* Packets in words, for logs and traces. What is an envelope of the extensions, by its CRC-32, is opened. */

#include "packet.h"

#include <stdio.h>

/* Bytes of what is no packet that are shown. */
#define SHOWN_BYTES 16

static size_t describe_bytes(const uint8_t *data, size_t length, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "%zu bytes", length);
    for (size_t i = 0; i < length && i < SHOWN_BYTES && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%02x", i == 0 ? ": " : " ", data[i]);
    }
    if (length > SHOWN_BYTES && used < size) {
        snprintf(text + used, size - used, " ...");
    }
    return length;
}

/* Length of the whole packet at the front, or 0 where there is none: of its fixed sizes, the larger one that is valid.
 */
static size_t packet_size(const uint8_t *data, size_t length, bool from_master) {
    enum omvrpc_magic magic = (enum omvrpc_magic)get_u16(data);
    size_t sizes[2] = {PACKET_ACK_SIZE, 0};
    switch (magic) {
    case OMVRPC_COMMAND_HEADER:
        sizes[1] = from_master ? PACKET_COMMAND_HEADER_SIZE : 0;
        break;
    case OMVRPC_RESULT_HEADER:
        sizes[1] = from_master ? 0 : PACKET_RESULT_HEADER_SIZE;
        break;
    case OMVRPC_COMMAND_DATA:
        sizes[1] = from_master ? length : 0;
        break;
    case OMVRPC_RESULT_DATA:
        sizes[1] = from_master ? 0 : length;
        break;
    case OMVRPC_STREAM_OPEN:
    case OMVRPC_STREAM_FRAME:
        sizes[0] = PACKET_STREAM_SIZE;
        break;
    default:
        return 0;
    }
    for (int i = 1; i >= 0; i--) {
        if (sizes[i] != 0 && sizes[i] <= length && packet_is_valid(data, sizes[i], magic)) {
            return sizes[i];
        }
    }
    return 0;
}

/* A call and a read look alike; the command header before says which it is, and so whether the target is a command or an
 * offset. */
static void describe_command(const uint8_t *payload, size_t length, char *text, size_t size) {
    struct omvrpc_envelope envelope;
    const uint8_t *argument;
    size_t argument_length;
    if (omvrpc_envelope_read(payload, length, &envelope, &argument, &argument_length)) {
        snprintf(text, size, "command data: number %u of session %08x, #%08x, %zu bytes", envelope.number,
                 envelope.session, envelope.target, argument_length);
    } else {
        snprintf(text, size, "command data: %zu bytes", length);
    }
}

static void describe_result(const uint8_t *payload, size_t length, char *text, size_t size) {
    static const char *const statuses[] = {"done",       "raised",  "no such callback", "forgotten",
                                           "no session", "damaged", "too large"};
    struct omvrpc_session_reply reply;
    if (omvrpc_session_reply_read(payload, length, &reply)) {
        bool is_known = reply.status < sizeof statuses / sizeof statuses[0];
        snprintf(text, size, "result data: number %u of session %08x, %s, %zu of %u bytes from %u", reply.number,
                 reply.session, is_known ? statuses[reply.status] : "unknown status", reply.length, reply.total,
                 reply.offset);
    } else {
        snprintf(text, size, "result data: %zu bytes", length);
    }
}

size_t omvrpc_describe(const uint8_t *data, size_t length, bool from_master, char *text, size_t size) {
    size_t packet = length >= PACKET_ACK_SIZE ? packet_size(data, length, from_master) : 0;
    if (packet == 0) {
        return describe_bytes(data, length, text, size);
    }
    size_t payload = packet - OMVRPC_PACKET_OVERHEAD;
    switch ((enum omvrpc_magic)get_u16(data)) {
    case OMVRPC_COMMAND_HEADER:
        if (from_master && payload > 0) {
            snprintf(text, size, "command header: #%08x, %u bytes", get_u32(data + 2), get_u32(data + 6));
        } else {
            snprintf(text, size, "command header ack");
        }
        break;
    case OMVRPC_COMMAND_DATA:
        if (from_master) {
            describe_command(data + 2, payload, text, size);
        } else {
            snprintf(text, size, "command data ack");
        }
        break;
    case OMVRPC_RESULT_HEADER:
        if (from_master) {
            snprintf(text, size, "result header poll");
        } else {
            snprintf(text, size, "result header: %u bytes", get_u32(data + 2));
        }
        break;
    case OMVRPC_RESULT_DATA:
        if (from_master) {
            snprintf(text, size, "result data poll");
        } else {
            describe_result(data + 2, payload, text, size);
        }
        break;
    case OMVRPC_STREAM_OPEN:
        snprintf(text, size, "stream open: depth %u", get_u32(data + 2));
        break;
    case OMVRPC_STREAM_FRAME:
        snprintf(text, size, "stream frame: %u bytes", get_u32(data + 2));
        break;
    }
    return packet;
}
