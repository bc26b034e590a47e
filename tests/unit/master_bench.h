/* SPDX-License-Identifier: MIT */
#ifndef MASTER_BENCH_H
#define MASTER_BENCH_H

/*
 * A bench for the master: virtual time, a record of all it sends, and a camera that is either the test itself,
 * answering packet by packet, or a well-behaved one that runs by itself.
 */

#include "packet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS           1000
#define SECOND       1000000
#define COMMAND_NAME "test"
#define COMMAND      0x7c73af33u /* of COMMAND_NAME */
#define SENT_MOST    16384
#define SENT_KEPT    32
#define FRAME_MOST   65536
#define ANSWER_MOST  8192
#define NOTHING      0u /* no magic */
#define STEPS_MOST   2000

struct sent {
    int64_t at_us;
    uint32_t magic; /* of the first packet */
    size_t length;
    uint8_t bytes[SENT_KEPT];
};

struct bench {
    struct omvrpc_master *master;
    struct omvrpc_slave *camera; /* NULL: the test answers */
    int64_t delay_us;            /* from the camera to the master */
    uint8_t answer[ANSWER_MOST];
    size_t answer_length;
    int64_t answer_us;
    int64_t camera_us; /* when the camera has something to do by itself */
    int64_t now_us;
    struct sent sent[SENT_MOST];
    size_t sent_count;
    size_t looked; /* at so many of them */
    size_t discards, frames, done;
    int64_t done_us;
    uint8_t frame[FRAME_MOST]; /* the last one */
    size_t frame_length;
    struct omvrpc_step step; /* the last one */
};

static struct bench bench;

static const struct omvrpc_link_info usb = {.pairs = true, .byte_rate = 0, .receive_buffer = 1024};
static const struct omvrpc_link_info uart
    __attribute__((unused)) = {.pairs = true, .byte_rate = 11520, .receive_buffer = 64};
static const struct omvrpc_link_info packets
    __attribute__((unused)) = {.pairs = false, .byte_rate = 125000, .receive_buffer = 64};

/* What the well-behaved camera has to say reaches the master after the delay. */
static inline void let_camera_work(void) {
    struct omvrpc_step step;
    omvrpc_slave_next(bench.camera, bench.now_us, &step);
    while (step.kind == OMVRPC_STEP_SEND) {
        ck_assert_uint_le(step.length, ANSWER_MOST - bench.answer_length);
        if (bench.answer_length == 0) {
            bench.answer_us = bench.now_us + bench.delay_us;
        }
        memcpy(bench.answer + bench.answer_length, step.data, step.length);
        bench.answer_length += step.length;
        omvrpc_slave_sent(bench.camera, step.length, bench.now_us);
        omvrpc_slave_next(bench.camera, bench.now_us, &step);
    }
    bench.camera_us = step.until_us;
}

static inline void keep_sent(const struct omvrpc_step *step) {
    ck_assert_uint_lt(bench.sent_count, SENT_MOST);
    struct sent *sent = &bench.sent[bench.sent_count++];
    sent->at_us = bench.now_us;
    sent->magic = step->length >= 2 ? get_u16(step->data) : NOTHING;
    sent->length = step->length;
    memcpy(sent->bytes, step->data, step->length < SENT_KEPT ? step->length : SENT_KEPT);
}

static inline void deliver_answers(void) {
    if (bench.answer_length > 0 && bench.now_us >= bench.answer_us) {
        size_t length = bench.answer_length;
        bench.answer_length = 0;
        omvrpc_master_received(bench.master, bench.answer, length, bench.now_us);
    }
}

/* Does what the master asks for, but lets no time pass. Returns false when there is nothing left to do now. */
static inline bool do_step(void) {
    deliver_answers();
    omvrpc_master_next(bench.master, bench.now_us, &bench.step);
    switch (bench.step.kind) {
    case OMVRPC_STEP_SEND:
        ck_assert_uint_gt(bench.step.length, 0);
        keep_sent(&bench.step);
        if (bench.camera != NULL) {
            omvrpc_slave_received(bench.camera, bench.step.data, bench.step.length, bench.now_us);
        }
        omvrpc_master_sent(bench.master, bench.step.length, bench.now_us);
        break;
    case OMVRPC_STEP_DISCARD:
        bench.discards++;
        bench.answer_length = 0;
        break;
    case OMVRPC_STEP_FRAME:
        ck_assert_uint_le(bench.step.length, FRAME_MOST);
        if (bench.step.length > 0) {
            memcpy(bench.frame, bench.step.data, bench.step.length);
        }
        bench.frame_length = bench.step.length;
        bench.frames++;
        break;
    case OMVRPC_STEP_DONE:
        bench.done++;
        bench.done_us = bench.now_us;
        break;
    case OMVRPC_STEP_RECEIVE:
    case OMVRPC_STEP_IDLE:
        ck_assert_int_gt(bench.step.until_us, bench.now_us);
        if (bench.camera != NULL) {
            let_camera_work();
        }
        return false;
    }
    return true;
}

