/* SPDX-License-Identifier: MIT */
/* The model of the stock camera on SPI, I2C and CAN: armed for one transaction at a time, or for frames. */

#include "stock_slave_bench.h"

#include <errno.h>

Suite *test_suite(void);

#define BYTE_US   8
#define SETTLE_US 100

static const struct stock_slave_options spi = {.kind = STOCK_SLAVE_SPI, .arm = {20, 80}};
static const struct stock_slave_options i2c = {.kind = STOCK_SLAVE_I2C};
static const struct stock_slave_options can = {.kind = STOCK_SLAVE_CAN};

/* One transaction of either bus, begun 100 us from now. Returns what the master sees of it. */
static int transact(const struct stock_slave_options *options, bool reads, uint8_t *data, size_t length) {
    int64_t begin_us = bench.now + SETTLE_US;
    int64_t end_us = begin_us + (int64_t)length * BYTE_US;
    int status = 0;
    if (options->kind == STOCK_SLAVE_SPI) {
        stock_slave_select(bench.slave, true, bench.now);
        live_until(begin_us);
        stock_slave_clock(bench.slave, reads ? NULL : data, reads ? data : NULL, length, begin_us, end_us);
        stock_slave_select(bench.slave, false, end_us);
    } else {
        live_until(begin_us);
        status = stock_slave_message(bench.slave, reads, data, length, begin_us, end_us);
    }
    live_until(end_us);
    return status;
}

static int put(const struct stock_slave_options *options, enum omvrpc_magic magic, const uint8_t *payload,
               size_t length) {
    uint8_t packet[1024];
    return transact(options, false, packet, packet_put(packet, magic, payload, length));
}

static int put_header(const struct stock_slave_options *options, uint32_t length) {
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    return transact(options, false, packet, packet_put_command_header(packet, COMMAND, length));
}

static bool get(const struct stock_slave_options *options, enum omvrpc_magic magic, const uint8_t *payload,
                size_t length) {
    uint8_t expected[1024], got[1024];
    size_t size = packet_put(expected, magic, payload, length);
    return transact(options, true, got, size) == 0 && memcmp(got, expected, size) == 0;
}

static const struct stock_slave_options *kind(int i) {
    return i == 0 ? &spi : &i2c;
}

static const uint8_t result[] = "a face";

static void call_whole(const struct stock_slave_options *options) {
    bench.reply.result = result;
    bench.reply.length = sizeof result;
    ck_assert_int_eq(put_header(options, sizeof result), 0);
    ck_assert(get(options, OMVRPC_COMMAND_HEADER, NULL, 0));
    ck_assert_int_eq(put(options, OMVRPC_COMMAND_DATA, result, sizeof result), 0);
    ck_assert(get(options, OMVRPC_COMMAND_DATA, NULL, 0));
    ck_assert_int_eq(put(options, OMVRPC_RESULT_HEADER, NULL, 0), 0);
    ck_assert(get(options, OMVRPC_RESULT_HEADER, (const uint8_t[]){sizeof result, 0, 0, 0}, 4));
    ck_assert_int_eq(put(options, OMVRPC_RESULT_DATA, NULL, 0), 0);
}

START_TEST(a_call_is_a_transaction_for_each_packet) {
    bench_open(*kind(_i));
    call_whole(kind(_i));
    ck_assert(get(kind(_i), OMVRPC_RESULT_DATA, result, sizeof result));
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->executions, 1);
    ck_assert_mem_eq(bench.argument, result, sizeof result);
    expect_nothing();
    bench_close();
}
END_TEST

