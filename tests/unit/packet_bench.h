/* SPDX-License-Identifier: MIT */
#ifndef PACKET_BENCH_H
#define PACKET_BENCH_H

/*
 * A bench for the master on SPI and I2C: virtual time, and the model of the stock camera behind transactions that may be
 * lost. Each transaction takes the time of its bytes and of the pause before it.
 */

#include "packet.h"
#include "tests/sim/stock_slave.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS            1000
#define SECOND        1000000
#define COMMAND       0x01020304u
#define PACKET_MAX    8192
#define RECORDS       8192
#define SETTLE_US     100
#define REPLY_MOST    300000
#define FRAMES_WANTED 5
#define FRAME_NUMBER  10     /* the byte that differs in each */
#define HELD_US       300000 /* for which a driver waits for a clock that is held */

/* A transaction, as the camera's side sees it. */
struct record {
    int64_t at_us;
    bool reads, taken;
    uint16_t magic; /* of what was sent, or of what came */
    size_t length;
};

struct bench {
    struct omvrpc_master *master;
    struct stock_slave *slave;
    enum stock_slave_kind kind;
    struct omvrpc_link_info info;
    int64_t now_us, slave_us;
    struct record records[RECORDS];
    size_t count;
    unsigned lose;       /* so many transactions from now on ... */
    unsigned lose_after; /* ... after so many of them */
    uint16_t lose_magic; /* or all with it, as long as `lose` lasts; 0 for any */
    bool lose_reads;
    bool damage; /* flip a bit rather than lose */
    bool is_low; /* the ready line; links without one say the same as with one that is high */
    bool dead;
    uint8_t *reply_bytes;
    struct stock_slave_reply reply;
    unsigned executions, frames;
    unsigned held; /* transactions that found the clock held */
    size_t frame_length;
    int64_t frame_due_us, frame_interval_us;
    bool frames_are_pictures; /* as each is expected to be that is handed over */
    size_t argument_length;
};

static struct bench bench;

static inline void never_send(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    (void)context, (void)data, (void)length, (void)now_us;
    ck_abort_msg("a camera on such a bus sent something by itself");
}

static inline void run_callback(void *context, uint32_t command, const uint8_t *argument, size_t length,
                                struct stock_slave_reply *reply) {
    (void)context, (void)argument;
    if (command == COMMAND) {
        bench.executions++;
        bench.argument_length = length;
        *reply = bench.reply;
    }
}

static inline bool give_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    (void)context;
    *due_us = bench.frame_due_us > now_us ? bench.frame_due_us : now_us;
    if (*due_us > now_us) {
        return true;
    }
    bench.frame_due_us = now_us + bench.frame_interval_us;
    bench.reply_bytes[FRAME_NUMBER]++;
    *data = bench.reply_bytes;
    *length = bench.frame_length;
    return true;
}

static inline void step_slave(int64_t now_us) {
    bench.slave_us = stock_slave_step(bench.slave, now_us, never_send, &bench);
}

static inline uint16_t magic_of(const uint8_t *bytes, size_t length) {
    return length >= 2 ? get_u16(bytes) : (uint16_t)0;
}

/* Whether this transaction does not reach the camera, or not undamaged. */
static inline bool is_hit(bool reads, uint16_t magic) {
    bool meant = bench.lose_magic == 0 || (bench.lose_magic == magic && bench.lose_reads == reads);
    if (!meant || bench.lose == 0) {
        return false;
    }
    if (bench.lose_after > 0) {
        bench.lose_after--;
        return false;
    }
    bench.lose--;
    return true;
}

static inline void keep_record(bool reads, bool taken, const uint8_t *bytes, size_t length) {
    ck_assert_uint_lt(bench.count, RECORDS);
    bench.records[bench.count++] =
        (struct record){bench.now_us, reads, taken, taken ? magic_of(bytes, length) : (uint16_t)0, length};
}

