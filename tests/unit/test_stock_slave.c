/* SPDX-License-Identifier: MIT */
/* The model of the stock camera, held against what is known of the stock camera: calls, windows, reads, resets. */

#include "stock_slave_bench.h"

START_TEST(call_runs_through_with_its_acks_in_order) {
    static const uint8_t argument[] = "what is there";
    static const uint8_t result[] = "a face";
    bench_open(_i == 0 ? uart : vcp);
    bench.reply.result = result;
    bench.reply.length = sizeof result;
    deliver_header(sizeof argument);
    expect_ack(OMVRPC_COMMAND_HEADER);
    deliver_packet(OMVRPC_COMMAND_DATA, argument, sizeof argument);
    expect_ack(OMVRPC_COMMAND_DATA);
    ck_assert_uint_eq(bench.argument_length, sizeof argument);
    ck_assert_mem_eq(bench.argument, argument, sizeof argument);
    deliver_poll(OMVRPC_RESULT_HEADER);
    expect_packet(OMVRPC_RESULT_HEADER, (const uint8_t[]){sizeof result, 0, 0, 0}, 4);
    deliver_poll(OMVRPC_RESULT_DATA);
    expect_packet(OMVRPC_RESULT_DATA, result, sizeof result);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->executions, 1);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->results, 1);
    bench_close();
}
END_TEST

START_TEST(header_and_data_in_one_write_are_both_acknowledged) {
    uint8_t pair[PACKET_COMMAND_HEADER_SIZE + 4], acks[8];
    bench_open(_i == 0 ? uart : vcp);
    size_t size = packet_put_command_header(pair, COMMAND, 0);
    size += packet_put(pair + size, OMVRPC_COMMAND_DATA, NULL, 0);
    deliver(pair, size);
    size = packet_put(acks, OMVRPC_COMMAND_HEADER, NULL, 0);
    size += packet_put(acks + size, OMVRPC_COMMAND_DATA, NULL, 0);
    expect_sent(acks, size);
    bench_close();
}
END_TEST

START_TEST(data_without_its_header_is_not_acknowledged) {
    bench_open(_i == 0 ? uart : vcp);
    deliver_packet(OMVRPC_COMMAND_DATA, NULL, 0);
    deliver_poll(OMVRPC_RESULT_HEADER);
    live_until(200 * MS);
    expect_nothing();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->executions, 0);
    bench_close();
}
END_TEST

START_TEST(damaged_packets_are_not_acknowledged) {
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    bench_open(_i == 0 ? uart : vcp);
    size_t size = packet_put_command_header(packet, COMMAND, 0);
    packet[5] ^= 0x10;
    deliver(packet, size);
    live_until(100 * MS);
    expect_nothing();
    bench_close();
}
END_TEST

START_TEST(window_of_vcp_grows_by_one_millisecond_with_each_failed_try) {
    bench_open(vcp);
    int64_t end = 0;
    for (int64_t window = 2; window <= 45; window++) {
        end += window * MS;
        ck_assert_int_eq(bench.next, end);
        live_until(end);
    }
    /* 1034 ms have passed: the loop has begun again, with its first window. */
    ck_assert_int_eq(bench.next, end + 2 * MS);
    bench_close();
}
END_TEST

START_TEST(window_of_uart_stays_at_two_milliseconds) {
    bench_open(uart);
    for (int64_t end = 2 * MS; end <= 2000 * MS; end += 2 * MS) {
        ck_assert_int_eq(bench.next, end);
        live_until(end);
    }
    bench_close();
}
END_TEST

START_TEST(window_is_reset_by_a_command_and_grows_in_the_result_loop) {
    bench_open(vcp);
    live_until(9 * MS);
    ck_assert_int_eq(bench.next, 14 * MS);
    call_empty();
    ck_assert_int_eq(bench.next, 11 * MS);
    live_until(11 * MS);
    ck_assert_int_eq(bench.next, 14 * MS);
    bench_close();
}
END_TEST

START_TEST(timeouts_end_with_the_ticks_of_the_camera) {
    struct stock_slave_options options = uart;
    options.tick_phase_us = 300;
    bench_open(options);
    ck_assert_int_eq(bench.next, 1700);
    bench_close();
}
END_TEST

