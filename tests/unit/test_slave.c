/* SPDX-License-Identifier: MIT */
/* The library's slave in virtual time: what a master sees of it, and what hostile bytes do to it. */

#include "packet.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define MS        1000
#define SECOND    1000000
#define SENT_MOST 65536

static struct omvrpc_slave *slave;
static int64_t now_us, until_us;
static uint8_t sent[SENT_MOST];
static size_t sent_length;

/* What the callback was given, and what it shall do. */
static unsigned executions;
static uint8_t seen[256];
static size_t seen_length;
static const char *text;
static int64_t duration_us;
static const char *raw;
static unsigned frames_left, frames_given;
static int64_t frame_due_us;

static bool give_frame(void *context, int64_t at_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    (void)context, (void)at_us;
    if (frame_due_us > 0) {
        *due_us = frame_due_us;
    }
    if (frames_left == 0) {
        return false;
    }
    if (*due_us <= at_us) {
        frames_left--;
        frames_given++;
    }
    *data = (const uint8_t *)"frame";
    *length = 5;
    return true;
}

static void callback(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    ck_assert_ptr_eq(context, &executions);
    ck_assert_uint_le(length, sizeof seen);
    executions++;
    memcpy(seen, argument, length);
    seen_length = length;
    if (text != NULL) {
        ck_assert_int_eq(omvrpc_reply_append(reply, text, strlen(text)), 0);
    }
    if (raw != NULL) {
        ck_assert_int_eq(omvrpc_reply_put_bytes(reply, raw, strlen(raw)), 0);
    }
    if (frames_left > 0) {
        omvrpc_reply_stream(reply, give_frame, NULL);
    }
    omvrpc_reply_delay(reply, duration_us);
}

/* Lets the slave do all that it can do now. */
static void work(void) {
    struct omvrpc_step step;
    for (int turns = 0;; turns++) {
        ck_assert_int_lt(turns, 1000);
        omvrpc_slave_next(slave, now_us, &step);
        if (step.kind != OMVRPC_STEP_SEND) {
            break;
        }
        ck_assert_uint_le(step.length, SENT_MOST - sent_length);
        memcpy(sent + sent_length, step.data, step.length);
        sent_length += step.length;
        omvrpc_slave_sent(slave, step.length, now_us);
    }
    ck_assert_int_eq(step.kind, OMVRPC_STEP_RECEIVE);
    ck_assert_int_gt(step.until_us, now_us);
    until_us = step.until_us;
}

static void wait_for(int64_t time_us) {
    now_us += time_us;
    work();
}

static void hear(const void *bytes, size_t length) {
    omvrpc_slave_received(slave, bytes, length, now_us);
    work();
}

static void hear_packet(enum omvrpc_magic magic, const void *payload, size_t length) {
    uint8_t packet[1024];
    ck_assert_uint_le(length, sizeof packet - OMVRPC_PACKET_OVERHEAD);
    hear(packet, packet_put(packet, magic, payload, length));
}

static void hear_header(const char *name, uint32_t length) {
    uint8_t packet[PACKET_COMMAND_HEADER_SIZE];
    hear(packet, packet_put_command_header(packet, omvrpc_command_id(name, strlen(name)), length));
}

static void expect(const void *bytes, size_t length) {
    ck_assert_uint_eq(sent_length, length);
    if (length > 0) {
        ck_assert_mem_eq(sent, bytes, length);
    }
    sent_length = 0;
}

static void expect_packet(enum omvrpc_magic magic, const void *payload, size_t length) {
    uint8_t packet[1024];
    expect(packet, packet_put(packet, magic, payload, length));
}

static void expect_nothing(void) {
    expect(NULL, 0);
}

static void expect_u32(enum omvrpc_magic magic, uint32_t value) {
    uint8_t packet[PACKET_RESULT_HEADER_SIZE];
    expect(packet, packet_put_u32(packet, magic, value));
}

static void call(const char *name, const char *argument) {
    hear_header(name, (uint32_t)strlen(argument));
    expect_packet(OMVRPC_COMMAND_HEADER, NULL, 0);
    hear_packet(OMVRPC_COMMAND_DATA, argument, strlen(argument));
    expect_packet(OMVRPC_COMMAND_DATA, NULL, 0);
}

static void fetch(const char *expected) {
    hear_packet(OMVRPC_RESULT_HEADER, NULL, 0);
    expect_u32(OMVRPC_RESULT_HEADER, (uint32_t)strlen(expected));
    hear_packet(OMVRPC_RESULT_DATA, NULL, 0);
    expect_packet(OMVRPC_RESULT_DATA, expected, strlen(expected));
}

