/* SPDX-License-Identifier: MIT */
/* The master reading streams. */

#include "master_bench.h"
#include "master_internal.h"

Suite *test_suite(void);

static struct omvrpc_request streaming(uint32_t depth) {
    struct omvrpc_request request = plain();
    request.schedules = true;
    request.stream_depth = depth;
    request.deadline_us = bench.now_us + 1000 * SECOND;
    return request;
}

/* Calls, and goes on to the point where the camera has seen the stream opened. */
static void open_stream(uint32_t depth) {
    call_and_take(streaming(depth));
    say_result(NULL, 0);
    const struct sent *sent = await_sent(OMVRPC_STREAM_OPEN);
    uint8_t expected[PACKET_STREAM_SIZE];
    packet_put_u32(expected, OMVRPC_STREAM_OPEN, depth);
    ck_assert_uint_eq(sent->length, sizeof expected);
    ck_assert_mem_eq(sent->bytes, expected, sizeof expected);
}

static void say_frame(const void *bytes, size_t length) {
    say_u32(OMVRPC_STREAM_FRAME, length);
    if (length > 0) {
        say(bytes, length);
    }
}

/* Expects that the frame is handed over and answered with this byte. */
static void expect_frame(const void *bytes, size_t length, uint8_t byte) {
    size_t frames = bench.frames;
    look_away();
    live_for(MS);
    ck_assert_uint_eq(bench.frames, frames + 1);
    ck_assert_uint_eq(bench.frame_length, length);
    if (length > 0) {
        ck_assert_mem_eq(bench.frame, bytes, length);
    }
    ck_assert_uint_eq(bench.sent_count, bench.looked + 1);
    ck_assert_uint_eq(bench.sent[bench.looked].length, 1);
    ck_assert_uint_eq(bench.sent[bench.looked].bytes[0], byte);
}

START_TEST(each_frame_is_answered_with_the_next_byte_of_the_lfsr) {
    static const uint8_t expected[] = {0xff, 0xc7, 0xdb, 0xd5, 0xd2, 0x69, 0x8c, 0x46, 0x23, 0xa9};
    open_stream(2);
    for (size_t i = 0; i < sizeof expected; i++) {
        uint8_t frame[100];
        memset(frame, (int)i, sizeof frame);
        say_frame(frame, sizeof frame);
        expect_frame(frame, sizeof frame, expected[i]);
    }
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->frames, sizeof expected);
    ck_assert(omvrpc_master_is_busy(bench.master));
}
END_TEST

START_TEST(a_frame_may_come_in_pieces_and_be_empty) {
    open_stream(1);
    say_u32(OMVRPC_STREAM_FRAME, 4);
    say("ab", 2);
    live_for(100 * MS);
    ck_assert_uint_eq(bench.frames, 0);
    say("cd", 2);
    expect_frame("abcd", 4, 0xff);
    say_frame(NULL, 0);
    expect_frame(NULL, 0, 0xc7);
    say_frame("x", 1);
    expect_frame("x", 1, 0xdb);
}
END_TEST

START_TEST(frames_that_arrive_together_are_handed_over_one_by_one) {
    open_stream(8);
    say_frame("one", 3);
    say_frame("two", 3);
    say_frame("six", 3);
    live_for(MS);
    ck_assert_uint_eq(bench.frames, 3);
    ck_assert_mem_eq(bench.frame, "six", 3);
    ck_assert_uint_eq(bench.sent_count - bench.looked, 3);
}
END_TEST

START_TEST(a_stop_is_a_wrong_byte_after_the_current_frame) {
    open_stream(2);
    say_frame("one", 3);
    expect_frame("one", 3, 0xff);
    omvrpc_master_stop(bench.master, bench.now_us);
    live_for(20 * MS);
    ck_assert(omvrpc_master_is_busy(bench.master));
    say_frame("two", 3);
    look_away();
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.sent[bench.looked].length, 1);
    ck_assert_uint_ne(bench.sent[bench.looked].bytes[0], 0xc7);
    ck_assert(omvrpc_master_is_settled(bench.master));
    call_in_full(plain(), 0);
}
END_TEST