START_TEST(nobody_answers_while_the_camera_collects_garbage) {
    struct stock_slave_options options = *kind(_i);
    options.gc = (struct stock_slave_range){5 * MS, 5 * MS};
    bench_open(options);
    size_t left;
    ck_assert_int_eq(stock_slave_armed(bench.slave, &left), STOCK_SLAVE_DEAF);
    uint8_t bytes[8];
    ck_assert_int_eq(transact(&options, true, bytes, sizeof bytes), options.kind == STOCK_SLAVE_SPI ? 0 : -ENXIO);
    if (options.kind == STOCK_SLAVE_SPI) {
        ck_assert_mem_eq(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", sizeof bytes);
    }
    live_until(5 * MS + 500);
    ck_assert_int_eq(put_header(&options, 0), 0);
    ck_assert(get(&options, OMVRPC_COMMAND_HEADER, NULL, 0));
    bench_close();
}
END_TEST

START_TEST(a_result_that_is_fetched_late_is_lost_on_spi_and_kept_on_i2c) {
    bench_open(*kind(_i));
    call_whole(kind(_i));
    live_until(bench.now + 3 * MS);
    ck_assert_int_eq(get(kind(_i), OMVRPC_RESULT_DATA, result, sizeof result), _i == 1);
    /* Either way it believes that it was delivered. */
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->results, 1);
    live_until(bench.now + 20 * MS);
    ck_assert_int_eq(put_header(kind(_i), 0), 0);
    ck_assert(get(kind(_i), OMVRPC_COMMAND_HEADER, NULL, 0));
    bench_close();
}
END_TEST

START_TEST(a_read_out_of_turn_shifts_what_spi_takes_until_the_window_is_over) {
    bench_open(spi);
    uint8_t bytes[4];
    transact(&spi, true, bytes, sizeof bytes);
    ck_assert_mem_eq(bytes, "\0\0\0\0", 4);
    size_t left = 0;
    ck_assert_int_eq(stock_slave_armed(bench.slave, &left), STOCK_SLAVE_TAKES);
    ck_assert_uint_eq(left, PACKET_COMMAND_HEADER_SIZE - 4);
    put_header(&spi, 0);
    ck_assert(!get(&spi, OMVRPC_COMMAND_HEADER, NULL, 0));
    live_until(bench.now + 5 * MS);
    put_header(&spi, 0);
    ck_assert(get(&spi, OMVRPC_COMMAND_HEADER, NULL, 0));
    bench_close();
}
END_TEST

START_TEST(i2c_refuses_what_it_is_not_armed_for) {
    struct stock_slave_options options = i2c;
    options.stretches = _i == 1;
    bench_open(options);
    uint8_t bytes[16] = {0};
    ck_assert_int_eq(transact(&options, true, bytes, 4), _i == 1 ? -ETIMEDOUT : -ENXIO);
    ck_assert_int_eq(transact(&options, false, bytes, 16), -EREMOTEIO);
    /* What is too short ends the read, and the camera is armed again for the next. */
    ck_assert_int_eq(transact(&options, false, bytes, 5), 0);
    ck_assert_int_eq(put_header(&options, 0), 0);
    ck_assert(get(&options, OMVRPC_COMMAND_HEADER, NULL, 0));
    bench_close();
}
END_TEST

START_TEST(a_transfer_that_outlasts_its_window_fails) {
    bench_open(i2c);
    live_until(1900);
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    packet_put_command_header(packet, COMMAND, 0);
    ck_assert_int_eq(stock_slave_message(bench.slave, false, packet, sizeof packet, 1900, 3100), -EREMOTEIO);
    bench_close();
}
END_TEST

START_TEST(it_is_ready_for_commands_and_with_a_result_and_not_from_the_data_on_until_that_is_computed) {
    bench_open(*kind(_i));
    bench.reply.duration_us = 50 * MS;
    ck_assert(stock_slave_is_ready(bench.slave));
    put_header(kind(_i), 0);
    ck_assert(get(kind(_i), OMVRPC_COMMAND_HEADER, NULL, 0));
    ck_assert(stock_slave_is_ready(bench.slave));
    put(kind(_i), OMVRPC_COMMAND_DATA, NULL, 0);
    ck_assert_msg(!stock_slave_is_ready(bench.slave), "ready before the acknowledgement was read");
    ck_assert(get(kind(_i), OMVRPC_COMMAND_DATA, NULL, 0));
    live_until(bench.now + 40 * MS);
    ck_assert(!stock_slave_is_ready(bench.slave));
    live_until(bench.now + 15 * MS);
    ck_assert(stock_slave_is_ready(bench.slave));
    stock_slave_reset(bench.slave, bench.now);
    ck_assert(!stock_slave_is_ready(bench.slave));
    bench_close();
}
END_TEST