START_TEST(command_sent_while_garbage_is_collected_is_flushed) {
    struct stock_slave_options options = _i == 0 ? uart : vcp;
    options.gc = (struct stock_slave_range){700, 700};
    bench_open(options);
    live_until(100);
    deliver_header(0);
    live_until(699);
    expect_nothing();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->flushed_bytes, 0);
    live_until(700);
    expect_nothing();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->flushed_bytes, PACKET_COMMAND_HEADER_SIZE);
    deliver_header(0);
    expect_ack(OMVRPC_COMMAND_HEADER);
    bench_close();
}
END_TEST

START_TEST(collections_and_checks_last_within_their_ranges) {
    struct stock_slave_options options = uart;
    options.seed = 7;
    options.gc = (struct stock_slave_range){200, 8000};
    options.packet = (struct stock_slave_range){20, 200};
    bench_open(options);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t collection = bench.next - bench.now;
        least = collection < least ? collection : least;
        most = collection > most ? collection : most;
        live_until(bench.next);
        live_until(bench.next);
    }
    ck_assert_int_ge(least, 200);
    ck_assert_int_lt(least, 1000);
    ck_assert_int_le(most, 8000);
    ck_assert_int_gt(most, 7000);
    live_until(bench.next);
    deliver_header(0);
    expect_nothing();
    ck_assert_int_ge(bench.next - bench.now, 20);
    ck_assert_int_le(bench.next - bench.now, 200);
    live_until(bench.next);
    expect_ack(OMVRPC_COMMAND_HEADER);
    bench_close();
}
END_TEST

START_TEST(garbage_can_be_collected_between_two_packets) {
    struct stock_slave_options options = vcp;
    options.gc = (struct stock_slave_range){3000, 3000};
    options.gc_between_permille = 1000;
    bench_open(options);
    live_until(3000);
    deliver_header(0);
    deliver_packet(OMVRPC_COMMAND_DATA, NULL, 0);
    live_until(5999);
    expect_nothing();
    live_until(6000);
    expect_ack(OMVRPC_COMMAND_HEADER);
    live_until(9000);
    expect_ack(OMVRPC_COMMAND_DATA);
    bench_close();
}
END_TEST

START_TEST(vcp_that_took_a_header_swallows_what_comes_for_five_seconds_a_byte) {
    uint8_t header[PACKET_COMMAND_HEADER_SIZE];
    bench_open(vcp);
    deliver_header(50);
    expect_ack(OMVRPC_COMMAND_HEADER);
    packet_put_command_header(header, COMMAND, 0);
    for (int i = 0; i < 4; i++) {
        live_until(bench.now + 4990 * MS);
        deliver(header, sizeof header);
        expect_nothing();
    }
    /* 48 of 54 bytes are eaten; six more end the read, and only then a header is one again. */
    deliver(header, 6);
    deliver(header, sizeof header);
    expect_ack(OMVRPC_COMMAND_HEADER);
    bench_close();
}
END_TEST

START_TEST(vcp_gives_up_command_data_after_five_silent_seconds) {
    bench_open(vcp);
    deliver_header(50);
    expect_ack(OMVRPC_COMMAND_HEADER);
    ck_assert_int_eq(bench.next, 5000 * MS);
    live_until(5000 * MS);
    deliver_header(0);
    expect_ack(OMVRPC_COMMAND_HEADER);
    bench_close();
}
END_TEST

START_TEST(uart_gives_up_command_data_after_two_milliseconds) {
    bench_open(uart);
    deliver_header(50);
    expect_ack(OMVRPC_COMMAND_HEADER);
    ck_assert_int_eq(bench.next, 2 * MS);
    live_until(2 * MS);
    deliver_header(0);
    expect_ack(OMVRPC_COMMAND_HEADER);
    bench_close();
}
END_TEST

/* Header and data in one piece, the data longer than what can wait while the header is being checked. */
static size_t deliver_pair(uint32_t argument_length) {
    static const uint8_t zeros[2048];
    uint8_t pair[PACKET_COMMAND_HEADER_SIZE + sizeof zeros + OMVRPC_PACKET_OVERHEAD];
    size_t size = packet_put_command_header(pair, COMMAND, argument_length);
    size += packet_put(pair + size, OMVRPC_COMMAND_DATA, zeros, argument_length);
    return size - deliver(pair, size);
}