START_TEST(a_deep_stream_settles_after_its_stop) {
    open_stream(8);
    say_frame("one", 3);
    live_for(MS);
    omvrpc_master_stop(bench.master, bench.now_us);
    say_frame("two", 3);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(a_stop_before_the_stream_is_open_ends_the_call) {
    call_and_take(streaming(2));
    omvrpc_master_stop(bench.master, bench.now_us);
    ck_assert_int_eq(await_done()->outcome, OMVRPC_RESULT_UNKNOWN);
}
END_TEST

START_TEST(a_damaged_header_restarts_the_stream) {
    open_stream(2);
    say_frame("one", 3);
    expect_frame("one", 3, 0xff);
    say_damaged(OMVRPC_STREAM_FRAME, "\x03\x00\x00\x00", 4);
    say("two", 3);
    look_away();
    settle();
    ck_assert_uint_eq(bench.frames, 1);
    ck_assert_uint_eq(bench.done, 0);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->stream_restarts, 1);
    ck_assert(omvrpc_master_is_busy(bench.master));
}
END_TEST

START_TEST(a_restarted_stream_begins_with_the_first_byte_of_the_lfsr) {
    open_stream(2);
    say_frame("one", 3);
    expect_frame("one", 3, 0xff);
    say("this is no header", 17);
    plug_camera_in();
    await_sent(OMVRPC_STREAM_OPEN);
    omvrpc_slave_free(bench.camera);
    bench.camera = NULL;
    bench.answer_length = 0;
    say_frame("two", 3);
    expect_frame("two", 3, 0xff);
}
END_TEST

/* As after a spare pair of polls, which a camera takes for a wrong opening and leaves without a word. */
START_TEST(an_opening_that_nothing_comes_of_is_repeated) {
    open_stream(2);
    plug_camera_in();
    await_sent(OMVRPC_STREAM_OPEN);
    omvrpc_slave_free(bench.camera);
    bench.camera = NULL;
    bench.answer_length = 0;
    say_frame("one", 3);
    expect_frame("one", 3, 0xff);
    ck_assert_uint_eq(omvrpc_master_statistics(bench.master)->stream_restarts, 1);
    ck_assert_uint_eq(bench.done, 0);
}
END_TEST

START_TEST(a_stream_that_never_gives_a_frame_is_given_up) {
    call(streaming(2));
    plug_camera_in();
    /* The camera has forgotten how to stream: it answers the call and sends nothing. */
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_NO_STREAM);
    ck_assert_uint_eq(bench.frames, 0);
    ck_assert_uint_le(omvrpc_master_statistics(bench.master)->stream_restarts, 3);
}
END_TEST

/* Something comes of the first opening, and then the camera has forgotten how to stream. */
static void expect_lost_after(const void *bytes, size_t length) {
    open_stream(2);
    say(bytes, length);
    plug_camera_in();
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
}

START_TEST(a_stream_of_which_a_byte_came_may_have_been_lost) {
    expect_lost_after("x", 1);
}
END_TEST

START_TEST(a_stream_that_gave_a_frame_was_begun) {
    uint8_t frame[PACKET_STREAM_SIZE + 1];
    packet_put_u32(frame, OMVRPC_STREAM_FRAME, 1);
    frame[PACKET_STREAM_SIZE] = 'x';
    expect_lost_after(frame, sizeof frame);
}
END_TEST

START_TEST(a_stream_that_is_to_be_left_before_it_is_open_gives_one_frame) {
    call_and_take(streaming(2));
    omvrpc_master_leave_stream(bench.master, bench.now_us);
    say_result(NULL, 0);
    await_sent(OMVRPC_STREAM_OPEN);
    live_for(200 * MS);
    say_frame("one", 3);
    look_away();
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.frames, 1);
    ck_assert_uint_eq(bench.sent[bench.looked].length, 1);
    ck_assert_uint_ne(bench.sent[bench.looked].bytes[0], 0xff);
    ck_assert(omvrpc_master_is_settled(bench.master));
    call_in_full(plain(), 0);
}
END_TEST

