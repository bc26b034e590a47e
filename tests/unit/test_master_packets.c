/* SPDX-License-Identifier: MIT */
/* The master on SPI and I2C, against the model of the stock camera: a packet, a turn, an answer that has to be read. */

#include "packet_bench.h"

#include <limits.h>

Suite *test_suite(void);

static enum stock_slave_kind kind(int i) {
    return i == 0 ? STOCK_SLAVE_SPI : STOCK_SLAVE_I2C;
}

START_TEST(it_settles_with_a_stock_camera_within_a_second) {
    bench_open(kind(_i % 2), _i < 2 ? 300 : 4000);
    for (int i = 0; i < 100 && !omvrpc_master_is_settled(bench.master); i++) {
        live(10 * MS);
    }
    ck_assert(omvrpc_master_is_settled(bench.master));
    bench_close();
}
END_TEST

START_TEST(a_call_with_an_argument_and_a_result_is_done) {
    static const uint8_t argument[300] = {1, 2, 3};
    bench_open(kind(_i % 2), _i < 2 ? 300 : 4000);
    settle();
    reply_with(1000);
    call((struct omvrpc_request){.argument = argument, .argument_length = sizeof argument});
    expect_reply(1000);
    ck_assert_uint_eq(bench.executions, 1);
    ck_assert_uint_eq(bench.argument_length, sizeof argument);
    bench_close();
}
END_TEST

START_TEST(two_hundred_calls_are_each_run_once) {
    bench_open(kind(_i % 2), _i < 2 ? 300 : 4000);
    settle();
    reply_with(20);
    int64_t begun_us = bench.now_us;
    for (unsigned i = 1; i <= 200; i++) {
        call((struct omvrpc_request){.argument_length = 0});
        expect_reply(20);
        ck_assert_uint_eq(bench.executions, i);
    }
    int64_t each_us = (bench.now_us - begun_us) / 200;
    ck_assert_int_lt(each_us, _i < 2 ? 12 * MS : 40 * MS);
    bench_close();
}
END_TEST

START_TEST(a_packet_is_never_sent_while_the_last_one_may_be_answered) {
    bench_open(kind(_i), 1000);
    settle();
    reply_with(20);
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(20);
    for (size_t i = 1; i < bench.count; i++) {
        bool was_sent = !bench.records[i - 1].reads && bench.records[i - 1].taken;
        ck_assert_msg(!was_sent || bench.records[i].reads, "packet %zu was sent without a read before it", i);
    }
    bench_close();
}
END_TEST

START_TEST(a_result_of_200_kb_comes_over_spi_whole) {
    bench_open(STOCK_SLAVE_SPI, 300);
    settle();
    reply_with(200000);
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(200000);
    bench_close();
}
END_TEST

START_TEST(a_result_longer_than_the_link_moves_ends_with_that_cause) {
    bench_open(STOCK_SLAVE_I2C, 300);
    settle();
    reply_with(PACKET_MAX - OMVRPC_PACKET_OVERHEAD + 1);
    call((struct omvrpc_request){.argument_length = 0});
    expect_end(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_PACKET_LIMIT);
    reply_with(PACKET_MAX - OMVRPC_PACKET_OVERHEAD);
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(PACKET_MAX - OMVRPC_PACKET_OVERHEAD);
    bench_close();
}
END_TEST

START_TEST(an_argument_longer_than_the_link_moves_is_not_delivered) {
    static const uint8_t argument[PACKET_MAX - OMVRPC_PACKET_OVERHEAD + 1];
    bench_open(STOCK_SLAVE_I2C, 300);
    settle();
    call((struct omvrpc_request){.argument = argument, .argument_length = sizeof argument});
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_PACKET_LIMIT);
    ck_assert_uint_eq(bench.executions, 0);
    call((struct omvrpc_request){.argument = argument, .argument_length = sizeof argument - 1});
    reply_with(0);
    expect_reply(0);
    bench_close();
}
END_TEST

/* Every packet of a call, either way, lost or damaged twice. */
static const struct {
    uint16_t magic;
    bool reads;
    bool harmless; /* even a call that must not run twice is done */
} packets[] = {
    {OMVRPC_COMMAND_HEADER, false, true}, {OMVRPC_COMMAND_HEADER, true, true}, {OMVRPC_COMMAND_DATA, false, true},
    {OMVRPC_COMMAND_DATA, true, true},    {OMVRPC_RESULT_HEADER, false, true}, {OMVRPC_RESULT_HEADER, true, true},
    {OMVRPC_RESULT_DATA, false, true},    {OMVRPC_RESULT_DATA, true, false},
};

