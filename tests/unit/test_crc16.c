/* SPDX-License-Identifier: MIT */
/* The checksum and the names of the wire, against known values and a slow implementation. */

#include "openmvrpc.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

static uint16_t crc(const void *data, size_t length) {
    return omvrpc_crc16(OMVRPC_CRC16_INITIAL, data, length);
}

/* A bit at a time, as the polynomial says. */
static uint16_t slow_crc(const uint8_t *data, size_t length) {
    uint32_t value = 0xFFFF;
    for (size_t i = 0; i < length; i++) {
        value ^= (uint32_t)data[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            value = value << 1 ^ (value & 0x8000 ? 0x1021 : 0);
            value &= 0xFFFF;
        }
    }
    return (uint16_t)value;
}

START_TEST(the_checksum_has_its_published_values) {
    ck_assert_uint_eq(crc("123456789", 9), 0x29B1);
    ck_assert_uint_eq(crc("", 0), 0xFFFF);
    ck_assert_uint_eq(crc("A", 1), 0xB915);
    ck_assert_uint_eq(crc("\0", 1), 0xE1F0);
}
END_TEST

START_TEST(the_checksum_is_that_of_the_polynomial_for_every_byte_at_every_place) {
    uint8_t data[4] = {0x5a, 0, 0xff, 0x01};
    for (size_t place = 0; place < sizeof data; place++) {
        for (int byte = 0; byte < 256; byte++) {
            data[place] = (uint8_t)byte;
            ck_assert_uint_eq(crc(data, sizeof data), slow_crc(data, sizeof data));
        }
    }
}
END_TEST

START_TEST(the_checksum_may_be_taken_in_pieces) {
    const uint8_t *text = (const uint8_t *)"123456789";
    for (size_t cut = 0; cut <= 9; cut++) {
        ck_assert_uint_eq(omvrpc_crc16(crc(text, cut), text + cut, 9 - cut), 0x29B1);
    }
}
END_TEST

START_TEST(the_checksum_finds_up_to_three_wrong_bits) {
    uint8_t packet[32] = "a packet with some bytes in it";
    enum { BITS = 8 * sizeof packet };
    const uint16_t good = crc(packet, sizeof packet);
    for (size_t a = 0; a < BITS; a++) {
        for (size_t b = a; b < BITS; b += 3) {
            for (size_t c = b; c < BITS; c += 7) {
                const size_t wrong[] = {a, b, c};
                for (size_t i = 0; i < 3; i++) {
                    packet[wrong[i] / 8] ^= (uint8_t)(1 << wrong[i] % 8);
                }
                /* Where two of the three are the same bit, the third is still wrong. */
                ck_assert_uint_ne(crc(packet, sizeof packet), good);
                for (size_t i = 0; i < 3; i++) {
                    packet[wrong[i] / 8] ^= (uint8_t)(1 << wrong[i] % 8);
                }
            }
        }
    }
}
END_TEST

START_TEST(command_ids_are_those_of_the_public_protocol) {
    static const struct {
        const char *name;
        uint32_t id;
    } known[] = {
        {"", 5381},
        {"a", 177604},
        {"face_detection", 0x48345454},
        {"jpeg_snapshot", 0x46306c0e},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        ck_assert_uint_eq(omvrpc_command_id(known[i].name, strlen(known[i].name)), known[i].id);
    }
}
END_TEST

START_TEST(bytes_of_a_name_count_as_unsigned) {
    ck_assert_uint_eq(omvrpc_command_id("\xff", 1), (5381u * 33) ^ 0xff);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("crc16");
    TCase *tests = tcase_create("crc16");
    tcase_add_test(tests, the_checksum_has_its_published_values);
    tcase_add_test(tests, the_checksum_is_that_of_the_polynomial_for_every_byte_at_every_place);
    tcase_add_test(tests, the_checksum_may_be_taken_in_pieces);
    tcase_add_test(tests, the_checksum_finds_up_to_three_wrong_bits);
    tcase_add_test(tests, command_ids_are_those_of_the_public_protocol);
    tcase_add_test(tests, bytes_of_a_name_count_as_unsigned);
    suite_add_tcase(suite, tests);
    return suite;
}
