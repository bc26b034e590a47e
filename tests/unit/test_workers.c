/* SPDX-License-Identifier: MIT */
/* The table of workers: who shares one, whose message is whose, and the end of the last one. */

#include "slave_thread.h"
#include "workers.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Suite *test_suite(void);

enum { CAMERAS = 3, PATIENCE_S = 20 };

/* A camera with all that it is told. */
struct guest {
    struct slave_thread camera;
    bool started;
    struct workers_place at;
    enum camera_state state;
    unsigned jobs;
    enum omvrpc_outcome outcome; /* of the last one */
    bool is_gone;
    bool returns; /* joins again when it is gone */
};

static struct guest guests[CAMERAS];
static struct event_base *base;
static struct workers *workers;

static atomic_bool stops; /* as a driver does that hangs, at an opening or in a transaction */
static atomic_int tries;  /* of either */
static atomic_bool has_moved;

static struct omvrpc_link *open_guest(void *context, char *reason, size_t size) {
    struct guest *guest = context;
    atomic_fetch_add(&tries, 1);
    while (atomic_load(&stops)) {
        poll(NULL, 0, 1);
    }
    if (guest->started) {
        slave_thread_join(&guest->camera);
    }
    struct omvrpc_link *link = slave_thread_start(&guest->camera);
    guest->started = link != NULL;
    snprintf(reason, size, "no link");
    return link;
}

static void take(void *context, struct worker_message *message) {
    struct guest *guest = context;
    ck_assert(!guest->is_gone);
    if (message->kind == WORKER_STATE_CHANGED) {
        guest->state = message->state;
    } else if (message->kind == WORKER_JOB_ENDED) {
        guest->jobs++;
        guest->outcome = message->job->outcome;
        ck_assert_ptr_eq(message->job->owner, guest);
        job_free(message->job);
    }
}

static void join(size_t i, const char *bus) {
    struct guest *guest = &guests[i];
    const struct bus_opener opener = {.open = open_guest, .context = guest, .description = "the test's link"};
    guest->state = CAMERA_CONNECTING;
    guest->is_gone = false;
    ck_assert(workers_join(workers, bus, &opener, 65536, take, guest, &guest->at));
}

static void on_gone(void *context) {
    struct guest *guest = context;
    ck_assert(!guest->is_gone);
    guest->is_gone = true;
    /* Its link is closed, so its thread ends; one that joined and left within a turn of the worker never had any. */
    if (guest->started) {
        slave_thread_join(&guest->camera);
        guest->started = false;
    }
    if (guest->returns) {
        join((size_t)(guest - guests), "the bus");
    }
}

static void set_up(void) {
    base = event_base_new();
    workers = workers_new(base, 0);
    ck_assert_ptr_nonnull(workers);
    for (size_t i = 0; i < CAMERAS; i++) {
        memset(&guests[i], 0, sizeof guests[i]);
        slave_thread_init(&guests[i].camera);
    }
}

static void tear_down(void) {
    workers_free(workers);
    event_base_free(base);
    for (size_t i = 0; i < CAMERAS; i++) {
        if (guests[i].started) {
            slave_thread_join(&guests[i].camera);
        }
        slave_thread_clear(&guests[i].camera);
    }
}

#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        int64_t end_us = omvrpc_now_us() + (int64_t)PATIENCE_S * 1000000;                                              \
        while (!(condition)) {                                                                                         \
            ck_assert_msg(omvrpc_now_us() < end_us, "not within %d s: %s", PATIENCE_S, #condition);                    \
            struct timeval tick = {.tv_usec = 20000};                                                                  \
            event_base_loopexit(base, &tick);                                                                          \
            event_base_dispatch(base);                                                                                 \
        }                                                                                                              \
    } while (false)

static void submit(size_t i, const char *name) {
    struct job *job = job_new();
    ck_assert_ptr_nonnull(job);
    job->owner = &guests[i];
    job->camera = guests[i].at.place;
    job->command = omvrpc_command_id(name, strlen(name));
    job->deadline_us = omvrpc_now_us() + (int64_t)PATIENCE_S * 1000000;
    /* A camera that a busy machine holds up for longer than a line does counts as one that has lost its call. */
    job->repeatable = true;
    worker_submit(guests[i].at.worker, job);
}