#define PACKETS (int)(sizeof packets / sizeof packets[0])

START_TEST(a_lost_packet_costs_a_call_nothing_but_time) {
    int i = _i % PACKETS;
    bench_open(kind(_i / PACKETS % 2), 700);
    settle();
    reply_with(500);
    bench.damage = _i / PACKETS / 2 == 1;
    bench.lose = 2;
    bench.lose_magic = packets[i].magic;
    bench.lose_reads = packets[i].reads;
    static const uint8_t argument[100];
    call((struct omvrpc_request){.argument = argument, .argument_length = sizeof argument});
    if (packets[i].harmless) {
        expect_reply(500);
    } else {
        ck_assert_int_eq(await_end()->outcome, OMVRPC_RESULT_UNKNOWN);
    }
    ck_assert_uint_eq(bench.executions, 1);
    bench.lose = 0;
    call((struct omvrpc_request){.argument_length = 0});
    int64_t begun_us = bench.now_us;
    expect_reply(500);
    ck_assert_int_lt(bench.now_us - begun_us, SECOND);
    bench_close();
}
END_TEST

START_TEST(a_repeatable_call_whose_result_is_lost_is_run_again) {
    bench_open(kind(_i), 700);
    settle();
    reply_with(500);
    bench.lose = 1;
    bench.lose_magic = OMVRPC_RESULT_DATA;
    bench.lose_reads = true;
    call((struct omvrpc_request){.repeatable = true});
    expect_reply(500);
    ck_assert_uint_eq(bench.executions, 2);
    bench_close();
}
END_TEST

START_TEST(a_dead_camera_is_asked_seldom_and_told_of_as_silent) {
    bench_open(kind(_i), 700);
    settle();
    bench.dead = true;
    call((struct omvrpc_request){.deadline_us = bench.now_us + SECOND});
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    bench.count = 0;
    live(2 * SECOND);
    ck_assert_int_ne(omvrpc_master_silent_since(bench.master), 0);
    /* Half of the bus is left to others. */
    ck_assert_uint_lt(bench.count, 2000);
    bench_close();
}
END_TEST

START_TEST(a_camera_that_falls_silent_is_noticed_though_a_call_has_time_and_the_call_survives) {
    bench_open(kind(_i), 700);
    settle();
    reply_with(20);
    bench.dead = true;
    call((struct omvrpc_request){.deadline_us = bench.now_us + 60 * (int64_t)SECOND});
    ck_assert(!live(3 * SECOND));
    ck_assert_int_ne(omvrpc_master_silent_since(bench.master), 0);
    bench.dead = false;
    int64_t begun_us = bench.now_us;
    expect_reply(20);
    ck_assert_int_lt(bench.now_us - begun_us, SECOND);
    ck_assert_uint_eq(bench.executions, 1);
    bench_close();
}
END_TEST

START_TEST(polls_thin_out_while_a_callback_computes) {
    bench_open(kind(_i), 700);
    settle();
    reply_with(20);
    bench.reply.duration_us = 2 * SECOND;
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(20);
    size_t sent = 0;
    for (size_t i = 0; i < bench.count; i++) {
        sent += !bench.records[i].reads;
    }
    ck_assert_uint_lt(sent, 500);
    bench_close();
}
END_TEST

START_TEST(raw_bytes_come_as_one_transaction_behind_the_result) {
    bench_open(kind(_i), 700);
    settle();
    bench.reply.raw = bench.reply_bytes;
    bench.reply.raw_length = 5000;
    call((struct omvrpc_request){.raw_length = 5000, .schedules = true});
    expect_reply(5000);
    ck_assert_uint_eq(bench.records[bench.count - 1].length, 5000);
    bench_close();
}
END_TEST

START_TEST(a_stream_gives_frames_and_stops_when_asked) {
    bench_open(kind(_i % 2), 300);
    settle();
    bench.frame_length = 3000;
    bench.frame_interval_us = _i < 2 ? 0 : 30 * MS;
    bench.reply.source = give_frame;
    call((struct omvrpc_request){.stream_depth = 2, .deadline_us = bench.now_us + 20 * SECOND});
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_ge(bench.frames, FRAMES_WANTED);
    ck_assert_uint_le(bench.frames, FRAMES_WANTED + 1);
    bench.reply.source = NULL;
    reply_with(20);
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(20);
    bench_close();
}
END_TEST

