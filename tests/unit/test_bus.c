/* SPDX-License-Identifier: MIT */
/* The bus: links that open, fail and come back, and what becomes of the jobs on them. */

#include "bus_bench.h"

Suite *test_suite(void);

START_TEST(a_camera_that_answers_is_online_and_runs_jobs) {
    go_online();
    submit(SECOND, false);
    live_for(100 * MS);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_int_gt(ended->taken_us, 0);
    ck_assert_int_ge(ended->ended_us, ended->taken_us);
    ck_assert_uint_eq(executions, 1);
    ck_assert_int_eq(bus_descriptor(bus, 0), DESCRIPTOR);
    ck_assert_uint_eq(bus_statistics(bus, 0)->done, 1);
}
END_TEST

START_TEST(a_second_job_is_refused_while_one_is_held) {
    go_online();
    submit(SECOND, false);
    struct job *second = new_job(SECOND, false);
    ck_assert_int_eq(bus_submit(bus, second, now_us), -EBUSY);
    job_free(second);
    live_for(100 * MS);
    ck_assert_uint_eq(ends, 1);
}
END_TEST

START_TEST(a_link_that_does_not_open_is_tried_again_with_pauses) {
    line.open_errno = ENOENT;
    live_for(2 * SECOND);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    ck_assert_str_eq(reason, "cannot open: No such file or directory");
    ck_assert_int_eq(bus_descriptor(bus, 0), -1);
    ck_assert_uint_ge(line.opened, 4);
    live_for(10 * SECOND);
    unsigned opened = line.opened;
    live_for(10 * SECOND);
    ck_assert_uint_ge(line.opened - opened, 15);
    ck_assert_uint_le(line.opened - opened, 25);
    line.open_errno = 0;
    live_for(2 * SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

START_TEST(a_camera_that_is_missing_for_three_seconds_is_offline) {
    line.open_errno = ENOENT;
    int64_t begun_us = now_us;
    live_for(2900 * MS);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    live_for(700 * MS);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    ck_assert_int_ge(state_us - begun_us, 3 * SECOND);
}
END_TEST

START_TEST(the_same_state_is_reported_once) {
    line.open_errno = ENOENT;
    live_for(60 * SECOND);
    ck_assert_uint_le(changes, 2);
}
END_TEST

static int ready_line;

static int line_ready(struct omvrpc_link *link) {
    ck_assert_ptr_eq(link, &line.link);
    return ready_line;
}

START_TEST(a_ready_line_that_is_noise_is_told_while_the_camera_is_online) {
    static struct omvrpc_link_operations with_ready_line;
    with_ready_line = operations;
    with_ready_line.ready = line_ready;
    line.operations = &with_ready_line;
    ready_line = 1;
    go_online();
    ready_line = OMVRPC_READY_NOISE;
    submit(SECOND, false);
    live_for(SECOND);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    ck_assert_ptr_nonnull(strstr(reason, "ready line changes all the time"));
    /* The next opening takes the line anew. */
    ready_line = 1;
    line.error = -EIO;
    live_for(MS);
    line.error = 0;
    live_for(2 * SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    ck_assert_str_eq(reason, "");
}
END_TEST

START_TEST(a_silent_camera_is_connecting_and_then_offline) {
    line.silent = true;
    live_for(2 * SECOND);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    ck_assert_ptr_nonnull(strstr(reason, DESCRIPTION));
    live_for(2 * SECOND);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    live_for(10 * SECOND);
    ck_assert_uint_ge(line.opened, 2);
    ck_assert_uint_ge(line.closed, 1);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    line.silent = false;
    live_for(3 * SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

START_TEST(a_job_for_an_offline_camera_ends_at_once) {
    line.open_errno = ENOENT;
    live_for(4 * SECOND);
    submit(60 * SECOND, true);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE);
}
END_TEST

START_TEST(a_job_waits_for_a_camera_that_is_connecting) {
    line.open_errno = ENOENT;
    live_for(SECOND);
    submit(10 * SECOND, false);
    live_for(SECOND);
    ck_assert_uint_eq(ends, 0);
    line.open_errno = 0;
    live_for(SECOND);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_job_that_waits_for_a_link_ends_by_its_deadline) {
    line.open_errno = ENOENT;
    live_for(100 * MS);
    submit(500 * MS, false);
    int64_t deadline_us = now_us + 500 * MS;
    live_for(SECOND);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_ge(ended->ended_us, deadline_us);
    ck_assert_int_le(ended->ended_us, deadline_us + 50 * MS);
}
END_TEST

START_TEST(waiting_jobs_end_when_the_camera_goes_offline) {
    line.open_errno = ENOENT;
    live_for(100 * MS);
    submit(60 * SECOND, _i == 1);
    live_for(5 * SECOND);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE);
}
END_TEST

START_TEST(an_idle_camera_is_asked_for_a_sign_of_life) {
    go_online();
    uint64_t calls = bus_statistics(bus, 0)->calls;
    live_for(20 * SECOND);
    ck_assert_uint_ge(bus_statistics(bus, 0)->calls - calls, 3);
    ck_assert_uint_le(bus_statistics(bus, 0)->calls - calls, 5);
    line.silent = true;
    live_for(10 * SECOND);
    ck_assert_int_ne(state, CAMERA_ONLINE);
    live_for(5 * SECOND);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(a_busy_camera_is_not_probed) {
    go_online();
    duration_us = 12 * (int64_t)SECOND;
    submit(60 * SECOND, false);
    uint64_t calls = bus_statistics(bus, 0)->calls;
    live_for(13 * SECOND);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_le(bus_statistics(bus, 0)->calls - calls, 1);
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

/* Waits until the idle probe is under way: its camera has fallen silent. */
static void begin_probe(void) {
    go_online();
    uint64_t calls = bus_statistics(bus, 0)->calls;
    line.silent = true;
    while (bus_statistics(bus, 0)->calls == calls) {
        live_for(10 * MS);
    }
}

START_TEST(a_job_submitted_while_probing_runs_after_the_probe) {
    begin_probe();
    submit(10 * SECOND, false);
    live_for(50 * MS);
    ck_assert_uint_eq(ends, 0);
    line.silent = false;
    live_for(2 * SECOND);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_job_submitted_while_probing_ends_by_its_deadline) {
    begin_probe();
    submit(300 * MS, false);
    int64_t deadline_us = now_us + 300 * MS;
    live_for(SECOND);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_le(ended->ended_us, deadline_us + 50 * MS);
}
END_TEST

START_TEST(a_job_submitted_while_probing_ends_by_its_deadline_without_a_link_too) {
    begin_probe();
    submit(300 * MS, false);
    int64_t deadline_us = now_us + 300 * MS;
    line.error = -EIO;
    line.open_errno = ENOENT;
    live_for(10 * MS);
    ck_assert_uint_eq(line.closed, 1);
    live_for(3 * SECOND);
    ck_assert_ptr_nonnull(ended);
    ck_assert_int_eq(ended->outcome, OMVRPC_NOT_DELIVERED);
    ck_assert_int_le(ended->ended_us, deadline_us + 50 * MS);
}
END_TEST

static void unplug_for(int64_t time_us) {
    line.error = -EIO;
    line.open_errno = ENOENT;
    live_for(time_us);
    omvrpc_slave_reset(line.camera);
    line.error = 0;
    line.open_errno = 0;
}

START_TEST(a_repeatable_job_survives_a_lost_link) {
    go_online();
    duration_us = 200 * MS;
    submit(10 * SECOND, true);
    live_for(100 * MS);
    ck_assert_uint_eq(executions, 1);
    unplug_for(500 * MS);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    ck_assert_uint_eq(line.closed, 1);
    ck_assert_uint_eq(ends, 0);
    live_for(2 * SECOND);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(executions, 2);
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

START_TEST(a_lost_link_is_named_in_the_reason) {
    go_online();
    line.error = -EIO;
    live_for(MS);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    ck_assert_str_eq(reason, DESCRIPTION " has gone: unplugged or reset?");
    ck_assert_int_eq(bus_descriptor(bus, 0), -1);
}
END_TEST

START_TEST(a_job_that_must_not_run_twice_ends_result_unknown_with_its_link) {
    go_online();
    duration_us = 200 * MS;
    submit(10 * SECOND, false);
    live_for(100 * MS);
    unplug_for(500 * MS);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
    live_for(2 * SECOND);
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_repeatable_job_of_a_camera_that_stays_away_ends_with_the_reason) {
    go_online();
    duration_us = 200 * MS;
    submit(60 * SECOND, true);
    live_for(100 * MS);
    unplug_for(5 * SECOND);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
}
END_TEST

START_TEST(a_link_that_fails_as_soon_as_it_is_open_makes_the_camera_offline) {
    line.error = -EIO;
    live_for(5 * SECOND);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
}
END_TEST

START_TEST(a_camera_that_goes_and_returns_is_online_again) {
    go_online();
    for (int i = 0; i < 5; i++) {
        unplug_for(4 * SECOND);
        ck_assert_int_eq(state, CAMERA_OFFLINE);
        live_for(2 * SECOND);
        ck_assert_int_eq(state, CAMERA_ONLINE);
        submit(SECOND, false);
        live_for(100 * MS);
        expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    }
    ck_assert_uint_eq(line.closed, 5);
}
END_TEST

START_TEST(a_released_port_is_closed_and_left_alone) {
    go_online();
    bus_release(bus, 0, now_us);
    ck_assert_int_eq(state, CAMERA_RELEASED);
    ck_assert_uint_eq(line.closed, 1);
    unsigned opened = line.opened;
    live_for(30 * SECOND);
    ck_assert_uint_eq(line.opened, opened);
    submit(SECOND, true);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE);
    bus_release(bus, 0, now_us);
    bus_acquire(bus, 0, now_us);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    bus_acquire(bus, 0, now_us);
    go_online();
    submit(SECOND, false);
    live_for(100 * MS);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_camera_that_waits_opens_its_link_when_it_is_told_to) {
    tear_down();
    waits = true;
    set_up();
    waits = false;
    live_for(SECOND);
    ck_assert_uint_eq(line.opened, 0);
    submit(10 * SECOND, false);
    live_for(SECOND);
    ck_assert_uint_eq(ends, 0);
    bus_announce(bus, 0, now_us);
    live_for(SECOND);
    ck_assert_uint_eq(line.opened, 1);
    ck_assert_uint_eq(bus_healing(bus, 0)[HEALING_ANNOUNCEMENTS], 0);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(other_times_and_another_length_count_without_a_new_link) {
    go_online();
    uint64_t probes = bus_healing(bus, 0)[HEALING_PROBES];
    struct healing often = {.probe_interval_ms = 500};
    healing_complete(&often, NULL);
    bus_adjust(bus, 0, &often, 2);
    live_for(5 * SECOND);
    ck_assert_uint_ge(bus_healing(bus, 0)[HEALING_PROBES], probes + 8);
    submit(SECOND, false);
    live_for(100 * MS);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(line.opened, 1);
}
END_TEST

START_TEST(a_job_under_way_ends_when_its_port_is_released) {
    go_online();
    duration_us = SECOND;
    submit(10 * SECOND, _i == 1);
    live_for(100 * MS);
    bus_release(bus, 0, now_us);
    ck_assert_ptr_nonnull(ended);
    ck_assert_int_eq(state_at_end, CAMERA_RELEASED);
    ck_assert_int_eq(ended->outcome, OMVRPC_RESULT_UNKNOWN);
    bus_acquire(bus, 0, now_us);
    omvrpc_slave_reset(line.camera);
    go_online();
    ck_assert_uint_eq(ends, 1);
}
END_TEST

START_TEST(a_line_that_takes_nothing_wants_output_and_the_job_ends_by_its_deadline) {
    go_online();
    line.blocked = true;
    submit(500 * MS, false);
    int64_t deadline_us = now_us + 500 * MS;
    step();
    ck_assert(bus_wants_output(bus, 0));
    live_for(SECOND);
    expect_end(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_le(ended->ended_us, deadline_us + 50 * MS);
    line.blocked = false;
    live_for(5 * SECOND);
    ck_assert(!bus_wants_output(bus, 0));
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

START_TEST(a_job_with_too_long_an_argument_is_not_delivered) {
    go_online();
    struct job *job = new_job(SECOND, false);
    free(job->argument);
    job->argument = calloc(1, 65537);
    job->argument_length = 65537;
    ck_assert_int_eq(bus_submit(bus, job, now_us), 0);
    live_for(100 * MS);
    ck_assert_ptr_nonnull(ended);
    ck_assert_int_eq(ended->outcome, OMVRPC_NOT_DELIVERED);
    ck_assert_uint_eq(executions, 0);
}
END_TEST

START_TEST(jobs_that_are_held_end_with_the_bus) {
    go_online();
    duration_us = SECOND;
    submit(10 * SECOND, _i == 1);
    live_for(100 * MS);
    bus_free(bus, now_us);
    bus = NULL;
    ck_assert_ptr_nonnull(ended);
    ck_assert_int_eq(ended->outcome, OMVRPC_RESULT_UNKNOWN);
    ck_assert_uint_eq(line.closed, 1);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("bus");
    TCase *links = tcase_create("links");
    tcase_add_checked_fixture(links, set_up, tear_down);
    tcase_add_test(links, a_camera_that_answers_is_online_and_runs_jobs);
    tcase_add_test(links, a_link_that_does_not_open_is_tried_again_with_pauses);
    tcase_add_test(links, a_camera_that_is_missing_for_three_seconds_is_offline);
    tcase_add_test(links, the_same_state_is_reported_once);
    tcase_add_test(links, a_ready_line_that_is_noise_is_told_while_the_camera_is_online);
    tcase_add_test(links, a_silent_camera_is_connecting_and_then_offline);
    tcase_add_test(links, an_idle_camera_is_asked_for_a_sign_of_life);
    tcase_add_test(links, a_busy_camera_is_not_probed);
    tcase_add_test(links, a_lost_link_is_named_in_the_reason);
    tcase_add_test(links, a_link_that_fails_as_soon_as_it_is_open_makes_the_camera_offline);
    tcase_add_test(links, a_camera_that_goes_and_returns_is_online_again);
    tcase_add_test(links, a_released_port_is_closed_and_left_alone);
    tcase_add_test(links, a_camera_that_waits_opens_its_link_when_it_is_told_to);
    tcase_add_test(links, other_times_and_another_length_count_without_a_new_link);
    suite_add_tcase(suite, links);
    TCase *jobs = tcase_create("jobs");
    tcase_add_checked_fixture(jobs, set_up, tear_down);
    tcase_add_test(jobs, a_second_job_is_refused_while_one_is_held);
    tcase_add_test(jobs, a_job_for_an_offline_camera_ends_at_once);
    tcase_add_test(jobs, a_job_waits_for_a_camera_that_is_connecting);
    tcase_add_test(jobs, a_job_that_waits_for_a_link_ends_by_its_deadline);
    tcase_add_loop_test(jobs, waiting_jobs_end_when_the_camera_goes_offline, 0, 2);
    tcase_add_test(jobs, a_job_submitted_while_probing_runs_after_the_probe);
    tcase_add_test(jobs, a_job_submitted_while_probing_ends_by_its_deadline);
    tcase_add_test(jobs, a_job_submitted_while_probing_ends_by_its_deadline_without_a_link_too);
    tcase_add_test(jobs, a_repeatable_job_survives_a_lost_link);
    tcase_add_test(jobs, a_job_that_must_not_run_twice_ends_result_unknown_with_its_link);
    tcase_add_test(jobs, a_repeatable_job_of_a_camera_that_stays_away_ends_with_the_reason);
    tcase_add_loop_test(jobs, a_job_under_way_ends_when_its_port_is_released, 0, 2);
    tcase_add_test(jobs, a_line_that_takes_nothing_wants_output_and_the_job_ends_by_its_deadline);
    tcase_add_test(jobs, a_job_with_too_long_an_argument_is_not_delivered);
    tcase_add_loop_test(jobs, jobs_that_are_held_end_with_the_bus, 0, 2);
    suite_add_tcase(suite, jobs);
    return suite;
}
