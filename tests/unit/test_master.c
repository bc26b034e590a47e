/* SPDX-License-Identifier: MIT */
/* Calls of the master: getting a command to the camera, deadlines, and what each end is called. */

#include "master_bench.h"

#include <errno.h>

Suite *test_suite(void);

START_TEST(a_call_is_sent_acknowledged_polled_and_answered) {
    call(plain());
    const struct sent *sent = await_sent(OMVRPC_COMMAND_HEADER);
    uint8_t expected[64];
    size_t size = packet_put_command_header(expected, COMMAND, sizeof argument);
    size += packet_put(expected + size, OMVRPC_COMMAND_DATA, argument, sizeof argument);
    ck_assert_uint_eq(sent->length, size);
    ck_assert_mem_eq(sent->bytes, expected, size);
    bench.now_us += 200;
    say_acks();
    sent = await_sent(OMVRPC_RESULT_HEADER);
    size = packet_put(expected, OMVRPC_RESULT_HEADER, NULL, 0);
    size += packet_put(expected + size, OMVRPC_RESULT_DATA, NULL, 0);
    ck_assert_uint_eq(sent->length, size);
    ck_assert_mem_eq(sent->bytes, expected, size);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert(!omvrpc_master_is_busy(bench.master));
    ck_assert(omvrpc_master_is_settled(bench.master));
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->done, 1);
}
END_TEST

START_TEST(copies_stop_when_the_data_is_acknowledged) {
    call(plain());
    live_for(10 * MS);
    ck_assert_uint_gt(count_copies(), 2);
    say_acks();
    look_away();
    live_for(500 * MS);
    ck_assert_uint_eq(count_copies(), 0);
    ck_assert_uint_gt(count_sent(OMVRPC_RESULT_HEADER), 0);
}
END_TEST

START_TEST(at_first_a_copy_comes_at_least_every_two_milliseconds) {
    call(plain());
    live_for(20 * MS);
    ck_assert_uint_ge(count_copies(), 10);
    for (size_t i = bench.looked + 1; i < bench.sent_count; i++) {
        ck_assert_int_le(bench.sent[i].at_us - bench.sent[i - 1].at_us, 2 * MS);
    }
}
END_TEST

START_TEST(copies_never_fill_the_buffer_of_a_uart_without_a_pause) {
    bench_close();
    bench_open(&uart, 200);
    call(plain());
    live_for(200 * MS);
    size_t in_a_row = 0;
    for (size_t i = bench.looked + 1; i < bench.sent_count; i++) {
        in_a_row = bench.sent[i].at_us - bench.sent[i - 1].at_us > 4 * MS ? 0 : in_a_row + bench.sent[i].length;
        ck_assert_uint_lt(in_a_row, 64);
    }
}
END_TEST

START_TEST(copies_under_way_are_bounded_however_long_the_round_trip) {
    bench_close();
    bench_open(&usb, 90 * MS);
    plug_camera_in();
    for (int learned = 0; learned < 5; learned++) {
        call(plain());
        expect_result(answer_bytes, sizeof answer_bytes);
        live_for(SECOND);
    }
    call(plain());
    live_for(88 * MS);
    size_t first = bench.looked;
    for (size_t last = first; last < bench.sent_count; last++) {
        while (bench.sent[first].at_us <= bench.sent[last].at_us - 90 * MS) {
            first++;
        }
        ck_assert_uint_le(last - first + 1, 32);
    }
}
END_TEST

START_TEST(no_copy_of_a_command_follows_a_poll_within_one_attempt) {
    for (int answered = 0; answered < 3; answered++) {
        call(plain());
        live_for(20 * MS);
        if (answered > 0) {
            say_ack(answered == 1 ? OMVRPC_COMMAND_HEADER : OMVRPC_COMMAND_DATA);
        }
        bool polled = false;
        await_done();
        for (size_t i = bench.looked; i < bench.sent_count; i++) {
            polled = polled || bench.sent[i].magic == OMVRPC_RESULT_HEADER;
            ck_assert(!polled || !is_copy(&bench.sent[i]));
        }
        ck_assert(polled);
        settle();
    }
}
END_TEST