/* One transaction of the host's, with the time that it takes. Returns whether it was moved. */
static inline bool transact(bool reads, uint8_t *bytes, size_t length) {
    int64_t begin_us = bench.now_us + SETTLE_US;
    int64_t end_us = begin_us + 1 + (int64_t)length * 1000000 / bench.info.byte_rate;
    bool taken = true;
    bool hit = bench.dead || (!reads && is_hit(false, magic_of(bytes, length)));
    uint8_t *copy = malloc(length);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, length);
    if (hit && bench.damage && !bench.dead) {
        copy[length / 2] ^= 0x10;
        hit = false;
    }
    ck_assert(bench.info.packet_max == 0 || length <= bench.info.packet_max);
    if (hit) {
        step_slave(begin_us);
        memset(copy, 0xff, length);
    } else if (bench.kind == STOCK_SLAVE_SPI) {
        step_slave(bench.now_us);
        stock_slave_select(bench.slave, true, bench.now_us);
        step_slave(begin_us);
        size_t piece = reads && length > 64 ? 64 : length;
        int64_t look_us = begin_us + 1 + (int64_t)piece * 1000000 / bench.info.byte_rate;
        stock_slave_clock(bench.slave, reads ? NULL : copy, reads ? copy : NULL, piece, begin_us, look_us);
        if (reads && piece < length && memcmp(copy, copy + 1, piece - 1) == 0) {
            end_us = look_us;
            memset(copy, copy[0], length);
        } else if (piece < length) {
            step_slave(look_us);
            stock_slave_clock(bench.slave, NULL, copy + piece, length - piece, look_us, end_us);
        }
        stock_slave_select(bench.slave, false, end_us);
    } else {
        step_slave(begin_us);
        int status = stock_slave_message(bench.slave, reads, copy, length, begin_us, end_us);
        int64_t held_us = bench.slave_us < begin_us + HELD_US ? bench.slave_us : begin_us + HELD_US;
        taken = status == 0;
        bench.held += status == -ETIMEDOUT;
        end_us = taken ? end_us : status == -ETIMEDOUT ? held_us : begin_us + 20;
    }
    step_slave(end_us);
    if (reads && taken && is_hit(true, magic_of(copy, length))) {
        memset(copy, 0xff, length);
        copy[length / 2] ^= bench.damage ? 0x10 : 0;
    }
    if (reads) {
        taken = taken && (length == 1 || memcmp(copy, copy + 1, length - 1) != 0);
        memcpy(bytes, copy, length);
    } else {
        taken = taken && !(hit && bench.kind == STOCK_SLAVE_I2C);
    }
    keep_record(reads, taken, reads ? copy : bytes, length);
    free(copy);
    bench.now_us = end_us;
    return taken;
}

/* Does what the master asks for now. Returns false when it wants to wait. */
static inline bool do_step(struct omvrpc_step *step, size_t *done) {
    omvrpc_master_set_ready(bench.master, !bench.is_low, bench.now_us);
    omvrpc_master_next(bench.master, bench.now_us, step);
    switch (step->kind) {
    case OMVRPC_STEP_SEND: {
        uint8_t *copy = malloc(step->length);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, step->data, step->length);
        size_t length = step->length;
        bool taken = transact(false, copy, length);
        free(copy);
        omvrpc_master_sent(bench.master, taken ? length : 0, bench.now_us);
        return true;
    }
    case OMVRPC_STEP_RECEIVE:
        if (step->length > 0) {
            uint8_t *room = omvrpc_master_reserve(bench.master, step->length);
            ck_assert_ptr_nonnull(room);
            bool taken = transact(true, room, step->length);
            omvrpc_master_received(bench.master, room, taken ? step->length : 0, bench.now_us);
            return true;
        }
        return false;
    case OMVRPC_STEP_DISCARD:
        return true;
    case OMVRPC_STEP_FRAME:
        bench.frames++;
        if (bench.frames_are_pictures) {
            ck_assert_uint_eq(step->length, bench.frame_length);
            ck_assert_uint_eq(step->data[FRAME_NUMBER], bench.reply_bytes[FRAME_NUMBER]);
            ck_assert_mem_eq(step->data, "\xff\xd8\xff", 3);
            ck_assert_mem_eq(step->data + step->length - 2, "\xff\xd9", 2);
        }
        if (bench.frames == FRAMES_WANTED) {
            omvrpc_master_stop(bench.master, bench.now_us);
        }
        return true;
    case OMVRPC_STEP_DONE:
        ++*done;
        return true;
    case OMVRPC_STEP_IDLE:
        return false;
    }
    return false;
}