START_TEST(cameras_of_one_bus_share_its_worker_and_others_have_their_own) {
    join(0, "the bus");
    join(1, "the bus");
    join(2, _i == 0 ? NULL : "another bus");
    ck_assert_uint_eq(workers_count(workers), 2);
    ck_assert_ptr_eq(guests[0].at.worker, guests[1].at.worker);
    ck_assert_ptr_ne(guests[0].at.worker, guests[2].at.worker);
    for (size_t i = 0; i < CAMERAS; i++) {
        AWAIT(guests[i].state == CAMERA_ONLINE);
        submit(i, "echo");
        AWAIT(guests[i].jobs == 1);
        ck_assert_int_eq(guests[i].outcome, OMVRPC_DONE);
    }
}
END_TEST

START_TEST(two_cameras_without_a_bus_to_share_have_two_workers) {
    join(0, NULL);
    join(1, NULL);
    ck_assert_uint_eq(workers_count(workers), 2);
}
END_TEST

static void note_hanging(void *context, const char *bus) {
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 200 - length, "%s;", bus);
}

START_TEST(workers_beat_also_when_they_have_nothing_to_do) {
    char hanging[200] = "";
    join(0, "the bus");
    join(1, NULL);
    AWAIT(guests[0].state == CAMERA_ONLINE && guests[1].state == CAMERA_ONLINE);
    workers_take_beats(workers, note_hanging, hanging);
    for (int i = 0; i < 5; i++) {
        AWAIT((hanging[0] = '\0', workers_take_beats(workers, note_hanging, hanging)));
    }
}
END_TEST

START_TEST(a_worker_that_hangs_is_named_by_its_bus_or_by_its_camera) {
    char hanging[200] = "";
    stops = true;
    join(0, "the bus");
    join(1, NULL);
    AWAIT(atomic_load(&tries) == 2);
    workers_take_beats(workers, note_hanging, hanging);
    hanging[0] = '\0';
    ck_assert(!workers_take_beats(workers, note_hanging, hanging));
    ck_assert_msg(strstr(hanging, "the bus;") != NULL, "%s", hanging);
    ck_assert_msg(strstr(hanging, "a camera (the test's link);") != NULL, "%s", hanging);
    hanging[0] = '\0';
    ck_assert(!workers_take_beats(workers, note_hanging, hanging));
    ck_assert_msg(hanging[0] == '\0', "%s is told again", hanging);
    atomic_store(&stops, false);
    AWAIT(guests[0].state == CAMERA_ONLINE && guests[1].state == CAMERA_ONLINE);
}
END_TEST

/* A link of transactions, none of which returns while the flag above is set. */
static ssize_t move_slowly(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    (void)link, (void)data;
    atomic_fetch_add(&tries, 1);
    while (atomic_load(&stops)) {
        poll(NULL, 0, 1);
    }
    return (ssize_t)length;
}

static ssize_t receive_nothing(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    (void)link, (void)buffer, (void)size;
    return 0;
}

static void do_nothing(struct omvrpc_link *link) {
    (void)link;
}

static int have_no_descriptor(struct omvrpc_link *link) {
    (void)link;
    return -1;
}

static struct omvrpc_link *open_slow(void *context, char *reason, size_t size) {
    static const struct omvrpc_link_operations operations = {
        .type = "test",
        .send = move_slowly,
        .receive = receive_nothing,
        .discard = do_nothing,
        .descriptor = have_no_descriptor,
        .close = do_nothing,
    };
    (void)reason, (void)size;
    struct omvrpc_link *link = context;
    link->operations = &operations;
    return link;
}

static void on_slow_gone(void *context) {
    (void)context;
}