/* Begins a stream of frames that have the beginning and the end of a picture; an empty one has neither. */
static void stream_pictures(size_t length) {
    bench_open(STOCK_SLAVE_SPI, 300);
    settle();
    bench.frames_are_pictures = length > 0;
    bench.frame_length = length;
    bench.reply.source = give_frame;
    if (length > 0) {
        memcpy(bench.reply_bytes, "\xff\xd8\xff", 3);
        memcpy(bench.reply_bytes + length - 2, "\xff\xd9", 2);
    }
    call((struct omvrpc_request){.stream_depth = 1, .jpeg_frames = true, .deadline_us = bench.now_us + 20 * SECOND});
}

/* What is read of a camera that armed too late, or that has gone on, is neither nothing nor the frame. */
static void spoil_pictures(unsigned number) {
    bench.lose = number;
    bench.lose_magic = 0xd8ff;
    bench.lose_reads = bench.damage = true;
}

START_TEST(what_cannot_be_a_picture_is_not_handed_over_as_one) {
    stream_pictures(3000);
    bench.lose_after = 2;
    spoil_pictures(1);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.lose, 0);
    ck_assert_uint_ge(bench.frames, FRAMES_WANTED);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->stream_restarts, 1);
    bench_close();
}
END_TEST

START_TEST(a_stream_of_what_cannot_be_pictures_is_damaged) {
    stream_pictures(3000);
    spoil_pictures(1000);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
    ck_assert_uint_eq(bench.frames, 0);
    bench_close();
}
END_TEST

/* The camera then gives the frame, of which the host reads as much as a header has. */
START_TEST(a_stream_whose_header_is_missed_is_soon_opened_again) {
    stream_pictures(60000);
    bench.lose = 1;
    bench.lose_magic = OMVRPC_STREAM_FRAME;
    bench.lose_reads = true;
    int64_t begun_us = bench.now_us;
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.lose, 0);
    ck_assert_uint_ge(bench.frames, FRAMES_WANTED);
    ck_assert_int_lt(bench.now_us - begun_us, 4 * SECOND + SECOND / 2);
    bench_close();
}
END_TEST

/* How many packets of zeros the master sends in that time. */
static unsigned feed_for(int64_t duration_us) {
    unsigned fed = 0;
    for (int64_t end_us = bench.now_us + duration_us; bench.now_us < end_us;) {
        bench.count = 0;
        live(10 * MS);
        for (size_t i = 0; i < bench.count; i++) {
            fed += !bench.records[i].reads && bench.records[i].length > 64;
        }
    }
    return fed;
}

START_TEST(what_is_noise_for_long_is_not_fed_any_more) {
    bench_open(STOCK_SLAVE_SPI, 700);
    settle();
    bench.lose = UINT_MAX;
    bench.damage = true;
    call((struct omvrpc_request){.deadline_us = bench.now_us + SECOND});
    ck_assert_uint_gt(feed_for(12 * SECOND), 0);
    ck_assert_uint_eq(feed_for(20 * SECOND), 0);
    bench.lose = 0;
    settle();
    bench_close();
}
END_TEST

/* An encoder fills up to whole words, and one that is cut off has no end. */
START_TEST(a_picture_may_have_something_behind_its_end_but_has_to_have_one) {
    bool has_end = _i == 0;
    stream_pictures(3000);
    bench.frames_are_pictures = false;
    memcpy(bench.reply_bytes + bench.frame_length - 6, has_end ? "\xff\xd9\0\0\0" : "\xff\xd8\0\0\0", 6);
    expect_end(has_end ? OMVRPC_DONE : OMVRPC_RESULT_UNKNOWN, has_end ? OMVRPC_CAUSE_NONE : OMVRPC_CAUSE_DAMAGED);
    ck_assert(has_end == (bench.frames > 0));
    bench_close();
}
END_TEST

/* Its header says so, which has a checksum: nothing was read of a camera that was not there. */
START_TEST(an_empty_frame_is_no_damaged_picture) {
    stream_pictures(0);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_ge(bench.frames, FRAMES_WANTED);
    bench_close();
}
END_TEST

/* On SPI it is left at its first frame, which comes while the master clears the doubt about it. One on I2C is not, since a
 * camera that is armed with a frame hears nothing else. One that never comes is left on both. */
