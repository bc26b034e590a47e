/* SPDX-License-Identifier: MIT */
/* Bytes of one direction, cut into packets: whole ones, damaged ones, and what is between them. */

#include "cutter.h"
#include "packet.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

static struct cutter cutter;
static uint8_t bytes[2048];
static const uint8_t content[300] = {3, 1, 4, 1, 5, 9, 2, 6};
static size_t length;
static size_t at;

static void begin(bool from_master) {
    cutter = (struct cutter){.from_master = from_master};
    length = at = 0;
}

static void put(const void *data, size_t count) {
    memcpy(bytes + length, data, count);
    length += count;
}

static void put_command(uint32_t data_length) {
    length += packet_put_command_header(bytes + length, 0x12345678, data_length);
}

static void put_packet(enum omvrpc_magic magic, const void *payload, size_t count) {
    length += packet_put(bytes + length, magic, payload, count);
}

/* Cuts once and compares. */
static void expect(enum cut_kind kind, size_t count, bool is_end) {
    struct cut cut;
    ck_assert_uint_lt(at, length);
    cutter_next(&cutter, bytes + at, length - at, is_end, &cut);
    ck_assert_int_eq(cut.kind, kind);
    ck_assert_uint_eq(cut.length, count);
    at += cut.length;
}

START_TEST(data_is_as_long_as_its_header_says_also_behind_copies) {
    begin(true);
    for (int i = 0; i < 3; i++) {
        put_command(300);
        put_packet(OMVRPC_COMMAND_DATA, content, sizeof content);
    }
    put_packet(OMVRPC_RESULT_HEADER, NULL, 0);
    for (int i = 0; i < 3; i++) {
        expect(CUT_PACKET, 12, false);
        expect(CUT_PACKET, 304, false);
    }
    expect(CUT_PACKET, 4, false);
    ck_assert_uint_eq(at, length);
}
END_TEST

START_TEST(an_unfinished_packet_waits_for_more_until_the_end) {
    begin(true);
    put_command(0);
    for (size_t i = 1; i < length; i++) {
        struct cut cut;
        cutter_next(&cutter, bytes, i, false, &cut);
        ck_assert_int_eq(cut.kind, CUT_MORE);
    }
    length = 11;
    expect(CUT_NOISE, 11, true);
}
END_TEST

START_TEST(noise_ends_where_a_packet_begins) {
    begin(false);
    put("\x09\x12\x00\x00MicroPython", 15);
    put_packet(OMVRPC_COMMAND_HEADER, NULL, 0);
    put("\x09", 1);
    expect(CUT_NOISE, 15, false);
    expect(CUT_PACKET, 4, false);
    expect(CUT_MORE, 0, false);
    expect(CUT_NOISE, 1, true);
}
END_TEST

START_TEST(damaged_data_is_noise_up_to_the_next_packet) {
    uint8_t size[4] = {40, 0, 0, 0};
    begin(false);
    put_packet(OMVRPC_RESULT_HEADER, size, 4);
    put_packet(OMVRPC_RESULT_DATA, content, 40);
    bytes[20] ^= 1;
    put_packet(OMVRPC_RESULT_HEADER, size, 4);
    expect(CUT_PACKET, 8, false);
    expect(CUT_NOISE, 44, false);
    expect(CUT_PACKET, 8, false);
}
END_TEST

START_TEST(frames_of_a_stream_are_raw_bytes) {
    uint8_t size[4] = {10, 0, 0, 0};
    begin(false);
    put_packet(OMVRPC_STREAM_FRAME, size, 4);
    put("\x09\x12\xe4\x95 frame", 10);
    put_packet(OMVRPC_STREAM_FRAME, size, 4);
    expect(CUT_PACKET, 8, false);
    expect(CUT_RAW, 10, false);
    expect(CUT_PACKET, 8, false);
}
END_TEST

START_TEST(a_length_beyond_belief_is_not_waited_for) {
    begin(true);
    put_command(UINT32_MAX);
    put("\xd1\xab", 2);
    put_packet(OMVRPC_RESULT_DATA, NULL, 0);
    expect(CUT_PACKET, 12, false);
    expect(CUT_NOISE, 2, false);
    expect(CUT_PACKET, 4, false);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cutter");
    TCase *tests = tcase_create("cutter");
    tcase_add_test(tests, data_is_as_long_as_its_header_says_also_behind_copies);
    tcase_add_test(tests, an_unfinished_packet_waits_for_more_until_the_end);
    tcase_add_test(tests, noise_ends_where_a_packet_begins);
    tcase_add_test(tests, damaged_data_is_noise_up_to_the_next_packet);
    tcase_add_test(tests, frames_of_a_stream_are_raw_bytes);
    tcase_add_test(tests, a_length_beyond_belief_is_not_waited_for);
    suite_add_tcase(suite, tests);
    return suite;
}
