/* SPDX-License-Identifier: MIT */
/* The worker's thread: jobs, states and counters that cross between threads, and the end with work under way. */

#include "slave_thread.h"
#include "worker.h"

#include <stdio.h>

Suite *test_suite(void);

#define CAMERAS     2
#define PATIENCE_MS 20000

/* A camera that is started anew whenever the worker opens its link. */
struct port {
    struct slave_thread camera;
    bool started;
    atomic_int opened;
    atomic_bool missing;
};

static struct port ports[CAMERAS];
static struct worker *worker;
static struct worker_message *messages; /* taken and not looked at */
static enum camera_state states[CAMERAS];
static bool removed[CAMERAS];

static struct omvrpc_link *open_port(void *context, char *reason, size_t size) {
    struct port *port = context;
    atomic_fetch_add(&port->opened, 1);
    if (atomic_load(&port->missing)) {
        snprintf(reason, size, "it is missing");
        return NULL;
    }
    /* The worker has closed its end before it opens again. */
    if (port->started) {
        slave_thread_join(&port->camera);
    }
    struct omvrpc_link *link = slave_thread_start(&port->camera);
    port->started = link != NULL;
    return link;
}

static void add(size_t camera) {
    const struct bus_opener opener = {.open = open_port, .context = &ports[camera], .description = "the test's link"};
    states[camera] = CAMERA_CONNECTING;
    removed[camera] = false;
    ck_assert_int_eq(worker_add(worker, &opener, OMVRPC_MAX_PAYLOAD_DEFAULT), (int)camera);
}

static void start(void) {
    worker = worker_new(0);
    ck_assert_ptr_nonnull(worker);
    for (size_t i = 0; i < CAMERAS; i++) {
        memset(&ports[i], 0, sizeof ports[i]);
        slave_thread_init(&ports[i].camera);
        add(i);
    }
}

static void stop(void) {
    worker_free(worker);
    worker = NULL;
}

static void finish(void) {
    if (worker != NULL) {
        stop();
    }
    while (messages != NULL) {
        struct worker_message *next = messages->next;
        if (messages->kind == WORKER_JOB_ENDED) {
            job_free(messages->job);
        }
        worker_message_free(messages);
        messages = next;
    }
    for (size_t i = 0; i < CAMERAS; i++) {
        if (ports[i].started) {
            slave_thread_join(&ports[i].camera);
        }
        slave_thread_clear(&ports[i].camera);
    }
}

/* Returns the next message, waiting for it, and notes states. */
static struct worker_message *next_message(void) {
    while (messages == NULL) {
        struct pollfd pollfd = {.fd = worker_descriptor(worker), .events = POLLIN};
        ck_assert_msg(poll(&pollfd, 1, PATIENCE_MS) == 1, "the worker says nothing");
        messages = worker_take(worker);
    }
    struct worker_message *message = messages;
    messages = message->next;
    if (message->kind == WORKER_STATE_CHANGED) {
        ck_assert_uint_lt(message->camera, CAMERAS);
        states[message->camera] = message->state;
    }
    if (message->kind == WORKER_CAMERA_REMOVED) {
        removed[message->camera] = true;
        worker_vacate(worker, message->camera);
    }
    return message;
}

static struct job *await_job(void) {
    for (;;) {
        struct worker_message *message = next_message();
        struct job *job = message->kind == WORKER_JOB_ENDED ? message->job : NULL;
        worker_message_free(message);
        if (job != NULL) {
            return job;
        }
    }
}

static void await_state(size_t camera, enum camera_state state) {
    while (states[camera] != state) {
        struct worker_message *message = next_message();
        ck_assert_int_eq(message->kind, WORKER_STATE_CHANGED);
        worker_message_free(message);
    }
}

static void await_both(void) {
    while (states[0] != CAMERA_ONLINE || states[1] != CAMERA_ONLINE) {
        worker_message_free(next_message());
    }
}

