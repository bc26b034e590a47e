/* SPDX-License-Identifier: MIT */
/* Whole calls over the CAN link, both ends of it, in real time on a pair of packet sockets. */

#include "link/can.h"
#include "slave_internal.h"
#include "slave_thread.h"

#include <sys/socket.h>
#include <unistd.h>

Suite *test_suite(void);

/* Faster than classic CAN: what a busy machine holds up for a quarter of a second is lost, and this gives it less time to. */
#define BIT_RATE 4000000

static struct slave_thread camera;
static struct omvrpc_link *can;
static struct omvrpc_master *master;
static struct omvrpc_result result;

static void set_up(void) {
    int ends[2];
    struct omvrpc_link *links[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    for (int i = 0; i < 2; i++) {
        links[i] = can_link_new(ends[i], OMVRPC_CAN_ID_DEFAULT, BIT_RATE, &(struct ready){.gpio = NULL});
        ck_assert_ptr_nonnull(links[i]);
    }
    can = links[0];
    slave_thread_init(&camera);
    slave_thread_start_on(&camera, links[1]);
    master = omvrpc_master_new();
    ck_assert_ptr_nonnull(master);
}

static void unplug(void) {
    omvrpc_link_close(can);
    slave_thread_join(&camera);
    can = NULL;
}

static void tear_down(void) {
    if (can != NULL) {
        unplug();
    }
    omvrpc_master_free(master);
    slave_thread_clear(&camera);
}

/* Repeatable: a camera that a busy machine holds up for longer than a line does counts as one that has lost its call. */
static void expect_call(const char *name, const void *argument, size_t length) {
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = length,
        .deadline_us = omvrpc_now_us() + 20000000,
        .repeatable = true,
    };
    ck_assert_int_eq(omvrpc_call_request(master, can, &request, &result), 0);
    ck_assert_str_eq(omvrpc_outcome_name(result.outcome), "done");
}

START_TEST(arguments_of_every_length_around_a_frame_come_back) {
    const uint8_t *argument = camera.big;
    for (size_t length = 0; length <= 33; length++) {
        expect_call("echo", argument, length);
        ck_assert_uint_eq(result.length, length);
        ck_assert_mem_eq(result.data, argument, length);
    }
    int repeated = (int)omvrpc_master_statistics(master)->repeated_calls;
    ck_assert_int_ge(atomic_load(&camera.executions), 34);
    ck_assert_int_le(atomic_load(&camera.executions), 34 + repeated);
}
END_TEST

START_TEST(an_argument_of_many_fifos_and_a_result_of_200_kB_pass_whole) {
    camera.big_length = 200000;
    expect_call("big", NULL, 0);
    ck_assert_uint_eq(result.length, camera.big_length);
    ck_assert_mem_eq(result.data, camera.big, camera.big_length);
    expect_call("echo", camera.big, 5000);
    ck_assert_uint_eq(result.length, 5000);
    ck_assert_mem_eq(result.data, camera.big, 5000);
}
END_TEST

struct watch {
    unsigned frames, next;
};

static bool take_frame(void *context, const uint8_t *data, size_t length) {
    struct watch *watch = context;
    ck_assert_uint_eq(length, sizeof camera.frame);
    /* A stream that a camera has left, as one does that was not answered in time, is opened anew. */
    watch->next = data[0] == 0 ? 0 : watch->next;
    ck_assert_uint_eq(data[0], watch->next++);
    return ++watch->frames < 5;
}

START_TEST(a_stream_passes_one_frame_at_a_time_and_a_call_follows_it) {
    struct watch watch = {0};
    const struct omvrpc_request request = {
        .command = omvrpc_command_id("stream", strlen("stream")),
        .deadline_us = omvrpc_now_us() + 20000000,
        .repeatable = true,
        .schedules = true,
        .stream_depth = 8,
    };
    /* A busy machine may hold the camera up in the middle of a frame, in three openings in a row. */
    do {
        ck_assert_int_eq(omvrpc_stream(master, can, &request, take_frame, &watch, &result), 0);
    } while (watch.frames < 5 && omvrpc_now_us() < request.deadline_us);
    ck_assert_uint_eq(watch.frames, 5);
    expect_call("echo", "on", 2);
    unplug();
    ck_assert_uint_eq(camera.slave->depth, 1);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("can_calls");
    TCase *calls = tcase_create("calls");
    tcase_set_timeout(calls, 60);
    tcase_add_checked_fixture(calls, set_up, tear_down);
    suite_add_tcase(suite, calls);
    tcase_add_test(calls, arguments_of_every_length_around_a_frame_come_back);
    tcase_add_test(calls, an_argument_of_many_fifos_and_a_result_of_200_kB_pass_whole);
    tcase_add_test(calls, a_stream_passes_one_frame_at_a_time_and_a_call_follows_it);
    return suite;
}