/* Lets time pass until `end_us`, or earlier until a packet with this magic was sent or a call has ended. */
static inline bool live(int64_t end_us, uint32_t magic, bool until_done) {
    unsigned steps = 0;
    size_t done = bench.done;
    for (;;) {
        size_t sent = bench.sent_count;
        bool busy = do_step();
        if (magic != NOTHING && bench.sent_count > sent && bench.sent[sent].magic == magic) {
            return true;
        }
        if (until_done && bench.done > done) {
            return true;
        }
        if (busy) {
            ck_assert_msg(++steps < STEPS_MOST, "the master never comes to rest at one point of time");
            continue;
        }
        steps = 0;
        int64_t wake_us = bench.step.until_us;
        if (bench.answer_length > 0 && bench.answer_us < wake_us) {
            wake_us = bench.answer_us;
        }
        if (bench.camera != NULL && bench.camera_us > bench.now_us && bench.camera_us < wake_us) {
            wake_us = bench.camera_us;
        }
        if (wake_us > end_us) {
            bench.now_us = end_us;
            return false;
        }
        bench.now_us = wake_us > bench.now_us ? wake_us : bench.now_us;
    }
}

static inline void live_for(int64_t duration_us) {
    live(bench.now_us + duration_us, NOTHING, false);
}

/* All that was sent until now is of no interest any more. */
static inline void look_away(void) {
    bench.looked = bench.sent_count;
}

/* Waits until the master sends a packet of this kind, at most 20 s. */
static inline const struct sent *await_sent(uint32_t magic) {
    ck_assert_msg(live(bench.now_us + 20 * SECOND, magic, false), "nothing with magic %04x was sent", magic);
    bench.looked = bench.sent_count;
    return &bench.sent[bench.sent_count - 1];
}

static inline const struct omvrpc_result *await_done(void) {
    ck_assert_msg(live(bench.now_us + 60 * SECOND, NOTHING, true), "the call never ended");
    return omvrpc_master_result(bench.master);
}

static inline void expect_end(enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    const struct omvrpc_result *result = await_done();
    ck_assert_str_eq(omvrpc_outcome_name(result->outcome), omvrpc_outcome_name(outcome));
    ck_assert_str_eq(omvrpc_cause_name(result->cause), omvrpc_cause_name(cause));
    if (outcome != OMVRPC_DONE) {
        ck_assert_ptr_null(result->data);
        ck_assert_uint_eq(result->length, 0);
    }
}

static inline void expect_result(const void *data, size_t length) {
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    const struct omvrpc_result *result = omvrpc_master_result(bench.master);
    ck_assert_uint_eq(result->length, length);
    if (length > 0) {
        ck_assert_mem_eq(result->data, data, length);
    }
}

/* How many records with this magic were sent since look_away(). */
static inline size_t count_sent(uint32_t magic) {
    size_t count = 0;
    for (size_t i = bench.looked; i < bench.sent_count; i++) {
        count += bench.sent[i].magic == magic;
    }
    return count;
}

/* Whether it is a copy of the test's command, not of the reserved one. */
static inline bool is_copy(const struct sent *sent) {
    return sent->magic == OMVRPC_COMMAND_HEADER && sent->length >= 6 && get_u32(sent->bytes + 2) == COMMAND;
}

static inline size_t count_copies(void) {
    size_t count = 0;
    for (size_t i = bench.looked; i < bench.sent_count; i++) {
        count += is_copy(&bench.sent[i]);
    }
    return count;
}

/* The camera says. */

static inline void say(const void *bytes, size_t length) {
    omvrpc_master_received(bench.master, bytes, length, bench.now_us);
}

