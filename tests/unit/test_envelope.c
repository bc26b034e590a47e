/* SPDX-License-Identifier: MIT */
/* Calls, reads and replies of a session as bytes, and the checksum around them. */

#include "openmvrpc.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

START_TEST(crc32_is_the_common_one) {
    static const struct {
        const char *bytes;
        uint32_t crc;
    } vectors[] = {
        {"", 0x00000000},
        {"a", 0xe8b7be43},
        {"abc", 0x352441c2},
        {"123456789", 0xcbf43926},
        {"The quick brown fox jumps over the lazy dog", 0x414fa339},
    };
    size_t length = strlen(vectors[_i].bytes);
    ck_assert_uint_eq(omvrpc_crc32(0, vectors[_i].bytes, length), vectors[_i].crc);
    for (size_t part = 0; part <= length; part++) {
        uint32_t begun = omvrpc_crc32(0, vectors[_i].bytes, part);
        ck_assert_uint_eq(omvrpc_crc32(begun, vectors[_i].bytes + part, length - part), vectors[_i].crc);
    }
}
END_TEST

START_TEST(crc32_of_zeros_is_not_that_of_nothing) {
    static const uint8_t zeros[32];
    ck_assert_uint_eq(omvrpc_crc32(0, zeros, sizeof zeros), 0x190a55ad);
}
END_TEST

START_TEST(reserved_names_have_the_ids_of_the_documentation) {
    ck_assert_uint_eq(omvrpc_command_id(OMVRPC_DESCRIBE_NAME, strlen(OMVRPC_DESCRIBE_NAME)), 0x19c311f3);
    ck_assert_uint_eq(omvrpc_command_id(OMVRPC_CALL_NAME, strlen(OMVRPC_CALL_NAME)), 0x8d9e67bc);
    ck_assert_uint_eq(omvrpc_command_id(OMVRPC_READ_NAME, strlen(OMVRPC_READ_NAME)), 0x8d960e6c);
}
END_TEST

/* session, number, released, piece, target, and what it carries */
static const struct omvrpc_envelope envelope = {0x11121314, 0x21222324, 0x31323334, 0x41424344, 0x51525354};
static const uint8_t envelope_bytes[] = {0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32,
                                         0x31, 0x44, 0x43, 0x42, 0x41, 0x54, 0x53, 0x52, 0x51, 'o',  'h'};

START_TEST(an_envelope_is_five_numbers_the_argument_and_a_crc) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 2];
    omvrpc_envelope_write(&envelope, "oh", 2, bytes);
    ck_assert_mem_eq(bytes, envelope_bytes, sizeof envelope_bytes);
    uint32_t crc = omvrpc_crc32(0, envelope_bytes, sizeof envelope_bytes);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(bytes[sizeof envelope_bytes + i], (crc >> (8 * i)) & 0xff);
    }
}
END_TEST

START_TEST(what_was_written_is_read) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 2];
    struct omvrpc_envelope found;
    const uint8_t *argument;
    size_t length;
    omvrpc_envelope_write(&envelope, "oh", 2, bytes);
    ck_assert(omvrpc_envelope_read(bytes, sizeof bytes, &found, &argument, &length));
    ck_assert_mem_eq(&found, &envelope, sizeof found);
    ck_assert_ptr_eq(argument, bytes + 20);
    ck_assert_uint_eq(length, 2);

    struct omvrpc_session_reply reply = {1, 2, OMVRPC_STATUS_RAISED, 4, 5, (const uint8_t *)"ah", 2}, back;
    omvrpc_session_reply_write(&reply, bytes);
    ck_assert_mem_eq(bytes, "\1\0\0\0\2\0\0\0\1\0\0\0\4\0\0\0\5\0\0\0ah", 22);
    ck_assert(omvrpc_session_reply_read(bytes, sizeof bytes, &back));
    ck_assert_uint_eq(back.session, 1);
    ck_assert_uint_eq(back.number, 2);
    ck_assert_uint_eq(back.status, OMVRPC_STATUS_RAISED);
    ck_assert_uint_eq(back.total, 4);
    ck_assert_uint_eq(back.offset, 5);
    ck_assert_ptr_eq(back.data, bytes + 20);
    ck_assert_uint_eq(back.length, 2);
}
END_TEST

START_TEST(nothing_need_be_carried) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE];
    struct omvrpc_envelope found;
    const uint8_t *argument;
    size_t length;
    omvrpc_envelope_write(&envelope, NULL, 0, bytes);
    ck_assert(omvrpc_envelope_read(bytes, sizeof bytes, &found, &argument, &length));
    ck_assert_uint_eq(length, 0);
}
END_TEST

static bool reads(const uint8_t *bytes, size_t length) {
    struct omvrpc_envelope call;
    struct omvrpc_session_reply reply;
    const uint8_t *argument;
    size_t argument_length;
    bool is_call = omvrpc_envelope_read(bytes, length, &call, &argument, &argument_length);
    ck_assert(is_call == omvrpc_session_reply_read(bytes, length, &reply));
    return is_call;
}

START_TEST(bytes_that_are_too_few_are_no_envelope) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 2];
    omvrpc_envelope_write(&envelope, "oh", 2, bytes);
    for (size_t length = 0; length < sizeof bytes; length++) {
        ck_assert(!reads(bytes, length));
    }
    ck_assert(reads(bytes, sizeof bytes));
    /* A right checksum does not make them more. */
    for (size_t length = 4; length < OMVRPC_ENVELOPE_SIZE; length++) {
        uint32_t crc = omvrpc_crc32(0, bytes, length - 4);
        uint8_t sealed[OMVRPC_ENVELOPE_SIZE];
        memcpy(sealed, bytes, length - 4);
        for (size_t i = 0; i < 4; i++) {
            sealed[length - 4 + i] = (uint8_t)(crc >> (8 * i));
        }
        ck_assert(!reads(sealed, length));
    }
}
END_TEST

START_TEST(each_flipped_bit_is_found) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 2];
    omvrpc_envelope_write(&envelope, "oh", 2, bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!reads(bytes, sizeof bytes));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert(reads(bytes, sizeof bytes));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("envelope");
    TCase *checksum = tcase_create("checksum");
    tcase_add_loop_test(checksum, crc32_is_the_common_one, 0, 5);
    tcase_add_test(checksum, crc32_of_zeros_is_not_that_of_nothing);
    suite_add_tcase(suite, checksum);
    TCase *envelopes = tcase_create("envelopes");
    tcase_add_test(envelopes, reserved_names_have_the_ids_of_the_documentation);
    tcase_add_test(envelopes, an_envelope_is_five_numbers_the_argument_and_a_crc);
    tcase_add_test(envelopes, what_was_written_is_read);
    tcase_add_test(envelopes, nothing_need_be_carried);
    tcase_add_test(envelopes, bytes_that_are_too_few_are_no_envelope);
    tcase_add_test(envelopes, each_flipped_bit_is_found);
    suite_add_tcase(suite, envelopes);
    return suite;
}
