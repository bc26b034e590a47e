/* SPDX-License-Identifier: MIT */
/* Openings of sessions, calls the stock way, and snapshots with the reads of their pictures. */

#include "exchange_bench.h"

Suite *test_suite(void);

static void begin_opening(void) {
    exchange_clear(&exchange);
    session_begin(&session, SESSION_ID, PIECE);
    call->repeatable = true;
    exchange_begin(&exchange, EXCHANGE_OPENING, call, &session, LIMIT);
}

START_TEST(an_opening_brings_the_description_in_pieces_and_holds_nothing) {
    begin_opening();
    next();
    ck_assert_uint_eq(envelope.number, 0);
    ck_assert_int_eq(reply_piece(), EXCHANGE_CLINGS);
    ck_assert_uint_eq(session.held, 0);
    next();
    ck_assert_uint_eq(envelope.number, 0);
    ck_assert_uint_eq(envelope.target, 8);
    ck_assert_int_eq(lose_it(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(envelope.target, 8);
    ck_assert_int_eq(reply_piece(), EXCHANGE_CLINGS);
    next();
    ck_assert_int_eq(reply_piece(), EXCHANGE_ENDED);
    check_text();
    ck_assert_uint_eq(session.released_count, 0);
    ck_assert_uint_eq(session.last_number, 0);
}
END_TEST

START_TEST(a_stock_camera_opens_nothing) {
    begin_opening();
    next();
    now_us += SECOND;
    ck_assert_int_eq(stay_empty(), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(call->result_length, 0);
}
END_TEST

START_TEST(a_description_that_is_forgotten_is_asked_for_from_the_beginning) {
    begin_opening();
    next();
    reply_piece();
    next();
    ck_assert_int_eq(reply(OMVRPC_STATUS_FORGOTTEN, 0, NULL, 0), EXCHANGE_CLINGS);
    next();
    ck_assert_uint_eq(sent->command, id_of(OMVRPC_CALL_NAME));
    ck_assert_uint_eq(envelope.number, 0);
}
END_TEST

START_TEST(a_reset_in_the_middle_of_an_opening_begins_it_anew) {
    begin_opening();
    next();
    reply_piece();
    next();
    ck_assert_int_eq(reply_no_session(1), EXCHANGE_RESTARTS);
}
END_TEST

START_TEST(an_opening_without_an_answer_ends_at_its_deadline) {
    begin_opening();
    next();
    ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_SILENT), EXCHANGE_CLINGS);
    next();
    now_us = DEADLINE;
    ck_assert_int_eq(lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_SILENT), EXCHANGE_ENDED);
    ck_assert_int_ne(call->outcome, OMVRPC_DONE);
}
END_TEST

/* The stock way. */

static void begin_plain(void) {
    exchange_clear(&exchange);
    exchange_begin(&exchange, EXCHANGE_PLAIN, call, NULL, LIMIT);
}

START_TEST(a_call_the_stock_way_goes_as_it_is) {
    begin_plain();
    call->schedules = true;
    next();
    ck_assert_uint_eq(sent->command, COMMAND);
    ck_assert_uint_eq(sent->argument_length, 3);
    ck_assert_mem_eq(sent->argument, "arg", 3);
    ck_assert(sent->schedules);
    ck_assert(!sent->repeatable);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, "ok", 2), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_mem_eq(call->result, "ok", 2);
}
END_TEST

START_TEST(the_stock_way_has_the_same_limit) {
    uint8_t bytes[LIMIT + 1] = {0};
    begin_plain();
    next();
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, bytes, LIMIT + (size_t)_i), EXCHANGE_ENDED);
    ck_assert_int_eq(call->outcome, _i == 0 ? OMVRPC_DONE : OMVRPC_TOO_LARGE);
    ck_assert_uint_eq(call->result_length, _i == 0 ? LIMIT : 0);
}
END_TEST

static const struct {
    bool repeatable;
    enum omvrpc_outcome outcome;
    enum omvrpc_cause cause;
    bool is_repeated;
} losses[] = {
    {false, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE, false},
    {false, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE, false},
    {false, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_SILENT, false},
    {true, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_SILENT, true},
    {true, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE, true},
    {true, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED, false},
    {true, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT, false},
    {true, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE, false},
};

START_TEST(only_a_repeatable_call_is_made_again_the_stock_way_and_only_after_a_lost_link) {
    begin_plain();
    call->repeatable = losses[_i].repeatable;
    next();
    enum exchange_verdict verdict = lose_it(losses[_i].outcome, losses[_i].cause);
    ck_assert_int_eq(verdict, losses[_i].is_repeated ? EXCHANGE_GOES_ON : EXCHANGE_ENDED);
    if (losses[_i].is_repeated) {
        ck_assert_int_eq(exchange_may_have_run(&exchange), losses[_i].outcome == OMVRPC_RESULT_UNKNOWN);
        next();
        ck_assert_uint_eq(sent->command, COMMAND);
    } else {
        check_ended(losses[_i].outcome, losses[_i].cause);
    }
}
END_TEST

/* Pictures. */

static const uint8_t snapshot[] = {1, 0, 0, 0, TEXT_SIZE, 0, 0, 0};

static void begin_picture(void) {
    exchange_clear(&exchange);
    exchange_begin(&exchange, EXCHANGE_PLAIN, call, NULL, LIMIT);
    exchange_read_picture(
        &exchange, &(struct exchange_picture){.read_command = READ, .size_offset = 4, .result_length = sizeof snapshot},
        PIECE);
}

