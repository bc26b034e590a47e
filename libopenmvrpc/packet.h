/* SPDX-License-Identifier: MIT */
#ifndef PACKET_H
#define PACKET_H

/* Packets as bytes: magic u16, payload, CRC-16 over both, all little-endian. Inside the library only. */

#include "openmvrpc.h"

#define PACKET_ACK_SIZE            ((size_t)OMVRPC_PACKET_OVERHEAD)
#define PACKET_POLL_SIZE           ((size_t)OMVRPC_PACKET_OVERHEAD)
#define PACKET_COMMAND_HEADER_SIZE ((size_t)OMVRPC_PACKET_OVERHEAD + 8)
#define PACKET_RESULT_HEADER_SIZE  ((size_t)OMVRPC_PACKET_OVERHEAD + 4)
#define PACKET_STREAM_SIZE         ((size_t)OMVRPC_PACKET_OVERHEAD + 4)

static inline uint16_t get_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)get_u16(bytes) | (uint32_t)get_u16(bytes + 2) << 16;
}

static inline void put_u16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void put_u32(uint8_t *bytes, uint32_t value) {
    put_u16(bytes, (uint16_t)value);
    put_u16(bytes + 2, (uint16_t)(value >> 16));
}

/* Writes a packet of OMVRPC_PACKET_OVERHEAD + length bytes and returns that number. */
size_t packet_put(uint8_t *packet, enum omvrpc_magic magic, const uint8_t *payload, size_t length);
size_t packet_put_command_header(uint8_t *packet, uint32_t command, uint32_t length);
size_t packet_put_u32(uint8_t *packet, enum omvrpc_magic magic, uint32_t value);

/* Returns whether `size` bytes are a whole, undamaged packet of that kind. */
bool packet_is_valid(const uint8_t *packet, size_t size, enum omvrpc_magic magic);

/* The streams' 8-bit LFSR with taps 0xB8: the byte that follows `byte`; the first is 0xFF. */
static inline uint8_t stream_next_byte(uint8_t byte) {
    return (uint8_t)((byte >> 1) ^ (byte & 1 ? 0xB8 : 0));
}

#endif
