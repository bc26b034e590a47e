/* SPDX-License-Identifier: MIT */
/* What a camera tells of itself when it is plugged in. */

#include "acm_descriptors.h"

#include <stdio.h>
#include <string.h>

enum { DESCRIPTOR_DEVICE = 1, DESCRIPTOR_CONFIGURATION = 2, DESCRIPTOR_STRING = 3 };

#define LANGUAGE_ENGLISH 0x0409

/* Interface 0 controls the port, interface 1 carries its bytes. From the class's specification, as the firmware has it. */
static const uint8_t configuration[] = {
    9,    2,    75,
    0,    2,    1,
    0,    0x80, 250, /* two interfaces, 500 mA */
    8,    11,   0,
    2,    2,    2,
    0,    0, /* which belong together */
    9,    4,    0,
    0,    1,    2,
    2,    0,    0, /* control: the abstract control model */
    5,    0x24, 0,
    0x10, 1, /* header, release 1.10 */
    5,    0x24, 1,
    0,    1, /* calls are not managed */
    4,    0x24, 2,
    2, /* line coding and modem lines */
    5,    0x24, 6,
    0,    1, /* the union of the two interfaces */
    7,    5,    0x80 | ACM_ENDPOINT_INTERRUPT,
    3,    8,    0,
    16,   9,    4,
    1,    0,    2,
    10,   0,    0,
    0, /* data */
    7,    5,    ACM_ENDPOINT_BULK,
    2,    0,    2,
    0, /* 512 bytes a packet */
    7,    5,    0x80 | ACM_ENDPOINT_BULK,
    2,    0,    2,
    0,
};

static size_t write_device(const struct acm_identity *identity, uint8_t *buffer) {
    const uint8_t descriptor[18] = {
        18,
        1,
        0,
        2, /* USB 2.0 */
        0xef,
        2,
        1,
        64, /* interfaces are grouped; 64 bytes a control packet */
        (uint8_t)identity->vendor,
        (uint8_t)(identity->vendor >> 8),
        (uint8_t)identity->product,
        (uint8_t)(identity->product >> 8),
        0,
        2,
        1,
        2,
        3,
        1, /* release; strings for maker, product and serial number; one configuration */
    };
    memcpy(buffer, descriptor, sizeof descriptor);
    return sizeof descriptor;
}

static size_t write_string(const struct acm_identity *identity, unsigned index, uint8_t *buffer) {
    const char *const texts[] = {NULL, "OpenMV", "OpenMV Virtual Comm Port", identity->serial};
    size_t length = 2;
    if (index == 0) {
        buffer[length++] = LANGUAGE_ENGLISH & 0xff;
        buffer[length++] = LANGUAGE_ENGLISH >> 8;
    } else if (index < sizeof texts / sizeof texts[0]) {
        for (const char *letter = texts[index]; *letter != '\0'; letter++) {
            buffer[length++] = (uint8_t)*letter;
            buffer[length++] = 0;
        }
    } else {
        return 0;
    }
    buffer[0] = (uint8_t)length;
    buffer[1] = DESCRIPTOR_STRING;
    return length;
}

size_t acm_descriptor_write(const struct acm_identity *identity, unsigned type, unsigned index, uint8_t *buffer) {
    switch (type) {
    case DESCRIPTOR_DEVICE:
        return write_device(identity, buffer);
    case DESCRIPTOR_CONFIGURATION:
        memcpy(buffer, configuration, sizeof configuration);
        return sizeof configuration;
    case DESCRIPTOR_STRING:
        return write_string(identity, index, buffer);
    default:
        return 0;
    }
}
