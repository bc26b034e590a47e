/* SPDX-License-Identifier: MIT */
/* Numbers of calls, results that a camera holds, and what it has yet to be told of them. */

#include "session.h"

#include <check.h>

Suite *test_suite(void);

static struct session session;

static void set_up(void) {
    session_begin(&session, 7, 4096);
    session_open(&session, 1000, 2);
}

START_TEST(a_session_begins_closed_and_empty) {
    session_begin(&session, 9, 512);
    ck_assert(!session.is_open);
    ck_assert_uint_eq(session.id, 9);
    ck_assert_uint_eq(session.last_number, 0);
    ck_assert_uint_eq(session.held, 0);
    ck_assert_uint_eq(session_next_released(&session), 0);
}
END_TEST

START_TEST(the_id_is_never_0) {
    session_begin(&session, 0, 512);
    ck_assert_uint_ne(session.id, 0);
}
END_TEST

START_TEST(pieces_are_as_small_as_the_one_of_both_that_takes_less) {
    ck_assert_uint_eq(session.piece, 1000);
    session_begin(&session, 7, 512);
    session_open(&session, UINT32_MAX, UINT32_MAX);
    ck_assert_uint_eq(session.piece, 512);
    ck_assert_uint_eq(session.held_max, SESSION_HELD_MAX);
}
END_TEST

START_TEST(released_numbers_are_told_one_by_one_and_once) {
    session_hold(&session);
    session_hold(&session);
    session_release(&session, 5);
    session_release(&session, 6);
    ck_assert_uint_eq(session_next_released(&session), 5);
    session_told_released(&session, 6);
    session_told_released(&session, 0);
    ck_assert_uint_eq(session_next_released(&session), 5);
    session_told_released(&session, 5);
    session_told_released(&session, 5);
    ck_assert_uint_eq(session_next_released(&session), 6);
    session_told_released(&session, 6);
    ck_assert_uint_eq(session_next_released(&session), 0);
    session_told_released(&session, 0);
    ck_assert_uint_eq(session.released_count, 0);
}
END_TEST

START_TEST(room_is_what_the_camera_holds_less_what_it_holds_already) {
    ck_assert(session_has_room(&session));
    session_hold(&session);
    ck_assert(session_has_room(&session));
    session_hold(&session);
    ck_assert(!session_has_room(&session));
    /* The next envelope names the first, before its call is run. */
    session_release(&session, 1);
    ck_assert(session_has_room(&session));
    session_release(&session, 2);
    ck_assert(session_has_room(&session));
}
END_TEST

START_TEST(there_is_room_for_one_where_a_camera_says_it_holds_none) {
    session_begin(&session, 7, 512);
    session_open(&session, 512, 0);
    ck_assert(session_has_room(&session));
    session_hold(&session);
    ck_assert(!session_has_room(&session));
}
END_TEST

START_TEST(a_session_that_only_makes_and_releases_never_runs_out_of_room) {
    for (uint32_t number = 1; number < 1000; number++) {
        ck_assert(session_has_room(&session));
        session_told_released(&session, session_next_released(&session));
        session_hold(&session);
        if (number % 3 != 0 || !session_has_room(&session)) {
            session_release(&session, number);
        } else {
            session_told_released(&session, session_next_released(&session));
            session_hold(&session);
            session_release(&session, number);
            session_release(&session, ++number);
        }
        ck_assert_uint_le(session.held + session.released_count, 2);
    }
}
END_TEST

START_TEST(more_is_not_remembered_than_there_is_place_for) {
    for (uint32_t i = 1; i <= SESSION_HELD_MAX + 5; i++) {
        session_hold(&session);
        session_release(&session, i);
    }
    ck_assert_uint_eq(session.released_count, SESSION_HELD_MAX);
    ck_assert_uint_eq(session_next_released(&session), 1);
}
END_TEST

START_TEST(numbers_end_before_they_begin_again) {
    ck_assert(!session_is_used_up(&session));
    session.last_number = UINT32_MAX - 100000;
    ck_assert(session_has_room(&session));
    session.last_number = UINT32_MAX - 60000;
    ck_assert(session_is_used_up(&session));
    ck_assert(!session_has_room(&session));
}
END_TEST

Suite *test_suite(void) {
    const TTest *const tests[] = {
        a_session_begins_closed_and_empty,
        the_id_is_never_0,
        pieces_are_as_small_as_the_one_of_both_that_takes_less,
        released_numbers_are_told_one_by_one_and_once,
        room_is_what_the_camera_holds_less_what_it_holds_already,
        there_is_room_for_one_where_a_camera_says_it_holds_none,
        a_session_that_only_makes_and_releases_never_runs_out_of_room,
        more_is_not_remembered_than_there_is_place_for,
        numbers_end_before_they_begin_again,
    };
    Suite *suite = suite_create("session");
    TCase *cases = tcase_create("session");
    tcase_add_checked_fixture(cases, set_up, NULL);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