START_TEST(uart_loses_what_its_64_bytes_do_not_hold) {
    bench_open(uart);
    ck_assert_uint_eq(deliver_pair(60), 0);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->executions, 1);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->lost_bytes, 0);
    bench_close();
    bench_open(uart);
    ck_assert_uint_eq(deliver_pair(61), 0);
    live_until(100 * MS);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->executions, 0);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->lost_bytes, 1);
    bench_close();
}
END_TEST

START_TEST(uart_that_reads_takes_more_than_its_buffer) {
    uint8_t data[1004];
    bench_open(uart);
    deliver_header(1000);
    expect_ack(OMVRPC_COMMAND_HEADER);
    memset(data, 0x55, sizeof data);
    ck_assert_uint_eq(deliver(data, packet_put(data, OMVRPC_COMMAND_DATA, data + 2, 1000)), 1004);
    expect_ack(OMVRPC_COMMAND_DATA);
    bench_close();
}
END_TEST

START_TEST(vcp_holds_1024_bytes_and_then_pushes_back) {
    bench_open(vcp);
    /* 1024 of the 1504 bytes of data fit behind the header; the wire keeps the rest and the camera reads on. */
    ck_assert_uint_eq(deliver_pair(1500), 1504 - 1024);
    expect_ack(OMVRPC_COMMAND_HEADER);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->lost_bytes, 0);
    bench_close();
}
END_TEST

START_TEST(byte_in_the_data_register_survives_the_flush) {
    uint8_t stale[66];
    struct stock_slave_options options = uart;
    options.gc = (struct stock_slave_range){1000, 1000};
    options.overrun_byte = true;
    bench_open(options);
    memset(stale, 0xee, sizeof stale);
    deliver(stale, sizeof stale);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->lost_bytes, 1);
    live_until(1000);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->flushed_bytes, 64);
    deliver_header(0);
    expect_nothing();
    bench_close();
}
END_TEST

/* Whether a header whose second half comes `gap` later is taken. */
static bool bears_gap(struct stock_slave_options options, int64_t gap) {
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    bench_open(options);
    packet_put_command_header(packet, COMMAND, 0);
    deliver(packet, 6);
    live_until(gap);
    deliver(packet + 6, 6);
    bool taken = bench.sent_length > 0;
    bench_close();
    return taken;
}

START_TEST(uart_bears_gaps_of_two_milliseconds_twice_unless_it_is_strict) {
    struct stock_slave_options strict = uart;
    strict.strict_gap = true;
    ck_assert(bears_gap(strict, 1999));
    ck_assert(!bears_gap(strict, 2000));
    ck_assert(bears_gap(uart, 3999));
    ck_assert(!bears_gap(uart, 4000));
}
END_TEST

START_TEST(vcp_bears_gaps_shorter_than_its_window) {
    ck_assert(bears_gap(vcp, 1999));
    ck_assert(!bears_gap(vcp, 2000));
}
END_TEST

START_TEST(short_read_of_uart_counts_as_packet_whose_missing_bytes_are_zero) {
    uint8_t packet[1024];
    /* Look for data whose packet ends in a zero byte: without that byte the packet is as good. */
    uint8_t argument[2];
    uint16_t value = 0;
    size_t size;
    do {
        ck_assert_uint_lt(value, UINT16_MAX);
        put_u16(argument, ++value);
        size = packet_put(packet, OMVRPC_COMMAND_DATA, argument, sizeof argument);
    } while (packet[size - 1] != 0);
    for (int kind = 0; kind < 2; kind++) {
        bench_open(kind == 0 ? uart : vcp);
        deliver_header(sizeof argument);
        expect_ack(OMVRPC_COMMAND_HEADER);
        deliver(packet, size - 1);
        expect_nothing();
        live_until(10 * MS);
        if (kind == 0) {
            expect_ack(OMVRPC_COMMAND_DATA);
        } else {
            expect_nothing();
        }
        bench_close();
    }
}
END_TEST

