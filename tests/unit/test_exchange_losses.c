/* SPDX-License-Identifier: MIT */
/* What becomes of a call through a session when something is lost on the way, or by the camera. */

#include "exchange_bench.h"

Suite *test_suite(void);

START_TEST(a_call_that_was_not_taken_gets_another_number_and_others_go_first) {
    next();
    ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT), EXCHANGE_GOES_ON);
    ck_assert(!exchange_may_have_run(&exchange));
    session.last_number = 7; /* of others, meanwhile */
    next();
    ck_assert_uint_eq(envelope.number, 8);
}
END_TEST

START_TEST(a_call_that_may_have_run_keeps_its_number_and_clings) {
    next();
    ck_assert_int_eq(lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED), EXCHANGE_CLINGS);
    ck_assert(exchange_clings(&exchange));
    next();
    ck_assert_uint_eq(envelope.number, 1);
    /* Not even a second loss that is certain changes that. */
    ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.number, 1);
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 2, "ok", 2), EXCHANGE_ENDED);
    ck_assert_int_eq(call->taken_us, BEGIN);
}
END_TEST

START_TEST(a_lost_piece_is_read_again_and_others_go_between) {
    next();
    reply_piece();
    next();
    ck_assert_int_eq(lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE), EXCHANGE_GOES_ON);
    next();
    ck_assert_uint_eq(envelope.target, 8);
    ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_SILENT), EXCHANGE_GOES_ON);
    next();
    reply_piece();
    next();
    reply_piece();
    check_text();
}
END_TEST

START_TEST(what_the_bus_refuses_without_a_cause_is_not_tried_for_ever) {
    next();
    ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_NONE), EXCHANGE_ENDED);
    check_ended(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(without_memory_it_ends) {
    next();
    ck_assert_int_eq(lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY), EXCHANGE_ENDED);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY);
}
END_TEST

START_TEST(at_its_deadline_it_ends_as_far_as_it_has_come) {
    next();
    now_us = DEADLINE;
    if (_i == 0) {
        ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT), EXCHANGE_ENDED);
        check_ended(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT);
    } else if (_i == 1) {
        ck_assert_int_eq(lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT), EXCHANGE_ENDED);
        check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
    } else {
        reply_piece();
        next();
        ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT), EXCHANGE_ENDED);
        check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
        ck_assert_uint_eq(session_next_released(&session), 1);
    }
}
END_TEST

START_TEST(a_reply_of_any_other_call_makes_it_cling) {
    next();
    struct omvrpc_session_reply other = reply_of(OMVRPC_STATUS_DONE, 5, "other", 5);
    if (_i == 0) {
        other.session++;
    } else if (_i == 1) {
        other.number++;
    } else {
        other.offset++;
    }
    ck_assert_int_eq(reply_with(&other), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.number, 1);
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 4, "mine", 4), EXCHANGE_ENDED);
    ck_assert_mem_eq(call->result, "mine", 4);
}
END_TEST

START_TEST(bytes_that_are_no_reply_make_it_cling) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 4] = {0};
    next();
    struct omvrpc_session_reply good = reply_of(OMVRPC_STATUS_DONE, 4, "good", 4);
    omvrpc_session_reply_write(&good, bytes);
    size_t length = sizeof bytes;
    if (_i < (int)sizeof bytes) {
        bytes[_i] ^= 1;
    } else {
        length = 1 + (size_t)_i - sizeof bytes;
    }
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, bytes, length), EXCHANGE_CLINGS);
    ck_assert(exchange_may_have_run(&exchange));
    next();
    ck_assert_uint_eq(envelope.number, 1);
}
END_TEST

START_TEST(a_call_that_came_damaged_is_asked_again_under_its_number) {
    next();
    const struct omvrpc_session_reply damaged = {.status = OMVRPC_STATUS_DAMAGED};
    ck_assert_int_eq(reply_with(&damaged), EXCHANGE_CLINGS);
    /* An earlier copy may have come whole. */
    ck_assert(exchange_may_have_run(&exchange));
    next();
    ck_assert_uint_eq(envelope.number, 1);
}
END_TEST

START_TEST(a_repeated_call_that_came_damaged_may_still_have_run) {
    next();
    lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    next();
    const struct omvrpc_session_reply damaged = {.status = OMVRPC_STATUS_DAMAGED};
    ck_assert_int_eq(reply_with(&damaged), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.number, 1);
}
END_TEST

