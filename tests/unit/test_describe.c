/* SPDX-License-Identifier: MIT */
/* Packets in words. */

#include "packet.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

static char text[160];

/* Describes a packet with that payload, which has to be described as a whole. */
static const char *describe(bool from_master, enum omvrpc_magic magic, const void *payload, size_t length) {
    uint8_t packet[256];
    size_t size = packet_put(packet, magic, payload, length);
    ck_assert_uint_eq(omvrpc_describe(packet, size, from_master, text, sizeof text), size);
    return text;
}

START_TEST(each_packet_has_its_words) {
    static const struct {
        bool from_master;
        enum omvrpc_magic magic;
        const char *payload;
        size_t length;
        const char *words;
    } packets[] = {
        {true, OMVRPC_COMMAND_HEADER, "\x78\x56\x34\x12\5\0\0\0", 8, "command header: #12345678, 5 bytes"},
        {false, OMVRPC_COMMAND_HEADER, "", 0, "command header ack"},
        {true, OMVRPC_COMMAND_DATA, "hello", 5, "command data: 5 bytes"},
        {true, OMVRPC_COMMAND_DATA, "", 0, "command data: 0 bytes"},
        {false, OMVRPC_COMMAND_DATA, "", 0, "command data ack"},
        {true, OMVRPC_RESULT_HEADER, "", 0, "result header poll"},
        {false, OMVRPC_RESULT_HEADER, "\x10\x27\0\0", 4, "result header: 10000 bytes"},
        {true, OMVRPC_RESULT_DATA, "", 0, "result data poll"},
        {false, OMVRPC_RESULT_DATA, "hello", 5, "result data: 5 bytes"},
        {true, OMVRPC_STREAM_OPEN, "\2\0\0\0", 4, "stream open: depth 2"},
        {false, OMVRPC_STREAM_FRAME, "\0\1\0\0", 4, "stream frame: 256 bytes"},
    };
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        ck_assert_str_eq(describe(packets[i].from_master, packets[i].magic, packets[i].payload, packets[i].length),
                         packets[i].words);
    }
}
END_TEST

START_TEST(what_is_no_packet_is_shown_as_it_is) {
    ck_assert_uint_eq(omvrpc_describe((const uint8_t *)"\1\2\xff", 3, true, text, sizeof text), 3);
    ck_assert_str_eq(text, "3 bytes: 01 02 ff");
    uint8_t packet[16];
    size_t size = packet_put(packet, OMVRPC_COMMAND_DATA, (const uint8_t *)"hello", 5);
    packet[3] ^= 1;
    ck_assert_uint_eq(omvrpc_describe(packet, size, true, text, sizeof text), size);
    ck_assert_str_eq(text, "9 bytes: d1 ab 68 64 6c 6c 6f 29 e9");
}
END_TEST

START_TEST(a_packet_is_described_before_what_follows_it) {
    uint8_t packets[16];
    size_t size = packet_put(packets, OMVRPC_RESULT_HEADER, NULL, 0);
    packet_put(packets + size, OMVRPC_RESULT_DATA, NULL, 0);
    ck_assert_uint_eq(omvrpc_describe(packets, 2 * size, true, text, sizeof text), size);
    ck_assert_str_eq(text, "result header poll");
}
END_TEST

START_TEST(a_call_of_a_session_shows_its_number) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 2];
    struct omvrpc_envelope envelope = {.session = 0x5e551011, .number = 7, .target = 0x12345678};
    omvrpc_envelope_write(&envelope, "hi", 2, bytes);
    ck_assert_str_eq(describe(true, OMVRPC_COMMAND_DATA, bytes, sizeof bytes),
                     "command data: number 7 of session 5e551011, #12345678, 2 bytes");
    bytes[4] ^= 1;
    ck_assert_str_eq(describe(true, OMVRPC_COMMAND_DATA, bytes, sizeof bytes), "command data: 26 bytes");
}
END_TEST

START_TEST(a_reply_of_a_session_shows_what_it_says) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 2];
    struct omvrpc_session_reply reply = {0x5e551011, 7, OMVRPC_STATUS_DONE, 4098, 4096, (const uint8_t *)"hi", 2};
    omvrpc_session_reply_write(&reply, bytes);
    ck_assert_str_eq(describe(false, OMVRPC_RESULT_DATA, bytes, sizeof bytes),
                     "result data: number 7 of session 5e551011, done, 2 of 4098 bytes from 4096");
    reply.status = OMVRPC_STATUS_TOO_LARGE;
    omvrpc_session_reply_write(&reply, bytes);
    ck_assert_ptr_nonnull(strstr(describe(false, OMVRPC_RESULT_DATA, bytes, sizeof bytes), ", too large, "));
    reply.status++;
    omvrpc_session_reply_write(&reply, bytes);
    ck_assert_ptr_nonnull(strstr(describe(false, OMVRPC_RESULT_DATA, bytes, sizeof bytes), ", unknown status, "));
    bytes[4] ^= 1;
    ck_assert_str_eq(describe(false, OMVRPC_RESULT_DATA, bytes, sizeof bytes), "result data: 26 bytes");
}
END_TEST

START_TEST(a_text_is_cut_to_its_room) {
    uint8_t packet[32];
    size_t size = packet_put(packet, OMVRPC_RESULT_DATA, (const uint8_t *)"hello", 5);
    memset(text, '#', sizeof text);
    ck_assert_uint_eq(omvrpc_describe(packet, size, false, text, 7), size);
    ck_assert_str_eq(text, "result");
    ck_assert_int_eq(text[7], '#');
    ck_assert_uint_eq(omvrpc_describe(packet, size - 1, false, text, 11), size - 1);
    ck_assert_str_eq(text, "8 bytes: b");
    ck_assert_int_eq(text[11], '#');
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("describe");
    TCase *words = tcase_create("words");
    tcase_add_test(words, each_packet_has_its_words);
    tcase_add_test(words, what_is_no_packet_is_shown_as_it_is);
    tcase_add_test(words, a_packet_is_described_before_what_follows_it);
    tcase_add_test(words, a_call_of_a_session_shows_its_number);
    tcase_add_test(words, a_reply_of_a_session_shows_what_it_says);
    tcase_add_test(words, a_text_is_cut_to_its_room);
    suite_add_tcase(suite, words);
    return suite;
}