START_TEST(a_stream_that_never_comes_is_left_for_others) {
    open_stream(2);
    live_for(100 * MS);
    int64_t begun_us = bench.now_us;
    omvrpc_master_leave_stream(bench.master, bench.now_us);
    plug_camera_in();
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.frames, 0);
    ck_assert_int_le(bench.done_us - begun_us, FIRST_FRAME_MIN_US);
    /* Whether the camera streams is not known, so the next call waits for the master to settle. */
    ck_assert(!omvrpc_master_is_settled(bench.master));
    call_in_full(plain(), 0);
    ck_assert_int_le(bench.now_us - begun_us, FIRST_FRAME_MIN_US + 200 * MS);
}
END_TEST

START_TEST(a_stream_that_has_not_come_for_long_is_left_at_once) {
    open_stream(2);
    live_for(900 * MS);
    int64_t begun_us = bench.now_us;
    omvrpc_master_leave_stream(bench.master, bench.now_us);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_int_eq(bench.done_us, begun_us);
}
END_TEST

START_TEST(a_stream_is_left_between_two_openings) {
    open_stream(2);
    live_for(STREAM_PATIENCE_US + MS);
    ck_assert(!omvrpc_master_is_settled(bench.master));
    int64_t begun_us = bench.now_us;
    omvrpc_master_leave_stream(bench.master, bench.now_us);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_int_eq(bench.done_us, begun_us);
    plug_camera_in();
    call_in_full(plain(), 0);
}
END_TEST

static int64_t slow_us;

/* Each frame is as late as the sensor is, and looks like an answer from within. */
static bool make_slow_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    static uint8_t frame[PACKET_ACK_SIZE + PACKET_RESULT_HEADER_SIZE];
    (void)context;
    if (slow_us == 0) {
        slow_us = now_us + 400 * MS;
    }
    *due_us = slow_us;
    if (now_us >= slow_us) {
        size_t size = packet_put(frame, OMVRPC_COMMAND_DATA, NULL, 0);
        packet_put_u32(frame + size, OMVRPC_RESULT_HEADER, 0);
        *data = frame;
        *length = sizeof frame;
        slow_us = 0;
    }
    return true;
}

static void begin_slow_stream(void *context, const uint8_t *bytes, size_t length, struct omvrpc_reply *reply) {
    (void)context, (void)bytes, (void)length;
    slow_us = 0;
    omvrpc_reply_stream(reply, make_slow_frame, NULL);
}

static struct omvrpc_request slow_streaming(void) {
    struct omvrpc_request request = streaming(2);
    request.command = omvrpc_command_id("slow", 4);
    return request;
}

/* The camera is at its first frame, reads what we send as bytes of a reader, and says the frame in the middle of it. */
START_TEST(a_camera_that_is_left_at_its_first_frame_answers_the_next_call_rightly) {
    plug_camera_in();
    ck_assert_int_eq(omvrpc_slave_register(bench.camera, "slow", begin_slow_stream, NULL), 0);
    call(slow_streaming());
    live_for(50 * MS);
    ck_assert_uint_eq(count_sent(OMVRPC_STREAM_OPEN), 1);
    omvrpc_master_leave_stream(bench.master, bench.now_us);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(bench.frames, 0);
    int64_t begun_us = bench.now_us;
    call_in_full(plain(), 0);
    ck_assert_int_le(bench.now_us - begun_us, 500 * MS);
}
END_TEST

