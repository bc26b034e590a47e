/* SPDX-License-Identifier: MIT */
/* What a master learns: smoothed values, durations of callbacks, the turnaround of a camera. */

#include "estimate.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

START_TEST(the_first_sample_sets_mean_and_half_of_it_as_deviation) {
    struct estimate estimate = {0};
    estimate_add(&estimate, 1000);
    ck_assert_int_eq(estimate.mean_us, 1000);
    ck_assert_int_eq(estimate.deviation_us, 500);
    ck_assert_uint_eq(estimate.samples, 1);
}
END_TEST

START_TEST(later_samples_are_smoothed_as_in_rfc_6298) {
    struct estimate estimate = {0};
    estimate_add(&estimate, 1000);
    estimate_add(&estimate, 1800);
    ck_assert_int_eq(estimate.mean_us, 1100);
    ck_assert_int_eq(estimate.deviation_us, 500 + (800 - 500) / 4);
}
END_TEST

START_TEST(a_steady_value_is_learned_with_little_deviation) {
    struct estimate estimate = {0};
    for (int i = 0; i < 100; i++) {
        estimate_add(&estimate, 50000);
    }
    ck_assert_int_eq(estimate.mean_us, 50000);
    ck_assert_int_lt(estimate.deviation_us, 10);
}
END_TEST

START_TEST(an_estimate_follows_a_change) {
    struct estimate estimate = {0};
    for (int i = 0; i < 20; i++) {
        estimate_add(&estimate, 100000);
    }
    for (int i = 0; i < 60; i++) {
        estimate_add(&estimate, 1000);
    }
    ck_assert_int_lt(estimate.mean_us, 2000);
    ck_assert_int_ge(estimate.mean_us, 1000);
}
END_TEST

START_TEST(a_duration_is_known_by_call_and_else_by_callback) {
    static struct durations durations;
    memset(&durations, 0, sizeof durations);
    ck_assert_ptr_null(durations_find(&durations, 1, 11));
    durations_add(&durations, 1, 11, 5000);
    durations_add(&durations, 1, 12, 9000);
    ck_assert_int_eq(durations_find(&durations, 1, 11)->mean_us, 5000);
    ck_assert_int_eq(durations_find(&durations, 1, 12)->mean_us, 9000);
    ck_assert_int_eq(durations_find(&durations, 1, 13)->mean_us, 7000);
    ck_assert_ptr_null(durations_find(&durations, 2, 13));
}
END_TEST

START_TEST(the_duration_that_was_longest_unused_gives_way) {
    static struct durations durations;
    memset(&durations, 0, sizeof durations);
    for (uint32_t i = 0; i < DURATION_ENTRIES; i++) {
        durations_add(&durations, i, 100 + i, 1000 + i);
    }
    durations_add(&durations, 0, 100, 1000);
    durations_add(&durations, 999, 1099, 7);
    ck_assert_ptr_null(durations_find(&durations, 1, 101));
    ck_assert_int_eq(durations_find(&durations, 0, 100)->mean_us, 1000);
    ck_assert_int_eq(durations_find(&durations, 2, 102)->mean_us, 1002);
    ck_assert_int_eq(durations_find(&durations, 999, 1099)->mean_us, 7);
}
END_TEST

START_TEST(a_steady_turnaround_is_learned_and_waited_for) {
    struct turnaround turnaround = {0};
    int waited = 0;
    for (int i = 0; i < 20; i++) {
        int64_t wait_us = turnaround_begin(&turnaround);
        waited += wait_us > 0;
        ck_assert(wait_us == 0 || (wait_us > 2000 && wait_us < 4000));
        turnaround_learn(&turnaround, 3000, true);
    }
    ck_assert_int_ge(waited, 12);
}
END_TEST

START_TEST(a_turnaround_without_a_rule_is_not_waited_for) {
    struct turnaround turnaround = {0};
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(turnaround_begin(&turnaround), 0);
        turnaround_learn(&turnaround, i % 2 == 0 ? 200 : 8000, true);
    }
}
END_TEST

START_TEST(a_camera_deaf_for_longer_than_any_collection_is_not_waited_for) {
    struct turnaround turnaround = {0};
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(turnaround_begin(&turnaround), 0);
        turnaround_learn(&turnaround, 50000, true);
    }
}
END_TEST

START_TEST(a_turnaround_that_changes_is_found_out_again) {
    struct turnaround turnaround = {0};
    for (int i = 0; i < 20; i++) {
        turnaround_begin(&turnaround);
        turnaround_learn(&turnaround, 5000, true);
    }
    /* Now the camera listens at once; waiting calls see only that their first copy was taken. */
    int64_t wait_us = 5000;
    for (int i = 0; i < 1000; i++) {
        wait_us = turnaround_begin(&turnaround);
        turnaround_learn(&turnaround, wait_us > 300 ? wait_us : 300, true);
    }
    ck_assert_int_lt(wait_us, 1000);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("estimate");
    TCase *tests = tcase_create("estimate");
    tcase_add_test(tests, the_first_sample_sets_mean_and_half_of_it_as_deviation);
    tcase_add_test(tests, later_samples_are_smoothed_as_in_rfc_6298);
    tcase_add_test(tests, a_steady_value_is_learned_with_little_deviation);
    tcase_add_test(tests, an_estimate_follows_a_change);
    tcase_add_test(tests, a_duration_is_known_by_call_and_else_by_callback);
    tcase_add_test(tests, the_duration_that_was_longest_unused_gives_way);
    tcase_add_test(tests, a_steady_turnaround_is_learned_and_waited_for);
    tcase_add_test(tests, a_turnaround_without_a_rule_is_not_waited_for);
    tcase_add_test(tests, a_camera_deaf_for_longer_than_any_collection_is_not_waited_for);
    tcase_add_test(tests, a_turnaround_that_changes_is_found_out_again);
    suite_add_tcase(suite, tests);
    return suite;
}