START_TEST(a_reply_that_is_longer_than_any_that_was_asked_for_is_asked_again) {
    next();
    ck_assert_int_eq(lose_it(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.number, 1);
}
END_TEST

/* What the camera does not know any more. The loop's numbers are statuses: forgotten, and one of a later version. */

START_TEST(a_forgotten_result_is_unknown) {
    next();
    reply_piece();
    next();
    ck_assert_int_eq(reply((uint32_t)_i, 0, NULL, 0), EXCHANGE_ENDED);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    ck_assert(session.is_open);
}
END_TEST

START_TEST(a_forgotten_result_of_a_repeatable_call_is_made_again_with_nobody_between) {
    call->repeatable = true;
    next();
    reply_piece();
    next();
    ck_assert_int_eq(reply((uint32_t)_i, 0, NULL, 0), EXCHANGE_CLINGS);
    ck_assert_uint_eq(session.held, 0);
    next();
    ck_assert_uint_eq(sent->command, id_of(OMVRPC_CALL_NAME));
    ck_assert_uint_eq(envelope.number, 2);
    ck_assert_int_eq(reply_piece(), EXCHANGE_CLINGS);
    next();
    ck_assert_int_eq(reply_piece(), EXCHANGE_CLINGS);
    next();
    ck_assert_int_eq(reply_piece(), EXCHANGE_ENDED);
    check_text();
}
END_TEST

START_TEST(a_repeatable_call_that_is_forgotten_and_then_too_late_may_have_run) {
    call->repeatable = true;
    next();
    lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_FORGOTTEN, 0, NULL, 0), EXCHANGE_CLINGS);
    exchange_abandon(&exchange, OMVRPC_CAUSE_TIMEOUT);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
}
END_TEST

/* "No session" with an age of the camera's forgetting, in milliseconds, one second after the call has begun. */

static const struct {
    uint32_t age_ms;
    bool is_older;
} ages[] = {{0, false}, {999, false}, {1000, false}, {1090, false}, {1110, true}, {5000, true}, {UINT32_MAX, true}};

START_TEST(where_the_session_was_gone_before_the_call_nothing_has_run) {
    next();
    lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    next();
    now_us += SECOND;
    enum exchange_verdict verdict = reply_no_session(ages[_i].age_ms);
    ck_assert(!session.is_open);
    if (ages[_i].is_older) {
        ck_assert_int_eq(verdict, EXCHANGE_RESTARTS);
        ck_assert(!exchange_may_have_run(&exchange));
    } else {
        ck_assert_int_eq(verdict, EXCHANGE_ENDED);
        check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    }
}
END_TEST

START_TEST(a_repeatable_call_begins_again_whenever_the_session_was_lost) {
    call->repeatable = true;
    next();
    lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    next();
    now_us += SECOND;
    ck_assert_int_eq(reply_no_session(ages[_i].age_ms), EXCHANGE_RESTARTS);
    ck_assert_int_eq(exchange_may_have_run(&exchange), !ages[_i].is_older);
}
END_TEST

START_TEST(a_result_of_which_a_piece_has_come_is_never_made_twice) {
    next();
    reply_piece();
    next();
    ck_assert_int_eq(reply_no_session(UINT32_MAX), EXCHANGE_ENDED);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    ck_assert(!session.is_open);
}
END_TEST

START_TEST(no_session_without_an_age_is_the_worse_of_both) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_NO_SESSION, 4, "\xff\xff\xff", 3), EXCHANGE_ENDED);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
}
END_TEST

START_TEST(what_an_earlier_session_lost_does_not_end_the_one_that_is_open_now) {
    next();
    reply_piece();
    session_begin(&session, SESSION_ID + 1, PIECE);
    session_open(&session, PIECE, 2);
    session_hold(&session);
    next();
    ck_assert_uint_eq(envelope.session, SESSION_ID);
    ck_assert_uint_eq(envelope.released, 0);
    reply_no_session(1);
    ck_assert(session.is_open);
    ck_assert_uint_eq(session.held, 1);
    ck_assert_uint_eq(session_next_released(&session), 0);
    ck_assert_int_eq(call->outcome, OMVRPC_RESULT_UNKNOWN);
}
END_TEST

/* A stock answer: nothing at all. */

