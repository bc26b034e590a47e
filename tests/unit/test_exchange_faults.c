/* SPDX-License-Identifier: MIT */
/* Calls through a session: what an exchange makes of replies that are lost, damaged, or another's. */

#include "exchange.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define SESSION  0x5e551011u
#define COMMAND  0x11223344u
#define LIMIT    1024
#define BEGUN_US INT64_C(5000000)
#define LATER_US (BEGUN_US + 1000000)

static struct session session;
static struct exchange exchange;
static struct job *call;

static void set_up(void) {
    session_begin(&session, SESSION, 65536);
    session_open(&session, 65536, 1);
    call = job_new();
    call->command = COMMAND;
    call->deadline_us = BEGUN_US + 10000000;
    exchange_begin(&exchange, EXCHANGE_NUMBERED, call, &session, LIMIT);
}

static void tear_down(void) {
    exchange_clear(&exchange);
    job_free(call);
}

static struct omvrpc_envelope next_envelope(struct job **job) {
    struct omvrpc_envelope envelope;
    const uint8_t *argument;
    size_t length;
    *job = exchange_next(&exchange, BEGUN_US);
    ck_assert_ptr_nonnull(*job);
    ck_assert(omvrpc_envelope_read((*job)->argument, (*job)->argument_length, &envelope, &argument, &length));
    return envelope;
}

/* Ends the exchange's next job with an empty result, or without one. */
static enum exchange_verdict take(enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    struct job *job;
    next_envelope(&job);
    job->outcome = outcome;
    job->cause = cause;
    return exchange_take(&exchange, job, LATER_US);
}

/* Ends it with a reply to it. */
static enum exchange_verdict take_reply(enum omvrpc_status status, uint32_t total, const void *data, size_t length) {
    struct job *job;
    struct omvrpc_envelope envelope = next_envelope(&job);
    bool is_damaged = status == OMVRPC_STATUS_DAMAGED;
    const struct omvrpc_session_reply reply = {
        .session = is_damaged ? 0 : envelope.session,
        .number = is_damaged ? 0 : envelope.number,
        .status = status,
        .total = total,
        .offset = (uint32_t)exchange.have,
        .data = data,
        .length = length,
    };
    job->result_length = length + OMVRPC_ENVELOPE_SIZE;
    job->result = malloc(job->result_length);
    ck_assert_ptr_nonnull(job->result);
    omvrpc_session_reply_write(&reply, job->result);
    job->outcome = OMVRPC_DONE;
    return exchange_take(&exchange, job, LATER_US);
}

START_TEST(a_call_given_up_with_its_reply_missing_has_its_result_released) {
    ck_assert_int_eq(take(OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LINK_GONE), EXCHANGE_CLINGS);
    exchange_abandon(&exchange, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_eq(call->outcome, OMVRPC_RESULT_UNKNOWN);
    ck_assert_uint_eq(session_next_released(&session), 1);
    ck_assert_uint_eq(session.held, 0);
}
END_TEST

START_TEST(a_call_that_was_never_sent_releases_nothing) {
    ck_assert_int_eq(take(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE), EXCHANGE_GOES_ON);
    exchange_abandon(&exchange, OMVRPC_CAUSE_TIMEOUT);
    ck_assert_int_eq(call->outcome, OMVRPC_NOT_DELIVERED);
    ck_assert_uint_eq(session_next_released(&session), 0);
}
END_TEST

START_TEST(one_empty_result_is_not_believed) {
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE), EXCHANGE_CLINGS);
    ck_assert_int_eq(take_reply(OMVRPC_STATUS_DONE, 3, "yes", 3), EXCHANGE_ENDED);
    ck_assert_int_eq(call->outcome, OMVRPC_DONE);
    ck_assert_mem_eq(call->result, "yes", 3);
    ck_assert(session.is_open);
}
END_TEST

START_TEST(three_empty_results_in_a_row_end_the_session) {
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE), EXCHANGE_CLINGS);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE), EXCHANGE_CLINGS);
    ck_assert_int_eq(take(OMVRPC_DONE, OMVRPC_CAUSE_NONE), EXCHANGE_ENDED);
    ck_assert_int_eq(call->outcome, OMVRPC_RESULT_UNKNOWN);
    ck_assert(!session.is_open);
}
END_TEST

START_TEST(a_damaged_copy_keeps_the_number_of_the_copy_before_it) {
    ck_assert_int_eq(take_reply(OMVRPC_STATUS_DAMAGED, 0, NULL, 0), EXCHANGE_CLINGS);
    struct job *job;
    ck_assert_uint_eq(next_envelope(&job).number, 1);
    job_free(job);
}
END_TEST

START_TEST(a_reply_that_seems_too_long_is_asked_for_again) {
    ck_assert_int_eq(take(OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE), EXCHANGE_CLINGS);
    ck_assert_int_eq(take_reply(OMVRPC_STATUS_DONE, 0, NULL, 0), EXCHANGE_ENDED);
    ck_assert_int_eq(call->outcome, OMVRPC_DONE);
}
END_TEST

START_TEST(no_reply_is_asked_for_that_is_longer_than_the_limit) {
    struct job *job;
    ck_assert_uint_eq(next_envelope(&job).piece, LIMIT - OMVRPC_ENVELOPE_SIZE);
    job_free(job);
}
END_TEST

START_TEST(a_call_that_has_answered_is_not_begun_again_in_another_session) {
    const uint8_t uptime_ms[4] = {0xff, 0xff, 0xff, 0x00};
    ck_assert_int_eq(take_reply(OMVRPC_STATUS_DONE, 9, "first", 5), EXCHANGE_GOES_ON);
    ck_assert_int_eq(take_reply(OMVRPC_STATUS_NO_SESSION, 4, uptime_ms, 4), EXCHANGE_ENDED);
    ck_assert_int_eq(call->outcome, OMVRPC_RESULT_UNKNOWN);
}
END_TEST

START_TEST(a_call_that_the_master_refuses_ends_at_once) {
    ck_assert_int_eq(take(OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_NONE), EXCHANGE_ENDED);
    ck_assert_int_eq(call->outcome, OMVRPC_NOT_DELIVERED);
}
END_TEST

START_TEST(results_to_let_go_do_not_keep_a_new_call_waiting_where_none_is_needed) {
    for (uint32_t number = 1; number <= 3; number++) {
        session_hold(&session);
        session_release(&session, number);
    }
    ck_assert(session_has_room(&session));
    session_hold(&session);
    ck_assert(!session_has_room(&session));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("exchange_faults");
    TCase *tests = tcase_create("exchange");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_call_given_up_with_its_reply_missing_has_its_result_released);
    tcase_add_test(tests, a_call_that_was_never_sent_releases_nothing);
    tcase_add_test(tests, one_empty_result_is_not_believed);
    tcase_add_test(tests, three_empty_results_in_a_row_end_the_session);
    tcase_add_test(tests, a_damaged_copy_keeps_the_number_of_the_copy_before_it);
    tcase_add_test(tests, a_reply_that_seems_too_long_is_asked_for_again);
    tcase_add_test(tests, no_reply_is_asked_for_that_is_longer_than_the_limit);
    tcase_add_test(tests, a_call_that_has_answered_is_not_begun_again_in_another_session);
    tcase_add_test(tests, a_call_that_the_master_refuses_ends_at_once);
    tcase_add_test(tests, results_to_let_go_do_not_keep_a_new_call_waiting_where_none_is_needed);
    suite_add_tcase(suite, tests);
    return suite;
}
