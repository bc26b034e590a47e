/* SPDX-License-Identifier: MIT */
/* Who is next on a camera. */

#include "call_order.h"

#include <check.h>

#define SECOND INT64_C(1000000)

static struct session session;

static void open_session(void) {
    session = (struct session){.is_open = false};
    session_begin(&session, 7, 4096);
    session_open(&session, 4096, 2);
}

static bool introduces(bool is_introduced, int64_t again_us, bool clings) {
    return call_order_introduces(&session, is_introduced, again_us, clings, 100 * SECOND);
}

START_TEST(a_camera_is_asked_who_it_is_once_and_again_when_that_has_failed_for_long) {
    ck_assert(introduces(false, 0, false));
    ck_assert(!introduces(true, 0, false));
    ck_assert(!introduces(true, 100 * SECOND + 1, false));
    ck_assert(introduces(true, 100 * SECOND, false));
}
END_TEST

START_TEST(nothing_comes_before_a_call_that_clings) {
    ck_assert(!introduces(false, 0, true));
    ck_assert(!introduces(true, 1, true));
}
END_TEST

START_TEST(a_session_without_numbers_is_replaced_when_it_holds_nothing) {
    session.last_number = UINT32_MAX;
    ck_assert(session_is_used_up(&session));
    ck_assert(introduces(true, 0, false));
    session.held = 1;
    ck_assert(!introduces(true, 0, false));
}
END_TEST

START_TEST(new_calls_wait_while_the_camera_holds_as_many_results_as_it_can) {
    struct exchange exchange = {.session_id = 0};
    ck_assert(call_order_has_room(&session));
    session.held = 2;
    ck_assert(!call_order_has_room(&session));
    session.is_open = false;
    ck_assert(call_order_has_room(&session));
    ck_assert(call_order_is_new(&exchange, false));
    ck_assert(call_order_is_new(&exchange, true));
    exchange.session_id = 7;
    ck_assert(!call_order_is_new(&exchange, true));
    ck_assert(call_order_is_new(&exchange, false));
}
END_TEST

START_TEST(a_camera_that_forgets_each_session_at_once_is_given_up) {
    unsigned restarts = 0;
    for (int i = 0; i < INTRODUCTION_RESTARTS_MAX; i++) {
        ck_assert_int_eq(call_order_judge(EXCHANGE_RESTARTS, true, &restarts), INTRODUCTION_RESTARTS);
    }
    ck_assert_int_eq(call_order_judge(EXCHANGE_RESTARTS, true, &restarts), INTRODUCTION_IS_VAIN);
}
END_TEST

START_TEST(openings_that_were_begun_anew_are_forgotten_when_one_ends) {
    unsigned restarts = INTRODUCTION_RESTARTS_MAX;
    ck_assert_int_eq(call_order_judge(EXCHANGE_GOES_ON, true, &restarts), INTRODUCTION_GOES_ON);
    ck_assert_uint_eq(restarts, INTRODUCTION_RESTARTS_MAX);
    ck_assert_int_eq(call_order_judge(EXCHANGE_ENDED, true, &restarts), INTRODUCTION_ENDED);
    ck_assert_int_eq(call_order_judge(EXCHANGE_RESTARTS, true, &restarts), INTRODUCTION_RESTARTS);
}
END_TEST

START_TEST(an_opening_whose_camera_is_lost_begins_anew) {
    unsigned restarts = 0;
    ck_assert_int_eq(call_order_judge(EXCHANGE_CLINGS, false, &restarts), INTRODUCTION_RESTARTS);
    ck_assert_uint_eq(restarts, 1);
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void) {
    Suite *suite = suite_create("call_order");
    TCase *tests = tcase_create("order");
    tcase_add_checked_fixture(tests, open_session, NULL);
    tcase_add_test(tests, a_camera_is_asked_who_it_is_once_and_again_when_that_has_failed_for_long);
    tcase_add_test(tests, nothing_comes_before_a_call_that_clings);
    tcase_add_test(tests, a_session_without_numbers_is_replaced_when_it_holds_nothing);
    tcase_add_test(tests, new_calls_wait_while_the_camera_holds_as_many_results_as_it_can);
    tcase_add_test(tests, a_camera_that_forgets_each_session_at_once_is_given_up);
    tcase_add_test(tests, openings_that_were_begun_anew_are_forgotten_when_one_ends);
    tcase_add_test(tests, an_opening_whose_camera_is_lost_begins_anew);
    suite_add_tcase(suite, tests);
    return suite;
}