static void submit(size_t camera, const char *name, const void *argument, size_t length, bool repeatable) {
    struct job *job = job_new();
    ck_assert_ptr_nonnull(job);
    job->camera = camera;
    job->command = omvrpc_command_id(name, strlen(name));
    job->argument = malloc(length + 1);
    ck_assert_ptr_nonnull(job->argument);
    memcpy(job->argument, argument, length);
    job->argument_length = length;
    job->deadline_us = omvrpc_now_us() + 30 * 1000000;
    job->repeatable = repeatable;
    worker_submit(worker, job);
}

/* Repeatable: a camera that a busy machine holds up for longer than a line does counts as one that has lost its call. */
static void submit_number(size_t camera, uint32_t number) {
    submit(camera, "echo", &number, sizeof number, true);
}

START_TEST(a_thousand_jobs_on_two_cameras_get_their_own_answers) {
    enum { JOBS = 1000 };
    uint32_t submitted = 0, ended = 0;
    uint32_t running[CAMERAS];
    await_state(0, CAMERA_ONLINE);
    await_state(1, CAMERA_ONLINE);
    for (size_t i = 0; i < CAMERAS; i++) {
        running[i] = submitted;
        submit_number(i, submitted++);
    }
    while (ended < JOBS) {
        struct job *job = await_job();
        ck_assert_int_eq(job->outcome, OMVRPC_DONE);
        ck_assert_uint_eq(job->result_length, sizeof running[0]);
        ck_assert_mem_eq(job->result, &running[job->camera], sizeof running[0]);
        size_t camera = job->camera;
        job_free(job);
        ended++;
        if (submitted < JOBS) {
            running[camera] = submitted;
            submit_number(camera, submitted++);
        }
    }
    int executions = 0, repeated = 0;
    for (size_t i = 0; i < CAMERAS; i++) {
        struct omvrpc_statistics statistics;
        worker_statistics(worker, i, &statistics);
        executions += atomic_load(&ports[i].camera.executions);
        repeated += (int)statistics.repeated_calls;
    }
    ck_assert_int_ge(executions, JOBS);
    ck_assert_int_le(executions, JOBS + repeated);
}
END_TEST

START_TEST(the_counters_are_readable_while_the_worker_runs) {
    uint64_t done = 0;
    for (uint32_t i = 0; i < 100; i++) {
        submit_number(0, i);
        job_free(await_job());
        struct omvrpc_statistics statistics;
        worker_statistics(worker, 0, &statistics);
        ck_assert_uint_ge(statistics.done, done);
        ck_assert_uint_le(statistics.done, statistics.calls);
        done = statistics.done;
    }
    ck_assert_uint_ge(done, 98);
}
END_TEST

START_TEST(a_job_submitted_before_the_camera_is_online_waits_for_it) {
    submit_number(0, 7);
    struct job *job = await_job();
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    job_free(job);
}
END_TEST

START_TEST(the_worker_stops_with_jobs_under_way) {
    await_state(0, CAMERA_ONLINE);
    await_state(1, CAMERA_ONLINE);
    submit(0, "slow", "x", 1, _i == 1);
    submit(1, "slow", "x", 1, _i == 1);
    while (atomic_load(&ports[0].camera.executions) == 0) {
        poll(NULL, 0, 1);
    }
    int64_t begun_us = omvrpc_now_us();
    stop();
    ck_assert_int_le(omvrpc_now_us() - begun_us, 10 * 1000000);
}
END_TEST

START_TEST(the_worker_stops_with_messages_that_nobody_took) {
    submit_number(0, 1);
    while (atomic_load(&ports[0].camera.executions) == 0) {
        poll(NULL, 0, 1);
    }
    stop();
}
END_TEST

START_TEST(a_camera_that_goes_and_returns_is_reported_and_works) {
    await_state(0, CAMERA_ONLINE);
    atomic_store(&ports[0].missing, true);
    atomic_store(&ports[0].camera.hang_up, 1);
    submit(0, "echo", "abc", 3, true);
    await_state(0, CAMERA_CONNECTING);
    atomic_store(&ports[0].camera.hang_up, 0);
    atomic_store(&ports[0].missing, false);
    struct job *job = await_job();
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    ck_assert_mem_eq(job->result, "abc", 3);
    job_free(job);
    ck_assert_int_ge(atomic_load(&ports[0].opened), 2);
}
END_TEST