START_TEST(a_stream_that_is_left_before_it_gives_anything_leaves_the_next_call_alone) {
    bool comes = _i < 2, waits = kind(_i % 2) == STOCK_SLAVE_I2C;
    bench_open(kind(_i % 2), 300);
    settle();
    bench.frame_length = 3000;
    bench.frame_due_us = bench.now_us + 450 * MS;
    bench.reply.source = comes ? give_frame : NULL;
    call((struct omvrpc_request){.stream_depth = 2, .deadline_us = bench.now_us + 20 * SECOND});
    int64_t begun_us = bench.now_us;
    omvrpc_master_leave_stream(bench.master, begun_us);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.frames, comes && waits ? 1 : 0);
    ck_assert_int_lt(bench.now_us - begun_us, waits ? 1100 * MS : 400 * MS);
    begun_us = bench.now_us;
    bench.reply.source = NULL;
    reply_with(20);
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(20);
    ck_assert_int_lt(bench.now_us - begun_us, SECOND);
    bench_close();
}
END_TEST

START_TEST(a_ready_line_that_is_always_low_is_not_heeded_for_long) {
    bench_open_with(kind(_i % 2), 700, _i < 2 ? 0 : 100);
    bench.is_low = true;
    reply_with(20);
    call((struct omvrpc_request){.repeatable = true});
    expect_reply(20);
    ck_assert(omvrpc_master_doubts_ready_line(bench.master));
    int64_t begun_us = bench.now_us;
    for (int i = 0; i < 10; i++) {
        call((struct omvrpc_request){.repeatable = true});
        expect_reply(20);
    }
    ck_assert_int_lt(bench.now_us - begun_us, SECOND);
    /* It is wired, and the camera asked when it says yes. */
    bench.is_low = false;
    call((struct omvrpc_request){.repeatable = true});
    expect_reply(20);
    ck_assert(!omvrpc_master_doubts_ready_line(bench.master));
    bench_close();
}
END_TEST

START_TEST(a_camera_whose_ready_line_is_low_is_left_alone_until_it_rises) {
    bench_open(kind(_i), 300);
    settle();
    reply_with(20);
    bench.reply.duration_us = 200 * MS;
    call((struct omvrpc_request){.argument_length = 0});
    while (bench.executions == 0) {
        ck_assert(!live(MS));
    }
    /* The line falls while the acknowledgement is fetched. */
    bench.is_low = true;
    live(10 * MS);
    bench.count = 0;
    live(170 * MS);
    ck_assert_uint_eq(bench.count, 0);
    live(15 * MS);
    bench.is_low = false;
    int64_t risen_us = bench.now_us;
    expect_reply(20);
    ck_assert_int_lt(bench.now_us - risen_us, 20 * MS);
    bench_close();
}
END_TEST

/* Found by the simulator: headers of 12 bytes and reads of 4 went round in a buffer of 12, for ever. */
START_TEST(our_own_camera_on_spi_gets_back_into_step_after_a_read_out_of_turn) {
    bench_open_with(STOCK_SLAVE_SPI, 0, 100);
    settle();
    reply_with(20);
    for (int i = 0; i < 20; i++) {
        uint8_t bytes[4];
        transact(true, bytes, 1 + (size_t)i % 4);
        call((struct omvrpc_request){.argument_length = 0});
        int64_t begun_us = bench.now_us;
        expect_reply(20);
        ck_assert_int_lt(bench.now_us - begun_us, 200 * MS);
    }
    bench_close();
}
END_TEST

/* Found by the simulator: a header whose length is wrong, which its checksum does not show, arms the camera for all of it. */
START_TEST(a_camera_on_spi_that_waits_for_a_long_argument_which_nobody_sends_is_fed) {
    uint8_t header[PACKET_COMMAND_HEADER_SIZE], ack[PACKET_ACK_SIZE];
    bench_open_with(STOCK_SLAVE_SPI, 0, 100);
    settle();
    transact(false, header, packet_put_command_header(header, COMMAND, 100000));
    bench.now_us += 200;
    ck_assert(transact(true, ack, sizeof ack));
    bench.now_us += 200;
    uint8_t zeros[12] = {0};
    transact(false, zeros, sizeof zeros);
    reply_with(20);
    call((struct omvrpc_request){.repeatable = true});
    int64_t begun_us = bench.now_us;
    expect_reply(20);
    /* It would have waited for more than 12 s. */
    ck_assert_int_lt(bench.now_us - begun_us, 8 * SECOND);
    bench_close();
}
END_TEST

