/* SPDX-License-Identifier: MIT */
/* Cameras that are reset by their line: because somebody asks, or because nothing else has helped. */

#include "bus_bench.h"

Suite *test_suite(void);

#define PULSE (50 * MS) /* of the bench's camera */

static bool is_pulled, cannot_pull;
static unsigned pulls, let_gos, told;
static int64_t pulled_us, let_go_us;
static char problem[BUS_REASON_SIZE];

/* A camera in reset is silent, and starts anew when it is let go. */
static bool pull(void *context, bool active, char *why, size_t size) {
    ck_assert_ptr_eq(context, &line);
    if (active && cannot_pull) {
        snprintf(why, size, "its line is taken");
        return false;
    }
    if (active) {
        ck_assert(!is_pulled);
        pulls++;
        pulled_us = now_us;
    } else {
        let_gos++;
        let_go_us = now_us;
        omvrpc_slave_reset(line.camera);
    }
    is_pulled = active;
    return true;
}

static void on_reset_ended(void *context, size_t camera, const char *why) {
    ck_assert_ptr_eq(context, &line);
    ck_assert_uint_eq(camera, 0);
    ck_assert(!is_pulled);
    told++;
    snprintf(problem, sizeof problem, "%s", why != NULL ? why : "");
}

static void set_up_reset_of(struct healing times) {
    is_pulled = cannot_pull = false;
    pulls = let_gos = told = 0;
    pull_reset = pull;
    reset_ended = on_reset_ended;
    healing = times;
    set_up_bus(false);
}

static void set_up_reset(void) {
    set_up_reset_of((struct healing){.reset_after_ms = 5000, .reopen_after_ms = 2000});
}

static void heal_with(struct healing times) {
    tear_down();
    set_up_reset_of(times);
}

static uint64_t resets(void) {
    return bus_healing(bus, 0)[HEALING_RESETS];
}

START_TEST(a_camera_that_is_reset_is_connecting_and_then_online_again) {
    go_online();
    bus_reset(bus, 0, now_us);
    ck_assert(is_pulled);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    ck_assert_int_eq(bus_descriptor(bus, 0), -1);
    live_for(2 * SECOND);
    ck_assert(!is_pulled);
    ck_assert_int_eq(let_go_us - pulled_us, PULSE);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(problem, "");
    ck_assert_uint_eq(resets(), 1);
    submit(SECOND, false);
    live_for(100 * MS);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_line_that_was_left_pulled_is_let_go_once_before_the_link_is_opened) {
    ck_assert_uint_eq(let_gos, 0);
    is_pulled = true; /* by a daemon that was killed */
    go_online();
    ck_assert(!is_pulled);
    ck_assert_uint_eq(let_gos, 1);
    line.error = -EIO;
    live_for(SECOND);
    line.error = 0;
    live_for(2 * SECOND);
    ck_assert_uint_gt(line.opened, 1);
    ck_assert_uint_eq(let_gos, 1);
}
END_TEST

START_TEST(a_line_that_a_reset_has_let_go_need_not_be_let_go_again) {
    bus_reset(bus, 0, now_us);
    go_online();
    ck_assert_uint_eq(pulls, 1);
    ck_assert_uint_eq(let_gos, 1);
}
END_TEST

START_TEST(the_link_stays_closed_while_the_line_is_pulled) {
    go_online();
    unsigned opened = line.opened;
    bus_reset(bus, 0, now_us);
    live_for(10 * MS);
    /* That a device appears makes no difference. */
    bus_announce(bus, 0, now_us);
    live_for(PULSE - 11 * MS);
    ck_assert(is_pulled);
    ck_assert_uint_eq(line.opened, opened);
    live_for(10 * MS);
    ck_assert_uint_eq(line.opened, opened + 1);
}
END_TEST