static void set_up(void) {
    slave = omvrpc_slave_new();
    ck_assert_ptr_nonnull(slave);
    ck_assert_int_eq(omvrpc_slave_register(slave, "test", callback, &executions), 0);
    now_us = 100 * (int64_t)SECOND;
    sent_length = executions = frames_left = frames_given = 0;
    text = "result";
    raw = NULL;
    duration_us = frame_due_us = 0;
    work();
}

static void tear_down(void) {
    omvrpc_slave_free(slave);
}

START_TEST(a_call_is_acknowledged_run_and_answered) {
    call("test", "argument");
    ck_assert_uint_eq(executions, 1);
    ck_assert_uint_eq(seen_length, 8);
    ck_assert_mem_eq(seen, "argument", 8);
    fetch("result");
    call("test", "");
    fetch("result");
    ck_assert_uint_eq(executions, 2);
}
END_TEST

START_TEST(a_name_that_is_not_registered_gives_an_empty_result) {
    call("nonsense", "argument");
    fetch("");
    ck_assert_uint_eq(executions, 0);
}
END_TEST

static void other(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    (void)context, (void)argument, (void)length;
    omvrpc_reply_append(reply, "ot", 2);
    omvrpc_reply_append(reply, "her", 3);
}

START_TEST(a_name_registered_again_is_replaced) {
    ck_assert_int_eq(omvrpc_slave_register(slave, "test", other, NULL), 0);
    call("test", "");
    fetch("other");
    ck_assert_uint_eq(executions, 0);
}
END_TEST

