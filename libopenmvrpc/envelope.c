/* SPDX-License-Identifier: MIT */
/* Calls, reads and replies of a session as bytes: five numbers, what they carry, and a CRC-32 over both. */

#include "packet.h"

#include <string.h>

#define NUMBERS_SIZE ((size_t)20)
#define CRC_SIZE     ((size_t)4)

_Static_assert(NUMBERS_SIZE + CRC_SIZE == OMVRPC_ENVELOPE_SIZE, "an envelope is its numbers and its CRC");

static void seal(const uint32_t numbers[5], const void *data, size_t length, uint8_t *out) {
    for (size_t i = 0; i < 5; i++) {
        put_u32(out + 4 * i, numbers[i]);
    }
    if (length > 0) {
        memcpy(out + NUMBERS_SIZE, data, length);
    }
    put_u32(out + NUMBERS_SIZE + length, omvrpc_crc32(0, out, NUMBERS_SIZE + length));
}

static bool is_sealed(const uint8_t *data, size_t length) {
    return length >= OMVRPC_ENVELOPE_SIZE &&
           get_u32(data + length - CRC_SIZE) == omvrpc_crc32(0, data, length - CRC_SIZE);
}

void omvrpc_envelope_write(const struct omvrpc_envelope *envelope, const void *argument, size_t length, uint8_t *out) {
    const uint32_t numbers[5] = {envelope->session, envelope->number, envelope->released, envelope->piece,
                                 envelope->target};
    seal(numbers, argument, length, out);
}

bool omvrpc_envelope_read(const uint8_t *data, size_t length, struct omvrpc_envelope *envelope,
                          const uint8_t **argument, size_t *argument_length) {
    if (!is_sealed(data, length)) {
        return false;
    }
    *envelope = (struct omvrpc_envelope){
        .session = get_u32(data),
        .number = get_u32(data + 4),
        .released = get_u32(data + 8),
        .piece = get_u32(data + 12),
        .target = get_u32(data + 16),
    };
    *argument = data + NUMBERS_SIZE;
    *argument_length = length - OMVRPC_ENVELOPE_SIZE;
    return true;
}

void omvrpc_session_reply_write(const struct omvrpc_session_reply *reply, uint8_t *out) {
    const uint32_t numbers[5] = {reply->session, reply->number, reply->status, reply->total, reply->offset};
    seal(numbers, reply->data, reply->length, out);
}

bool omvrpc_session_reply_read(const uint8_t *data, size_t length, struct omvrpc_session_reply *reply) {
    if (!is_sealed(data, length)) {
        return false;
    }
    *reply = (struct omvrpc_session_reply){
        .session = get_u32(data),
        .number = get_u32(data + 4),
        .status = get_u32(data + 8),
        .total = get_u32(data + 12),
        .offset = get_u32(data + 16),
        .data = data + NUMBERS_SIZE,
        .length = length - OMVRPC_ENVELOPE_SIZE,
    };
    return true;
}
