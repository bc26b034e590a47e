/* SPDX-License-Identifier: MIT */
/* Calls and streams that block, in real time, against a slave on another thread. */

#include "slave_thread.h"

#include <sys/socket.h>
#include <unistd.h>

Suite *test_suite(void);

#define MS     1000
#define SECOND 1000000

/* What takes longer than this is not the machine's fault. */
#define PATIENCE_MS 20000
#define PATIENCE_US ((int64_t)PATIENCE_MS * MS)

static struct slave_thread camera;
static struct omvrpc_link *link_;
static struct omvrpc_master *master;
static struct omvrpc_result result;

static void set_up(void) {
    slave_thread_init(&camera);
    link_ = slave_thread_start(&camera);
    ck_assert_ptr_nonnull(link_);
    master = omvrpc_master_new();
    ck_assert_ptr_nonnull(master);
}

static void unplug(void) {
    omvrpc_link_close(link_);
    slave_thread_join(&camera);
    link_ = NULL;
}

static void tear_down(void) {
    if (link_ != NULL) {
        unplug();
    }
    omvrpc_master_free(master);
    slave_thread_clear(&camera);
}

static void call_echo(void) {
    ck_assert_int_eq(omvrpc_call(master, link_, "echo", "hello", 5, PATIENCE_MS, &result), 0);
    ck_assert_str_eq(omvrpc_outcome_name(result.outcome), "done");
    ck_assert_uint_eq(result.length, 5);
    ck_assert_mem_eq(result.data, "hello", 5);
}

/* A camera that a busy machine holds up leaves a doubt behind its answer, and the next call waits until that is cleared. */
static void call_until_settled(void) {
    do {
        call_echo();
    } while (!omvrpc_master_is_settled(master));
}

START_TEST(a_call_returns_its_result) {
    call_echo();
    ck_assert_int_eq(atomic_load(&camera.executions), 1);
}
END_TEST

START_TEST(many_calls_in_a_row_succeed_and_run_once_each) {
    enum { CALLS = 500 };
    int done = 0;
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(omvrpc_call(master, link_, "echo", &i, sizeof i, PATIENCE_MS, &result), 0);
        if (result.outcome == OMVRPC_DONE) {
            ck_assert_uint_eq(result.length, sizeof i);
            ck_assert_mem_eq(result.data, &i, sizeof i);
            done++;
        }
    }
    /* A camera that a busy machine holds up for longer than a line does counts as one that has lost its call. */
    ck_assert_int_ge(done, CALLS - 5);
    ck_assert_int_ge(atomic_load(&camera.executions), done);
    ck_assert_int_le(atomic_load(&camera.executions), CALLS);
}
END_TEST

START_TEST(a_name_that_no_script_registers_gives_an_empty_result) {
    ck_assert_int_eq(omvrpc_call(master, link_, "nonsense", NULL, 0, PATIENCE_MS, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_DONE);
    ck_assert_uint_eq(result.length, 0);
}
END_TEST

START_TEST(a_result_of_one_megabyte_arrives_whole) {
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(omvrpc_call(master, link_, "big", NULL, 0, PATIENCE_MS, &result), 0);
        ck_assert_int_eq(result.outcome, OMVRPC_DONE);
        ck_assert_uint_eq(result.length, camera.big_length);
        ck_assert_int_eq(memcmp(result.data, camera.big, camera.big_length), 0);
    }
}
END_TEST