START_TEST(result_waits_until_the_callback_is_done) {
    bench_open(_i == 0 ? uart : vcp);
    bench.reply.duration_us = 50 * MS;
    call_empty();
    live_until(49 * MS);
    deliver_poll(OMVRPC_RESULT_HEADER);
    live_until(50 * MS);
    expect_nothing();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->flushed_bytes, 4);
    fetch_empty_result();
    bench_close();
}
END_TEST

START_TEST(result_is_dropped_after_a_thousand_milliseconds) {
    bench_open(_i == 0 ? uart : vcp);
    call_empty();
    live_until(999 * MS);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->results_dropped, 0);
    live_until(1100 * MS);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->results_dropped, 1);
    deliver_poll(OMVRPC_RESULT_HEADER);
    expect_nothing();
    live_until(1200 * MS);
    call_empty();
    bench_close();
}
END_TEST

START_TEST(result_header_is_given_again_when_its_data_is_not_polled) {
    bench_open(uart);
    call_empty();
    for (int i = 0; i < 3; i++) {
        deliver_poll(OMVRPC_RESULT_HEADER);
        expect_packet(OMVRPC_RESULT_HEADER, (const uint8_t[4]){0}, 4);
        live_until(bench.next);
    }
    fetch_empty_result();
    bench_close();
}
END_TEST

START_TEST(raw_bytes_follow_the_result_of_a_cut_through) {
    static const uint8_t raw[] = {1, 2, 3, 4, 5};
    uint8_t expected[4 + sizeof raw];
    bench_open(_i == 0 ? uart : vcp);
    bench.reply.raw = raw;
    bench.reply.raw_length = sizeof raw;
    call_empty();
    deliver_poll(OMVRPC_RESULT_HEADER);
    bench.sent_length = 0;
    deliver_poll(OMVRPC_RESULT_DATA);
    packet_put(expected, OMVRPC_RESULT_DATA, NULL, 0);
    memcpy(expected + 4, raw, sizeof raw);
    expect_sent(expected, sizeof expected);
    bench_close();
}
END_TEST

START_TEST(writes_take_the_time_of_the_line) {
    struct stock_slave_options options = uart;
    options.byte_rate = 1000;
    bench_open(options);
    deliver_header(0);
    expect_ack(OMVRPC_COMMAND_HEADER);
    deliver_packet(OMVRPC_COMMAND_DATA, NULL, 0);
    live_until(3999);
    expect_nothing();
    live_until(4000);
    expect_ack(OMVRPC_COMMAND_DATA);
    ck_assert_int_eq(bench.sent_at, 4000);
    bench_close();
}
END_TEST

START_TEST(length_beyond_its_memory_ends_the_script) {
    bench_open(_i == 0 ? uart : vcp);
    deliver_header(UINT32_MAX);
    expect_nothing();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->deaths, 1);
    live_until(999 * MS);
    deliver_header(0);
    expect_nothing();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->lost_bytes, PACKET_COMMAND_HEADER_SIZE);
    live_until(1000 * MS);
    call_empty();
    bench_close();
}
END_TEST

START_TEST(result_beyond_its_memory_ends_the_script) {
    bench_open(vcp);
    bench.reply.length = 1 << 20;
    call_empty();
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->deaths, 1);
    bench_close();
}
END_TEST

START_TEST(reset_forgets_the_call_under_way) {
    bench_open(_i == 0 ? uart : vcp);
    bench.reply.duration_us = 10 * MS;
    call_empty();
    live_until(5 * MS);
    stock_slave_reset(bench.slave, bench.now);
    live_until(1005 * MS);
    deliver_poll(OMVRPC_RESULT_HEADER);
    expect_nothing();
    live_until(1100 * MS);
    call_empty();
    bench_close();
}
END_TEST