/* Lives until a call has ended, or so long. Returns whether one has ended. */
static inline bool live(int64_t duration_us) {
    int64_t end_us = bench.now_us + duration_us;
    size_t done = 0;
    while (bench.now_us < end_us && done == 0) {
        struct omvrpc_step step;
        if (!do_step(&step, &done)) {
            ck_assert_int_gt(step.until_us, bench.now_us);
            bench.now_us = step.until_us < end_us ? step.until_us : end_us;
            /* Waking up takes its time. */
            bench.now_us += 30;
            step_slave(bench.now_us);
        }
    }
    return done > 0;
}

/* `turn_ms` is 0 for the stock script and 100 for ours. On I2C a camera holds the clock of what goes the other way than it
 * is armed for, or refuses it. */
static inline void bench_open_as(enum stock_slave_kind kind, int64_t gc_us, uint32_t turn_ms, bool stretches) {
    memset(&bench, 0, sizeof bench);
    const struct stock_slave_options options = {
        .kind = kind,
        .seed = 7,
        .callback = run_callback,
        .gc = {gc_us, gc_us + gc_us / 2},
        .packet = {20, 150},
        .arm = {20, 80},
        .turn_ms = turn_ms,
        .stretches = stretches,
    };
    bench.kind = kind;
    bench.now_us = SECOND;
    bench.slave = stock_slave_new(&options);
    bench.master = omvrpc_master_new();
    bench.reply_bytes = malloc(REPLY_MOST);
    ck_assert(bench.slave != NULL && bench.master != NULL && bench.reply_bytes != NULL);
    for (size_t i = 0; i < REPLY_MOST; i++) {
        bench.reply_bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    bench.info = (struct omvrpc_link_info){
        .byte_rate = kind == STOCK_SLAVE_SPI ? 125000 : 44444,
        .receive_buffer = 64,
        .transactions = true,
        .acknowledges = kind == STOCK_SLAVE_I2C,
        .packet_max = kind == STOCK_SLAVE_SPI ? 0 : PACKET_MAX,
    };
    step_slave(bench.now_us);
    omvrpc_master_link_opened(bench.master, &bench.info, bench.now_us);
}

static inline void bench_open_with(enum stock_slave_kind kind, int64_t gc_us, uint32_t turn_ms) {
    bench_open_as(kind, gc_us, turn_ms, true);
}

static inline void bench_open(enum stock_slave_kind kind, int64_t gc_us) {
    bench_open_with(kind, gc_us, 0);
}

static inline void settle(void) {
    for (int i = 0; i < 200 && !omvrpc_master_is_settled(bench.master); i++) {
        live(10 * MS);
    }
    ck_assert(omvrpc_master_is_settled(bench.master));
    bench.count = 0;
}

static inline void bench_close(void) {
    omvrpc_master_free(bench.master);
    stock_slave_free(bench.slave);
    free(bench.reply_bytes);
}

static inline void reply_with(size_t length) {
    bench.reply.result = bench.reply_bytes;
    bench.reply.length = length;
}

static inline void call(struct omvrpc_request request) {
    request.command = COMMAND;
    request.deadline_us = request.deadline_us != 0 ? request.deadline_us : bench.now_us + 10 * SECOND;
    ck_assert_int_eq(omvrpc_master_call(bench.master, &request, bench.now_us), 0);
}

static inline const struct omvrpc_result *await_end(void) {
    ck_assert_msg(live(60 * (int64_t)SECOND), "the call never ended");
    return omvrpc_master_result(bench.master);
}

static inline void expect_end(enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    const struct omvrpc_result *result = await_end();
    ck_assert_str_eq(omvrpc_outcome_name(result->outcome), omvrpc_outcome_name(outcome));
    ck_assert_str_eq(omvrpc_cause_name(result->cause), omvrpc_cause_name(cause));
}

static inline void expect_reply(size_t length) {
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    const struct omvrpc_result *result = omvrpc_master_result(bench.master);
    ck_assert_uint_eq(result->length, length);
    ck_assert_mem_eq(result->data, bench.reply_bytes, length);
}

#endif
