/* SPDX-License-Identifier: MIT */
/* The checksum of every packet. */

#include "openmvrpc.h"

/*
 * CRC-16 with polynomial 0x1021, four bits at a time: entry n is the remainder of n << 12. A table of 16 words stays in
 * the cache of a small ARM, and 1 MiB takes a few milliseconds, far less than any of the links needs to carry it.
 */
static const uint16_t remainders[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

uint16_t omvrpc_crc16(uint16_t crc, const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        crc = (uint16_t)((crc << 4) ^ remainders[(crc >> 12) ^ (data[i] >> 4)]);
        crc = (uint16_t)((crc << 4) ^ remainders[(crc >> 12) ^ (data[i] & 0x0f)]);
    }
    return crc;
}