START_TEST(copies_are_sent_for_less_than_the_send_timeout_of_the_camera) {
    call(plain());
    await_done();
    int64_t first_us = 0, last_us = 0;
    for (size_t i = bench.looked; i < bench.sent_count; i++) {
        if (is_copy(&bench.sent[i])) {
            first_us = first_us == 0 ? bench.sent[i].at_us : first_us;
            last_us = bench.sent[i].at_us;
        }
    }
    ck_assert_int_gt(last_us - first_us, 500 * MS);
    ck_assert_int_lt(last_us - first_us, 700 * MS);
}
END_TEST

START_TEST(a_camera_that_acknowledged_only_the_header_is_soon_asked_for_the_result) {
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_HEADER);
    int64_t acknowledged_us = bench.now_us;
    await_sent(OMVRPC_RESULT_HEADER);
    ck_assert_int_lt(bench.now_us - acknowledged_us, 100 * MS);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(an_acknowledgement_of_data_that_was_never_sent_is_noise) {
    bench_close();
    bench_open(&packets, 200);
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_DATA);
    live_for(20 * MS);
    ck_assert_uint_eq(count_sent(OMVRPC_RESULT_HEADER), 0);
}
END_TEST

START_TEST(a_silent_camera_ends_the_call_result_unknown_after_1500_ms) {
    int64_t begun_us = bench.now_us;
    call(plain());
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_SILENT);
    ck_assert_int_ge(bench.done_us - begun_us, 1400 * MS);
    ck_assert_int_le(bench.done_us - begun_us, 1600 * MS);
    ck_assert(!omvrpc_master_is_settled(bench.master));
    ck_assert_int_ne(omvrpc_master_silent_since(bench.master), 0);
}
END_TEST

START_TEST(a_repeatable_call_is_sent_again_when_the_camera_comes_back) {
    struct omvrpc_request request = plain();
    request.repeatable = true;
    call(request);
    live_for(3 * SECOND);
    ck_assert_uint_eq(bench.done, 0);
    plug_camera_in();
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert_uint_ge(omvrpc_master_statistics(bench.master)->repeated_calls, 1);
}
END_TEST

START_TEST(nothing_of_a_call_is_sent_after_its_deadline) {
    struct omvrpc_request request = plain();
    request.deadline_us = bench.now_us + 50 * MS;
    request.repeatable = true;
    call(request);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_eq(bench.done_us, request.deadline_us);
    look_away();
    live_for(5 * SECOND);
    ck_assert_uint_eq(count_copies(), 0);
}
END_TEST

