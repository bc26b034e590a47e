/* SPDX-License-Identifier: MIT */
/* The simulated camera on a socket pair, as the daemon runs it: in a thread, asked by the library's own master. */

#include "sim/camera.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static struct bench {
    struct sim_camera *camera;
    pthread_t thread;
    int camera_end, stop;
    int result;
    struct omvrpc_link *link;
    struct omvrpc_master *master;
} bench;

static void *run_camera(void *unused) {
    (void)unused;
    bench.result = sim_camera_run(bench.camera, bench.camera_end, bench.stop);
    return NULL;
}

static void start(const char *faults) {
    struct sim_options options = sim_options_default();
    char error[160];
    ck_assert_int_eq(sim_faults_parse(faults, &options.faults, error, sizeof error), 0);
    options.behaviour.duration_us = 1000;
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    bench = (struct bench){.camera = sim_camera_new(&options), .camera_end = ends[0], .stop = eventfd(0, EFD_CLOEXEC)};
    ck_assert_ptr_nonnull(bench.camera);
    ck_assert_int_ge(bench.stop, 0);
    bench.link = omvrpc_descriptor_open(ends[1], &(struct omvrpc_link_info){.pairs = true, .receive_buffer = 1024});
    ck_assert_ptr_nonnull(bench.link);
    bench.master = omvrpc_master_new();
    ck_assert_ptr_nonnull(bench.master);
    ck_assert_int_eq(pthread_create(&bench.thread, NULL, run_camera, NULL), 0);
}

static void join(void) {
    ck_assert_int_eq(pthread_join(bench.thread, NULL), 0);
}

static void stop(void) {
    ck_assert_int_eq(eventfd_write(bench.stop, 1), 0);
    join();
}

static void clean_up(void) {
    sim_camera_free(bench.camera);
    omvrpc_master_free(bench.master);
    omvrpc_link_close(bench.link);
    close(bench.camera_end);
    close(bench.stop);
}

static enum omvrpc_outcome call(const char *name, const void *argument, size_t length, struct omvrpc_result *result) {
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = length,
        .deadline_us = omvrpc_now_us() + (int64_t)PATIENCE_MS * 1000,
        /* A camera that a busy machine holds up for longer than a line does counts as one that has lost its call. */
        .repeatable = strcmp(name, "counter") != 0,
    };
    ck_assert_int_eq(omvrpc_call_request(bench.master, bench.link, &request, result), 0);
    return result->outcome;
}

START_TEST(camera_answers_the_library) {
    struct omvrpc_result result;
    start("");
    ck_assert_int_eq(call("echo", "hello", 5, &result), OMVRPC_DONE);
    ck_assert_uint_eq(result.length, 5);
    ck_assert_mem_eq(result.data, "hello", 5);
    ck_assert_int_eq(call("face_detection", NULL, 0, &result), OMVRPC_DONE);
    ck_assert_uint_eq(result.length, 8);
    ck_assert_int_eq(call("jpeg_snapshot", NULL, 0, &result), OMVRPC_DONE);
    ck_assert_uint_gt(result.length, 1000);
    ck_assert_mem_eq(result.data, "\xFF\xD8\xFF", 3);
    stop();
    ck_assert_int_eq(bench.result, 0);
    clean_up();
}
END_TEST

START_TEST(results_larger_than_every_queue_arrive_whole) {
    struct omvrpc_result result;
    start("");
    uint8_t size[4] = {0, 0, 0x10, 0}; /* 1 MiB */
    ck_assert_int_eq(call("blob", size, sizeof size, &result), OMVRPC_DONE);
    ck_assert_uint_eq(result.length, 1 << 20);
    for (size_t i = 0; i < result.length; i++) {
        if (result.data[i] != (uint8_t)(i ^ i >> 8 ^ i >> 16)) {
            ck_abort_msg("byte %zu is wrong", i);
        }
    }
    static uint8_t argument[300000];
    memset(argument, 0x5A, sizeof argument);
    ck_assert_int_eq(call("echo", argument, sizeof argument, &result), OMVRPC_DONE);
    ck_assert_uint_eq(result.length, sizeof argument);
    ck_assert_mem_eq(result.data, argument, sizeof argument);
    stop();
    clean_up();
}
END_TEST

START_TEST(run_ends_well_when_the_peer_goes) {
    start("");
    omvrpc_link_close(bench.link);
    bench.link = NULL;
    join();
    ck_assert_int_eq(bench.result, 0);
    clean_up();
}
END_TEST

START_TEST(peer_that_leaves_without_reading_kills_nothing) {
    start("");
    struct omvrpc_result result;
    ck_assert_int_eq(call("echo", "x", 1, &result), OMVRPC_DONE);
    ck_assert_int_eq(omvrpc_master_call(bench.master,
                                        &(struct omvrpc_request){
                                            .command = omvrpc_command_id("sleep", 5),
                                            .argument = (const uint8_t[]){20, 0, 0, 0},
                                            .argument_length = 4,
                                            .deadline_us = omvrpc_now_us() + 1000000,
                                        },
                                        omvrpc_now_us()),
                     0);
    struct omvrpc_step step;
    omvrpc_master_next(bench.master, omvrpc_now_us(), &step);
    ck_assert_int_eq(step.kind, OMVRPC_STEP_SEND);
    ck_assert_int_gt(bench.link->operations->send(bench.link, step.data, step.length), 0);
    omvrpc_link_close(bench.link);
    bench.link = NULL;
    join();
    ck_assert_int_eq(bench.result, 0);
    clean_up();
}
END_TEST

