/* SPDX-License-Identifier: MIT */
/* The master fetching results: polls, loss, damage, lengths, and raw bytes behind a result. */

#include "master_bench.h"
#include "master_internal.h"

#include <time.h>

Suite *test_suite(void);

static struct omvrpc_request repeatable(void) {
    struct omvrpc_request request = plain();
    request.repeatable = true;
    return request;
}

START_TEST(a_result_whose_header_was_lost_is_still_taken) {
    call_and_take(plain());
    say_packet(OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(a_packet_that_a_cut_result_quotes_at_its_end_is_not_its_answer) {
    uint8_t content[40] = {0};
    size_t quoted = packet_put(content + 16, OMVRPC_RESULT_DATA, (const uint8_t *)"EVIL", 4);
    call_and_take(plain());
    uint8_t bytes[64];
    packet_put(bytes, OMVRPC_RESULT_DATA, content, sizeof content);
    say(bytes, 2 + 16 + quoted);
    await_done();
    ck_assert_int_ne(omvrpc_master_result(bench.master)->outcome, OMVRPC_DONE);
}
END_TEST

START_TEST(a_result_whose_header_was_damaged_is_still_taken) {
    call_and_take(plain());
    say_damaged(OMVRPC_RESULT_HEADER, (const uint8_t[4]){sizeof answer_bytes}, 4);
    say_packet(OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(a_result_without_header_is_not_taken_while_bytes_still_come) {
    uint8_t packet[300] = {0}, payload[200];
    memset(payload, 0x5a, sizeof payload);
    size_t size = packet_put(packet, OMVRPC_RESULT_DATA, payload, sizeof payload);
    call_and_take(plain());
    for (size_t i = 0; i < size; i++) {
        say(packet + i, 1);
        live_for(400);
        ck_assert_uint_eq(bench.done, 0);
    }
    expect_result(payload, sizeof payload);
}
END_TEST

START_TEST(a_result_may_come_byte_by_byte) {
    uint8_t packet[64];
    size_t size = packet_put_u32(packet, OMVRPC_RESULT_HEADER, sizeof answer_bytes);
    size += packet_put(packet + size, OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    call_and_take(plain());
    for (size_t i = 0; i < size; i++) {
        live_for(10 * MS);
        say(packet + i, 1);
    }
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(how_much_of_a_result_has_come_is_known_while_it_comes_and_only_then) {
    uint8_t packet[64];
    size_t received = 99, total = 99;
    size_t size = packet_put(packet, OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    call_and_take(plain());
    say_packet(OMVRPC_RESULT_HEADER, (const uint8_t[4]){sizeof answer_bytes}, 4);
    ck_assert(!omvrpc_master_progress(bench.master, &received, &total));
    for (size_t i = 0; i < size - 1; i++) {
        say(packet + i, 1);
        if (omvrpc_master_progress(bench.master, &received, &total)) {
            size_t data = i < 1 ? 0 : i - 1;
            ck_assert_uint_eq(received, data < sizeof answer_bytes ? data : sizeof answer_bytes);
            ck_assert_uint_eq(total, sizeof answer_bytes);
        } else {
            ck_assert_uint_lt(i, 1);
        }
    }
    ck_assert_uint_eq(received, sizeof answer_bytes);
    say(packet + size - 1, 1);
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert(!omvrpc_master_progress(bench.master, &received, &total));
}
END_TEST

START_TEST(an_empty_result_is_a_result) {
    call_and_take(plain());
    say_result(NULL, 0);
    expect_result(NULL, 0);
}
END_TEST

START_TEST(noise_before_the_result_is_skipped) {
    call_and_take(plain());
    say("\x21\x90\x21\x90\x00\x00\x00\x00\x00\x00\xba", 11);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(a_damaged_result_of_a_repeatable_call_is_asked_for_again) {
    call_and_take(repeatable());
    say_u32(OMVRPC_RESULT_HEADER, sizeof answer_bytes);
    say_damaged(OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    plug_camera_in();
    look_away();
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert_uint_ge(count_copies(), 1);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->repeated_calls, 1);
    ck_assert_uint_ge(omvrpc_master_statistics(bench.master)->crc_errors, 1);
}
END_TEST

START_TEST(a_damaged_result_of_a_call_that_must_not_run_twice_ends_result_unknown) {
    call_and_take(plain());
    say_u32(OMVRPC_RESULT_HEADER, sizeof answer_bytes);
    say_damaged(OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    look_away();
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
    plug_camera_in();
    live_for(5 * SECOND);
    ck_assert_uint_eq(count_copies(), 0);
}
END_TEST

START_TEST(a_result_that_stops_in_the_middle_is_given_up_after_the_stall) {
    static const uint8_t payload[1000];
    uint8_t packet[sizeof payload + OMVRPC_PACKET_OVERHEAD];
    packet_put(packet, OMVRPC_RESULT_DATA, payload, sizeof payload);
    call_and_take(plain());
    say_u32(OMVRPC_RESULT_HEADER, 1000);
    say(packet, 500);
    int64_t stopped_us = bench.now_us;
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
    ck_assert_int_ge(bench.done_us - stopped_us, 100 * MS);
    ck_assert_int_le(bench.done_us - stopped_us, 500 * MS);
}
END_TEST

START_TEST(a_result_longer_than_max_payload_ends_too_large_without_allocating) {
    omvrpc_master_set_max_payload(bench.master, 1000);
    call_and_take(plain());
    size_t capacity = bench.master->input.capacity;
    say_u32(OMVRPC_RESULT_HEADER, UINT32_MAX);
    expect_end(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.master->input.capacity, capacity);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->too_large, 1);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(a_result_of_exactly_max_payload_is_taken) {
    static uint8_t bytes[1001];
    omvrpc_master_set_max_payload(bench.master, 1000);
    call_and_take(plain());
    say_result(bytes, 1000);
    expect_result(bytes, 1000);
    call_and_take(plain());
    say_result(bytes, 1001);
    expect_end(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(endless_noise_does_not_grow_the_memory) {
    static const uint8_t noise[4096] = {0xba, 0x1d};
    omvrpc_master_set_max_payload(bench.master, 100000);
    call_and_take(plain());
    say("\xba\x1d", 2);
    for (int i = 0; i < 1000; i++) {
        bench.now_us += 10;
        say(noise, sizeof noise);
        ck_assert_uint_le(bench.master->input.capacity, 400000);
    }
}
END_TEST

/* Each pair of these bytes looks like the beginning of a result's data. */
START_TEST(a_flood_of_false_beginnings_does_not_stall_the_machine) {
    uint8_t noise[4096];
    for (size_t i = 0; i < sizeof noise; i += 2) {
        put_u16(noise + i, OMVRPC_RESULT_DATA);
    }
    call_and_take(plain());
    for (size_t i = 0; i < 40; i++) {
        say(noise, sizeof noise);
    }
    clock_t begun = clock();
    live_for(100 * MS);
    ck_assert_int_lt((clock() - begun) / (CLOCKS_PER_SEC / 1000), 500);
}
END_TEST

START_TEST(polls_begin_when_the_learned_duration_is_over) {
    for (int i = 0; i < 10; i++) {
        call_in_full(plain(), 50 * MS);
        live_for(100 * MS);
    }
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    bench.now_us += 200;
    say_acks();
    int64_t taken_us = bench.now_us;
    await_sent(OMVRPC_RESULT_HEADER);
    ck_assert_int_ge(bench.now_us - taken_us, 40 * MS);
    ck_assert_int_le(bench.now_us - taken_us, 51 * MS);
}
END_TEST

/* The camera keeps a result for 1 s, and on a slow line a long one takes longer to come. */
START_TEST(the_time_that_a_result_takes_on_the_line_is_no_part_of_the_duration) {
    uint8_t data[64];
    size_t size = packet_put(data, OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    for (int i = 0; i < 10; i++) {
        call_and_take(plain());
        bench.now_us += 200;
        say_u32(OMVRPC_RESULT_HEADER, sizeof answer_bytes);
        say(data, 2);
        for (size_t at = 2; at < size; at += 2) {
            live_for(200 * MS);
            say(data + at, 2);
        }
        expect_result(answer_bytes, sizeof answer_bytes);
        live_for(SECOND);
    }
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    bench.now_us += 200;
    say_acks();
    int64_t taken_us = bench.now_us;
    await_sent(OMVRPC_RESULT_HEADER);
    ck_assert_int_lt(bench.now_us - taken_us, 5 * MS);
}
END_TEST

START_TEST(a_duration_is_learned_for_each_argument) {
    for (int i = 0; i < 10; i++) {
        call_in_full(plain(), 50 * MS);
        live_for(100 * MS);
        struct omvrpc_request quick = plain();
        quick.argument_length = 1;
        call_in_full(quick, 0);
        live_for(100 * MS);
    }
    struct omvrpc_request quick = plain();
    quick.argument_length = 1;
    call(quick);
    await_sent(OMVRPC_COMMAND_HEADER);
    say_acks();
    int64_t taken_us = bench.now_us;
    await_sent(OMVRPC_RESULT_HEADER);
    ck_assert_int_le(bench.now_us - taken_us, 2 * MS);
}
END_TEST

START_TEST(polls_thin_out_while_a_callback_of_unknown_duration_runs) {
    struct omvrpc_request request = plain();
    request.deadline_us = bench.now_us + 60 * SECOND;
    call_and_take(request);
    live_for(30 * SECOND);
    size_t polls = count_sent(OMVRPC_RESULT_HEADER);
    ck_assert_uint_gt(polls, 100);
    ck_assert_uint_lt(polls, 1500);
    look_away();
    live_for(SECOND);
    ck_assert_uint_gt(count_sent(OMVRPC_RESULT_HEADER), 3);
    ck_assert_uint_lt(count_sent(OMVRPC_RESULT_HEADER), 30);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(no_poll_is_sent_while_the_result_arrives) {
    static const uint8_t bytes[5000];
    uint8_t packet[sizeof bytes + OMVRPC_PACKET_OVERHEAD];
    size_t size = packet_put(packet, OMVRPC_RESULT_DATA, bytes, sizeof bytes);
    call_and_take(plain());
    say_u32(OMVRPC_RESULT_HEADER, sizeof bytes);
    size_t half = size / 2;
    say(packet, half);
    look_away();
    live_for(100 * MS);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    say(packet + half, size - half);
    expect_result(bytes, sizeof bytes);
}
END_TEST

START_TEST(at_most_one_pair_of_polls_is_unanswered_where_the_callback_schedules) {
    bench_close();
    bench_open(&usb, 5 * MS);
    plug_camera_in();
    call(plain());
    expect_result(answer_bytes, sizeof answer_bytes);
    omvrpc_slave_free(bench.camera);
    bench.camera = NULL;
    struct omvrpc_request request = plain();
    request.schedules = true;
    call_and_take(request);
    int64_t last_us = bench.now_us;
    for (int i = 0; i < 15; i++) {
        await_sent(OMVRPC_RESULT_HEADER);
        ck_assert_int_gt(bench.now_us - last_us, 5 * MS);
        last_us = bench.now_us;
    }
}
END_TEST

START_TEST(a_lone_header_answered_means_that_the_call_was_lost) {
    call_and_take(plain());
    const struct sent *question = await_sent(OMVRPC_COMMAND_HEADER);
    ck_assert(!is_copy(question));
    ck_assert_uint_eq(question->length, PACKET_COMMAND_HEADER_SIZE);
    say_ack(OMVRPC_COMMAND_HEADER);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
}
END_TEST

START_TEST(a_repeatable_call_that_was_lost_is_sent_again) {
    call_and_take(repeatable());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_HEADER);
    plug_camera_in();
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(a_late_ack_of_the_header_is_no_answer_to_a_question_that_was_not_asked) {
    call_and_take(plain());
    say_ack(OMVRPC_COMMAND_HEADER);
    live_for(20 * MS);
    ck_assert_uint_eq(bench.done, 0);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(a_result_that_comes_after_the_question_settles_before_the_next_call) {
    call_and_take(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_result(answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(the_result_stays_until_the_next_call_begins) {
    call_in_full(plain(), 0);
    say("some late noise", 15);
    live_for(3 * SECOND);
    ck_assert_mem_eq(omvrpc_master_result(bench.master)->data, answer_bytes, sizeof answer_bytes);
}
END_TEST

static struct omvrpc_request cut_through(size_t length) {
    struct omvrpc_request request = plain();
    request.raw_length = length;
    request.schedules = true;
    return request;
}

START_TEST(raw_bytes_behind_the_result_are_the_result) {
    static const uint8_t raw[] = {0x21, 0x90, 0xba, 0x1d, 1, 2, 3};
    call_and_take(cut_through(sizeof raw));
    say_result(NULL, 0);
    say(raw, 3);
    live_for(100 * MS);
    say(raw + 3, sizeof raw - 3);
    expect_result(raw, sizeof raw);
    ck_assert(omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(raw_bytes_may_come_in_one_piece_with_the_result) {
    uint8_t bytes[64];
    size_t size = packet_put_u32(bytes, OMVRPC_RESULT_HEADER, 0);
    size += packet_put(bytes + size, OMVRPC_RESULT_DATA, NULL, 0);
    memcpy(bytes + size, answer_bytes, sizeof answer_bytes);
    call_and_take(cut_through(sizeof answer_bytes));
    say(bytes, size + sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(more_raw_bytes_than_were_asked_for_are_not_believed) {
    call_and_take(cut_through(4));
    say_result(NULL, 0);
    say("12345", 5);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(raw_bytes_that_never_come_end_the_call) {
    call_and_take(cut_through(100));
    say_result(NULL, 0);
    int64_t begun_us = bench.now_us;
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    ck_assert_int_le(bench.done_us - begun_us, 1100 * MS);
}
END_TEST

START_TEST(raw_bytes_that_stop_in_the_middle_end_the_call) {
    call_and_take(cut_through(100));
    say_result(NULL, 0);
    say("123", 3);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("master: fetch");
    TCase *tests = tcase_create("results");
    tcase_add_checked_fixture(tests, open_usb, bench_close);
    tcase_add_test(tests, a_result_whose_header_was_lost_is_still_taken);
    tcase_add_test(tests, a_packet_that_a_cut_result_quotes_at_its_end_is_not_its_answer);
    tcase_add_test(tests, a_result_whose_header_was_damaged_is_still_taken);
    tcase_add_test(tests, a_result_without_header_is_not_taken_while_bytes_still_come);
    tcase_add_test(tests, a_result_may_come_byte_by_byte);
    tcase_add_test(tests, how_much_of_a_result_has_come_is_known_while_it_comes_and_only_then);
    tcase_add_test(tests, an_empty_result_is_a_result);
    tcase_add_test(tests, noise_before_the_result_is_skipped);
    tcase_add_test(tests, a_damaged_result_of_a_repeatable_call_is_asked_for_again);
    tcase_add_test(tests, a_damaged_result_of_a_call_that_must_not_run_twice_ends_result_unknown);
    tcase_add_test(tests, a_result_that_stops_in_the_middle_is_given_up_after_the_stall);
    tcase_add_test(tests, a_result_longer_than_max_payload_ends_too_large_without_allocating);
    tcase_add_test(tests, a_result_of_exactly_max_payload_is_taken);
    tcase_add_test(tests, endless_noise_does_not_grow_the_memory);
    tcase_add_test(tests, a_flood_of_false_beginnings_does_not_stall_the_machine);
    tcase_add_test(tests, the_result_stays_until_the_next_call_begins);
    suite_add_tcase(suite, tests);
    TCase *polls = tcase_create("polls");
    tcase_add_checked_fixture(polls, open_usb, bench_close);
    tcase_add_test(polls, polls_begin_when_the_learned_duration_is_over);
    tcase_add_test(polls, the_time_that_a_result_takes_on_the_line_is_no_part_of_the_duration);
    tcase_add_test(polls, a_duration_is_learned_for_each_argument);
    tcase_add_test(polls, polls_thin_out_while_a_callback_of_unknown_duration_runs);
    tcase_add_test(polls, no_poll_is_sent_while_the_result_arrives);
    tcase_add_test(polls, at_most_one_pair_of_polls_is_unanswered_where_the_callback_schedules);
    tcase_add_test(polls, a_lone_header_answered_means_that_the_call_was_lost);
    tcase_add_test(polls, a_repeatable_call_that_was_lost_is_sent_again);
    tcase_add_test(polls, a_late_ack_of_the_header_is_no_answer_to_a_question_that_was_not_asked);
    tcase_add_test(polls, a_result_that_comes_after_the_question_settles_before_the_next_call);
    suite_add_tcase(suite, polls);
    TCase *raw = tcase_create("cut-through");
    tcase_add_checked_fixture(raw, open_usb, bench_close);
    tcase_add_test(raw, raw_bytes_behind_the_result_are_the_result);
    tcase_add_test(raw, raw_bytes_may_come_in_one_piece_with_the_result);
    tcase_add_test(raw, more_raw_bytes_than_were_asked_for_are_not_believed);
    tcase_add_test(raw, raw_bytes_that_never_come_end_the_call);
    tcase_add_test(raw, raw_bytes_that_stop_in_the_middle_end_the_call);
    suite_add_tcase(suite, raw);
    return suite;
}
