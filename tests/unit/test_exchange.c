/* SPDX-License-Identifier: MIT */
/* Calls through a session that the camera answers: one exchange, or several for a long result. */

#include "exchange_bench.h"

Suite *test_suite(void);

START_TEST(a_call_goes_as_one_envelope_and_its_result_comes_back) {
    next();
    ck_assert_uint_eq(sent->command, id_of(OMVRPC_CALL_NAME));
    ck_assert_uint_eq(envelope.session, SESSION_ID);
    ck_assert_uint_eq(envelope.number, 1);
    ck_assert_uint_eq(envelope.released, 0);
    ck_assert_uint_eq(envelope.target, COMMAND);
    ck_assert_uint_eq(sent->argument_length, 3 + OMVRPC_ENVELOPE_SIZE);
    ck_assert_mem_eq(sent->argument + 20, "arg", 3);
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 4, "good", 4), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_int_eq(exchange.end, EXCHANGE_BY_OUTCOME);
    ck_assert_uint_eq(call->result_length, 4);
    ck_assert_mem_eq(call->result, "good", 4);
    ck_assert_int_eq(call->taken_us, BEGIN);
    ck_assert_uint_eq(session.released_count, 0);
}
END_TEST

START_TEST(an_empty_result_is_a_result) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 0, NULL, 0), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(call->result_length, 0);
}
END_TEST

START_TEST(an_exception_ends_it_with_its_text) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_RAISED, 12, "OSError: 116", 12), EXCHANGE_ENDED);
    ck_assert_int_eq(exchange.end, EXCHANGE_RAISED);
    ck_assert_uint_eq(call->result_length, 12);
    ck_assert_mem_eq(call->result, "OSError: 116", 12);
}
END_TEST

START_TEST(an_exception_that_is_longer_than_its_piece_is_not_read_on) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_RAISED, 200, "OSError:", 8), EXCHANGE_ENDED);
    ck_assert_int_eq(exchange.end, EXCHANGE_RAISED);
    ck_assert_uint_eq(call->result_length, 8);
    ck_assert_uint_eq(session.held, 0);
}
END_TEST

START_TEST(an_exception_without_a_text_is_one) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_RAISED, 0, NULL, 0), EXCHANGE_ENDED);
    ck_assert_int_eq(exchange.end, EXCHANGE_RAISED);
    ck_assert_uint_eq(call->result_length, 0);
}
END_TEST

START_TEST(a_callback_that_is_not_there_has_not_run) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_NO_SUCH_CALLBACK, 0, NULL, 0), EXCHANGE_ENDED);
    ck_assert_int_eq(exchange.end, EXCHANGE_NO_SUCH_CALLBACK);
    ck_assert(!exchange_may_have_run(&exchange));
    check_ended(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_result_that_the_camera_has_no_room_for_is_too_large) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_TOO_LARGE, 100000, NULL, 0), EXCHANGE_ENDED);
    check_ended(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
}
END_TEST

/* Pieces. */

START_TEST(a_long_result_comes_in_pieces_between_which_others_go) {
    next();
    ck_assert_int_eq(reply_piece(), EXCHANGE_GOES_ON);
    ck_assert(!exchange_clings(&exchange));
    ck_assert(exchange_may_have_run(&exchange));
    ck_assert_uint_eq(session.held, 1);
    next();
    ck_assert_uint_eq(sent->command, id_of(OMVRPC_READ_NAME));
    ck_assert_uint_eq(envelope.number, 1);
    ck_assert_uint_eq(envelope.target, 8);
    ck_assert_uint_eq(sent->argument_length, OMVRPC_ENVELOPE_SIZE);
    ck_assert_int_eq(reply_piece(), EXCHANGE_GOES_ON);
    next();
    ck_assert_uint_eq(envelope.target, 16);
    ck_assert_int_eq(reply_piece(), EXCHANGE_ENDED);
    check_text();
    ck_assert_uint_eq(exchange.pieces, 3);
    ck_assert_uint_eq(session_next_released(&session), 1);
}
END_TEST

START_TEST(a_released_number_is_told_with_the_next_envelope_and_once_heard_not_again) {
    next();
    reply_piece();
    next();
    reply_piece();
    next();
    reply_piece();
    job_free(call);
    call = job_new();
    call->deadline_us = DEADLINE;
    exchange_clear(&exchange);
    exchange_begin(&exchange, EXCHANGE_NUMBERED, call, &session, LIMIT);
    next();
    ck_assert_uint_eq(envelope.number, 2);
    ck_assert_uint_eq(envelope.released, 1);
    ck_assert_int_eq(lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.number, 2);
    ck_assert_uint_eq(envelope.released, 1);
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 20, TEXT, 8), EXCHANGE_GOES_ON);
    next();
    ck_assert_uint_eq(envelope.released, 0);
    ck_assert_int_eq(reply_piece(), EXCHANGE_GOES_ON);
}
END_TEST

static void check_progress(size_t received, size_t have) {
    size_t found, total = received;
    ck_assert(exchange_progress(&exchange, received, &found, &total));
    ck_assert_uint_eq(found, have);
    ck_assert_uint_eq(total, TEXT_SIZE);
}

START_TEST(progress_is_what_is_there_and_what_has_come_of_the_next_piece_without_its_envelope) {
    size_t have, total = 0;
    next();
    ck_assert(!exchange_progress(&exchange, 30, &have, &total));
    reply_piece();
    next();
    check_progress(0, PIECE);
    check_progress(OMVRPC_ENVELOPE_SIZE, PIECE);
    check_progress(OMVRPC_ENVELOPE_SIZE + 3, PIECE + 3);
    check_progress(1000, TEXT_SIZE);
    reply_piece();
    next();
    check_progress(OMVRPC_ENVELOPE_SIZE + 1, 2 * PIECE + 1);
}
END_TEST