START_TEST(a_worker_that_moves_bytes_on_a_slow_line_does_not_hang_and_one_on_a_fast_line_does) {
    char hanging[200] = "";
    bool is_slow = _i == 0;
    struct omvrpc_link link = {
        .info = {.transactions = true, .receive_buffer = 64, .byte_rate = is_slow ? 1 : 1000000},
    };
    const struct bus_opener opener = {.open = open_slow, .context = &link, .description = "a line"};
    struct workers_place at;
    atomic_store(&stops, true);
    ck_assert(workers_join(workers, NULL, &opener, 65536, take, &guests[0], &at));
    AWAIT(atomic_load(&tries) == 1);
    workers_take_beats(workers, note_hanging, hanging);
    hanging[0] = '\0';
    ck_assert_int_eq(workers_take_beats(workers, note_hanging, hanging), is_slow);
    ck_assert_str_eq(hanging, is_slow ? "" : "a camera (a line);");
    atomic_store(&stops, false);
    workers_leave(workers, &at, on_slow_gone);
    AWAIT(workers_count(workers) == 0);
}
END_TEST

/* Joins with a link that hangs, or that moves bytes on a slow line, and waits until it does. */
static void join_stuck(struct omvrpc_link *link, bool is_slow) {
    *link = (struct omvrpc_link){
        .info = {.transactions = true, .receive_buffer = 64, .byte_rate = is_slow ? 1 : 1000000},
    };
    const struct bus_opener opener = {.open = open_slow, .context = link, .description = "a line"};
    struct workers_place at;
    int before = atomic_load(&tries);
    atomic_store(&stops, true);
    ck_assert(workers_join(workers, NULL, &opener, 65536, take, &guests[0], &at));
    AWAIT(atomic_load(&tries) > before);
}

/* These end by the program's end, with a status. */
START_TEST(the_end_in_the_middle_of_a_long_packet_is_no_failure) {
    struct omvrpc_link link;
    join_stuck(&link, true);
    workers_free(workers);
}
END_TEST

START_TEST(the_end_with_a_worker_that_hangs_is_a_failure) {
    struct omvrpc_link link;
    join_stuck(&link, false);
    workers_free(workers);
}
END_TEST

enum { EXIT_CLOSED = 3 };

static void tell_closed(struct omvrpc_link *link) {
    (void)link;
    _exit(EXIT_CLOSED);
}

static ssize_t move_at_once(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    (void)link, (void)data;
    atomic_store(&has_moved, true);
    return (ssize_t)length;
}

static struct omvrpc_link *open_fast(void *context, char *reason, size_t size) {
    static const struct omvrpc_link_operations operations = {
        .type = "test",
        .send = move_at_once,
        .receive = receive_nothing,
        .discard = do_nothing,
        .descriptor = have_no_descriptor,
        .close = tell_closed,
    };
    (void)reason, (void)size;
    struct omvrpc_link *link = context;
    link->operations = &operations;
    return link;
}

START_TEST(the_others_close_their_links_before_a_worker_that_hangs_ends_the_program) {
    struct omvrpc_link link, fast = {.info = {.transactions = true, .receive_buffer = 64, .byte_rate = 1000000}};
    const struct bus_opener opener = {.open = open_fast, .context = &fast, .description = "a line"};
    struct workers_place at;
    ck_assert(workers_join(workers, NULL, &opener, 65536, take, &guests[1], &at));
    AWAIT(atomic_load(&has_moved));
    join_stuck(&link, false);
    workers_free(workers);
}
END_TEST

START_TEST(a_worker_that_was_just_started_is_not_said_to_hang) {
    char hanging[200] = "";
    for (int i = 0; i < 30; i++) {
        join(0, NULL);
        ck_assert_msg(workers_take_beats(workers, note_hanging, hanging), "%s at its start %d", hanging, i);
        workers_leave(workers, &guests[0].at, on_gone);
        AWAIT(guests[0].is_gone && workers_count(workers) == 0);
    }
}
END_TEST