START_TEST(a_copy_of_a_command_does_not_run_it_again) {
    uint8_t pair[32];
    size_t size = packet_put_command_header(pair, omvrpc_command_id("test", 4), 1);
    size += packet_put(pair + size, OMVRPC_COMMAND_DATA, (const uint8_t *)"x", 1);
    for (int i = 0; i < 20; i++) {
        hear(pair, size);
        wait_for(MS);
    }
    sent_length = 0;
    fetch("result");
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(polls_that_come_while_a_callback_runs_are_thrown_away) {
    duration_us = 50 * MS;
    call("test", "");
    ck_assert_int_eq(until_us, now_us + 50 * MS);
    hear_packet(OMVRPC_RESULT_HEADER, NULL, 0);
    hear_packet(OMVRPC_RESULT_DATA, NULL, 0);
    wait_for(50 * MS);
    expect_nothing();
    fetch("result");
}
END_TEST

START_TEST(both_polls_may_come_in_one_piece) {
    call("test", "");
    uint8_t polls[8];
    packet_put(polls, OMVRPC_RESULT_HEADER, NULL, 0);
    packet_put(polls + 4, OMVRPC_RESULT_DATA, NULL, 0);
    hear(polls, sizeof polls);
    ck_assert_uint_eq(sent_length, 8 + 6 + 4);
}
END_TEST

START_TEST(a_poll_for_data_before_the_header_is_not_answered) {
    call("test", "");
    hear_packet(OMVRPC_RESULT_DATA, NULL, 0);
    expect_nothing();
    fetch("result");
}
END_TEST

START_TEST(the_header_is_given_as_often_as_it_is_asked_for) {
    call("test", "");
    for (int i = 0; i < 5; i++) {
        hear_packet(OMVRPC_RESULT_HEADER, NULL, 0);
        expect_u32(OMVRPC_RESULT_HEADER, 6);
    }
    fetch("result");
}
END_TEST

START_TEST(a_result_that_nobody_fetches_is_dropped_after_a_second) {
    call("test", "");
    wait_for(999 * MS);
    wait_for(2 * MS);
    hear_packet(OMVRPC_RESULT_HEADER, NULL, 0);
    expect_nothing();
    call("test", "");
    fetch("result");
}
END_TEST

START_TEST(noise_is_skipped_until_a_command_comes) {
    for (int i = 0; i < 1000; i++) {
        hear("\x09\x12\xd1\xab noise", 10);
    }
    expect_nothing();
    call("test", "x");
    fetch("result");
}
END_TEST

START_TEST(data_that_is_lost_does_not_cost_the_next_try) {
    hear_header("test", 4);
    expect_packet(OMVRPC_COMMAND_HEADER, NULL, 0);
    hear_header("test", 4);
    expect_packet(OMVRPC_COMMAND_HEADER, NULL, 0);
    hear_packet(OMVRPC_COMMAND_DATA, "data", 4);
    expect_packet(OMVRPC_COMMAND_DATA, NULL, 0);
    fetch("result");
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(damaged_data_is_neither_acknowledged_nor_run) {
    hear_header("test", 4);
    sent_length = 0;
    uint8_t packet[16];
    size_t size = packet_put(packet, OMVRPC_COMMAND_DATA, (const uint8_t *)"data", 4);
    packet[3] ^= 1;
    hear(packet, size);
    expect_nothing();
    ck_assert_uint_eq(executions, 0);
    call("test", "data");
    fetch("result");
}
END_TEST

START_TEST(data_that_stops_in_the_middle_is_given_up) {
    hear_header("test", 100);
    expect_packet(OMVRPC_COMMAND_HEADER, NULL, 0);
    hear("\xd1\xab half", 7);
    wait_for(5 * SECOND);
    call("test", "x");
    fetch("result");
}
END_TEST

START_TEST(a_command_swallowed_by_data_that_stopped_is_not_run_after_the_silence) {
    hear_header("test", 100);
    expect_packet(OMVRPC_COMMAND_HEADER, NULL, 0);
    hear("\xd1\xab half", 7);
    hear_header("test", 1);
    hear_packet(OMVRPC_COMMAND_DATA, "x", 1);
    wait_for(SECOND);
    expect_nothing();
    ck_assert_uint_eq(executions, 0);
    call("test", "x");
    fetch("result");
}
END_TEST

START_TEST(a_header_that_promises_too_much_is_not_acknowledged) {
    hear_header("test", OMVRPC_MAX_PAYLOAD_DEFAULT + OMVRPC_ENVELOPE_SIZE + 1);
    expect_nothing();
    hear_header("test", UINT32_MAX);
    expect_nothing();
    call("test", "x");
    fetch("result");
}
END_TEST

START_TEST(a_reset_forgets_the_exchange_and_keeps_the_callbacks) {
    call("test", "");
    omvrpc_slave_reset(slave);
    hear_packet(OMVRPC_RESULT_HEADER, NULL, 0);
    expect_nothing();
    call("test", "");
    fetch("result");
}
END_TEST

START_TEST(raw_bytes_follow_the_result) {
    text = NULL;
    raw = "cut through";
    call("test", "");
    hear_packet(OMVRPC_RESULT_HEADER, NULL, 0);
    expect_u32(OMVRPC_RESULT_HEADER, 0);
    hear_packet(OMVRPC_RESULT_DATA, NULL, 0);
    ck_assert_uint_eq(sent_length, 4 + 11);
    ck_assert_mem_eq(sent + 4, "cut through", 11);
    sent_length = 0;
    raw = NULL;
    call("test", "");
    fetch("");
}
END_TEST

static void open_stream(unsigned frames, uint32_t depth) {
    text = NULL;
    frames_left = frames;
    call("test", "");
    fetch("");
    expect_nothing();
    uint8_t packet[PACKET_STREAM_SIZE];
    hear(packet, packet_put_u32(packet, OMVRPC_STREAM_OPEN, depth));
}

static void expect_frames(unsigned count) {
    uint8_t expected[1024];
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size += packet_put_u32(expected + size, OMVRPC_STREAM_FRAME, 5);
        memcpy(expected + size, "frame", 5);
        size += 5;
    }
    expect(expected, size);
}

START_TEST(a_stream_sends_a_frame_for_each_right_byte) {
    open_stream(100, 1);
    expect_frames(1);
    uint8_t byte = 0xff;
    for (int i = 0; i < 10; i++) {
        hear(&byte, 1);
        expect_frames(1);
        byte = stream_next_byte(byte);
    }
}
END_TEST

START_TEST(so_many_frames_are_under_way_as_the_depth_allows) {
    static const struct {
        uint32_t depth;
        unsigned frames;
    } depths[] = {{0, 1}, {1, 1}, {2, 1}, {3, 2}, {4, 2}, {8, 4}};
    open_stream(100, depths[_i].depth);
    expect_frames(depths[_i].frames);
    wait_for(100 * MS);
    expect_nothing();
}
END_TEST

START_TEST(a_wrong_byte_ends_the_stream) {
    open_stream(100, 2);
    expect_frames(1);
    hear("\x00", 1);
    expect_nothing();
    frames_left = 0;
    call("test", "");
    fetch("");
}
END_TEST

START_TEST(a_reader_that_says_nothing_for_a_second_ends_the_stream) {
    open_stream(100, 2);
    expect_frames(1);
    wait_for(1001 * MS);
    hear("\xff", 1);
    expect_nothing();
    frames_left = 0;
    call("test", "");
    fetch("");
}
END_TEST

START_TEST(a_stream_that_nobody_opens_is_given_up) {
    text = NULL;
    frames_left = 1;
    call("test", "");
    fetch("");
    wait_for(1001 * MS);
    frames_left = 0;
    call("test", "");
    fetch("");
    ck_assert_uint_eq(frames_given, 0);
}
END_TEST

START_TEST(a_frame_that_is_not_ready_is_waited_for) {
    frame_due_us = now_us + 30 * MS;
    open_stream(100, 2);
    expect_nothing();
    ck_assert_int_eq(until_us, frame_due_us);
    wait_for(30 * MS);
    expect_frames(1);
}
END_TEST

START_TEST(a_source_that_ends_ends_the_stream) {
    open_stream(2, 1);
    expect_frames(1);
    hear("\xff", 1);
    expect_frames(1);
    hear("\xc7", 1);
    expect_nothing();
    call("test", "");
    fetch("");
}
END_TEST

static void greedy(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    static const uint8_t block[1 << 16];
    (void)context, (void)argument, (void)length;
    int error = 0;
    for (int i = 0; i < 1000 && error == 0; i++) {
        error = omvrpc_reply_append(reply, block, sizeof block);
    }
    ck_assert_int_eq(error, -EMSGSIZE);
    do {
        error = omvrpc_reply_put_bytes(reply, block, sizeof block);
    } while (error == 0);
    ck_assert_int_eq(error, -EMSGSIZE);
    executions++;
}

START_TEST(a_reply_has_a_limit) {
    ck_assert_int_eq(omvrpc_slave_register(slave, "greedy", greedy, NULL), 0);
    call("greedy", "");
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(endless_input_does_not_hurt) {
    uint8_t *noise = calloc(1, (size_t)1 << 20);
    ck_assert_ptr_nonnull(noise);
    hear_header("test", OMVRPC_MAX_PAYLOAD_DEFAULT);
    sent_length = 0;
    put_u16(noise, OMVRPC_COMMAND_DATA);
    for (int i = 0; i < 20; i++) {
        omvrpc_slave_received(slave, noise, (size_t)1 << 20, now_us);
    }
    free(noise);
    work();
    sent_length = 0;
    wait_for(5 * SECOND);
    sent_length = 0;
    call("test", "x");
    fetch("result");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("slave");
    TCase *calls = tcase_create("calls");
    tcase_add_checked_fixture(calls, set_up, tear_down);
    tcase_add_test(calls, a_call_is_acknowledged_run_and_answered);
    tcase_add_test(calls, a_name_that_is_not_registered_gives_an_empty_result);
    tcase_add_test(calls, a_name_registered_again_is_replaced);
    tcase_add_test(calls, a_copy_of_a_command_does_not_run_it_again);
    tcase_add_test(calls, polls_that_come_while_a_callback_runs_are_thrown_away);
    tcase_add_test(calls, both_polls_may_come_in_one_piece);
    tcase_add_test(calls, a_poll_for_data_before_the_header_is_not_answered);
    tcase_add_test(calls, the_header_is_given_as_often_as_it_is_asked_for);
    tcase_add_test(calls, a_result_that_nobody_fetches_is_dropped_after_a_second);
    tcase_add_test(calls, noise_is_skipped_until_a_command_comes);
    tcase_add_test(calls, data_that_is_lost_does_not_cost_the_next_try);
    tcase_add_test(calls, damaged_data_is_neither_acknowledged_nor_run);
    tcase_add_test(calls, data_that_stops_in_the_middle_is_given_up);
    tcase_add_test(calls, a_command_swallowed_by_data_that_stopped_is_not_run_after_the_silence);
    tcase_add_test(calls, a_header_that_promises_too_much_is_not_acknowledged);
    tcase_add_test(calls, a_reset_forgets_the_exchange_and_keeps_the_callbacks);
    tcase_add_test(calls, a_reply_has_a_limit);
    tcase_add_test(calls, endless_input_does_not_hurt);
    suite_add_tcase(suite, calls);
    TCase *raws = tcase_create("raw and streams");
    tcase_add_checked_fixture(raws, set_up, tear_down);
    tcase_add_test(raws, raw_bytes_follow_the_result);
    tcase_add_test(raws, a_stream_sends_a_frame_for_each_right_byte);
    tcase_add_loop_test(raws, so_many_frames_are_under_way_as_the_depth_allows, 0, 6);
    tcase_add_test(raws, a_wrong_byte_ends_the_stream);
    tcase_add_test(raws, a_reader_that_says_nothing_for_a_second_ends_the_stream);
    tcase_add_test(raws, a_stream_that_nobody_opens_is_given_up);
    tcase_add_test(raws, a_frame_that_is_not_ready_is_waited_for);
    tcase_add_test(raws, a_source_that_ends_ends_the_stream);
    suite_add_tcase(suite, raws);
    return suite;
}
