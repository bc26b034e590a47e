/* SPDX-License-Identifier: MIT */
/* Packets in words, for logs and traces. */

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
            snprintf(text, size, "command data: %zu bytes", payload);
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
            snprintf(text, size, "result data: %zu bytes", payload);
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
