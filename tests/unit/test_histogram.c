/* SPDX-License-Identifier: MIT */
/* Quantiles of the log-linear histogram against sorted values. */

#include "histogram.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

enum { VALUES = 20000 };

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

START_TEST(an_empty_histogram_gives_zero) {
    struct histogram histogram = {0};
    ck_assert_int_eq(histogram_quantile(&histogram, 500), 0);
}
END_TEST

START_TEST(small_values_are_exact) {
    struct histogram histogram = {0};
    for (int64_t i = 0; i < 16; i++) {
        histogram_add(&histogram, i);
    }
    ck_assert_int_eq(histogram_quantile(&histogram, 0), 0);
    ck_assert_int_eq(histogram_quantile(&histogram, 500), 7);
    ck_assert_int_eq(histogram_quantile(&histogram, 1000), 15);
    ck_assert_uint_eq(histogram.count, 16);
}
END_TEST

START_TEST(a_single_value_is_every_quantile) {
    static const int64_t values[] = {0, 1, 15, 16, 17, 31, 32, 1000, 123456789, INT64_C(1) << 35};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct histogram histogram = {0};
        histogram_add(&histogram, values[i]);
        for (unsigned quantile = 0; quantile <= 1000; quantile += 250) {
            int64_t found = histogram_quantile(&histogram, quantile);
            ck_assert_int_le(found, values[i]);
            ck_assert_int_ge(found, values[i] - values[i] / 16);
        }
    }
}
END_TEST

START_TEST(quantiles_are_within_the_promised_error) {
    static int64_t values[VALUES];
    struct histogram histogram = {0};
    srand(5);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = (int64_t)(rand() % 1000) * (rand() % 1000) * (rand() % 50) / 7;
        histogram_add(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof values[0], compare);
    static const unsigned quantiles[] = {1, 100, 500, 900, 990, 999, 1000};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        int64_t exact = values[(VALUES * (size_t)quantiles[i] + 999) / 1000 - 1];
        int64_t found = histogram_quantile(&histogram, quantiles[i]);
        ck_assert_int_le(llabs(found - exact), exact / 32 + 1);
    }
    ck_assert_int_eq(histogram.largest_us, values[VALUES - 1]);
}
END_TEST

START_TEST(values_out_of_range_are_counted_at_its_ends) {
    struct histogram histogram = {0};
    histogram_add(&histogram, -5);
    histogram_add(&histogram, INT64_MAX);
    ck_assert_uint_eq(histogram.count, 2);
    ck_assert_uint_eq(histogram.buckets[0], 1);
    ck_assert_uint_eq(histogram.buckets[HISTOGRAM_BUCKETS - 1], 1);
    ck_assert_int_gt(histogram_quantile(&histogram, 1000), INT64_C(1) << 35);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("histogram");
    TCase *tests = tcase_create("histogram");
    tcase_add_test(tests, an_empty_histogram_gives_zero);
    tcase_add_test(tests, small_values_are_exact);
    tcase_add_test(tests, a_single_value_is_every_quantile);
    tcase_add_test(tests, quantiles_are_within_the_promised_error);
    tcase_add_test(tests, values_out_of_range_are_counted_at_its_ends);
    suite_add_tcase(suite, tests);
    return suite;
}
