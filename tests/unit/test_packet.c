/* SPDX-License-Identifier: MIT */
/* Packets as bytes, against bytes written down by hand. */

#include "packet.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

START_TEST(a_poll_is_four_bytes_with_its_magic_first) {
    uint8_t packet[8];
    ck_assert_uint_eq(packet_put(packet, OMVRPC_RESULT_HEADER, NULL, 0), 4);
    ck_assert_uint_eq(packet[0], 0x21);
    ck_assert_uint_eq(packet[1], 0x90);
    ck_assert_uint_eq(get_u16(packet + 2), omvrpc_crc16(OMVRPC_CRC16_INITIAL, packet, 2));
}
END_TEST

START_TEST(a_command_header_holds_id_and_length_little_endian) {
    static const uint8_t expected[] = {0x09, 0x12, 0x04, 0x03, 0x02, 0x01, 0x44, 0x33, 0x22, 0x11};
    uint8_t packet[16];
    ck_assert_uint_eq(packet_put_command_header(packet, 0x01020304, 0x11223344), 12);
    ck_assert_mem_eq(packet, expected, sizeof expected);
    ck_assert_uint_eq(get_u16(packet + 10), omvrpc_crc16(OMVRPC_CRC16_INITIAL, packet, 10));
}
END_TEST

START_TEST(a_number_is_packed_little_endian) {
    static const uint8_t expected[] = {0xf6, 0xed, 0x04, 0x03, 0x02, 0x01};
    uint8_t packet[8];
    ck_assert_uint_eq(packet_put_u32(packet, OMVRPC_STREAM_OPEN, 0x01020304), 8);
    ck_assert_mem_eq(packet, expected, sizeof expected);
    ck_assert_uint_eq(get_u32(packet + 2), 0x01020304);
}
END_TEST

START_TEST(numbers_with_their_highest_bit_survive) {
    uint8_t bytes[4];
    put_u32(bytes, 0xfedcba98);
    ck_assert_uint_eq(get_u32(bytes), 0xfedcba98);
    put_u16(bytes, 0xfedc);
    ck_assert_uint_eq(get_u16(bytes), 0xfedc);
}
END_TEST

START_TEST(a_packet_is_valid_only_whole_undamaged_and_of_its_kind) {
    uint8_t packet[32];
    size_t size = packet_put(packet, OMVRPC_RESULT_DATA, (const uint8_t *)"payload", 7);
    ck_assert_uint_eq(size, 11);
    ck_assert(packet_is_valid(packet, size, OMVRPC_RESULT_DATA));
    ck_assert(!packet_is_valid(packet, size, OMVRPC_RESULT_HEADER));
    for (size_t shorter = 0; shorter < size; shorter++) {
        ck_assert(!packet_is_valid(packet, shorter, OMVRPC_RESULT_DATA));
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!packet_is_valid(packet, size, OMVRPC_RESULT_DATA));
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

START_TEST(the_bytes_of_a_stream_are_those_of_the_lfsr_and_return_after_255) {
    static const uint8_t first[] = {0xff, 0xc7, 0xdb, 0xd5, 0xd2, 0x69};
    uint8_t byte = 0xff;
    for (size_t i = 0; i < sizeof first; i++) {
        ck_assert_uint_eq(byte, first[i]);
        byte = stream_next_byte(byte);
    }
    bool seen[256] = {false};
    byte = 0xff;
    for (int i = 0; i < 255; i++) {
        ck_assert(!seen[byte] && byte != 0);
        seen[byte] = true;
        byte = stream_next_byte(byte);
    }
    ck_assert_uint_eq(byte, 0xff);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("packet");
    tcase_add_test(tests, a_poll_is_four_bytes_with_its_magic_first);
    tcase_add_test(tests, a_command_header_holds_id_and_length_little_endian);
    tcase_add_test(tests, a_number_is_packed_little_endian);
    tcase_add_test(tests, numbers_with_their_highest_bit_survive);
    tcase_add_test(tests, a_packet_is_valid_only_whole_undamaged_and_of_its_kind);
    tcase_add_test(tests, the_bytes_of_a_stream_are_those_of_the_lfsr_and_return_after_255);
    suite_add_tcase(suite, tests);
    return suite;
}