START_TEST(a_camera_is_released_and_taken_back) {
    await_state(0, CAMERA_ONLINE);
    worker_release(worker, 0);
    await_state(0, CAMERA_RELEASED);
    submit_number(0, 1);
    struct job *job = await_job();
    ck_assert_int_eq(job->outcome, OMVRPC_NOT_DELIVERED);
    job_free(job);
    worker_acquire(worker, 0);
    await_state(0, CAMERA_ONLINE);
    submit_number(0, 2);
    job = await_job();
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    job_free(job);
}
END_TEST

START_TEST(one_silent_camera_does_not_hold_up_the_other) {
    atomic_store(&ports[0].camera.deaf, 1);
    await_state(1, CAMERA_ONLINE);
    int64_t begun_us = omvrpc_now_us();
    for (uint32_t i = 0; i < 100; i++) {
        submit_number(1, i);
        struct job *job = await_job();
        ck_assert_uint_eq(job->camera, 1);
        ck_assert_int_eq(job->outcome, OMVRPC_DONE);
        job_free(job);
    }
    /* Each takes a busy machine some waits for its processors, and a silent camera is waited for more than a second. */
    ck_assert_int_le(omvrpc_now_us() - begun_us, 60 * 1000000);
}
END_TEST

/* Ends with the message that the camera was removed; nothing may come from its place after that. */
static unsigned remove_and_count_jobs(size_t camera) {
    unsigned jobs = 0;
    worker_remove(worker, camera);
    while (!removed[camera]) {
        struct worker_message *message = next_message();
        if (message->kind == WORKER_JOB_ENDED && message->camera == camera) {
            jobs++;
            ck_assert_int_ne(message->job->outcome, OMVRPC_DONE);
            ck_assert_int_eq(message->job->cause, OMVRPC_CAUSE_LINK_GONE);
            job_free(message->job);
        } else {
            ck_assert_int_eq(message->kind == WORKER_JOB_ENDED, false);
        }
        worker_message_free(message);
    }
    return jobs;
}

START_TEST(the_job_of_a_removed_camera_is_handed_back_before_that_is_said) {
    await_state(0, CAMERA_ONLINE);
    await_state(1, CAMERA_ONLINE);
    submit(0, "slow", "x", 1, _i == 1);
    if (_i < 2) {
        while (atomic_load(&ports[0].camera.executions) == 0) {
            poll(NULL, 0, 1);
        }
    }
    int64_t begun_us = omvrpc_now_us();
    ck_assert_uint_eq(remove_and_count_jobs(0), 1);
    ck_assert_int_le(omvrpc_now_us() - begun_us, 10 * 1000000);
    /* Its link is closed: the camera's thread has ended. */
    slave_thread_join(&ports[0].camera);
    ports[0].started = false;
    submit_number(1, 5);
    struct job *job = await_job();
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    job_free(job);
}
END_TEST

START_TEST(a_camera_takes_the_place_of_one_that_was_removed) {
    await_state(0, CAMERA_ONLINE);
    submit_number(0, 1);
    job_free(await_job());
    remove_and_count_jobs(0);
    add(0);
    struct omvrpc_statistics statistics;
    uint64_t steps[HEALING_STEPS];
    worker_statistics(worker, 0, &statistics);
    worker_healing(worker, 0, steps);
    ck_assert_uint_eq(statistics.calls, 0);
    ck_assert_uint_eq(steps[HEALING_PROBES], 0);
    await_state(0, CAMERA_ONLINE);
    submit_number(0, 2);
    struct job *job = await_job();
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    job_free(job);
    ck_assert_int_eq(atomic_load(&ports[0].opened), 2);
}
END_TEST