START_TEST(a_worker_ends_with_its_last_camera) {
    join(0, "the bus");
    join(1, "the bus");
    AWAIT(guests[0].state == CAMERA_ONLINE && guests[1].state == CAMERA_ONLINE);
    workers_leave(workers, &guests[0].at, on_gone);
    AWAIT(guests[0].is_gone);
    ck_assert_uint_eq(workers_count(workers), 1);
    submit(1, "echo");
    AWAIT(guests[1].jobs == 1);
    workers_leave(workers, &guests[1].at, on_gone);
    AWAIT(guests[1].is_gone);
    AWAIT(workers_count(workers) == 0);
}
END_TEST

START_TEST(a_job_has_ended_before_its_camera_is_gone) {
    join(0, "the bus");
    AWAIT(guests[0].state == CAMERA_ONLINE);
    submit(0, "slow");
    while (atomic_load(&guests[0].camera.executions) == 0) {
        poll(NULL, 0, 1);
    }
    workers_leave(workers, &guests[0].at, on_gone);
    AWAIT(guests[0].is_gone);
    ck_assert_uint_eq(guests[0].jobs, 1);
    ck_assert_int_eq(guests[0].outcome, OMVRPC_RESULT_UNKNOWN);
}
END_TEST

START_TEST(a_camera_may_join_again_as_soon_as_it_is_gone) {
    join(0, "the bus");
    join(1, "the bus");
    AWAIT(guests[0].state == CAMERA_ONLINE && guests[1].state == CAMERA_ONLINE);
    guests[0].returns = guests[1].returns = true;
    workers_leave(workers, &guests[0].at, on_gone);
    workers_leave(workers, &guests[1].at, on_gone);
    AWAIT(guests[0].state == CAMERA_CONNECTING && guests[1].state == CAMERA_CONNECTING);
    AWAIT(guests[0].state == CAMERA_ONLINE && guests[1].state == CAMERA_ONLINE);
    ck_assert_ptr_eq(guests[0].at.worker, guests[1].at.worker);
    ck_assert_uint_eq(workers_count(workers), 1);
    guests[0].returns = guests[1].returns = false;
    workers_leave(workers, &guests[0].at, on_gone);
    workers_leave(workers, &guests[1].at, on_gone);
    AWAIT(workers_count(workers) == 0);
}
END_TEST

START_TEST(the_table_is_freed_with_cameras_and_jobs_in_it) {
    join(0, "the bus");
    join(1, NULL);
    AWAIT(guests[0].state == CAMERA_ONLINE && guests[1].state == CAMERA_ONLINE);
    submit(0, "slow");
    workers_leave(workers, &guests[1].at, on_gone);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("workers");
    TCase *tests = tcase_create("workers");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, cameras_of_one_bus_share_its_worker_and_others_have_their_own, 0, 2);
    tcase_add_test(tests, two_cameras_without_a_bus_to_share_have_two_workers);
    tcase_add_test(tests, workers_beat_also_when_they_have_nothing_to_do);
    tcase_add_test(tests, a_worker_that_hangs_is_named_by_its_bus_or_by_its_camera);
    tcase_add_loop_test(tests, a_worker_that_moves_bytes_on_a_slow_line_does_not_hang_and_one_on_a_fast_line_does, 0,
                        2);
    tcase_add_test(tests, a_worker_that_was_just_started_is_not_said_to_hang);
    tcase_add_test(tests, a_worker_ends_with_its_last_camera);
    tcase_add_test(tests, a_job_has_ended_before_its_camera_is_gone);
    tcase_add_test(tests, a_camera_may_join_again_as_soon_as_it_is_gone);
    tcase_add_test(tests, the_table_is_freed_with_cameras_and_jobs_in_it);
    tcase_add_exit_test(tests, the_end_in_the_middle_of_a_long_packet_is_no_failure, EXIT_SUCCESS);
    tcase_add_exit_test(tests, the_end_with_a_worker_that_hangs_is_a_failure, EXIT_FAILURE);
    tcase_add_exit_test(tests, the_others_close_their_links_before_a_worker_that_hangs_ends_the_program, EXIT_CLOSED);
    suite_add_tcase(suite, tests);
    return suite;
}