static inline void say_packet(enum omvrpc_magic magic, const void *payload, size_t length) {
    uint8_t *packet = malloc(length + OMVRPC_PACKET_OVERHEAD);
    ck_assert_ptr_nonnull(packet);
    packet_put(packet, magic, payload, length);
    say(packet, length + OMVRPC_PACKET_OVERHEAD);
    free(packet);
}

static inline void say_ack(enum omvrpc_magic magic) {
    say_packet(magic, NULL, 0);
}

static inline void say_acks(void) {
    say_ack(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_DATA);
}

static inline void say_u32(enum omvrpc_magic magic, size_t value) {
    uint8_t packet[PACKET_RESULT_HEADER_SIZE];
    say(packet, packet_put_u32(packet, magic, (uint32_t)value));
}

static inline void say_result(const void *data, size_t length) {
    say_u32(OMVRPC_RESULT_HEADER, length);
    say_packet(OMVRPC_RESULT_DATA, data, length);
}

static inline void say_damaged(enum omvrpc_magic magic, const void *payload, size_t length) {
    uint8_t packet[256];
    ck_assert_uint_le(length, sizeof packet - OMVRPC_PACKET_OVERHEAD);
    size_t size = packet_put(packet, magic, payload, length);
    packet[size - 1] ^= 0x10;
    say(packet, size);
}

static const uint8_t answer_bytes[8] = "answers";

static inline void answer_command(void *context, const uint8_t *bytes, size_t length, struct omvrpc_reply *reply) {
    (void)context, (void)bytes, (void)length;
    ck_assert_int_eq(omvrpc_reply_append(reply, answer_bytes, sizeof answer_bytes), 0);
}

/* From now on a camera that does all right answers. */
static inline void plug_camera_in(void) {
    bench.camera = omvrpc_slave_new();
    ck_assert_ptr_nonnull(bench.camera);
    ck_assert_int_eq(omvrpc_slave_register(bench.camera, COMMAND_NAME, answer_command, NULL), 0);
}

/* Such a camera takes over until the master has settled; afterwards the test answers. */
static inline void settle(void) {
    plug_camera_in();
    int64_t end_us = bench.now_us + 10 * SECOND;
    while (!omvrpc_master_is_settled(bench.master)) {
        ck_assert_int_lt(bench.now_us, end_us);
        live_for(MS);
    }
    omvrpc_slave_free(bench.camera);
    bench.camera = NULL;
    bench.answer_length = 0;
    look_away();
}

static inline void bench_open(const struct omvrpc_link_info *info, int64_t delay_us) {
    memset(&bench, 0, sizeof bench);
    bench.delay_us = delay_us;
    bench.now_us = 1000 * (int64_t)SECOND;
    bench.master = omvrpc_master_new();
    ck_assert_ptr_nonnull(bench.master);
    omvrpc_master_link_opened(bench.master, info, bench.now_us);
    settle();
    /* Long after the settling, so that nothing of it is left to wait for. */
    live_for(SECOND);
}

static inline void bench_close(void) {
    omvrpc_master_free(bench.master);
    omvrpc_slave_free(bench.camera);
    memset(&bench, 0, sizeof bench);
}

static inline void open_usb(void) {
    bench_open(&usb, 200);
}

static const uint8_t argument[4] __attribute__((unused)) = {1, 2, 3, 4};

/* A plain request: one second, four bytes, not repeatable. */
static inline struct omvrpc_request plain(void) {
    return (struct omvrpc_request){
        .command = COMMAND,
        .argument = argument,
        .argument_length = sizeof argument,
        .deadline_us = bench.now_us + 10 * SECOND,
    };
}

static inline void call(struct omvrpc_request request) {
    look_away();
    ck_assert_int_eq(omvrpc_master_call(bench.master, &request, bench.now_us), 0);
}

/* Calls, and goes on to the point where the camera has taken the command and the first poll is out. */
static inline void call_and_take(struct omvrpc_request request) {
    call(request);
    await_sent(OMVRPC_COMMAND_HEADER);
    bench.now_us += 200;
    say_acks();
    await_sent(OMVRPC_RESULT_HEADER);
}

/* A whole call whose callback takes so long. */
static inline void call_in_full(struct omvrpc_request request, int64_t duration_us) {
    call(request);
    await_sent(OMVRPC_COMMAND_HEADER);
    bench.now_us += 200;
    say_acks();
    live_for(duration_us);
    await_sent(OMVRPC_RESULT_HEADER);
    bench.now_us += 200;
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}

#endif