static enum exchange_verdict take_snapshot(const uint8_t *bytes, size_t length) {
    next();
    ck_assert_uint_eq(sent->command, COMMAND);
    return take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, bytes, length);
}

static void check_read(uint32_t offset, uint32_t size) {
    next();
    const uint8_t expected[8] = {(uint8_t)offset, 0, 0, 0, (uint8_t)size, 0, 0, 0};
    ck_assert_uint_eq(sent->command, READ);
    ck_assert(sent->repeatable);
    ck_assert_uint_eq(sent->argument_length, sizeof expected);
    ck_assert_mem_eq(sent->argument, expected, sizeof expected);
}

START_TEST(a_snapshot_is_read_to_its_end_with_nobody_between) {
    begin_picture();
    ck_assert_int_eq(take_snapshot(snapshot, sizeof snapshot), EXCHANGE_CLINGS);
    ck_assert(exchange_clings(&exchange));
    check_read(0, 8);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, TEXT, 8), EXCHANGE_CLINGS);
    check_read(8, 8);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, &TEXT[8], 5), EXCHANGE_CLINGS);
    check_read(13, 7);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, &TEXT[13], 7), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(call->result_length, sizeof snapshot);
    ck_assert_uint_eq(exchange.have, TEXT_SIZE);
    ck_assert_mem_eq(exchange.data, TEXT, TEXT_SIZE);
}
END_TEST

START_TEST(a_snapshot_of_another_shape_has_no_picture) {
    static const uint8_t nothing[8] = {1};
    begin_picture();
    ck_assert_int_eq(take_snapshot(_i == 0 ? nothing : snapshot, _i == 0 ? 8 : (size_t)_i), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(exchange.total, 0);
}
END_TEST

START_TEST(an_empty_snapshot_has_no_picture) {
    begin_picture();
    ck_assert_int_eq(take_snapshot(NULL, 0), EXCHANGE_ENDED);
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_picture_over_the_limit_is_too_large) {
    static const uint8_t sizes[][8] = {{0, 0, 0, 0, LIMIT + 1, 0, 0, 0}, {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}};
    begin_picture();
    ck_assert_int_eq(take_snapshot(sizes[_i], 8), EXCHANGE_ENDED);
    check_ended(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_read_that_gives_nothing_or_too_much_spoils_the_picture) {
    static const uint8_t bytes[TEXT_SIZE + 1] = {0};
    begin_picture();
    take_snapshot(snapshot, sizeof snapshot);
    check_read(0, 8);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, bytes, _i == 0 ? 0 : sizeof bytes), EXCHANGE_ENDED);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED);
}
END_TEST

START_TEST(a_link_lost_in_the_middle_of_a_picture_takes_it_again_where_that_does_no_harm) {
    begin_picture();
    call->repeatable = _i == 0;
    take_snapshot(snapshot, sizeof snapshot);
    check_read(0, 8);
    take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, "old old ", 8);
    check_read(8, 8);
    enum exchange_verdict verdict = lose_it(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE);
    if (_i == 1) {
        ck_assert_int_eq(verdict, EXCHANGE_ENDED);
        check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE);
        return;
    }
    ck_assert_int_eq(verdict, EXCHANGE_GOES_ON);
    ck_assert(exchange_may_have_run(&exchange));
    take_snapshot(snapshot, sizeof snapshot);
    for (uint32_t have = 0; have < TEXT_SIZE; have += 8) {
        check_read(have, have < 16 ? 8 : 4);
        take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, &TEXT[have], have < 16 ? 8 : 4);
    }
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_mem_eq(exchange.data, TEXT, TEXT_SIZE);
}
END_TEST

START_TEST(an_abandoned_picture_may_have_been_taken) {
    begin_picture();
    take_snapshot(snapshot, sizeof snapshot);
    exchange_abandon(&exchange, OMVRPC_CAUSE_TIMEOUT);
    check_ended(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_TIMEOUT);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

Suite *test_suite(void) {
    Suite *suite = suite_create("exchange_others");
    TCase *cases = tcase_create("exchange_others");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, an_opening_brings_the_description_in_pieces_and_holds_nothing);
    tcase_add_test(cases, a_stock_camera_opens_nothing);
    tcase_add_test(cases, a_description_that_is_forgotten_is_asked_for_from_the_beginning);
    tcase_add_test(cases, a_reset_in_the_middle_of_an_opening_begins_it_anew);
    tcase_add_test(cases, an_opening_without_an_answer_ends_at_its_deadline);
    tcase_add_test(cases, a_call_the_stock_way_goes_as_it_is);
    tcase_add_loop_test(cases, the_stock_way_has_the_same_limit, 0, 2);
    tcase_add_loop_test(cases, only_a_repeatable_call_is_made_again_the_stock_way_and_only_after_a_lost_link, 0,
                        COUNT(losses));
    tcase_add_test(cases, a_snapshot_is_read_to_its_end_with_nobody_between);
    tcase_add_loop_test(cases, a_snapshot_of_another_shape_has_no_picture, 0, (int)sizeof snapshot);
    tcase_add_test(cases, an_empty_snapshot_has_no_picture);
    tcase_add_loop_test(cases, a_picture_over_the_limit_is_too_large, 0, 2);
    tcase_add_loop_test(cases, a_read_that_gives_nothing_or_too_much_spoils_the_picture, 0, 2);
    tcase_add_loop_test(cases, a_link_lost_in_the_middle_of_a_picture_takes_it_again_where_that_does_no_harm, 0, 2);
    tcase_add_test(cases, an_abandoned_picture_may_have_been_taken);
    suite_add_tcase(suite, cases);
    return suite;
}
