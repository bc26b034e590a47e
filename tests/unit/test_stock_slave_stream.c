/* SPDX-License-Identifier: MIT */
/* The stream writer in the model of the stock camera. */

#include "stock_slave_bench.h"

static uint8_t frame[16];

static bool give_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    (void)context;
    *data = frame;
    *length = sizeof frame;
    *due_us = now_us;
    return true;
}

/* Calls a callback that schedules a stream, and fetches its result: the writer waits for an open. */
static void schedule_stream(struct stock_slave_options options) {
    bench_open(options);
    memset(frame, 0x5a, sizeof frame);
    bench.reply.source = give_frame;
    bench.reply.source_context = &bench;
    call_empty();
    fetch_empty_result();
}

static size_t frames_sent(void) {
    uint8_t header[PACKET_STREAM_SIZE];
    size_t size = packet_put_u32(header, OMVRPC_STREAM_FRAME, sizeof frame), count = 0;
    for (size_t at = 0; at < bench.sent_length; at += size + sizeof frame, count++) {
        ck_assert_uint_le(at + size + sizeof frame, bench.sent_length);
        ck_assert_mem_eq(bench.sent + at, header, size);
        ck_assert_mem_eq(bench.sent + at + size, frame, sizeof frame);
    }
    bench.sent_length = 0;
    return count;
}

static size_t open_stream(uint32_t depth, bool break_magic, bool break_crc) {
    uint8_t packet[PACKET_STREAM_SIZE];
    size_t size = packet_put_u32(packet, break_magic ? OMVRPC_STREAM_FRAME : OMVRPC_STREAM_OPEN, depth);
    packet[size - 1] ^= break_crc ? 1 : 0;
    deliver(packet, size);
    return frames_sent();
}

START_TEST(stream_opens_when_magic_or_crc_is_right) {
    for (int fault = 0; fault < 4; fault++) {
        schedule_stream(_i == 0 ? uart : vcp);
        size_t frames = open_stream(1, fault & 1, fault & 2);
        ck_assert_uint_eq(frames, fault == 3 ? 0 : 1);
        bench_close();
    }
}
END_TEST

START_TEST(stream_runs_ahead_by_half_its_depth) {
    static const struct {
        uint32_t depth;
        size_t frames;
    } cases[] = {{0, 1}, {1, 1}, {2, 1}, {3, 2}, {4, 2}, {255, 128}, {1000000, 128}};
    schedule_stream(vcp);
    ck_assert_uint_eq(open_stream(cases[_i].depth, false, false), cases[_i].frames);
    bench_close();
}
END_TEST

START_TEST(stream_goes_on_for_the_bytes_of_the_lfsr_only) {
    static const uint8_t sequence[] = {0xff, 0xc7, 0xdb, 0xd5, 0xd2, 0x69, 0x8c, 0x46, 0x23, 0xa9};
    schedule_stream(_i == 0 ? uart : vcp);
    open_stream(1, false, false);
    for (size_t i = 0; i < sizeof sequence; i++) {
        live_until(bench.now + 500 * MS);
        deliver(&sequence[i], 1);
        ck_assert_uint_eq(frames_sent(), 1);
    }
    deliver(&sequence[0], 1);
    ck_assert_uint_eq(frames_sent(), 0);
    call_empty();
    bench_close();
}
END_TEST

START_TEST(stream_ends_after_a_second_of_silence) {
    schedule_stream(_i == 0 ? uart : vcp);
    open_stream(1, false, false);
    live_until(999 * MS);
    deliver((const uint8_t[]){0xff}, 1);
    ck_assert_uint_eq(frames_sent(), 1);
    live_until(2010 * MS);
    deliver((const uint8_t[]){0xc7}, 1);
    ck_assert_uint_eq(frames_sent(), 0);
    bench_close();
}
END_TEST

START_TEST(spare_pair_of_polls_ends_a_stream_before_it_opens) {
    uint8_t polls[16], expected[PACKET_RESULT_HEADER_SIZE + 4];
    bench_open(_i == 0 ? uart : vcp);
    bench.reply.source = give_frame;
    bench.reply.source_context = &bench;
    call_empty();
    for (size_t i = 0; i < 2; i++) {
        packet_put(polls + 8 * i, OMVRPC_RESULT_HEADER, NULL, 0);
        packet_put(polls + 8 * i + 4, OMVRPC_RESULT_DATA, NULL, 0);
    }
    deliver(polls, sizeof polls);
    size_t size = packet_put_u32(expected, OMVRPC_RESULT_HEADER, 0);
    size += packet_put(expected + size, OMVRPC_RESULT_DATA, NULL, 0);
    expect_sent(expected, size);
    ck_assert_uint_eq(open_stream(1, false, false), 0);
    bench_close();
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void) {
    Suite *suite = suite_create("stock_slave_stream");
    TCase *streams = tcase_create("streams");
    tcase_add_loop_test(streams, stream_opens_when_magic_or_crc_is_right, 0, 2);
    tcase_add_loop_test(streams, stream_runs_ahead_by_half_its_depth, 0, 7);
    tcase_add_loop_test(streams, stream_goes_on_for_the_bytes_of_the_lfsr_only, 0, 2);
    tcase_add_loop_test(streams, stream_ends_after_a_second_of_silence, 0, 2);
    tcase_add_loop_test(streams, spare_pair_of_polls_ends_a_stream_before_it_opens, 0, 2);
    suite_add_tcase(suite, streams);

    return suite;
}