START_TEST(run_reports_a_bad_descriptor) {
    start("");
    stop();
    ck_assert_int_eq(sim_camera_run(bench.camera, -1, bench.stop), -EBADF);
    clean_up();
}
END_TEST

START_TEST(counter_goes_on_when_the_camera_is_plugged_in_again) {
    struct omvrpc_result result;
    start("");
    ck_assert_int_eq(call("counter", NULL, 0, &result), OMVRPC_DONE);
    ck_assert_int_eq(result.data[0], 1);
    stop();
    eventfd_t value;
    ck_assert_int_eq(eventfd_read(bench.stop, &value), 0);
    ck_assert_int_eq(pthread_create(&bench.thread, NULL, run_camera, NULL), 0);
    ck_assert_int_eq(call("counter", NULL, 0, &result), OMVRPC_DONE);
    ck_assert_int_eq(result.data[0], 2);
    stop();
    clean_up();
}
END_TEST

START_TEST(faulty_line_gives_right_answers_or_none) {
    static const char *const faults[] = {"seed=1,drop=5%",    "seed=2,damage=5%",      "seed=3,cut=5%",
                                         "seed=4,double=10%", "seed=5,delay=0us..3ms", "seed=6,slow=115200"};
    start(faults[_i]);
    int done = 0;
    for (uint8_t i = 0; i < 60; i++) {
        struct omvrpc_result result;
        struct omvrpc_request request = {
            .command = omvrpc_command_id("echo", 4),
            .argument = &i,
            .argument_length = 1,
            .deadline_us = omvrpc_now_us() + (int64_t)PATIENCE_MS * 1000,
            .repeatable = true,
        };
        ck_assert_int_eq(omvrpc_call_request(bench.master, bench.link, &request, &result), 0);
        if (result.outcome == OMVRPC_DONE) {
            ck_assert_uint_eq(result.length, 1);
            ck_assert_int_eq(result.data[0], i);
            done++;
        }
    }
    ck_assert_int_ge(done, 58);
    stop();
    clean_up();
}
END_TEST

struct stream_watch {
    int frames;
    int64_t first_us, last_us;
};

static bool take_frame(void *context, const uint8_t *data, size_t length) {
    struct stream_watch *watch = context;
    ck_assert_uint_gt(length, 4);
    ck_assert_mem_eq(data, "\xFF\xD8", 2);
    ck_assert_mem_eq(data + length - 2, "\xFF\xD9", 2);
    watch->last_us = omvrpc_now_us();
    if (watch->frames++ == 0) {
        watch->first_us = watch->last_us;
    }
    return watch->frames < 10;
}

START_TEST(stream_keeps_its_rate_and_the_camera_answers_after_it) {
    static const char choice[] = "sensor.RGB565,sensor.QQVGA";
    struct stream_watch watch = {0};
    struct omvrpc_result result;
    struct omvrpc_request request = {
        .command = omvrpc_command_id("jpeg_image_stream", strlen("jpeg_image_stream")),
        .argument = (const uint8_t *)choice,
        .argument_length = strlen(choice),
        .deadline_us = omvrpc_now_us() + 10000000,
        .schedules = true,
        .stream_depth = 2,
    };
    start("");
    ck_assert_int_eq(omvrpc_stream(bench.master, bench.link, &request, take_frame, &watch, &result), 0);
    ck_assert_int_ge(watch.frames, 10);
    /* Nine intervals at 30 a second, less two. Where the first frame is looked at late, the second comes at once, and the
     * camera keeps the times of the others. */
    ck_assert_int_ge(watch.last_us - watch.first_us, 7 * 33000);
    ck_assert_int_eq(call("echo", "after", 5, &result), OMVRPC_DONE);
    stop();
    clean_up();
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void) {
    Suite *suite = suite_create("sim_camera");
    TCase *camera = tcase_create("camera");
    tcase_set_timeout(camera, 60);
    tcase_add_test(camera, camera_answers_the_library);
    tcase_add_test(camera, results_larger_than_every_queue_arrive_whole);
    tcase_add_test(camera, run_ends_well_when_the_peer_goes);
    tcase_add_test(camera, peer_that_leaves_without_reading_kills_nothing);
    tcase_add_test(camera, run_reports_a_bad_descriptor);
    tcase_add_test(camera, counter_goes_on_when_the_camera_is_plugged_in_again);
    tcase_add_loop_test(camera, faulty_line_gives_right_answers_or_none, 0, 6);
    tcase_add_test(camera, stream_keeps_its_rate_and_the_camera_answers_after_it);
    suite_add_tcase(suite, camera);
    return suite;
}