START_TEST(raw_bytes_follow_as_a_transaction_of_their_own) {
    bench_open(i2c);
    bench.reply.raw = result;
    bench.reply.raw_length = sizeof result;
    ck_assert_int_eq(put_header(&i2c, 0), 0);
    ck_assert(get(&i2c, OMVRPC_COMMAND_HEADER, NULL, 0));
    put(&i2c, OMVRPC_COMMAND_DATA, NULL, 0);
    get(&i2c, OMVRPC_COMMAND_DATA, NULL, 0);
    put(&i2c, OMVRPC_RESULT_HEADER, NULL, 0);
    get(&i2c, OMVRPC_RESULT_HEADER, (const uint8_t[4]){0}, 4);
    put(&i2c, OMVRPC_RESULT_DATA, NULL, 0);
    ck_assert(get(&i2c, OMVRPC_RESULT_DATA, NULL, 0));
    uint8_t raw[sizeof result];
    ck_assert_int_eq(transact(&i2c, true, raw, sizeof raw), 0);
    ck_assert_mem_eq(raw, result, sizeof raw);
    bench_close();
}
END_TEST

static void deliver_frames(const uint8_t *data, size_t length) {
    for (size_t at = 0; at < length; at += 8) {
        deliver(data + at, length - at < 8 ? length - at : 8);
    }
}

START_TEST(can_reads_packets_as_frames_of_eight) {
    uint8_t header[PACKET_COMMAND_HEADER_SIZE], data[OMVRPC_PACKET_OVERHEAD + 13];
    packet_put_command_header(header, COMMAND, 13);
    bench_open(can);
    deliver_frames(header, sizeof header);
    expect_ack(OMVRPC_COMMAND_HEADER);
    deliver_frames(data, packet_put(data, OMVRPC_COMMAND_DATA, (const uint8_t *)"thirteen bytes", 13));
    expect_ack(OMVRPC_COMMAND_DATA);
    ck_assert_mem_eq(bench.argument, "thirteen byte", 13);
    fetch_empty_result();
    bench_close();
}
END_TEST

START_TEST(a_can_frame_of_another_length_ends_the_packet) {
    uint8_t header[PACKET_COMMAND_HEADER_SIZE];
    packet_put_command_header(header, COMMAND, 0);
    bench_open(can);
    deliver(header, 7);
    deliver_frames(header, sizeof header);
    expect_ack(OMVRPC_COMMAND_HEADER);
    bench_close();
}
END_TEST

START_TEST(the_can_controller_keeps_three_frames_until_they_are_flushed) {
    struct stock_slave_options options = can;
    options.gc = (struct stock_slave_range){5 * MS, 5 * MS};
    bench_open(options);
    static const uint8_t bytes[32];
    deliver_frames(bytes, sizeof bytes);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->lost_bytes, 8);
    live_until(5 * MS);
    ck_assert_uint_eq(stock_slave_counts(bench.slave)->flushed_bytes, 24);
    bench_close();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("stock_slave_bus");
    TCase *transactions = tcase_create("transactions");
    tcase_add_loop_test(transactions, a_call_is_a_transaction_for_each_packet, 0, 2);
    tcase_add_loop_test(transactions, nobody_answers_while_the_camera_collects_garbage, 0, 2);
    tcase_add_loop_test(transactions, a_result_that_is_fetched_late_is_lost_on_spi_and_kept_on_i2c, 0, 2);
    tcase_add_test(transactions, a_read_out_of_turn_shifts_what_spi_takes_until_the_window_is_over);
    tcase_add_loop_test(transactions, i2c_refuses_what_it_is_not_armed_for, 0, 2);
    tcase_add_test(transactions, a_transfer_that_outlasts_its_window_fails);
    tcase_add_loop_test(
        transactions, it_is_ready_for_commands_and_with_a_result_and_not_from_the_data_on_until_that_is_computed, 0, 2);
    tcase_add_test(transactions, raw_bytes_follow_as_a_transaction_of_their_own);
    suite_add_tcase(suite, transactions);
    TCase *frames = tcase_create("frames");
    tcase_add_test(frames, can_reads_packets_as_frames_of_eight);
    tcase_add_test(frames, a_can_frame_of_another_length_ends_the_packet);
    tcase_add_test(frames, the_can_controller_keeps_three_frames_until_they_are_flushed);
    suite_add_tcase(suite, frames);
    return suite;
}