/* Lives until the camera is armed to give its result. The stock script waits 5 s for it to be fetched, and acknowledges
 * nothing meanwhile. */
static void live_until_it_gives(void) {
    struct omvrpc_step step;
    size_t done = 0;
    while (bench.count == 0 || bench.records[bench.count - 1].magic != OMVRPC_RESULT_DATA) {
        if (!do_step(&step, &done)) {
            bench.now_us = step.until_us;
            step_slave(bench.now_us);
        }
    }
    ck_assert(!bench.records[bench.count - 1].reads);
    step_slave(bench.now_us + MS);
    size_t length;
    ck_assert_int_eq(stock_slave_armed(bench.slave, &length), STOCK_SLAVE_GIVES);
}

START_TEST(a_camera_on_i2c_that_is_left_with_its_result_is_met_again_at_once) {
    bench_open_as(STOCK_SLAVE_I2C, 700, 0, _i == 1);
    settle();
    reply_with(500);
    call((struct omvrpc_request){.argument_length = 0});
    live_until_it_gives();
    omvrpc_master_stop(bench.master, bench.now_us);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
    int64_t begun_us = bench.now_us;
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(500);
    ck_assert_int_lt(bench.now_us - begun_us, SECOND / 2);
    bench_close();
}
END_TEST

START_TEST(a_camera_on_i2c_that_holds_a_result_which_nobody_knows_of_is_met_at_once) {
    bench_open_as(STOCK_SLAVE_I2C, 700, 0, _i == 1);
    settle();
    reply_with(500);
    call((struct omvrpc_request){.argument_length = 0});
    live_until_it_gives();
    omvrpc_master_free(bench.master);
    bench.master = omvrpc_master_new();
    omvrpc_master_link_opened(bench.master, &bench.info, bench.now_us);
    int64_t begun_us = bench.now_us;
    settle();
    ck_assert_int_lt(bench.now_us - begun_us, SECOND / 2);
    bench_close();
}
END_TEST

START_TEST(a_host_on_i2c_that_stands_still_when_the_result_is_due_still_gets_it) {
    bench_open_as(STOCK_SLAVE_I2C, 700, 0, _i == 1);
    settle();
    reply_with(500);
    call((struct omvrpc_request){.argument_length = 0});
    live_until_it_gives();
    /* A read that comes too early, and then none for a while. */
    bench.dead = true;
    size_t count = bench.count;
    while (bench.count == count) {
        ck_assert(!live(100));
    }
    bench.dead = false;
    bench.now_us += 500 * MS;
    step_slave(bench.now_us);
    int64_t begun_us = bench.now_us;
    expect_reply(500);
    ck_assert_int_lt(bench.now_us - begun_us, 50 * MS);
    bench_close();
}
END_TEST

/* One that is read from while it is armed for a command holds the clock, and with it the bus. */
START_TEST(our_own_camera_on_i2c_is_met_without_holding_the_clock) {
    bench_open_with(STOCK_SLAVE_I2C, 0, 100);
    settle();
    reply_with(20);
    for (int i = 0; i < 20; i++) {
        call((struct omvrpc_request){.argument_length = 0});
        expect_reply(20);
    }
    ck_assert_uint_eq(bench.held, 0);
    bench_close();
}
END_TEST

START_TEST(a_camera_on_i2c_that_has_forgotten_the_call_is_not_read_from_again_and_again) {
    bench_open_with(STOCK_SLAVE_I2C, 0, 100);
    settle();
    reply_with(20);
    bench.reply.duration_us = 50 * MS;
    call((struct omvrpc_request){.argument_length = 0});
    while (bench.executions == 0) {
        ck_assert(!live(MS));
    }
    live(2 * MS);
    stock_slave_reset(bench.slave, bench.now_us);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    ck_assert_uint_le(bench.held, 3);
    bench_close();
}
END_TEST

