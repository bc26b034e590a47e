/* SPDX-License-Identifier: MIT */
#ifndef EXCHANGE_BENCH_H
#define EXCHANGE_BENCH_H

/* A bench for exchanges: a session of the test's own, and a camera whose replies are made by hand. */

#include "exchange.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS         INT64_C(1000)
#define SECOND     (1000 * MS)
#define BEGIN      (100 * SECOND)
#define DEADLINE   (BEGIN + 10 * SECOND)
#define SESSION_ID 0x5e551011u
#define PIECE      8u
#define LIMIT      ((size_t)64)
#define COMMAND    0x1a2b3c4du
#define READ       0x55667788u
#define TEXT       "0123456789abcdefghij" /* 20 bytes: three pieces */
#define TEXT_SIZE  ((uint32_t)20)

static struct session session;
static struct job *call;
static struct exchange exchange;
static struct job *sent;
static struct omvrpc_envelope envelope; /* of what was sent */
static int64_t now_us;

static inline uint32_t id_of(const char *name) {
    return omvrpc_command_id(name, strlen(name));
}

static inline void set_up(void) {
    now_us = BEGIN;
    session_begin(&session, SESSION_ID, PIECE);
    session_open(&session, PIECE, 2);
    call = job_new();
    call->command = COMMAND;
    call->argument = malloc(3);
    memcpy(call->argument, "arg", 3);
    call->argument_length = 3;
    call->deadline_us = DEADLINE;
    exchange_begin(&exchange, EXCHANGE_NUMBERED, call, &session, LIMIT);
    sent = NULL;
}

static inline void tear_down(void) {
    job_free(sent);
    exchange_clear(&exchange);
    job_free(call);
}

/* What goes to the camera next, and, through a session, what it says. */
static inline void next(void) {
    const uint8_t *argument;
    size_t length;
    ck_assert_ptr_null(sent);
    sent = exchange_next(&exchange, now_us);
    ck_assert_ptr_nonnull(sent);
    ck_assert_int_eq(sent->deadline_us, DEADLINE);
    if (exchange.session != NULL) {
        ck_assert(omvrpc_envelope_read(sent->argument, sent->argument_length, &envelope, &argument, &length));
        ck_assert_uint_eq(envelope.piece, session.piece);
        ck_assert(sent->repeatable);
    }
}

static inline enum exchange_verdict take(enum omvrpc_outcome outcome, enum omvrpc_cause cause, const void *bytes,
                                         size_t length) {
    struct job *job = sent;
    sent = NULL;
    job->outcome = outcome;
    job->cause = cause;
    if (length > 0) {
        job->result = malloc(length);
        memcpy(job->result, bytes, length);
        job->result_length = length;
    }
    job->taken_us = now_us;
    return exchange_take(&exchange, job, now_us);
}

static inline enum exchange_verdict lose_it(enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    return take(outcome, cause, NULL, 0);
}

/* Ends what was sent with an empty result, again and again until it is believed. */
static inline enum exchange_verdict stay_empty(void) {
    enum exchange_verdict verdict = lose_it(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    for (int i = 1; verdict == EXCHANGE_CLINGS && i < 5; i++) {
        next();
        verdict = lose_it(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    }
    return verdict;
}

static inline enum exchange_verdict reply_with(const struct omvrpc_session_reply *reply) {
    uint8_t bytes[512];
    ck_assert_uint_le(reply->length + OMVRPC_ENVELOPE_SIZE, sizeof bytes);
    omvrpc_session_reply_write(reply, bytes);
    return take(OMVRPC_DONE, OMVRPC_CAUSE_NONE, bytes, reply->length + OMVRPC_ENVELOPE_SIZE);
}

/* A reply to what was sent, as a good camera writes it. */
static inline struct omvrpc_session_reply reply_of(uint32_t status, uint32_t total, const void *data, size_t length) {
    bool is_read = sent->command == id_of(OMVRPC_READ_NAME);
    return (struct omvrpc_session_reply){
        .session = envelope.session,
        .number = envelope.number,
        .status = status,
        .total = total,
        .offset = is_read ? envelope.target : 0,
        .data = data,
        .length = length,
    };
}

static inline enum exchange_verdict reply(uint32_t status, uint32_t total, const void *data, size_t length) {
    struct omvrpc_session_reply written = reply_of(status, total, data, length);
    return reply_with(&written);
}

static inline enum exchange_verdict reply_no_session(uint32_t age_ms) {
    const uint8_t age[4] = {(uint8_t)age_ms, (uint8_t)(age_ms >> 8), (uint8_t)(age_ms >> 16), (uint8_t)(age_ms >> 24)};
    return reply(OMVRPC_STATUS_NO_SESSION, 4, age, 4);
}

/* One piece of TEXT, from where the envelope asks for it. */
static inline enum exchange_verdict reply_piece(void) {
    uint32_t offset = sent->command == id_of(OMVRPC_READ_NAME) ? envelope.target : 0;
    uint32_t left = TEXT_SIZE - offset;
    return reply(OMVRPC_STATUS_DONE, TEXT_SIZE, &TEXT[offset], left < PIECE ? left : PIECE);
}

static inline void check_ended(enum omvrpc_outcome outcome, enum omvrpc_cause cause) {
    ck_assert_int_eq(call->outcome, outcome);
    ck_assert_int_eq(call->cause, cause);
    ck_assert_uint_eq(session.held, 0);
}

static inline void check_text(void) {
    check_ended(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
    ck_assert_uint_eq(call->result_length, TEXT_SIZE);
    ck_assert_mem_eq(call->result, TEXT, TEXT_SIZE);
}

#endif
