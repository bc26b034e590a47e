/* SPDX-License-Identifier: MIT */
/* One direction of a line, with faults. */

#include "wire.h"

#include "libopenmvrpc/packet.h"

#include <stdlib.h>
#include <string.h>

/* On a slow line a byte's own time matters to the camera's receive buffer, so pieces are small there. */
#define SLOW_PIECE 4

/* CRC-16 finds up to three flipped bits anywhere in packets of up to 4 kB, and any burst of up to 16 bits in longer
 * ones. */
#define SCATTERED_MAX 4000

void wire_init(struct wire *wire, const struct wire_options *options, uint64_t seed) {
    *wire = (struct wire){.options = *options, .random = {seed}};
    wire->size = options->capacity / SLOW_PIECE + 16;
    wire->pieces = malloc(wire->size * sizeof wire->pieces[0]);
    if (wire->pieces == NULL) {
        abort();
    }
}

void wire_free(struct wire *wire) {
    free(wire->pieces);
}

static void push(struct wire *wire, const uint8_t *data, size_t length, int64_t now_us) {
    size_t piece_size = wire->options.piece != 0       ? wire->options.piece
                        : wire->options.byte_rate != 0 ? SLOW_PIECE
                                                       : sizeof wire->pieces[0].data;
    if (wire->free_us < now_us) {
        wire->free_us = now_us;
    }
    while (length > 0 && wire->count < wire->size) {
        size_t part = length < piece_size ? length : piece_size;
        if (wire->options.byte_rate != 0) {
            wire->free_us += (int64_t)part * 1000000 / wire->options.byte_rate;
        }
        int64_t arrives_us = wire->free_us + wire->delay_us;
        if (arrives_us < wire->last_us) {
            arrives_us = wire->last_us;
        }
        wire->last_us = arrives_us;
        struct wire_piece *piece = &wire->pieces[(wire->first + wire->count) % wire->size];
        piece->leaves_us = wire->free_us;
        piece->arrives_us = arrives_us;
        piece->length = (uint16_t)part;
        memcpy(piece->data, data, part);
        wire->count++;
        wire->bytes += part;
        data += part;
        length -= part;
    }
    if (wire->bytes > wire->most_bytes) {
        wire->most_bytes = wire->bytes;
    }
}

static void flip(struct wire *wire, uint8_t *packet, size_t length) {
    size_t bits = length * 8;
    if (length <= SCATTERED_MAX && random_chance(&wire->random, 500000)) {
        int64_t flips = random_range(&wire->random, 1, 3);
        size_t bit = (size_t)random_range(&wire->random, 0, (int64_t)bits - 1);
        for (int64_t i = 0; i < flips; i++) {
            packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bit = (bit + 1 + (size_t)random_range(&wire->random, 0, (int64_t)bits / 4)) % bits;
        }
        return;
    }
    size_t at = (size_t)random_range(&wire->random, 0, (int64_t)length - 2);
    uint16_t burst = (uint16_t)random_range(&wire->random, 1, 0xffff);
    packet[at] ^= (uint8_t)burst;
    packet[at + 1] ^= (uint8_t)(burst >> 8);
}

/* Damages the payload of a packet such that its CRC-16 is right. */
static void damage(struct wire *wire, uint8_t *packet, size_t length) {
    flip(wire, packet + 2, length - OMVRPC_PACKET_OVERHEAD);
    uint8_t *whole = malloc(length);
    if (whole == NULL) {
        abort();
    }
    packet_put(whole, (enum omvrpc_magic)get_u16(packet), packet + 2, length - OMVRPC_PACKET_OVERHEAD);
    memcpy(packet, whole, length);
    free(whole);
}

/* What no CRC-16 finds: damage that keeps it right, or an older packet of that kind and length in place of this one. */
static void forge(struct wire *wire, uint8_t *packet, size_t length) {
    if (wire->kept_length == length && memcmp(wire->kept, packet, 2) == 0 && random_chance(&wire->random, 500000)) {
        memcpy(packet, wire->kept, length);
    } else {
        damage(wire, packet, length);
    }
    wire->forged_packets++;
}

static void keep(struct wire *wire, const uint8_t *packet, size_t length) {
    bool is_data = get_u16(packet) == OMVRPC_COMMAND_DATA || get_u16(packet) == OMVRPC_RESULT_DATA;
    if (is_data && length <= sizeof wire->kept) {
        memcpy(wire->kept, packet, length);
        wire->kept_length = length;
    }
}

/* Flipping takes two bytes. What is not one packet by itself is not touched. */
static bool is_forgeable(const uint8_t *data, size_t length) {
    return length >= OMVRPC_PACKET_OVERHEAD + 2 && packet_is_valid(data, length, (enum omvrpc_magic)get_u16(data));
}

