/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_WIRE_H
#define SIMULATE_WIRE_H

/*
 * One direction of a line in virtual time: a bounded queue of bytes with the times at which they arrive. Order is kept.
 * Packets may be lost, damaged, doubled and cut, within what CRC-16 is able to find, and where asked for beyond that.
 */

#include "random.h"

#include <stddef.h>
#include <stdint.h>

struct wire_faults {
    uint32_t drop, flip, twice, cut; /* chances in millionths, of each packet */
    uint32_t
        forge; /* of each packet with a payload: damage that its CRC-16 does not find, or an older one in its place */
};

struct wire_options {
    int64_t latency_us;
    int64_t jitter_us;  /* at most, on top of latency */
    uint32_t byte_rate; /* 0: no time for the bytes themselves */
    size_t capacity;    /* bytes under way at most; what is sent beyond is refused */
    size_t piece;       /* what arrives at once; 0 for what suits the rate */
};

struct wire_piece {
    int64_t leaves_us; /* when the sender's line has carried it */
    int64_t arrives_us;
    uint16_t length;
    uint8_t data[64];
};

struct wire {
    struct wire_options options;
    struct wire_faults faults;
    struct random random;
    struct wire_piece *pieces; /* a ring */
    size_t size, first, count;
    size_t bytes, most_bytes;
    int64_t free_us;       /* when the line has sent what was given to it */
    int64_t last_us;       /* when the last byte arrives */
    int64_t delay_us;      /* of what is being sent */
    uint64_t lost_acks;    /* acknowledgements dropped, damaged or cut */
    uint64_t lost_packets; /* of all kinds */
    uint64_t forged_packets;
    uint8_t kept[1024]; /* the last packet with data, to be sent again in place of another */
    size_t kept_length;
};

void wire_init(struct wire *wire, const struct wire_options *options, uint64_t seed);
void wire_free(struct wire *wire);

/* Sends what there is room for, as whole packets where it can tell them apart. Returns how many bytes were taken. */
size_t wire_send(struct wire *wire, const uint8_t *data, size_t length, int64_t now_us);

/* Time of the next arrival, INT64_MAX for none. */
int64_t wire_next(const struct wire *wire);

/* The next piece that has arrived by now, or NULL. */
struct wire_piece *wire_peek(struct wire *wire, int64_t now_us);

/* Removes so many bytes of that piece. */
void wire_consume(struct wire *wire, size_t length);

/* Decides by chance what goes wrong with a packet that is moved in another way than by these wires, and does it to the
 * bytes: cuts and doubles are told only. */
struct wire_fate {
    bool dropped, cut, twice;
};
struct wire_fate wire_hit(struct wire *wire, uint8_t *packet, size_t length);

/* Drops what the sender has queued and the line has not carried yet. */
void wire_discard_unsent(struct wire *wire, int64_t now_us);

/* Drops all that is under way. */
void wire_clear(struct wire *wire);

#endif