START_TEST(cameras_come_and_go_under_anothers_load) {
    enum { TIMES = 20 };
    uint32_t number = 0;
    await_both();
    submit_number(1, number);
    bool is_leaving = false;
    for (int i = 0; i < TIMES;) {
        if (!is_leaving && states[0] == CAMERA_ONLINE) {
            /* Sometimes with a job that the thread has not seen, has just begun, or has nearly done. */
            if (i % 3 > 0) {
                submit_number(0, (uint32_t)i);
                poll(NULL, 0, i % 3 - 1);
            }
            is_leaving = true;
            worker_remove(worker, 0);
        }
        struct worker_message *message = next_message();
        if (message->kind == WORKER_JOB_ENDED && message->camera == 1) {
            ck_assert_int_eq(message->job->outcome, OMVRPC_DONE);
            ck_assert_mem_eq(message->job->result, &number, sizeof number);
            submit_number(1, ++number);
        }
        if (message->kind == WORKER_JOB_ENDED) {
            job_free(message->job);
        }
        if (message->kind == WORKER_CAMERA_REMOVED) {
            add(0);
            is_leaving = false;
            i++;
        }
        worker_message_free(message);
    }
    ck_assert_uint_gt(number, TIMES);
    struct omvrpc_statistics statistics;
    worker_statistics(worker, 1, &statistics);
    ck_assert_uint_eq(statistics.not_delivered + statistics.result_unknown, 0);
}
END_TEST

START_TEST(a_camera_that_is_removed_at_once_is_gone_as_well) {
    remove_and_count_jobs(0);
    remove_and_count_jobs(1);
    add(0);
    worker_remove(worker, 0);
    while (!removed[0]) {
        worker_message_free(next_message());
    }
}
END_TEST

START_TEST(there_are_as_many_places_as_a_configuration_has_cameras) {
    const struct bus_opener opener = {.open = open_port, .context = &ports[0]};
    atomic_store(&ports[0].missing, true);
    remove_and_count_jobs(0);
    for (int place = 0; place < BUS_CAMERAS_MAX; place++) {
        if (place != 1) {
            ck_assert_int_eq(worker_add(worker, &opener, 1024), place);
        }
    }
    ck_assert_int_eq(worker_add(worker, &opener, 1024), -ENOSPC);
    stop();
}
END_TEST

START_TEST(taking_clears_the_descriptor) {
    await_state(0, CAMERA_ONLINE);
    await_state(1, CAMERA_ONLINE);
    submit_number(0, 1);
    job_free(await_job());
    ck_assert_ptr_null(worker_take(worker));
    /* A message that was taken before the worker came to tell of it is told of all the same, once. */
    struct pollfd pollfd = {.fd = worker_descriptor(worker), .events = POLLIN};
    int64_t end_us = omvrpc_now_us() + PATIENCE_MS * 1000;
    while (poll(&pollfd, 1, 0) == 1) {
        ck_assert_int_lt(omvrpc_now_us(), end_us);
        ck_assert_ptr_null(worker_take(worker));
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("worker");
    TCase *tests = tcase_create("worker");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_thousand_jobs_on_two_cameras_get_their_own_answers);
    tcase_add_test(tests, the_counters_are_readable_while_the_worker_runs);
    tcase_add_test(tests, a_job_submitted_before_the_camera_is_online_waits_for_it);
    tcase_add_loop_test(tests, the_worker_stops_with_jobs_under_way, 0, 2);
    tcase_add_test(tests, the_worker_stops_with_messages_that_nobody_took);
    tcase_add_test(tests, a_camera_that_goes_and_returns_is_reported_and_works);
    tcase_add_test(tests, a_camera_is_released_and_taken_back);
    tcase_add_test(tests, one_silent_camera_does_not_hold_up_the_other);
    tcase_add_loop_test(tests, the_job_of_a_removed_camera_is_handed_back_before_that_is_said, 0, 3);
    tcase_add_test(tests, a_camera_takes_the_place_of_one_that_was_removed);
    tcase_add_test(tests, cameras_come_and_go_under_anothers_load);
    tcase_add_test(tests, a_camera_that_is_removed_at_once_is_gone_as_well);
    tcase_add_test(tests, there_are_as_many_places_as_a_configuration_has_cameras);
    tcase_add_test(tests, taking_clears_the_descriptor);
    suite_add_tcase(suite, tests);
    return suite;
}
