/* SPDX-License-Identifier: MIT */
/* The master clearing doubt, links that go and come back, and links that move one packet at a time. */

#include "master_bench.h"
#include "master_internal.h"

Suite *test_suite(void);

/* The next call begins after an end in doubt; the test is the camera. */
static void doubt(void) {
    call_and_take(plain());
    omvrpc_master_stop(bench.master, bench.now_us);
    await_done();
    look_away();
}

START_TEST(the_reserved_command_has_the_id_of_its_name) {
    doubt();
    const struct sent *sent = await_sent(OMVRPC_COMMAND_HEADER);
    ck_assert_uint_eq(get_u32(sent->bytes + 2), omvrpc_command_id(OMVRPC_PROBE_NAME, strlen(OMVRPC_PROBE_NAME)));
    ck_assert_uint_eq(get_u32(sent->bytes + 6), 0);
}
END_TEST

START_TEST(settling_discards_what_is_queued_before_it_sends_anything) {
    call_and_take(plain());
    omvrpc_master_stop(bench.master, bench.now_us);
    look_away();
    bench.discards = 0;
    while (bench.sent_count == bench.looked) {
        live_for(100);
    }
    ck_assert_uint_eq(bench.discards, 1);
    await_sent(OMVRPC_RESULT_HEADER);
}
END_TEST

/* It waits for its ready line meanwhile, and the acknowledgement is of what was sent before all that. */
START_TEST(an_acknowledgement_before_the_reserved_command_was_sent_measures_nothing) {
    omvrpc_master_link_gone(bench.master, bench.now_us);
    omvrpc_master_link_opened(bench.master, &packets, bench.now_us);
    omvrpc_master_set_ready(bench.master, false, bench.now_us);
    for (int i = 0; i < 10000 && bench.master->settling.step != SETTLE_PROBE; i++) {
        live_for(MS);
    }
    ck_assert_int_eq(bench.master->settling.step, SETTLE_PROBE);
    ck_assert_uint_eq(bench.master->settling.flight.count, 0);
    look_away();
    say_ack(OMVRPC_COMMAND_HEADER);
    live_for(MS);
    ck_assert_uint_eq(count_sent(OMVRPC_COMMAND_DATA), 0);
    ck_assert_int_lt(omvrpc_master_statistics(bench.master)->round_trip_us, SECOND);
}
END_TEST

START_TEST(settling_drops_a_stale_result) {
    doubt();
    call(plain());
    await_sent(OMVRPC_RESULT_HEADER);
    static const uint8_t stale[8] = "stale";
    say_result(stale, sizeof stale);
    plug_camera_in();
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->stale_results, 1);
}
END_TEST

START_TEST(settling_asks_for_stale_results_until_there_is_silence) {
    doubt();
    for (int i = 0; i < 5; i++) {
        await_sent(OMVRPC_RESULT_HEADER);
        ck_assert_uint_eq(count_sent(OMVRPC_COMMAND_HEADER), 0);
        say_result(answer_bytes, sizeof answer_bytes);
    }
    await_sent(OMVRPC_COMMAND_HEADER);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->stale_results, 5);
}
END_TEST