/* Noise of which the camera makes nothing, but whole packets among it. */
START_TEST(noise_neither_stops_nor_breaks_it) {
    struct stock_slave_options options = _i == 0 ? uart : vcp;
    options.gc = (struct stock_slave_range){200, 8000};
    options.packet = (struct stock_slave_range){20, 200};
    options.overrun_byte = true;
    bench_open(options);
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[100];
        random = random * 1664525u + 1013904223u;
        size_t length = (random >> 16) % sizeof noise;
        for (size_t at = 0; at < length; at++) {
            random = random * 1664525u + 1013904223u;
            noise[at] = (uint8_t)(random >> 24);
        }
        if (random % 5 == 0) {
            length = packet_put_command_header(noise, COMMAND, random % 3 == 0 ? random : 0);
            length += packet_put(noise + length, OMVRPC_COMMAND_DATA, NULL, 0);
        }
        deliver(noise, length);
        live_until(bench.now + (random >> 8) % 10000);
        ck_assert_int_gt(bench.next, bench.now);
        bench.sent_length = 0;
    }
    ck_assert_uint_gt(stock_slave_counts(bench.slave)->commands, 0);
    ck_assert_uint_gt(stock_slave_counts(bench.slave)->deaths, 0);
    bench_close();
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void) {
    Suite *suite = suite_create("stock_slave");
    TCase *calls = tcase_create("calls");
    tcase_add_loop_test(calls, call_runs_through_with_its_acks_in_order, 0, 2);
    tcase_add_loop_test(calls, header_and_data_in_one_write_are_both_acknowledged, 0, 2);
    tcase_add_loop_test(calls, data_without_its_header_is_not_acknowledged, 0, 2);
    tcase_add_loop_test(calls, damaged_packets_are_not_acknowledged, 0, 2);
    tcase_add_loop_test(calls, result_waits_until_the_callback_is_done, 0, 2);
    tcase_add_loop_test(calls, result_is_dropped_after_a_thousand_milliseconds, 0, 2);
    tcase_add_test(calls, result_header_is_given_again_when_its_data_is_not_polled);
    tcase_add_loop_test(calls, raw_bytes_follow_the_result_of_a_cut_through, 0, 2);
    tcase_add_test(calls, writes_take_the_time_of_the_line);
    suite_add_tcase(suite, calls);

    TCase *times = tcase_create("times");
    tcase_add_test(times, window_of_vcp_grows_by_one_millisecond_with_each_failed_try);
    tcase_add_test(times, window_of_uart_stays_at_two_milliseconds);
    tcase_add_test(times, window_is_reset_by_a_command_and_grows_in_the_result_loop);
    tcase_add_test(times, timeouts_end_with_the_ticks_of_the_camera);
    tcase_add_loop_test(times, command_sent_while_garbage_is_collected_is_flushed, 0, 2);
    tcase_add_test(times, collections_and_checks_last_within_their_ranges);
    tcase_add_test(times, garbage_can_be_collected_between_two_packets);
    suite_add_tcase(suite, times);

    TCase *reading = tcase_create("reading");
    tcase_add_test(reading, vcp_that_took_a_header_swallows_what_comes_for_five_seconds_a_byte);
    tcase_add_test(reading, vcp_gives_up_command_data_after_five_silent_seconds);
    tcase_add_test(reading, uart_gives_up_command_data_after_two_milliseconds);
    tcase_add_test(reading, uart_loses_what_its_64_bytes_do_not_hold);
    tcase_add_test(reading, uart_that_reads_takes_more_than_its_buffer);
    tcase_add_test(reading, vcp_holds_1024_bytes_and_then_pushes_back);
    tcase_add_test(reading, byte_in_the_data_register_survives_the_flush);
    tcase_add_test(reading, uart_bears_gaps_of_two_milliseconds_twice_unless_it_is_strict);
    tcase_add_test(reading, vcp_bears_gaps_shorter_than_its_window);
    tcase_add_test(reading, short_read_of_uart_counts_as_packet_whose_missing_bytes_are_zero);
    suite_add_tcase(suite, reading);

    TCase *ends = tcase_create("ends");
    tcase_add_loop_test(ends, length_beyond_its_memory_ends_the_script, 0, 2);
    tcase_add_test(ends, result_beyond_its_memory_ends_the_script);
    tcase_add_loop_test(ends, reset_forgets_the_call_under_way, 0, 2);
    tcase_add_loop_test(ends, noise_neither_stops_nor_breaks_it, 0, 2);
    suite_add_tcase(suite, ends);
    return suite;
}