static void send_packet(struct wire *wire, const uint8_t *data, size_t length, int64_t now_us) {
    const struct wire_faults *faults = &wire->faults;
    bool is_ack =
        length == PACKET_ACK_SIZE && (get_u16(data) == OMVRPC_COMMAND_HEADER || get_u16(data) == OMVRPC_COMMAND_DATA);
    bool dropped = random_chance(&wire->random, faults->drop);
    bool flipped = random_chance(&wire->random, faults->flip);
    bool cut = random_chance(&wire->random, faults->cut);
    bool twice = random_chance(&wire->random, faults->twice);
    bool is_whole = faults->forge > 0 && is_forgeable(data, length);
    bool forged = is_whole && random_chance(&wire->random, faults->forge);
    if (dropped || flipped || cut) {
        wire->lost_packets++;
        wire->lost_acks += is_ack;
    }
    if (dropped) {
        return;
    }
    if (is_whole && !forged) {
        keep(wire, data, length);
    }
    if (length < 2 || !(flipped || cut || forged)) {
        push(wire, data, length, now_us);
        if (twice) {
            push(wire, data, length, now_us);
        }
        return;
    }
    uint8_t *packet = malloc(length);
    if (packet == NULL) {
        abort();
    }
    memcpy(packet, data, length);
    if (forged) {
        forge(wire, packet, length);
    }
    if (flipped) {
        flip(wire, packet, length);
    }
    push(wire, packet, cut ? (size_t)random_range(&wire->random, 0, (int64_t)length - 1) : length, now_us);
    free(packet);
}

struct wire_fate wire_hit(struct wire *wire, uint8_t *packet, size_t length) {
    const struct wire_faults *faults = &wire->faults;
    bool is_ack = length == PACKET_ACK_SIZE &&
                  (get_u16(packet) == OMVRPC_COMMAND_HEADER || get_u16(packet) == OMVRPC_COMMAND_DATA);
    bool flipped = random_chance(&wire->random, faults->flip);
    struct wire_fate fate = {
        .dropped = random_chance(&wire->random, faults->drop),
        .cut = random_chance(&wire->random, faults->cut),
        .twice = random_chance(&wire->random, faults->twice),
    };
    bool forged = faults->forge > 0 && is_forgeable(packet, length) && random_chance(&wire->random, faults->forge);
    if (fate.dropped || fate.cut || fate.twice || flipped) {
        wire->lost_packets++;
        wire->lost_acks += is_ack;
    }
    if (is_forgeable(packet, length) && !forged) {
        keep(wire, packet, length);
    }
    if (forged) {
        forge(wire, packet, length);
    }
    if (flipped && length >= 2) {
        flip(wire, packet, length);
    }
    return fate;
}

/* How many of these bytes make the first packet, as far as a wire can tell. */
static size_t packet_length(const uint8_t *data, size_t length) {
    if (length < 2) {
        return length;
    }
    size_t size = length;
    switch (get_u16(data)) {
    case OMVRPC_COMMAND_HEADER:
        size = length >= PACKET_COMMAND_HEADER_SIZE ? PACKET_COMMAND_HEADER_SIZE : PACKET_ACK_SIZE;
        break;
    case OMVRPC_RESULT_HEADER:
        size = length >= PACKET_POLL_SIZE + 2 && get_u16(data + PACKET_POLL_SIZE) == OMVRPC_RESULT_DATA
                   ? PACKET_POLL_SIZE
                   : length;
        break;
    default:
        break;
    }
    return size < length ? size : length;
}

size_t wire_send(struct wire *wire, const uint8_t *data, size_t length, int64_t now_us) {
    size_t room = wire->options.capacity > wire->bytes ? wire->options.capacity - wire->bytes : 0;
    if (length > room) {
        length = room;
    }
    /* What is sent at once stays together: a line may be late, but it makes no gaps of its own. */
    wire->delay_us = wire->options.latency_us + random_range(&wire->random, 0, wire->options.jitter_us);
    for (size_t sent = 0; sent < length;) {
        /* What has pieces of its own is given as a packet, or as one of them. */
        size_t part = wire->options.piece != 0 ? length : packet_length(data + sent, length - sent);
        send_packet(wire, data + sent, part, now_us);
        sent += part;
    }
    return length;
}

int64_t wire_next(const struct wire *wire) {
    return wire->count > 0 ? wire->pieces[wire->first].arrives_us : INT64_MAX;
}

struct wire_piece *wire_peek(struct wire *wire, int64_t now_us) {
    return wire_next(wire) <= now_us ? &wire->pieces[wire->first] : NULL;
}

void wire_consume(struct wire *wire, size_t length) {
    struct wire_piece *piece = &wire->pieces[wire->first];
    wire->bytes -= length;
    if (length == piece->length) {
        wire->first = (wire->first + 1) % wire->size;
        wire->count--;
        return;
    }
    piece->length = (uint16_t)(piece->length - length);
    memmove(piece->data, piece->data + length, piece->length);
}

void wire_discard_unsent(struct wire *wire, int64_t now_us) {
    while (wire->count > 0) {
        const struct wire_piece *last = &wire->pieces[(wire->first + wire->count - 1) % wire->size];
        if (last->leaves_us <= now_us) {
            break;
        }
        wire->bytes -= last->length;
        wire->count--;
    }
    wire->free_us = now_us;
    wire->last_us = wire->count > 0 ? wire->pieces[(wire->first + wire->count - 1) % wire->size].arrives_us : now_us;
}

void wire_clear(struct wire *wire) {
    wire->first = wire->count = wire->bytes = 0;
}
