/* SPDX-License-Identifier: MIT */
/* Finding packets in bytes. See cutter.h. */

#include "cutter.h"

/* Announced lengths above this are not believed: no master takes more unless it is told to, and none has to here. */
#define DATA_LENGTH_MAX ((size_t)16 << 20)

/* In noise, each place is tried; for that, packets have to be short. Longer ones are found behind their headers only. */
#define SEARCHED_MAX ((size_t)256)

#define DATA         SIZE_MAX /* a payload as long as the header before said */
#define NEVER        (SIZE_MAX - 1)

static const struct {
    enum omvrpc_magic magic;
    size_t from_master, from_slave; /* payloads */
} sizes[] = {
    {OMVRPC_COMMAND_HEADER, 8, 0}, {OMVRPC_COMMAND_DATA, DATA, 0}, {OMVRPC_RESULT_HEADER, 0, 4},
    {OMVRPC_RESULT_DATA, 0, DATA}, {OMVRPC_STREAM_OPEN, 4, NEVER}, {OMVRPC_STREAM_FRAME, NEVER, 4},
};

#define ROWS (sizeof sizes / sizeof sizes[0])

enum finding { FOUND_NOTHING, FOUND_BEGINNING, FOUND_PACKET };

static unsigned get_u16(const uint8_t *bytes) {
    return (unsigned)bytes[0] | (unsigned)bytes[1] << 8;
}

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)get_u16(bytes) | (uint32_t)get_u16(bytes + 2) << 16;
}

/* Looks whether a packet stands at the front, or may stand there once more has come. */
static enum finding look(const struct cutter *cutter, const uint8_t *data, size_t length, size_t data_most,
                         struct cut *cut) {
    enum finding best = FOUND_NOTHING;
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t magic[2] = {(uint8_t)sizes[i].magic, (uint8_t)(sizes[i].magic >> 8)};
        size_t payload = cutter->from_master ? sizes[i].from_master : sizes[i].from_slave;
        if (payload == DATA) {
            payload = cutter->knows_length && cutter->data_length <= data_most ? cutter->data_length : NEVER;
        }
        if (payload == NEVER || data[0] != magic[0] || (length > 1 && data[1] != magic[1])) {
            continue;
        }
        size_t size = payload + OMVRPC_PACKET_OVERHEAD;
        if (length < size) {
            best = FOUND_BEGINNING;
        } else if (omvrpc_crc16(OMVRPC_CRC16_INITIAL, data, size - 2) == get_u16(data + size - 2)) {
            *cut = (struct cut){.kind = CUT_PACKET,
                                .magic = sizes[i].magic,
                                .payload = data + 2,
                                .payload_length = payload,
                                .length = size};
            return FOUND_PACKET;
        }
    }
    return best;
}

/* Keeps what a packet tells of the bytes behind it. */
static void remember(struct cutter *cutter, const struct cut *cut) {
    enum omvrpc_magic header = cutter->from_master ? OMVRPC_COMMAND_HEADER : OMVRPC_RESULT_HEADER;
    if (cut->magic == header) {
        cutter->data_length = get_u32(cut->payload + (cutter->from_master ? 4 : 0));
        cutter->knows_length = cutter->data_length <= DATA_LENGTH_MAX;
    } else if (cut->magic == OMVRPC_STREAM_FRAME) {
        uint32_t frame = get_u32(cut->payload);
        cutter->raw_left = frame <= DATA_LENGTH_MAX ? frame : 0;
    }
}

void cutter_next(struct cutter *cutter, const uint8_t *data, size_t length, bool is_end, struct cut *cut) {
    *cut = (struct cut){.kind = CUT_MORE};
    if (cutter->raw_left > 0) {
        cut->kind = CUT_RAW;
        cut->length = length < cutter->raw_left ? length : cutter->raw_left;
        cutter->raw_left -= cut->length;
        return;
    }
    switch (look(cutter, data, length, DATA_LENGTH_MAX, cut)) {
    case FOUND_PACKET:
        remember(cutter, cut);
        return;
    case FOUND_BEGINNING:
        if (!is_end) {
            return;
        }
        break;
    case FOUND_NOTHING:
        break;
    }
    struct cut next;
    enum finding finding = FOUND_NOTHING;
    size_t noise = 0;
    while (++noise < length) {
        finding = look(cutter, data + noise, length - noise, SEARCHED_MAX, &next);
        if (finding == FOUND_PACKET || (finding == FOUND_BEGINNING && !is_end)) {
            break;
        }
    }
    *cut = (struct cut){.kind = CUT_NOISE, .length = noise};
}
