/* SPDX-License-Identifier: MIT */
#ifndef STOCK_SLAVE_BENCH_H
#define STOCK_SLAVE_BENCH_H

/* A bench for the model of the stock camera: the time, the wire's two ends, and what it is expected to send. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "tests/sim/stock_slave.h"

#define MS        1000
#define SENT_MOST 65536
#define COMMAND   0x01020304u

/* A camera on a bench: the time, and everything that it has sent since it was last asked. */
struct bench {
    struct stock_slave *slave;
    int64_t now, next;
    uint8_t sent[SENT_MOST];
    size_t sent_length;
    int64_t sent_at;
    struct stock_slave_reply reply;
    uint8_t argument[1024];
    size_t argument_length;
};

static struct bench bench;

static inline void keep_sent(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    struct bench *b = context;
    ck_assert_uint_le(length, SENT_MOST - b->sent_length);
    memcpy(b->sent + b->sent_length, data, length);
    b->sent_length += length;
    b->sent_at = now_us;
}

static inline void answer(void *context, uint32_t command, const uint8_t *argument, size_t length,
                          struct stock_slave_reply *reply) {
    struct bench *b = context;
    ck_assert_uint_eq(command, COMMAND);
    ck_assert_uint_le(length, sizeof b->argument);
    memcpy(b->argument, argument, length);
    b->argument_length = length;
    *reply = b->reply;
}

static inline void bench_open(struct stock_slave_options options) {
    memset(&bench, 0, sizeof bench);
    options.callback = answer;
    options.context = &bench;
    bench.slave = stock_slave_new(&options);
    ck_assert_ptr_nonnull(bench.slave);
    bench.next = stock_slave_step(bench.slave, 0, keep_sent, &bench);
}

static inline void bench_close(void) {
    stock_slave_free(bench.slave);
    bench.slave = NULL;
}

static inline void live_until(int64_t now) {
    bench.now = now;
    bench.next = stock_slave_step(bench.slave, now, keep_sent, &bench);
}

static inline size_t deliver(const uint8_t *data, size_t length) {
    size_t taken = stock_slave_deliver(bench.slave, data, length, bench.now);
    live_until(bench.now);
    return taken;
}

static inline void expect_nothing(void) {
    ck_assert_uint_eq(bench.sent_length, 0);
}

/* Checks that exactly these bytes were sent since the last look. */
static inline void expect_sent(const uint8_t *data, size_t length) {
    ck_assert_uint_eq(bench.sent_length, length);
    ck_assert_mem_eq(bench.sent, data, length);
    bench.sent_length = 0;
}

static inline void expect_packet(enum omvrpc_magic magic, const uint8_t *payload, size_t length) {
    uint8_t packet[1024];
    expect_sent(packet, packet_put(packet, magic, payload, length));
}

static inline void expect_ack(enum omvrpc_magic magic) {
    expect_packet(magic, NULL, 0);
}

static inline void deliver_header(uint32_t length) {
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    deliver(packet, packet_put_command_header(packet, COMMAND, length));
}

static inline void deliver_packet(enum omvrpc_magic magic, const uint8_t *payload, size_t length) {
    uint8_t packet[1024];
    ck_assert_uint_le(length, sizeof packet - OMVRPC_PACKET_OVERHEAD);
    deliver(packet, packet_put(packet, magic, payload, length));
}

static inline void deliver_poll(enum omvrpc_magic magic) {
    deliver_packet(magic, NULL, 0);
}

static inline void call_empty(void) {
    deliver_header(0);
    expect_ack(OMVRPC_COMMAND_HEADER);
    deliver_packet(OMVRPC_COMMAND_DATA, NULL, 0);
    expect_ack(OMVRPC_COMMAND_DATA);
}

static inline void fetch_empty_result(void) {
    deliver_poll(OMVRPC_RESULT_HEADER);
    expect_packet(OMVRPC_RESULT_HEADER, (const uint8_t[4]){0}, 4);
    deliver_poll(OMVRPC_RESULT_DATA);
    expect_ack(OMVRPC_RESULT_DATA);
}

static const struct stock_slave_options uart = {.kind = STOCK_SLAVE_UART};
static const struct stock_slave_options vcp = {.kind = STOCK_SLAVE_VCP};

#endif
