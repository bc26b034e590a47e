/* SPDX-License-Identifier: MIT */
/* The checksum of the extensions' calls and replies. */

#include "openmvrpc.h"

/*
 * CRC-32 with polynomial 0x04C11DB7, reflected, all ones before and after (IEEE 802.3, zlib), four bits at a time: entry
 * n is the remainder of n. As with the CRC-16, the wire is slower than this.
 */
static const uint32_t remainders[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t omvrpc_crc32(uint32_t crc, const void *data, size_t length) {
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ remainders[crc & 0x0f];
        crc = (crc >> 4) ^ remainders[crc & 0x0f];
    }
    return ~crc;
}