START_TEST(a_transaction_that_cannot_end_in_time_is_not_begun) {
    static const uint8_t argument[8000];
    bench_open(kind(_i % 2), 300);
    settle();
    reply_with(8000);
    bool is_argument = _i < 2;
    int64_t takes_us = 8004 * (int64_t)SECOND / bench.info.byte_rate;
    int64_t deadline_us = bench.now_us + takes_us / 2;
    call((struct omvrpc_request){
        .argument = argument, .argument_length = is_argument ? sizeof argument : 0, .deadline_us = deadline_us});
    expect_end(is_argument ? OMVRPC_NOT_DELIVERED : OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_le(bench.now_us, deadline_us + MS);
    ck_assert_uint_eq(bench.executions, is_argument ? 0 : 1);
    call((struct omvrpc_request){.argument_length = 0});
    expect_reply(8000);
    bench_close();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("master_packets");
    TCase *calls = tcase_create("calls");
    tcase_set_timeout(calls, 30);
    tcase_add_loop_test(calls, it_settles_with_a_stock_camera_within_a_second, 0, 4);
    tcase_add_loop_test(calls, a_call_with_an_argument_and_a_result_is_done, 0, 4);
    tcase_add_loop_test(calls, two_hundred_calls_are_each_run_once, 0, 4);
    tcase_add_loop_test(calls, a_packet_is_never_sent_while_the_last_one_may_be_answered, 0, 2);
    tcase_add_test(calls, a_result_of_200_kb_comes_over_spi_whole);
    tcase_add_test(calls, a_result_longer_than_the_link_moves_ends_with_that_cause);
    tcase_add_test(calls, an_argument_longer_than_the_link_moves_is_not_delivered);
    tcase_add_loop_test(calls, a_transaction_that_cannot_end_in_time_is_not_begun, 0, 4);
    tcase_add_loop_test(calls, polls_thin_out_while_a_callback_computes, 0, 2);
    tcase_add_loop_test(calls, a_ready_line_that_is_always_low_is_not_heeded_for_long, 0, 4);
    tcase_add_loop_test(calls, a_camera_whose_ready_line_is_low_is_left_alone_until_it_rises, 0, 2);
    suite_add_tcase(suite, calls);
    TCase *losses = tcase_create("losses");
    tcase_add_loop_test(losses, a_lost_packet_costs_a_call_nothing_but_time, 0, 4 * PACKETS);
    tcase_add_test(losses, our_own_camera_on_i2c_is_met_without_holding_the_clock);
    tcase_add_test(losses, a_camera_on_i2c_that_has_forgotten_the_call_is_not_read_from_again_and_again);
    tcase_add_test(losses, our_own_camera_on_spi_gets_back_into_step_after_a_read_out_of_turn);
    tcase_add_test(losses, a_camera_on_spi_that_waits_for_a_long_argument_which_nobody_sends_is_fed);
    tcase_add_loop_test(losses, a_camera_on_i2c_that_is_left_with_its_result_is_met_again_at_once, 0, 2);
    tcase_add_loop_test(losses, a_camera_on_i2c_that_holds_a_result_which_nobody_knows_of_is_met_at_once, 0, 2);
    tcase_add_loop_test(losses, a_host_on_i2c_that_stands_still_when_the_result_is_due_still_gets_it, 0, 2);
    tcase_add_loop_test(losses, a_repeatable_call_whose_result_is_lost_is_run_again, 0, 2);
    tcase_add_loop_test(losses, a_camera_that_falls_silent_is_noticed_though_a_call_has_time_and_the_call_survives, 0,
                        2);
    tcase_add_loop_test(losses, a_dead_camera_is_asked_seldom_and_told_of_as_silent, 0, 2);
    suite_add_tcase(suite, losses);
    TCase *raw = tcase_create("raw");
    tcase_add_loop_test(raw, raw_bytes_come_as_one_transaction_behind_the_result, 0, 2);
    tcase_add_loop_test(raw, a_stream_gives_frames_and_stops_when_asked, 0, 4);
    tcase_add_test(raw, what_cannot_be_a_picture_is_not_handed_over_as_one);
    tcase_add_test(raw, a_stream_of_what_cannot_be_pictures_is_damaged);
    tcase_add_test(raw, a_stream_whose_header_is_missed_is_soon_opened_again);
    tcase_add_test(raw, what_is_noise_for_long_is_not_fed_any_more);
    tcase_add_test(raw, an_empty_frame_is_no_damaged_picture);
    tcase_add_loop_test(raw, a_picture_may_have_something_behind_its_end_but_has_to_have_one, 0, 2);
    tcase_add_loop_test(raw, a_stream_that_is_left_before_it_gives_anything_leaves_the_next_call_alone, 0, 4);
    suite_add_tcase(suite, raw);
    return suite;
}
