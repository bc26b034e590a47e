/* SPDX-License-Identifier: MIT */
/* Which errors of a transaction are the end of its link. */

#include "link/transaction.h"

#include <check.h>
#include <errno.h>

Suite *test_suite(void);

static int judge(struct transaction *transaction, int error, int64_t taken_us) {
    errno = error;
    return transaction_judge(transaction, error == 0 ? 0 : -1, taken_us);
}

START_TEST(a_driver_that_refuses_or_has_gone_ends_the_link_at_once) {
    struct transaction transaction = {0};
    ck_assert_int_eq(judge(&transaction, EINVAL, 10), -EINVAL);
    ck_assert_int_eq(judge(&(struct transaction){0}, ESHUTDOWN, 10), -ESHUTDOWN);
    ck_assert_int_eq(judge(&(struct transaction){0}, ENODEV, 10), -ENODEV);
}
END_TEST

START_TEST(bad_moments_lose_packets_until_there_are_too_many_in_a_row) {
    struct transaction transaction = {0};
    for (int i = 0; i < TRANSACTION_TROUBLE_MAX - 1; i++) {
        ck_assert_int_eq(judge(&transaction, EIO, 10), 0);
    }
    ck_assert_int_eq(judge(&transaction, EIO, 10), -EIO);
}
END_TEST

START_TEST(one_that_is_made_between_begins_the_count_anew) {
    struct transaction transaction = {0};
    for (int i = 0; i < 3 * TRANSACTION_TROUBLE_MAX; i++) {
        ck_assert_int_eq(judge(&transaction, EIO, TRANSACTION_TROUBLE_MAX_US / 2 + 1), 0);
        ck_assert_int_eq(judge(&transaction, 0, 10), 1);
    }
}
END_TEST

START_TEST(a_bus_that_holds_the_driver_up_twice_is_stuck) {
    struct transaction transaction = {0};
    ck_assert_int_eq(judge(&transaction, ETIMEDOUT, 2 * TRANSACTION_TROUBLE_MAX_US), 0);
    ck_assert_int_eq(judge(&transaction, ETIMEDOUT, 10), -ETIMEDOUT);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("transaction");
    TCase *errors = tcase_create("errors");
    tcase_add_test(errors, a_driver_that_refuses_or_has_gone_ends_the_link_at_once);
    tcase_add_test(errors, bad_moments_lose_packets_until_there_are_too_many_in_a_row);
    tcase_add_test(errors, one_that_is_made_between_begins_the_count_anew);
    tcase_add_test(errors, a_bus_that_holds_the_driver_up_twice_is_stuck);
    suite_add_tcase(suite, errors);
    return suite;
}
