/* SPDX-License-Identifier: MIT */
#ifndef STOCK_SLAVE_INTERNAL_H
#define STOCK_SLAVE_INTERNAL_H

/* What the script of the stock camera (stock_slave.c) and its ports on buses (stock_slave_bus.c) share. */

#include "stock_slave.h"

#include "packet.h"

/* Frames that a CAN controller of these cameras keeps, and their most bytes. */
#define STOCK_SLAVE_FIFO       3
#define STOCK_SLAVE_FRAME_SIZE 8

typedef void activity(struct stock_slave *slave);

struct memory {
    uint8_t *bytes;
    size_t size;
};

struct stock_slave {
    struct stock_slave_options options;
    struct stock_slave_counts counts;
    uint64_t random;

    bool started, booting;
    int64_t now_us, wake_us;
    activity *next;
    stock_slave_send *send;
    void *send_context;

    /* The port: a ring, and behind it on STM32 the data register. */
    uint8_t *ring;
    size_t ring_first, ring_count;
    bool overrun;
    uint8_t overrun_byte;

    /* The read under way, or the packet that it brought. */
    bool reading, waited_again;
    int64_t byte_timeout_ms;
    struct memory packet;
    size_t wanted, got;

    /* A transaction that it waits for, in or out; on SPI it is armed only once the chip is selected. */
    bool selected, arming, armed, writing;
    bool unfetched; /* the last write was given up */
    const uint8_t *out;
    size_t out_length, out_moved;
    uint8_t small[PACKET_RESULT_HEADER_SIZE]; /* acknowledgements and headers on their way out */
    int64_t transfer_ms;                      /* how long a transaction may take, once it is armed on SPI */

    /* Frames that the CAN controller has kept. */
    struct {
        uint8_t length;
        uint8_t bytes[STOCK_SLAVE_FRAME_SIZE];
    } fifo[STOCK_SLAVE_FIFO];
    size_t fifo_count;

    /* The loop under way: when it began, in ticks, and its growing window. */
    int64_t loop_began_ms;
    uint32_t window_ms;

    uint32_t command, argument_length;
    struct stock_slave_reply reply;
    struct memory result;
    size_t result_size;

    uint32_t stream_depth, stream_credits;
    uint8_t stream_byte;
    const uint8_t *frame;
    size_t frame_length;
};

static inline bool stock_slave_is(const struct stock_slave *slave, enum stock_slave_kind kind) {
    return slave->options.kind == kind;
}

/* Whether its port moves bytes by transactions. */
static inline bool stock_slave_transacts(const struct stock_slave *slave) {
    return stock_slave_is(slave, STOCK_SLAVE_SPI) || stock_slave_is(slave, STOCK_SLAVE_I2C);
}

static inline int64_t stock_slave_tick_after(const struct stock_slave *slave, int64_t timeout_ms) {
    int64_t ticks_ms = (slave->now_us + slave->options.tick_phase_us) / 1000;
    return (ticks_ms + timeout_ms) * 1000 - slave->options.tick_phase_us;
}

int64_t stock_slave_draw(struct stock_slave *slave, struct stock_slave_range range);

/* The read under way is over, with what it got; what follows is due after the packet was looked at. */
void stock_slave_read_finish(struct stock_slave *slave);

/* In stock_slave_bus.c. */

/* Begins to wait for a transaction: on SPI for the chip select within `select_ms`, then for `transfer_ms` at most. */
void stock_slave_arm(struct stock_slave *slave, int64_t select_ms, int64_t transfer_ms);

/* The time of a wait for a transaction is over. Returns false where that only means that the chip is armed now. */
bool stock_slave_disarm(struct stock_slave *slave);

/* A read on CAN takes what the controller has kept. */
void stock_slave_read_fifo(struct stock_slave *slave);

/* Takes one frame. */
void stock_slave_take_frame(struct stock_slave *slave, const uint8_t *data, size_t length);

#endif
