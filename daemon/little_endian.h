/* SPDX-License-Identifier: MIT */
#ifndef LITTLE_ENDIAN_H
#define LITTLE_ENDIAN_H

/* Numbers in the arguments and results that the daemon itself reads or writes. */

#include <stdint.h>

static inline uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline void put_u32(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

#endif