START_TEST(short_pieces_are_read_on_from_where_they_end) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, TEXT_SIZE, TEXT, 3), EXCHANGE_GOES_ON);
    for (uint32_t have = 3; have < TEXT_SIZE; have++) {
        next();
        ck_assert_uint_eq(envelope.target, have);
        reply(OMVRPC_STATUS_DONE, TEXT_SIZE, &TEXT[have], 1);
    }
    check_text();
}
END_TEST

START_TEST(a_first_piece_without_data_is_read_from_the_beginning) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, TEXT_SIZE, NULL, 0), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(sent->command, id_of(OMVRPC_READ_NAME));
    ck_assert_uint_eq(envelope.target, 0);
    reply_piece();
    next();
    reply_piece();
    next();
    ck_assert_int_eq(reply_piece(), EXCHANGE_ENDED);
    check_text();
}
END_TEST

static const struct {
    const char *what;
    int32_t session, number, offset, total;
    size_t length;
} wrong_pieces[] = {
    {"of another session", 1, 0, 0, 0, 8},   {"of another call", 0, 1, 0, 0, 8},
    {"of an earlier call", 0, -1, 0, 0, 8},  {"from before", 0, 0, -8, 0, 8},
    {"from behind", 0, 0, 1, 0, 8},          {"of a longer result", 0, 0, 0, 1, 8},
    {"of a shorter result", 0, 0, 0, -1, 8}, {"longer than what is left", 0, 0, 0, 0, 13},
    {"without data", 0, 0, 0, 0, 0},
};

START_TEST(a_piece_that_was_not_asked_for_is_not_taken) {
    next();
    reply_piece();
    next();
    struct omvrpc_session_reply wrong =
        reply_of(OMVRPC_STATUS_DONE, TEXT_SIZE, "wrong wrong wrong", wrong_pieces[_i].length);
    wrong.session += (uint32_t)wrong_pieces[_i].session;
    wrong.number += (uint32_t)wrong_pieces[_i].number;
    wrong.offset += (uint32_t)wrong_pieces[_i].offset;
    wrong.total += (uint32_t)wrong_pieces[_i].total;
    ck_assert_msg(reply_with(&wrong) == EXCHANGE_CLINGS, "a piece %s was taken", wrong_pieces[_i].what);
    next();
    ck_assert_uint_eq(envelope.target, 8);
    reply_piece();
    next();
    ck_assert_int_eq(reply_piece(), EXCHANGE_ENDED);
    check_text();
}
END_TEST

START_TEST(a_first_reply_with_more_data_than_its_total_is_not_taken) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 4, TEXT, 8), EXCHANGE_CLINGS);
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 4, "good", 4), EXCHANGE_ENDED);
    ck_assert_uint_eq(call->result_length, 4);
    ck_assert_mem_eq(call->result, "good", 4);
}
END_TEST

START_TEST(an_empty_result_with_data_is_asked_for_again) {
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 0, "x", 1), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.number, 1);
    ck_assert_int_eq(reply(OMVRPC_STATUS_DONE, 0, NULL, 0), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

static const struct {
    uint32_t total;
    bool is_taken;
} totals[] = {{LIMIT, true}, {LIMIT + 1, false}, {UINT32_MAX, false}};

START_TEST(a_result_over_the_limit_is_too_large_and_let_go) {
    next();
    enum exchange_verdict verdict = reply(OMVRPC_STATUS_DONE, totals[_i].total, TEXT, 8);
    ck_assert_int_eq(verdict, totals[_i].is_taken ? EXCHANGE_GOES_ON : EXCHANGE_ENDED);
    if (!totals[_i].is_taken) {
        check_ended(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
        ck_assert_uint_eq(session_next_released(&session), 1);
    }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

Suite *test_suite(void) {
    Suite *suite = suite_create("exchange");
    TCase *cases = tcase_create("exchange");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_call_goes_as_one_envelope_and_its_result_comes_back);
    tcase_add_test(cases, an_empty_result_is_a_result);
    tcase_add_test(cases, an_exception_ends_it_with_its_text);
    tcase_add_test(cases, an_exception_that_is_longer_than_its_piece_is_not_read_on);
    tcase_add_test(cases, an_exception_without_a_text_is_one);
    tcase_add_test(cases, a_callback_that_is_not_there_has_not_run);
    tcase_add_test(cases, a_result_that_the_camera_has_no_room_for_is_too_large);
    tcase_add_test(cases, a_long_result_comes_in_pieces_between_which_others_go);
    tcase_add_test(cases, a_released_number_is_told_with_the_next_envelope_and_once_heard_not_again);
    tcase_add_test(cases, progress_is_what_is_there_and_what_has_come_of_the_next_piece_without_its_envelope);
    tcase_add_test(cases, short_pieces_are_read_on_from_where_they_end);
    tcase_add_test(cases, a_first_piece_without_data_is_read_from_the_beginning);
    tcase_add_loop_test(cases, a_piece_that_was_not_asked_for_is_not_taken, 0, COUNT(wrong_pieces));
    tcase_add_test(cases, a_first_reply_with_more_data_than_its_total_is_not_taken);
    tcase_add_test(cases, an_empty_result_with_data_is_asked_for_again);
    tcase_add_loop_test(cases, a_result_over_the_limit_is_too_large_and_let_go, 0, COUNT(totals));
    suite_add_tcase(suite, cases);
    return suite;
}