START_TEST(a_slow_stream_that_was_left_has_more_time_when_it_is_opened_again) {
    plug_camera_in();
    ck_assert_int_eq(omvrpc_slave_register(bench.camera, "slow", begin_slow_stream, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        call(slow_streaming());
        live_for(MS);
        omvrpc_master_leave_stream(bench.master, bench.now_us);
        expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
        ck_assert_uint_eq(bench.frames, i);
    }
}
END_TEST

START_TEST(a_call_without_a_stream_is_not_left) {
    call_and_take(plain());
    omvrpc_master_leave_stream(bench.master, bench.now_us);
    live_for(10 * MS);
    ck_assert(omvrpc_master_is_busy(bench.master));
    say_result("x", 1);
    expect_result("x", 1);
}
END_TEST

START_TEST(a_frame_longer_than_max_payload_is_refused_without_allocating) {
    omvrpc_master_set_max_payload(bench.master, 1000);
    open_stream(2);
    size_t capacity = bench.master->input.capacity;
    say_u32(OMVRPC_STREAM_FRAME, UINT32_MAX);
    live_for(MS);
    ck_assert_uint_eq(bench.frames, 0);
    ck_assert_uint_eq(bench.master->input.capacity, capacity);
    ck_assert(!omvrpc_master_is_settled(bench.master));
}
END_TEST

START_TEST(a_link_that_goes_ends_a_stream) {
    open_stream(2);
    say_frame("one", 3);
    expect_frame("one", 3, 0xff);
    omvrpc_master_link_gone(bench.master, bench.now_us);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
}
END_TEST

START_TEST(a_stream_stops_when_its_deadline_has_passed) {
    struct omvrpc_request request = streaming(2);
    request.deadline_us = bench.now_us + SECOND;
    call_and_take(request);
    say_result(NULL, 0);
    await_sent(OMVRPC_STREAM_OPEN);
    while (bench.done == 0) {
        ck_assert_int_lt(bench.now_us, request.deadline_us + 200 * MS);
        say_frame("frame", 5);
        live_for(50 * MS);
    }
    ck_assert_int_eq(omvrpc_master_result(bench.master)->outcome, OMVRPC_DONE);
    ck_assert_int_ge(bench.done_us, request.deadline_us);
}
END_TEST

START_TEST(a_stream_of_a_camera_that_fell_silent_ends_soon_after_its_deadline) {
    struct omvrpc_request request = streaming(2);
    request.deadline_us = bench.now_us + 13 * SECOND;
    call_and_take(request);
    say_result(NULL, 0);
    await_sent(OMVRPC_STREAM_OPEN);
    /* Frames come slower and slower, and then none. */
    for (int64_t pause_us = 900 * MS; pause_us < 9 * SECOND; pause_us *= 3) {
        live_for(pause_us);
        say_frame("frame", 5);
    }
    await_done();
    ck_assert_int_le(bench.done_us, request.deadline_us + 1100 * MS);
}
END_TEST

START_TEST(a_frame_that_trickles_does_not_hold_a_stream_beyond_its_deadline) {
    struct omvrpc_request request = streaming(2);
    request.deadline_us = bench.now_us + SECOND;
    call_and_take(request);
    say_result(NULL, 0);
    await_sent(OMVRPC_STREAM_OPEN);
    say_u32(OMVRPC_STREAM_FRAME, 1000);
    while (bench.done == 0) {
        ck_assert_int_lt(bench.now_us, request.deadline_us + 3 * SECOND);
        say("x", 1);
        live_for(100 * MS);
    }
}
END_TEST

/* Frames carry no checksum: bytes that had to be dropped must not shift the ones behind them. */
START_TEST(frames_that_pile_up_are_never_handed_over_wrong) {
    enum { SIZE = 1000 };
    omvrpc_master_set_max_payload(bench.master, SIZE);
    open_stream(255);
    static uint8_t bytes[128 * (PACKET_STREAM_SIZE + SIZE)];
    size_t size = 0;
    for (int i = 0; i < 128; i++) {
        size += packet_put_u32(bytes + size, OMVRPC_STREAM_FRAME, SIZE);
        memset(bytes + size, 'a' + i % 26, SIZE);
        size += SIZE;
    }
    for (size_t said = 0; said < size; said += 4096) {
        say(bytes + said, size - said < 4096 ? size - said : 4096);
    }
    for (int turns = 0; turns < 1000 && omvrpc_master_is_settled(bench.master); turns++) {
        size_t frames = bench.frames;
        do_step();
        if (bench.frames > frames) {
            ck_assert_uint_eq(bench.frame_length, SIZE);
            for (size_t i = 1; i < SIZE; i++) {
                ck_assert_int_eq(bench.frame[i], bench.frame[0]);
            }
        }
    }
    ck_assert_uint_le(bench.master->input.capacity, (size_t)512 << 10);
}
END_TEST

START_TEST(a_line_that_does_not_take_the_stop_is_not_asked_in_a_loop) {
    struct omvrpc_request request = streaming(2);
    request.deadline_us = bench.now_us + SECOND;
    call_and_take(request);
    say_result(NULL, 0);
    await_sent(OMVRPC_STREAM_OPEN);
    bench.now_us = request.deadline_us + MS;
    say_frame("one", 3);
    struct omvrpc_step step;
    do {
        omvrpc_master_next(bench.master, bench.now_us, &step);
    } while (step.kind == OMVRPC_STEP_FRAME);
    ck_assert_int_eq(step.kind, OMVRPC_STEP_SEND);
    ck_assert_int_gt(step.until_us, bench.now_us);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("master: stream");
    TCase *tests = tcase_create("streams");
    tcase_add_checked_fixture(tests, open_usb, bench_close);
    tcase_add_test(tests, each_frame_is_answered_with_the_next_byte_of_the_lfsr);
    tcase_add_test(tests, a_frame_may_come_in_pieces_and_be_empty);
    tcase_add_test(tests, frames_that_arrive_together_are_handed_over_one_by_one);
    tcase_add_test(tests, a_stop_is_a_wrong_byte_after_the_current_frame);
    tcase_add_test(tests, a_deep_stream_settles_after_its_stop);
    tcase_add_test(tests, a_stop_before_the_stream_is_open_ends_the_call);
    tcase_add_test(tests, a_damaged_header_restarts_the_stream);
    tcase_add_test(tests, a_restarted_stream_begins_with_the_first_byte_of_the_lfsr);
    tcase_add_test(tests, an_opening_that_nothing_comes_of_is_repeated);
    tcase_add_test(tests, a_stream_that_never_gives_a_frame_is_given_up);
    tcase_add_test(tests, a_stream_of_which_a_byte_came_may_have_been_lost);
    tcase_add_test(tests, a_stream_that_gave_a_frame_was_begun);
    tcase_add_test(tests, a_stream_that_is_to_be_left_before_it_is_open_gives_one_frame);
    tcase_add_test(tests, a_stream_that_never_comes_is_left_for_others);
    tcase_add_test(tests, a_stream_that_has_not_come_for_long_is_left_at_once);
    tcase_add_test(tests, a_stream_is_left_between_two_openings);
    tcase_add_test(tests, a_camera_that_is_left_at_its_first_frame_answers_the_next_call_rightly);
    tcase_add_test(tests, a_slow_stream_that_was_left_has_more_time_when_it_is_opened_again);
    tcase_add_test(tests, a_call_without_a_stream_is_not_left);
    tcase_add_test(tests, a_frame_longer_than_max_payload_is_refused_without_allocating);
    tcase_add_test(tests, a_link_that_goes_ends_a_stream);
    tcase_add_test(tests, a_stream_stops_when_its_deadline_has_passed);
    tcase_add_test(tests, a_stream_of_a_camera_that_fell_silent_ends_soon_after_its_deadline);
    tcase_add_test(tests, a_frame_that_trickles_does_not_hold_a_stream_beyond_its_deadline);
    tcase_add_test(tests, frames_that_pile_up_are_never_handed_over_wrong);
    tcase_add_test(tests, a_line_that_does_not_take_the_stop_is_not_asked_in_a_loop);
    suite_add_tcase(suite, tests);
    return suite;
}
