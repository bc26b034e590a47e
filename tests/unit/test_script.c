/* SPDX-License-Identifier: MIT */
/* Captures as calls and answers, for the simulated camera that plays them. */

#include "sim/script.h"

#include "packet.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

static char text[16384];
static struct capture capture;
static struct sim_script script;
static char sentence[160];

static void begin(void) {
    strcpy(text, CAPTURE_FIRST_LINE "\n");
}

static void add(enum capture_kind kind, int64_t time_us, const uint8_t *bytes, size_t length) {
    char line[CAPTURE_LINE_MAX];
    capture_write(kind, time_us, bytes, length, line);
    strcat(text, line);
}

static void add_packet(enum capture_kind kind, int64_t time_us, enum omvrpc_magic magic, const void *payload,
                       size_t length) {
    uint8_t packet[64];
    add(kind, time_us, packet, packet_put(packet, magic, payload, length));
}

/* Header and data in one write, as the master sends them. */
static void add_command(int64_t time_us, const char *name, const char *argument) {
    uint8_t packets[64];
    size_t length =
        packet_put_command_header(packets, omvrpc_command_id(name, strlen(name)), (uint32_t)strlen(argument));
    length += packet_put(packets + length, OMVRPC_COMMAND_DATA, (const uint8_t *)argument, strlen(argument));
    add(CAPTURE_TO_CAMERA, time_us, packets, length);
}

/* A call in a session, or with number 0 its opening. */
static void add_envelope(int64_t time_us, uint32_t number) {
    const struct omvrpc_envelope envelope = {.session = 7, .number = number, .piece = 64, .target = 1};
    uint8_t packets[64], bytes[OMVRPC_ENVELOPE_SIZE];
    uint32_t command = omvrpc_command_id(OMVRPC_CALL_NAME, strlen(OMVRPC_CALL_NAME));
    omvrpc_envelope_write(&envelope, NULL, 0, bytes);
    size_t length = packet_put_command_header(packets, command, sizeof bytes);
    length += packet_put(packets + length, OMVRPC_COMMAND_DATA, bytes, sizeof bytes);
    add(CAPTURE_TO_CAMERA, time_us, packets, length);
}

static void add_acks(int64_t time_us) {
    uint8_t packets[8];
    packet_put(packets, OMVRPC_COMMAND_HEADER, NULL, 0);
    packet_put(packets + 4, OMVRPC_COMMAND_DATA, NULL, 0);
    add(CAPTURE_FROM_CAMERA, time_us, packets, sizeof packets);
}

static void add_poll(int64_t time_us) {
    add_packet(CAPTURE_TO_CAMERA, time_us, OMVRPC_RESULT_HEADER, NULL, 0);
}

static int make(void) {
    struct capture_error error;
    ck_assert_int_eq(capture_parse(text, strlen(text), &capture, &error), 0);
    return sim_script_init(&script, &capture, sentence, sizeof sentence);
}

static void end(void) {
    sim_script_clear(&script);
    capture_clear(&capture);
}

START_TEST(copies_and_polls_are_one_call_and_its_answers_keep_their_times) {
    begin();
    add_command(1000, "read_gauge", "abc");
    add_command(2000, "read_gauge", "abc");
    add_acks(2500);
    add_poll(3000);
    add_poll(4000);
    add(CAPTURE_FROM_CAMERA, 9000, (const uint8_t *)"damaged", 7);
    ck_assert_int_eq(make(), 0);
    ck_assert_uint_eq(script.call_count, 1);
    const struct sim_call *call = &script.calls[0];
    ck_assert_uint_eq(call->line, 2);
    ck_assert_uint_eq(call->command, omvrpc_command_id("read_gauge", 10));
    ck_assert_uint_eq(call->argument_length, 3);
    ck_assert_mem_eq(call->argument, "abc", 3);
    ck_assert_uint_eq(call->answer_count, 3);
    ck_assert_uint_eq(script.answers[0].length, 4);
    ck_assert(!script.answers[0].after_data && !script.answers[0].after_poll);
    ck_assert(script.answers[1].after_data && !script.answers[1].after_poll);
    ck_assert_int_eq(script.answers[1].delay_us, 1500);
    ck_assert(script.answers[2].after_poll);
    ck_assert_int_eq(script.answers[2].delay_us, 6000);
    ck_assert_uint_eq(script.answers[2].length, 7);
    end();
}
END_TEST

START_TEST(the_same_command_after_a_poll_or_with_another_argument_is_another_call) {
    begin();
    add_command(1000, "move", "a");
    add_poll(2000);
    add_command(3000, "move", "a");
    add_command(4000, "move", "b");
    add_acks(5000);
    ck_assert_int_eq(make(), 0);
    ck_assert_uint_eq(script.call_count, 3);
    ck_assert_uint_eq(script.calls[0].answer_count, 0);
    ck_assert_uint_eq(script.calls[1].answer_count, 0);
    ck_assert_uint_eq(script.calls[2].answer_count, 2);
    ck_assert_mem_eq(script.calls[2].argument, "b", 1);
    end();
}
END_TEST

START_TEST(signs_of_life_and_their_answers_are_left_out) {
    begin();
    add_acks(0);
    add_command(1000, OMVRPC_PROBE_NAME, "");
    add_acks(2000);
    add_poll(3000);
    add(CAPTURE_FROM_CAMERA, 4000, (const uint8_t *)"result", 6);
    add_command(5000, "move", "");
    add_acks(6000);
    ck_assert_int_eq(make(), 0);
    ck_assert_uint_eq(script.call_count, 1);
    ck_assert_uint_eq(script.calls[0].answer_count, 2);
    ck_assert_int_eq(script.answers[0].delay_us, 1000);
    end();
}
END_TEST

START_TEST(a_lone_header_question_does_not_end_a_call) {
    uint8_t header[PACKET_COMMAND_HEADER_SIZE];
    packet_put_command_header(header, omvrpc_command_id(OMVRPC_PROBE_NAME, strlen(OMVRPC_PROBE_NAME)), 0);
    begin();
    add_command(1000, "slow", "");
    add_acks(2000);
    add_poll(3000);
    add(CAPTURE_TO_CAMERA, 4000, header, sizeof header);
    add(CAPTURE_FROM_CAMERA, 5000, (const uint8_t *)"result", 6);
    ck_assert_int_eq(make(), 0);
    ck_assert_uint_eq(script.call_count, 1);
    ck_assert_uint_eq(script.calls[0].answer_count, 3);
    end();
}
END_TEST

START_TEST(captures_without_a_call_or_with_a_session_are_refused) {
    begin();
    add_acks(0);
    ck_assert_int_eq(make(), -1);
    ck_assert_str_eq(sentence, "there is no call in it");
    end();
    begin();
    add_command(1000, "move", "");
    add_envelope(2000, 0);
    ck_assert_int_eq(make(), 0);
    ck_assert_uint_eq(script.call_count, 1);
    end();
    begin();
    add_command(1000, "move", "");
    add_envelope(2000, 1);
    ck_assert_int_eq(make(), -1);
    ck_assert_ptr_nonnull(strstr(sentence, "line 3: calls in a session cannot be played"));
    end();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("script");
    TCase *tests = tcase_create("script");
    tcase_add_test(tests, copies_and_polls_are_one_call_and_its_answers_keep_their_times);
    tcase_add_test(tests, the_same_command_after_a_poll_or_with_another_argument_is_another_call);
    tcase_add_test(tests, signs_of_life_and_their_answers_are_left_out);
    tcase_add_test(tests, a_lone_header_question_does_not_end_a_call);
    tcase_add_test(tests, captures_without_a_call_or_with_a_session_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