START_TEST(a_result_that_is_not_empty_is_not_that_of_the_reserved_command) {
    doubt();
    await_sent(OMVRPC_COMMAND_HEADER);
    say_acks();
    await_sent(OMVRPC_RESULT_HEADER);
    say_result(answer_bytes, sizeof answer_bytes);
    live_for(200 * MS);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(settling_ends_only_after_silence) {
    doubt();
    await_sent(OMVRPC_COMMAND_HEADER);
    say_acks();
    await_sent(OMVRPC_RESULT_HEADER);
    say_result(NULL, 0);
    int64_t heard_us = bench.now_us;
    while (!omvrpc_master_is_settled(bench.master)) {
        ck_assert_int_lt(bench.now_us, heard_us + SECOND);
        live_for(MS);
    }
    ck_assert_int_ge(bench.now_us - heard_us, 20 * MS);
}
END_TEST

/* Answers under way when settling ends would be taken for the next call's. */
START_TEST(settling_ends_after_a_silence_longer_than_the_round_trip) {
    int64_t delay_us = (int64_t)_i * MS;
    bench_close();
    bench_open(&usb, delay_us);
    for (int i = 0; i < 3; i++) {
        doubt();
        plug_camera_in();
        int64_t heard_us = bench.now_us;
        while (!omvrpc_master_is_settled(bench.master)) {
            ck_assert_int_lt(bench.now_us, heard_us + 20 * SECOND);
            live_for(MS);
        }
        ck_assert_int_ge(bench.now_us - bench.sent[bench.sent_count - 1].at_us, delay_us);
        omvrpc_slave_free(bench.camera);
        bench.camera = NULL;
        bench.answer_length = 0;
    }
}
END_TEST

START_TEST(a_byte_in_the_last_silence_begins_settling_anew) {
    doubt();
    await_sent(OMVRPC_COMMAND_HEADER);
    say_acks();
    await_sent(OMVRPC_RESULT_HEADER);
    say_result(NULL, 0);
    live_for(5 * MS);
    say("x", 1);
    live_for(300 * MS);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(a_late_result_of_an_abandoned_call_never_answers_the_next_one) {
    static const uint8_t late[8] = "late";
    for (int64_t delay_us = 0; delay_us < 400 * MS; delay_us += 7 * MS) {
        call_and_take(plain());
        omvrpc_master_stop(bench.master, bench.now_us);
        await_done();
        call(plain());
        bool ended = live(bench.now_us + delay_us, NOTHING, true);
        ck_assert(!ended);
        if (count_copies() == 0) {
            say_result(late, sizeof late);
        }
        plug_camera_in();
        expect_result(answer_bytes, sizeof answer_bytes);
        omvrpc_slave_free(bench.camera);
        bench.camera = NULL;
        bench.answer_length = 0;
        live_for(SECOND);
    }
}
END_TEST

START_TEST(a_camera_that_may_wait_for_data_is_fed_as_much_as_it_was_promised) {
    static const uint8_t big[5000] = {1};
    struct omvrpc_request request = plain();
    request.argument = big;
    request.argument_length = sizeof big;
    call(request);
    await_sent(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_HEADER);
    await_sent(OMVRPC_COMMAND_DATA);
    omvrpc_master_stop(bench.master, bench.now_us);
    size_t first = bench.sent_count;
    await_sent(OMVRPC_RESULT_HEADER);
    size_t fed = 0;
    for (size_t i = first; i + 1 < bench.sent_count; i++) {
        ck_assert_uint_eq(bench.sent[i].magic, 0);
        fed += bench.sent[i].length;
    }
    ck_assert_uint_ge(fed, sizeof big + OMVRPC_PACKET_OVERHEAD);
}
END_TEST

START_TEST(a_silent_camera_is_asked_again_and_again_but_not_too_often) {
    doubt();
    live_for(10 * SECOND);
    for (int i = 0; i < 10; i++) {
        bench.sent_count = 0;
        look_away();
        live_for(SECOND);
        ck_assert(!omvrpc_master_is_settled(bench.master));
        size_t asked = count_sent(OMVRPC_COMMAND_HEADER) + count_sent(OMVRPC_RESULT_HEADER);
        ck_assert_uint_gt(asked, 5);
        ck_assert_uint_lt(asked, 500);
    }
    int64_t back_us = bench.now_us;
    settle();
    ck_assert_int_lt(bench.now_us - back_us, SECOND);
    ck_assert_int_eq(omvrpc_master_silent_since(bench.master), 0);
}
END_TEST

START_TEST(the_silence_is_counted_from_its_beginning) {
    doubt();
    int64_t since_us = omvrpc_master_silent_since(bench.master);
    ck_assert_int_ne(since_us, 0);
    live_for(5 * SECOND);
    ck_assert_int_eq(omvrpc_master_silent_since(bench.master), since_us);
}
END_TEST

START_TEST(the_silence_begins_anew_with_what_is_heard_before_doubt_has_gone) {
    doubt();
    await_sent(OMVRPC_RESULT_HEADER);
    say_result(answer_bytes, sizeof answer_bytes);
    int64_t heard_us = bench.now_us;
    live_for(5 * SECOND);
    int64_t since_us = omvrpc_master_silent_since(bench.master);
    ck_assert_int_ge(since_us, heard_us);
    ck_assert_int_lt(since_us, heard_us + SECOND);
    settle();
    ck_assert_int_eq(omvrpc_master_silent_since(bench.master), 0);
}
END_TEST

START_TEST(a_late_echo_of_the_reserved_command_does_not_end_the_silence) {
    doubt();
    int64_t since_us = omvrpc_master_silent_since(bench.master);
    for (int i = 0; i < 10; i++) {
        await_sent(OMVRPC_COMMAND_HEADER);
        say_ack(OMVRPC_COMMAND_DATA);
        await_sent(OMVRPC_RESULT_HEADER);
        ck_assert_int_eq(omvrpc_master_silent_since(bench.master), since_us);
    }
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

/* How far a call is when its link goes. */
enum point { WAITING, BEGUN, SENT, ACKNOWLEDGED, HEADER_SEEN, DATA_BEGUN, RAW, POINTS };

static const enum omvrpc_outcome outcomes[POINTS] = {
    [WAITING] = OMVRPC_NOT_DELIVERED,       [BEGUN] = OMVRPC_NOT_DELIVERED,        [SENT] = OMVRPC_RESULT_UNKNOWN,
    [ACKNOWLEDGED] = OMVRPC_RESULT_UNKNOWN, [HEADER_SEEN] = OMVRPC_RESULT_UNKNOWN, [DATA_BEGUN] = OMVRPC_RESULT_UNKNOWN,
    [RAW] = OMVRPC_RESULT_UNKNOWN,
};

static void call_up_to(enum point point, bool may_repeat) {
    if (point == WAITING) {
        doubt();
    }
    struct omvrpc_request request = plain();
    request.repeatable = may_repeat;
    request.raw_length = point == RAW ? 100 : 0;
    call(request);
    if (point >= SENT) {
        await_sent(OMVRPC_COMMAND_HEADER);
    }
    if (point >= ACKNOWLEDGED) {
        say_acks();
        await_sent(OMVRPC_RESULT_HEADER);
    }
    if (point == HEADER_SEEN || point == DATA_BEGUN) {
        say_u32(OMVRPC_RESULT_HEADER, sizeof answer_bytes);
    }
    if (point == DATA_BEGUN) {
        say("\xba\x1d\x61", 3);
    }
    if (point == RAW) {
        say_result(NULL, 0);
        say("raw", 3);
    }
}

START_TEST(a_link_that_goes_ends_the_call_as_it_stands) {
    call_up_to((enum point)_i, false);
    omvrpc_master_link_gone(bench.master, bench.now_us);
    ck_assert(!omvrpc_master_has_link(bench.master));
    int64_t gone_us = bench.now_us;
    look_away();
    expect_end(outcomes[_i], OMVRPC_CAUSE_LINK_GONE);
    ck_assert_int_eq(bench.done_us, gone_us);
    live_for(SECOND);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    omvrpc_master_link_opened(bench.master, &usb, bench.now_us);
    ck_assert(!omvrpc_master_is_settled(bench.master));
    settle();
    call_in_full(plain(), 0);
}
END_TEST

START_TEST(a_repeatable_call_survives_the_loss_of_its_link) {
    call_up_to((enum point)_i, true);
    omvrpc_master_link_gone(bench.master, bench.now_us);
    look_away();
    live_for(SECOND);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    size_t done = bench.done;
    omvrpc_master_link_opened(bench.master, &usb, bench.now_us);
    bench.master->request.raw_length = 0;
    plug_camera_in();
    expect_result(answer_bytes, sizeof answer_bytes);
    ck_assert_uint_eq(bench.done, done + 1);
}
END_TEST

START_TEST(a_repeatable_call_without_a_link_ends_by_its_deadline) {
    call_up_to((enum point)_i, true);
    omvrpc_master_link_gone(bench.master, bench.now_us);
    const struct omvrpc_result *result = await_done();
    ck_assert_int_eq(result->outcome, outcomes[_i]);
    ck_assert_int_eq(bench.done_us, bench.master->request.deadline_us);
}
END_TEST

START_TEST(a_repeatable_call_that_is_stopped_without_a_link_says_that_the_link_has_gone) {
    call_up_to(SENT, true);
    omvrpc_master_link_gone(bench.master, bench.now_us);
    omvrpc_master_stop(bench.master, bench.now_us);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
}
END_TEST

START_TEST(bytes_and_time_without_a_link_do_nothing) {
    omvrpc_master_link_gone(bench.master, bench.now_us);
    omvrpc_master_link_gone(bench.master, bench.now_us);
    say_result(answer_bytes, sizeof answer_bytes);
    live_for(10 * SECOND);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    ck_assert_int_eq(bench.step.kind, OMVRPC_STEP_IDLE);
    ck_assert_int_eq(bench.step.until_us, INT64_MAX);
}
END_TEST

/* Without pairs: one packet, then the answer to it or silence. */

static void open_packets(void) {
    bench_open(&packets, 200);
}

/* The packets in one record, or 0 if it is not made of whole ones of this size. */
static void expect_single(const struct sent *sent, size_t size) {
    ck_assert_uint_eq(sent->length, size);
}

START_TEST(a_link_without_pairs_gets_one_packet_at_a_time) {
    call(plain());
    expect_single(await_sent(OMVRPC_COMMAND_HEADER), PACKET_COMMAND_HEADER_SIZE);
    live_for(MS);
    ck_assert_int_eq(bench.step.kind, OMVRPC_STEP_RECEIVE);
    ck_assert_uint_eq(bench.step.length, PACKET_ACK_SIZE);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    say_ack(OMVRPC_COMMAND_HEADER);
    expect_single(await_sent(OMVRPC_COMMAND_DATA), sizeof argument + OMVRPC_PACKET_OVERHEAD);
    live_for(MS);
    ck_assert_uint_eq(bench.step.length, PACKET_ACK_SIZE);
    ck_assert_uint_eq(bench.sent_count, bench.looked);
    say_ack(OMVRPC_COMMAND_DATA);
    expect_single(await_sent(OMVRPC_RESULT_HEADER), PACKET_POLL_SIZE);
    live_for(100);
    ck_assert_int_eq(bench.step.kind, OMVRPC_STEP_RECEIVE);
    ck_assert_uint_eq(bench.step.length, PACKET_RESULT_HEADER_SIZE);
    say_u32(OMVRPC_RESULT_HEADER, sizeof answer_bytes);
    expect_single(await_sent(OMVRPC_RESULT_DATA), PACKET_POLL_SIZE);
    say_packet(OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

START_TEST(a_link_without_pairs_is_asked_for_exactly_the_size_of_the_result) {
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_HEADER);
    await_sent(OMVRPC_COMMAND_DATA);
    say_ack(OMVRPC_COMMAND_DATA);
    await_sent(OMVRPC_RESULT_HEADER);
    say_u32(OMVRPC_RESULT_HEADER, 500);
    await_sent(OMVRPC_RESULT_DATA);
    live_for(100);
    ck_assert_int_eq(bench.step.kind, OMVRPC_STEP_RECEIVE);
    ck_assert_uint_eq(bench.step.length, 500 + OMVRPC_PACKET_OVERHEAD);
}
END_TEST

/* On CAN both sides send with one id. */
START_TEST(on_a_link_without_pairs_nothing_is_sent_while_the_camera_still_speaks) {
    bench_close();
    memset(&bench, 0, sizeof bench);
    bench.now_us = SECOND;
    bench.master = omvrpc_master_new();
    ck_assert_ptr_nonnull(bench.master);
    omvrpc_master_link_opened(bench.master, &packets, bench.now_us);
    for (int i = 0; i < 100; i++) {
        say("an older", 8);
        live_for(10 * MS);
        ck_assert_uint_eq(bench.sent_count, 0);
    }
    live_for(100 * MS);
    ck_assert_uint_gt(bench.sent_count, 0);
}
END_TEST

/* A length that its checksum does not show to be wrong; the simulator found a master that waited for all of it. */
START_TEST(a_length_that_is_far_too_long_costs_a_link_without_pairs_no_more_than_a_stall) {
    call(plain());
    await_sent(OMVRPC_COMMAND_HEADER);
    say_ack(OMVRPC_COMMAND_HEADER);
    await_sent(OMVRPC_COMMAND_DATA);
    say_ack(OMVRPC_COMMAND_DATA);
    await_sent(OMVRPC_RESULT_HEADER);
    say_u32(OMVRPC_RESULT_HEADER, 900000);
    await_sent(OMVRPC_RESULT_DATA);
    say_packet(OMVRPC_RESULT_DATA, answer_bytes, sizeof answer_bytes);
    int64_t said_us = bench.now_us;
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
    ck_assert_int_lt(bench.done_us - said_us, SECOND / 2);
}
END_TEST

START_TEST(a_link_without_pairs_never_has_two_packets_in_one_write_and_settles) {
    omvrpc_master_link_gone(bench.master, bench.now_us);
    look_away();
    omvrpc_master_link_opened(bench.master, &packets, bench.now_us);
    size_t first = bench.sent_count;
    settle();
    for (size_t i = first; i < bench.sent_count; i++) {
        const struct sent *sent = &bench.sent[i];
        expect_single(sent, sent->magic == OMVRPC_COMMAND_HEADER ? PACKET_COMMAND_HEADER_SIZE : PACKET_POLL_SIZE);
    }
    plug_camera_in();
    call(plain());
    expect_result(answer_bytes, sizeof answer_bytes);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("master: settle");
    TCase *tests = tcase_create("settling");
    tcase_add_checked_fixture(tests, open_usb, bench_close);
    tcase_add_test(tests, the_reserved_command_has_the_id_of_its_name);
    tcase_add_test(tests, settling_discards_what_is_queued_before_it_sends_anything);
    tcase_add_test(tests, an_acknowledgement_before_the_reserved_command_was_sent_measures_nothing);
    tcase_add_test(tests, settling_drops_a_stale_result);
    tcase_add_test(tests, settling_asks_for_stale_results_until_there_is_silence);
    tcase_add_test(tests, a_result_that_is_not_empty_is_not_that_of_the_reserved_command);
    tcase_add_test(tests, settling_ends_only_after_silence);
    tcase_add_loop_test(tests, settling_ends_after_a_silence_longer_than_the_round_trip, 1, 99);
    tcase_add_test(tests, a_byte_in_the_last_silence_begins_settling_anew);
    tcase_add_test(tests, a_late_result_of_an_abandoned_call_never_answers_the_next_one);
    tcase_add_test(tests, a_camera_that_may_wait_for_data_is_fed_as_much_as_it_was_promised);
    tcase_add_test(tests, a_silent_camera_is_asked_again_and_again_but_not_too_often);
    tcase_add_test(tests, the_silence_is_counted_from_its_beginning);
    tcase_add_test(tests, the_silence_begins_anew_with_what_is_heard_before_doubt_has_gone);
    tcase_add_test(tests, a_late_echo_of_the_reserved_command_does_not_end_the_silence);
    suite_add_tcase(suite, tests);
    TCase *links = tcase_create("links that go");
    tcase_add_checked_fixture(links, open_usb, bench_close);
    tcase_add_loop_test(links, a_link_that_goes_ends_the_call_as_it_stands, 0, POINTS);
    tcase_add_loop_test(links, a_repeatable_call_survives_the_loss_of_its_link, 0, POINTS);
    tcase_add_loop_test(links, a_repeatable_call_without_a_link_ends_by_its_deadline, 0, POINTS);
    tcase_add_test(links, a_repeatable_call_that_is_stopped_without_a_link_says_that_the_link_has_gone);
    tcase_add_test(links, bytes_and_time_without_a_link_do_nothing);
    suite_add_tcase(suite, links);
    TCase *single = tcase_create("links without pairs");
    tcase_add_checked_fixture(single, open_packets, bench_close);
    tcase_add_test(single, a_link_without_pairs_gets_one_packet_at_a_time);
    tcase_add_test(single, a_link_without_pairs_is_asked_for_exactly_the_size_of_the_result);
    tcase_add_test(single, on_a_link_without_pairs_nothing_is_sent_while_the_camera_still_speaks);
    tcase_add_test(single, a_length_that_is_far_too_long_costs_a_link_without_pairs_no_more_than_a_stall);
    tcase_add_test(single, a_link_without_pairs_never_has_two_packets_in_one_write_and_settles);
    suite_add_tcase(suite, single);
    return suite;
}