START_TEST(a_stock_answer_soon_after_the_call_means_that_nothing_has_run) {
    next();
    now_us += 299 * MS;
    ck_assert_int_eq(stay_empty(), EXCHANGE_RESTARTS);
    ck_assert(!exchange_may_have_run(&exchange));
    ck_assert(!session.is_open);
}
END_TEST

START_TEST(a_stock_answer_late_after_the_call_leaves_it_unknown) {
    next();
    if (_i == 0) {
        now_us += 300 * MS;
    } else if (_i == 1) {
        lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
        next();
    } else {
        reply_piece();
        next();
    }
    ck_assert_int_eq(stay_empty(), EXCHANGE_ENDED);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST);
    ck_assert(!session.is_open);
}
END_TEST

/* Leaving in the middle. */

START_TEST(what_is_abandoned_says_whether_it_may_have_run_and_lets_go) {
    if (_i > 0) {
        next();
        if (_i == 1) {
            lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE);
        } else if (_i == 2) {
            lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
        } else {
            reply_piece();
        }
    }
    exchange_abandon(&exchange, OMVRPC_CAUSE_TIMEOUT);
    check_ended(_i < 2 ? OMVRPC_NOT_DELIVERED : OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
    /* A result that nobody has seen may be held as well. */
    ck_assert_uint_eq(session_next_released(&session), _i >= 2 ? 1 : 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

Suite *test_suite(void) {
    Suite *suite = suite_create("exchange_losses");
    TCase *cases = tcase_create("exchange_losses");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_call_that_was_not_taken_gets_another_number_and_others_go_first);
    tcase_add_test(cases, a_call_that_may_have_run_keeps_its_number_and_clings);
    tcase_add_test(cases, a_lost_piece_is_read_again_and_others_go_between);
    tcase_add_test(cases, what_the_bus_refuses_without_a_cause_is_not_tried_for_ever);
    tcase_add_test(cases, without_memory_it_ends);
    tcase_add_loop_test(cases, at_its_deadline_it_ends_as_far_as_it_has_come, 0, 3);
    tcase_add_loop_test(cases, a_reply_of_any_other_call_makes_it_cling, 0, 3);
    tcase_add_loop_test(cases, bytes_that_are_no_reply_make_it_cling, 0, 2 * (OMVRPC_ENVELOPE_SIZE + 4) - 1);
    tcase_add_test(cases, a_call_that_came_damaged_is_asked_again_under_its_number);
    tcase_add_test(cases, a_repeated_call_that_came_damaged_may_still_have_run);
    tcase_add_test(cases, a_reply_that_is_longer_than_any_that_was_asked_for_is_asked_again);
    tcase_add_loop_test(cases, a_forgotten_result_is_unknown, OMVRPC_STATUS_FORGOTTEN, OMVRPC_STATUS_FORGOTTEN + 1);
    tcase_add_loop_test(cases, a_forgotten_result_is_unknown, 7, 8);
    tcase_add_loop_test(cases, a_forgotten_result_of_a_repeatable_call_is_made_again_with_nobody_between,
                        OMVRPC_STATUS_FORGOTTEN, OMVRPC_STATUS_FORGOTTEN + 1);
    tcase_add_loop_test(cases, a_forgotten_result_of_a_repeatable_call_is_made_again_with_nobody_between, 7, 8);
    tcase_add_test(cases, a_repeatable_call_that_is_forgotten_and_then_too_late_may_have_run);
    tcase_add_loop_test(cases, where_the_session_was_gone_before_the_call_nothing_has_run, 0, COUNT(ages));
    tcase_add_loop_test(cases, a_repeatable_call_begins_again_whenever_the_session_was_lost, 0, COUNT(ages));
    tcase_add_test(cases, a_result_of_which_a_piece_has_come_is_never_made_twice);
    tcase_add_test(cases, no_session_without_an_age_is_the_worse_of_both);
    tcase_add_test(cases, what_an_earlier_session_lost_does_not_end_the_one_that_is_open_now);
    tcase_add_test(cases, a_stock_answer_soon_after_the_call_means_that_nothing_has_run);
    tcase_add_loop_test(cases, a_stock_answer_late_after_the_call_leaves_it_unknown, 0, 3);
    tcase_add_loop_test(cases, what_is_abandoned_says_whether_it_may_have_run_and_lets_go, 0, 4);
    suite_add_tcase(suite, cases);
    return suite;
}
