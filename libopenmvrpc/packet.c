/* SPDX-License-Identifier: MIT */
/* Writing and checking packets. */

#include "packet.h"

#include <string.h>

size_t packet_put(uint8_t *packet, enum omvrpc_magic magic, const uint8_t *payload, size_t length) {
    put_u16(packet, (uint16_t)magic);
    if (length > 0) {
        memcpy(packet + 2, payload, length);
    }
    put_u16(packet + 2 + length, omvrpc_crc16(OMVRPC_CRC16_INITIAL, packet, 2 + length));
    return length + OMVRPC_PACKET_OVERHEAD;
}

size_t packet_put_command_header(uint8_t *packet, uint32_t command, uint32_t length) {
    uint8_t payload[8];
    put_u32(payload, command);
    put_u32(payload + 4, length);
    return packet_put(packet, OMVRPC_COMMAND_HEADER, payload, sizeof payload);
}

size_t packet_put_u32(uint8_t *packet, enum omvrpc_magic magic, uint32_t value) {
    uint8_t payload[4];
    put_u32(payload, value);
    return packet_put(packet, magic, payload, sizeof payload);
}

bool packet_is_valid(const uint8_t *packet, size_t size, enum omvrpc_magic magic) {
    return size >= OMVRPC_PACKET_OVERHEAD && get_u16(packet) == (uint16_t)magic &&
           get_u16(packet + size - 2) == omvrpc_crc16(OMVRPC_CRC16_INITIAL, packet, size - 2);
}