START_TEST(a_job_under_a_reset_ends_unless_it_is_repeatable) {
    go_online();
    duration_us = 500 * MS;
    submit(5 * SECOND, _i == 1);
    live_for(100 * MS);
    ck_assert_uint_eq(executions, 1);
    bus_reset(bus, 0, now_us);
    if (_i == 0) {
        expect_end(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
    } else {
        ck_assert_uint_eq(ends, 0);
        live_for(3 * SECOND);
        expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
        ck_assert_uint_eq(executions, 2);
    }
}
END_TEST

START_TEST(a_second_wish_during_the_pulse_makes_no_second_pulse) {
    go_online();
    bus_reset(bus, 0, now_us);
    live_for(10 * MS);
    bus_reset(bus, 0, now_us);
    live_for(2 * SECOND);
    ck_assert_uint_eq(pulls, 1);
    ck_assert_int_eq(let_go_us - pulled_us, PULSE);
    ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(the_pulse_is_as_long_as_configured_however_long_it_takes_to_take_the_line) {
    go_online();
    bus_reset(bus, 0, now_us);
    now_us += PULSE / 2;
    pulled_us = now_us;
    live_for(2 * SECOND);
    ck_assert_int_eq(let_go_us - pulled_us, PULSE);
}
END_TEST

START_TEST(a_line_that_cannot_be_pulled_is_told_and_the_camera_goes_on) {
    go_online();
    cannot_pull = true;
    bus_reset(bus, 0, now_us);
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(problem, "its line is taken");
    ck_assert_int_eq(state, CAMERA_ONLINE);
    ck_assert_uint_eq(resets(), 0);
    live_for(SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

START_TEST(a_camera_without_a_line_is_told_to_have_none) {
    tear_down();
    pull_reset = NULL;
    healing = (struct healing){.reset_after_ms = 2000};
    set_up_bus(false);
    bus_reset(bus, 0, now_us);
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(problem, "no reset line is wired");
    line.silent = true;
    live_for(10 * SECOND);
    ck_assert_uint_eq(resets(), 0);
}
END_TEST

START_TEST(a_camera_that_stays_silent_is_reset_after_it_was_opened_anew) {
    go_online();
    line.silent = true;
    int64_t begun_us = now_us;
    while (pulls == 0 && now_us < begun_us + 60 * SECOND) {
        live_for(10 * MS);
    }
    ck_assert_uint_eq(pulls, 1);
    ck_assert_uint_ge(bus_healing(bus, 0)[HEALING_REOPENS], 1);
    /* Silence is noticed when it is asked, which an idle camera is after probe_interval_ms. */
    ck_assert_int_ge(pulled_us - begun_us, 5 * SECOND);
    ck_assert_int_le(pulled_us - begun_us, 14 * SECOND);
    ck_assert_uint_eq(told, 0);
    line.silent = false;
    live_for(2 * SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    live_for(60 * SECOND);
    ck_assert_uint_eq(pulls, 1);
}
END_TEST

START_TEST(resets_in_vain_become_rare) {
    line.silent = true;
    live_for(5 * SECOND + 5 * SECOND);
    ck_assert_uint_eq(pulls, 1);
    /* 10, 20, 40, 80, 160 s later, and then every 160 s. */
    live_for(160 * SECOND);
    ck_assert_uint_ge(pulls, 4);
    ck_assert_uint_le(pulls, 5);
    unsigned before = pulls;
    live_for(1600 * SECOND);
    ck_assert_uint_ge(pulls - before, 9);
    ck_assert_uint_le(pulls - before, 11);
    /* After an answer it begins anew. */
    line.silent = false;
    live_for(5 * SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    before = pulls;
    line.silent = true;
    live_for(14 * SECOND);
    ck_assert_uint_eq(pulls, before + 1);
}
END_TEST

START_TEST(a_reset_is_no_step_of_healing_where_that_is_switched_off) {
    heal_with((struct healing){.reset_after_ms = HEALING_NEVER});
    line.silent = true;
    live_for(300 * SECOND);
    ck_assert_uint_eq(pulls, 0);
    bus_reset(bus, 0, now_us);
    live_for(SECOND);
    ck_assert_uint_eq(pulls, 1);
}
END_TEST

START_TEST(a_camera_that_is_missing_is_not_reset) {
    line.open_errno = ENOENT;
    live_for(300 * SECOND);
    ck_assert_uint_eq(pulls, 0);
}
END_TEST

START_TEST(the_line_is_let_go_when_the_camera_leaves_or_is_lent) {
    go_online();
    bus_reset(bus, 0, now_us);
    ck_assert(is_pulled);
    if (_i == 0) {
        bus_remove(bus, 0, now_us);
    } else {
        bus_release(bus, 0, now_us);
        ck_assert_int_eq(state, CAMERA_RELEASED);
        live_for(SECOND);
        ck_assert_int_eq(state, CAMERA_RELEASED);
    }
    ck_assert(!is_pulled);
}
END_TEST

START_TEST(a_lent_camera_is_not_reset) {
    go_online();
    bus_release(bus, 0, now_us);
    bus_reset(bus, 0, now_us);
    ck_assert_uint_eq(pulls, 0);
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(problem, "it is lent to other software");
    live_for(SECOND);
    ck_assert_int_eq(state, CAMERA_RELEASED);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("bus_reset");
    TCase *tests = tcase_create("bus_reset");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up_reset, tear_down);
    tcase_add_test(tests, a_camera_that_is_reset_is_connecting_and_then_online_again);
    tcase_add_test(tests, a_line_that_was_left_pulled_is_let_go_once_before_the_link_is_opened);
    tcase_add_test(tests, a_line_that_a_reset_has_let_go_need_not_be_let_go_again);
    tcase_add_test(tests, the_link_stays_closed_while_the_line_is_pulled);
    tcase_add_loop_test(tests, a_job_under_a_reset_ends_unless_it_is_repeatable, 0, 2);
    tcase_add_test(tests, a_second_wish_during_the_pulse_makes_no_second_pulse);
    tcase_add_test(tests, the_pulse_is_as_long_as_configured_however_long_it_takes_to_take_the_line);
    tcase_add_test(tests, a_line_that_cannot_be_pulled_is_told_and_the_camera_goes_on);
    tcase_add_test(tests, a_camera_without_a_line_is_told_to_have_none);
    tcase_add_test(tests, a_camera_that_stays_silent_is_reset_after_it_was_opened_anew);
    tcase_add_test(tests, resets_in_vain_become_rare);
    tcase_add_test(tests, a_reset_is_no_step_of_healing_where_that_is_switched_off);
    tcase_add_test(tests, a_camera_that_is_missing_is_not_reset);
    tcase_add_loop_test(tests, the_line_is_let_go_when_the_camera_leaves_or_is_lent, 0, 2);
    tcase_add_test(tests, a_lent_camera_is_not_reset);
    suite_add_tcase(suite, tests);
    return suite;
}