START_TEST(a_deadline_passes_while_the_callback_runs) {
    struct omvrpc_request request = plain();
    request.deadline_us = bench.now_us + 300 * MS;
    call_and_take(request);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_eq(bench.done_us, request.deadline_us);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(a_call_that_waits_for_settling_beyond_its_deadline_is_not_delivered) {
    call(plain());
    await_done();
    struct omvrpc_request request = plain();
    request.deadline_us = bench.now_us + 100 * MS;
    call(request);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_eq(bench.done_us, request.deadline_us);
    ck_assert_uint_eq(count_copies(), 0);
}
END_TEST

START_TEST(a_call_whose_deadline_has_passed_at_its_beginning_leaves_the_line_alone) {
    struct omvrpc_request request = plain();
    request.deadline_us = bench.now_us;
    call(request);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    ck_assert(omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(a_command_of_which_the_line_took_only_a_part_is_not_delivered) {
    struct omvrpc_request request = plain();
    request.deadline_us = bench.now_us + 100 * MS;
    call(request);
    struct omvrpc_step step;
    omvrpc_master_next(bench.master, bench.now_us, &step);
    ck_assert_int_eq(step.kind, OMVRPC_STEP_SEND);
    omvrpc_master_sent(bench.master, 15, bench.now_us);
    size_t length = step.length;
    omvrpc_master_next(bench.master, bench.now_us, &step);
    ck_assert_int_eq(step.kind, OMVRPC_STEP_SEND);
    ck_assert_uint_eq(step.length, length - 15);
    omvrpc_master_sent(bench.master, 0, bench.now_us);
    bench.now_us = request.deadline_us;
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(an_argument_longer_than_the_receive_buffer_waits_for_the_header_ack) {
    static const uint8_t big[5000] = {7};
    struct omvrpc_request request = plain();
    request.argument = big;
    request.argument_length = sizeof big;
    call(request);
    live_for(50 * MS);
    ck_assert_uint_gt(count_sent(OMVRPC_COMMAND_HEADER), 3);
    ck_assert_uint_eq(count_sent(OMVRPC_COMMAND_DATA), 0);
    for (size_t i = bench.looked; i < bench.sent_count; i++) {
        /* Lone headers, and zeros for a camera that took one whose acknowledgement was lost. */
        ck_assert(bench.sent[i].length == PACKET_COMMAND_HEADER_SIZE || bench.sent[i].magic == 0);
    }
    say_ack(OMVRPC_COMMAND_HEADER);
    const struct sent *data = await_sent(OMVRPC_COMMAND_DATA);
    ck_assert_uint_eq(data->length, sizeof big + OMVRPC_PACKET_OVERHEAD);
    live_for(10 * MS);
    ck_assert_uint_eq(count_sent(OMVRPC_COMMAND_HEADER), 0);
    say_ack(OMVRPC_COMMAND_DATA);
    await_sent(OMVRPC_RESULT_HEADER);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(damaged_and_foreign_bytes_between_the_acks_do_no_harm) {
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say("\xff\x09\x12\x00", 4);
    say_damaged(OMVRPC_COMMAND_DATA, NULL, 0);
    ck_assert_uint_eq(count_sent(OMVRPC_RESULT_HEADER), 0);
    say("\x09", 1);
    say_acks();
    await_sent(OMVRPC_RESULT_HEADER);
    ck_assert_uint_gt(omvrpc_master_statistics(bench.master)->skipped_bytes, 0);
}
END_TEST

START_TEST(a_stopped_call_ends_at_once) {
    call_and_take(plain());
    omvrpc_master_stop(bench.master, bench.now_us);
    int64_t stopped_us = bench.now_us;
    ck_assert_int_eq(await_done()->outcome, OMVRPC_RESULT_UNKNOWN);
    ck_assert_int_eq(bench.done_us, stopped_us);
}
END_TEST

/* The camera's bytes are hostile: it may answer a call whose last copy is still half on this side of the line. */
START_TEST(what_is_left_of_a_copy_is_not_sent_as_part_of_the_next_call) {
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    struct omvrpc_step step;
    do {
        bench.now_us += 100;
        omvrpc_master_next(bench.master, bench.now_us, &step);
    } while (step.kind != OMVRPC_STEP_SEND);
    omvrpc_master_sent(bench.master, 5, bench.now_us);
    say_acks();
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
    call(plain());
    /* The rest may still go out or be dropped; what matters is that the next command is sent whole, from memory that
     * is alive. */
    plug_camera_in();
    const struct sent *sent;
    do {
        sent = await_sent(OMVRPC_COMMAND_HEADER);
    } while (!is_copy(sent));
    ck_assert_uint_eq(sent->length, PACKET_COMMAND_HEADER_SIZE + sizeof argument + OMVRPC_PACKET_OVERHEAD);
}
END_TEST

START_TEST(a_poll_left_over_from_the_last_call_is_not_taken_for_a_copy_of_the_command) {
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_acks();
    struct omvrpc_step step;
    omvrpc_master_next(bench.master, bench.now_us, &step);
    ck_assert_int_eq(step.kind, OMVRPC_STEP_SEND);
    omvrpc_master_sent(bench.master, 4, bench.now_us);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
    struct omvrpc_request request = plain();
    call(request);
    omvrpc_master_next(bench.master, bench.now_us, &step);
    if (step.kind == OMVRPC_STEP_SEND && get_u16(step.data) != OMVRPC_COMMAND_HEADER) {
        omvrpc_master_sent(bench.master, step.length, bench.now_us);
    }
    omvrpc_master_stop(bench.master, bench.now_us);
    ck_assert_str_eq(omvrpc_outcome_name(await_done()->outcome), "not_delivered");
}
END_TEST

START_TEST(a_second_call_is_refused_while_one_is_under_way) {
    call(plain());
    struct omvrpc_request request = plain();
    ck_assert_int_eq(omvrpc_master_call(bench.master, &request, bench.now_us), -EBUSY);
    ck_assert(omvrpc_master_is_busy(bench.master));
}
END_TEST

START_TEST(requests_out_of_range_are_refused) {
    omvrpc_master_set_max_payload(bench.master, 100);
    static const uint8_t bytes[101];
    struct omvrpc_request request = plain();
    request.argument = bytes;
    request.argument_length = sizeof bytes;
    ck_assert_int_eq(omvrpc_master_call(bench.master, &request, bench.now_us), -EMSGSIZE);
    request = plain();
    request.raw_length = 101;
    ck_assert_int_eq(omvrpc_master_call(bench.master, &request, bench.now_us), -EINVAL);
    request = plain();
    request.stream_depth = 256;
    ck_assert_int_eq(omvrpc_master_call(bench.master, &request, bench.now_us), -EINVAL);
    ck_assert(!omvrpc_master_is_busy(bench.master));
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->calls, 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("master");
    TCase *tests = tcase_create("calls");
    tcase_add_checked_fixture(tests, open_usb, bench_close);
    tcase_add_test(tests, a_call_is_sent_acknowledged_polled_and_answered);
    tcase_add_test(tests, copies_stop_when_the_data_is_acknowledged);
    tcase_add_test(tests, at_first_a_copy_comes_at_least_every_two_milliseconds);
    tcase_add_test(tests, copies_never_fill_the_buffer_of_a_uart_without_a_pause);
    tcase_add_test(tests, copies_under_way_are_bounded_however_long_the_round_trip);
    tcase_add_test(tests, no_copy_of_a_command_follows_a_poll_within_one_attempt);
    tcase_add_test(tests, copies_are_sent_for_less_than_the_send_timeout_of_the_camera);
    tcase_add_test(tests, a_camera_that_acknowledged_only_the_header_is_soon_asked_for_the_result);
    tcase_add_test(tests, an_acknowledgement_of_data_that_was_never_sent_is_noise);
    tcase_add_test(tests, a_silent_camera_ends_the_call_result_unknown_after_1500_ms);
    tcase_add_test(tests, a_repeatable_call_is_sent_again_when_the_camera_comes_back);
    tcase_add_test(tests, nothing_of_a_call_is_sent_after_its_deadline);
    tcase_add_test(tests, a_deadline_passes_while_the_callback_runs);
    tcase_add_test(tests, a_call_that_waits_for_settling_beyond_its_deadline_is_not_delivered);
    tcase_add_test(tests, a_call_whose_deadline_has_passed_at_its_beginning_leaves_the_line_alone);
    tcase_add_test(tests, a_command_of_which_the_line_took_only_a_part_is_not_delivered);
    tcase_add_test(tests, an_argument_longer_than_the_receive_buffer_waits_for_the_header_ack);
    tcase_add_test(tests, damaged_and_foreign_bytes_between_the_acks_do_no_harm);
    tcase_add_test(tests, a_stopped_call_ends_at_once);
    tcase_add_test(tests, what_is_left_of_a_copy_is_not_sent_as_part_of_the_next_call);
    tcase_add_test(tests, a_poll_left_over_from_the_last_call_is_not_taken_for_a_copy_of_the_command);
    tcase_add_test(tests, a_second_call_is_refused_while_one_is_under_way);
    tcase_add_test(tests, requests_out_of_range_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