START_TEST(an_argument_of_one_megabyte_arrives_whole) {
    ck_assert_int_eq(omvrpc_call(master, link_, "echo", camera.big, camera.big_length, PATIENCE_MS, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_DONE);
    ck_assert_uint_eq(result.length, camera.big_length);
    ck_assert_int_eq(memcmp(result.data, camera.big, camera.big_length), 0);
}
END_TEST

START_TEST(a_cut_through_transfer_arrives_whole) {
    const struct omvrpc_request request = {
        .command = omvrpc_command_id("raw", 3),
        .deadline_us = omvrpc_now_us() + PATIENCE_US,
        .schedules = true,
        .raw_length = camera.big_length,
    };
    ck_assert_int_eq(omvrpc_call_request(master, link_, &request, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_DONE);
    ck_assert_uint_eq(result.length, camera.big_length);
    ck_assert_int_eq(memcmp(result.data, camera.big, camera.big_length), 0);
    call_echo();
}
END_TEST

/* Calls, and checks that the call lasted not less than its timeout, and ended by it. */
static void call_past_deadline(const char *name, int timeout_ms, enum omvrpc_outcome outcome) {
    int64_t begun_us = omvrpc_now_us();
    ck_assert_int_eq(omvrpc_call(master, link_, name, NULL, 0, timeout_ms, &result), 0);
    int64_t took_us = omvrpc_now_us() - begun_us;
    ck_assert_str_eq(omvrpc_outcome_name(result.outcome), omvrpc_outcome_name(outcome));
    ck_assert_str_eq(omvrpc_cause_name(result.cause), "timeout");
    ck_assert_ptr_null(result.data);
    ck_assert_int_ge(took_us, timeout_ms * MS);
    ck_assert_int_le(took_us, 10 * SECOND);
}

START_TEST(a_call_ends_at_its_timeout_and_the_next_one_works) {
    call_until_settled();
    camera.slow_us = 2 * SECOND;
    call_past_deadline("slow", 200, OMVRPC_RESULT_UNKNOWN);
    call_echo();
}
END_TEST

START_TEST(a_call_to_a_silent_camera_ends_at_its_timeout_and_works_when_it_is_back) {
    atomic_store(&camera.deaf, 1);
    call_past_deadline("echo", 300, OMVRPC_NOT_DELIVERED);
    atomic_store(&camera.deaf, 0);
    call_echo();
}
END_TEST

START_TEST(a_link_closed_under_a_call_is_an_error_and_the_master_usable_again) {
    call_echo();
    atomic_store(&camera.hang_up, 1);
    int error;
    do {
        /* Unless the camera is held up for so long that this ends before it does hang up. */
        error = omvrpc_call(master, link_, "echo", "hello", 5, PATIENCE_MS, &result);
    } while (error == 0 && result.outcome != OMVRPC_DONE);
    ck_assert(error == -EPIPE || error == -ECONNRESET);
    ck_assert_int_ne(result.outcome, OMVRPC_DONE);
    ck_assert_str_eq(omvrpc_cause_name(result.cause), "link_gone");
    ck_assert(!omvrpc_master_is_busy(master));
    unplug();
    atomic_store(&camera.hang_up, 0);
    link_ = slave_thread_start(&camera);
    ck_assert_ptr_nonnull(link_);
    call_echo();
}
END_TEST

START_TEST(a_repeatable_call_whose_link_is_closed_says_so) {
    call_echo();
    atomic_store(&camera.hang_up, 1);
    const struct omvrpc_request request = {
        .command = omvrpc_command_id("echo", 4), .deadline_us = omvrpc_now_us() + PATIENCE_US, .repeatable = true};
    ck_assert_int_lt(omvrpc_call_request(master, link_, &request, &result), 0);
    ck_assert_int_ne(result.outcome, OMVRPC_DONE);
    ck_assert_str_eq(omvrpc_cause_name(result.cause), "link_gone");
    ck_assert(!omvrpc_master_is_busy(master));
}
END_TEST

START_TEST(an_argument_that_is_too_long_is_refused) {
    omvrpc_master_set_max_payload(master, 10);
    memset(&result, 0xff, sizeof result);
    ck_assert_int_eq(omvrpc_call(master, link_, "echo", camera.big, 11, PATIENCE_MS, &result), -EMSGSIZE);
    ck_assert_int_eq(result.outcome, OMVRPC_NOT_DELIVERED);
    ck_assert_ptr_null(result.data);
    ck_assert_int_eq(omvrpc_call(master, link_, "big", NULL, 0, PATIENCE_MS, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_TOO_LARGE);
    call_echo();
}
END_TEST

/* A peer that writes without end, as fast as the line takes it. */

static atomic_int flooding;

static void *flood(void *context) {
    static const uint8_t noise[65536] = {1, 2, 3};
    int descriptor = *(const int *)context;
    while (atomic_load(&flooding) && (send(descriptor, noise, sizeof noise, MSG_NOSIGNAL) >= 0 || errno == EINTR)) {
    }
    return NULL;
}

START_TEST(a_peer_that_never_stops_writing_does_not_hold_a_call_beyond_its_timeout) {
    static const struct omvrpc_link_info info = {.pairs = true, .receive_buffer = 1024};
    int sockets[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    struct omvrpc_link *flooded = omvrpc_descriptor_open(sockets[0], &info);
    ck_assert_ptr_nonnull(flooded);
    atomic_store(&flooding, 1);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, flood, &sockets[1]), 0);
    }
    int64_t begun_us = omvrpc_now_us();
    ck_assert_int_eq(omvrpc_call(master, flooded, "echo", NULL, 0, 300, &result), 0);
    ck_assert_int_ne(result.outcome, OMVRPC_DONE);
    ck_assert_int_le(omvrpc_now_us() - begun_us, 10 * SECOND);
    atomic_store(&flooding, 0);
    omvrpc_link_close(flooded);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    close(sockets[1]);
}
END_TEST

/* Streams. */

struct watch {
    unsigned frames, most, next;
    unsigned wrong;
    int64_t pause_us; /* of the handler, in each frame */
};

static bool watch_frame(void *context, const uint8_t *data, size_t length) {
    struct watch *watch = context;
    bool good = length == sizeof camera.frame;
    /* A stream that a camera has left, as one does that was not answered in time, is opened anew. */
    watch->next = length > 0 && data[0] == 0 ? 0 : watch->next;
    for (size_t i = 0; i < length; i++) {
        good = good && data[i] == (uint8_t)watch->next;
    }
    watch->next++;
    watch->wrong += !good;
    watch->frames++;
    if (watch->pause_us > 0) {
        usleep((useconds_t)watch->pause_us);
    }
    return watch->frames < watch->most;
}

static struct omvrpc_request stream_request(uint32_t depth, int64_t time_us) {
    return (struct omvrpc_request){
        .command = omvrpc_command_id("stream", 6),
        .deadline_us = omvrpc_now_us() + time_us,
        .schedules = true,
        .stream_depth = depth,
    };
}

START_TEST(a_stream_hands_over_whole_frames_until_it_is_told_to_stop) {
    static const uint32_t depths[] = {1, 2, 8, 255};
    struct watch watch = {.most = 300};
    const struct omvrpc_request request = stream_request(depths[_i], PATIENCE_US);
    ck_assert_int_eq(omvrpc_stream(master, link_, &request, watch_frame, &watch, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_DONE);
    ck_assert_uint_eq(watch.frames, 300);
    ck_assert_uint_eq(watch.wrong, 0);
    call_echo();
}
END_TEST

START_TEST(a_slow_reader_of_a_deep_stream_gets_whole_frames) {
    struct watch watch = {.most = 200, .pause_us = 1000};
    const struct omvrpc_request request = stream_request(255, PATIENCE_US);
    ck_assert_int_eq(omvrpc_stream(master, link_, &request, watch_frame, &watch, &result), 0);
    ck_assert_uint_eq(watch.wrong, 0);
    ck_assert_uint_eq(watch.frames, 200);
}
END_TEST

START_TEST(a_stream_ends_at_its_deadline) {
    struct watch watch;
    struct omvrpc_request request;
    int64_t time_us = SECOND;
    /* What comes before a stream takes a busy machine its time. */
    do {
        call_until_settled();
        watch = (struct watch){.most = UINT32_MAX, .pause_us = 1000};
        request = stream_request(2, time_us);
        time_us *= 2;
        ck_assert_int_eq(omvrpc_stream(master, link_, &request, watch_frame, &watch, &result), 0);
    } while (watch.frames <= 1 && time_us < PATIENCE_US);
    ck_assert_int_eq(result.outcome, OMVRPC_DONE);
    ck_assert_uint_gt(watch.frames, 1);
    ck_assert_uint_eq(watch.wrong, 0);
    ck_assert_int_ge(omvrpc_now_us(), request.deadline_us);
    ck_assert_int_le(omvrpc_now_us(), request.deadline_us + 10 * SECOND);
    call_echo();
}
END_TEST

START_TEST(a_stream_without_a_depth_is_refused) {
    struct watch watch = {.most = 1};
    const struct omvrpc_request request = stream_request(0, SECOND);
    ck_assert_int_eq(omvrpc_stream(master, link_, &request, watch_frame, &watch, &result), -EINVAL);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("blocking");
    TCase *calls = tcase_create("calls");
    tcase_set_timeout(calls, 60);
    tcase_add_checked_fixture(calls, set_up, tear_down);
    tcase_add_test(calls, a_call_returns_its_result);
    tcase_add_test(calls, many_calls_in_a_row_succeed_and_run_once_each);
    tcase_add_test(calls, a_name_that_no_script_registers_gives_an_empty_result);
    tcase_add_test(calls, a_result_of_one_megabyte_arrives_whole);
    tcase_add_test(calls, an_argument_of_one_megabyte_arrives_whole);
    tcase_add_test(calls, a_cut_through_transfer_arrives_whole);
    tcase_add_test(calls, a_call_ends_at_its_timeout_and_the_next_one_works);
    tcase_add_test(calls, a_call_to_a_silent_camera_ends_at_its_timeout_and_works_when_it_is_back);
    tcase_add_test(calls, a_link_closed_under_a_call_is_an_error_and_the_master_usable_again);
    tcase_add_test(calls, a_repeatable_call_whose_link_is_closed_says_so);
    tcase_add_test(calls, an_argument_that_is_too_long_is_refused);
    tcase_add_test(calls, a_peer_that_never_stops_writing_does_not_hold_a_call_beyond_its_timeout);
    suite_add_tcase(suite, calls);
    TCase *streams = tcase_create("streams");
    tcase_set_timeout(streams, 60);
    tcase_add_checked_fixture(streams, set_up, tear_down);
    tcase_add_loop_test(streams, a_stream_hands_over_whole_frames_until_it_is_told_to_stop, 0, 4);
    tcase_add_test(streams, a_slow_reader_of_a_deep_stream_gets_whole_frames);
    tcase_add_test(streams, a_stream_ends_at_its_deadline);
    tcase_add_test(streams, a_stream_without_a_depth_is_refused);
    suite_add_tcase(suite, streams);
    return suite;
}
