/* SPDX-License-Identifier: MIT */
#ifndef EXCHANGE_H
#define EXCHANGE_H

/*
 * How one call goes over the wire: as one exchange of the stock protocol, or through a session as several, which can be
 * repeated without the callback running twice and which bring a long result in pieces. A machine like the master below
 * it: it reads no clock and does no I/O. Its owner submits the jobs it gives and hands back each that has ended.
 *
 *     exchange_begin(&exchange, job, session);
 *     do {
 *         ended = run(exchange_next(&exchange, now_us));
 *     } while (exchange_take(&exchange, ended, now_us) != EXCHANGE_ENDED);
 *     ... exchange.end, exchange.job
 *     exchange_clear(&exchange);
 */

#include "bus.h"
#include "session.h"

enum exchange_kind {
    EXCHANGE_PLAIN,    /* the stock way */
    EXCHANGE_NUMBERED, /* through a session, once only */
    EXCHANGE_OPENING,  /* opens a session; the result is the description, empty from a stock camera */
    EXCHANGE_PICTURE,  /* a snapshot the stock way, and the reads of it */
};

enum exchange_verdict {
    EXCHANGE_ENDED,
    EXCHANGE_GOES_ON,  /* there is another job; other calls may be made before it */
    EXCHANGE_CLINGS,   /* there is another job, and no other call may come before it */
    EXCHANGE_RESTARTS, /* the session is over, and nothing of this call has run or does harm: open one, begin again */
};

/* How it has ended. */
enum exchange_end {
    EXCHANGE_BY_OUTCOME, /* outcome, cause and result stand in the job */
    EXCHANGE_RAISED,     /* the callback raised; the job's result is the exception's text, UTF-8 or not */
    EXCHANGE_NO_SUCH_CALLBACK,
};

/* The reads that belong to a snapshot. */
struct exchange_picture {
    uint32_t read_command; /* 0: there are none */
    size_t size_offset;    /* of the picture's size, u32, in the snapshot's result */
    size_t result_length;
};

struct exchange {
    enum exchange_kind kind;
    enum exchange_end end;
    struct job *job; /* the call: command, argument, deadline, flags; at the end outcome, cause, result, times */
    struct session *session;
    uint32_t session_id, number; /* 0, 0 before the first job */
    uint32_t released;           /* named in the last envelope */
    int64_t begun_us;            /* when the first job of this number was made */
    bool may_have_run;           /* it is not certain that the camera has not taken this number */
    bool ran_before;             /* nor an earlier one, which is lost */
    bool is_exclusive;           /* lost its held result once: no other call comes between any more */
    bool is_held;
    unsigned empty_replies; /* in a row */
    bool is_soon;           /* the first of them came too soon for a camera that has been another meanwhile */
    uint8_t *data;          /* pieces so far */
    size_t total, have;
    size_t limit; /* longest result */
    struct exchange_picture picture;
    uint32_t picture_piece; /* bytes of a read */
    unsigned pieces;
};

/*
 * Begins a call. `job` stays the caller's and must live as long as the exchange. With `session` (open, or for EXCHANGE_OPENING about
 * to be) it goes through that, which must outlive it; NULL is the stock way. Results over `limit` bytes are too large.
 */
void exchange_begin(struct exchange *exchange, enum exchange_kind kind, struct job *job, struct session *session,
                    size_t limit);

/* Makes it a snapshot with its reads of at most `piece` bytes each; the picture is `data`, `total` bytes, at the end. */
void exchange_read_picture(struct exchange *exchange, const struct exchange_picture *picture, uint32_t piece);

/* Returns the next job, which the caller owns until it hands it back; NULL when memory is short. */
struct job *exchange_next(struct exchange *exchange, int64_t now_us);

/* Takes a job back that has ended, and says how to go on. */
enum exchange_verdict exchange_take(struct exchange *exchange, struct job *ended, int64_t now_us);

/* Ends it between two jobs, as far as it has come: outcome and cause are set in the job, for a deadline that passes or
 * a client that leaves. */
void exchange_abandon(struct exchange *exchange, enum omvrpc_cause cause);

/* Whether the callback has run, or may have. */
bool exchange_may_have_run(const struct exchange *exchange);

/* Whether no other call may be made before its next job. */
bool exchange_clings(const struct exchange *exchange);

/*
 * How much of the call's result is there, when `received` of `*total` bytes have come of the result of the job under way:
 * writes bytes to `have` and `total`. Returns false while it is not known how many there will be.
 */
bool exchange_progress(const struct exchange *exchange, size_t received, size_t *have, size_t *total);

/* Frees what it holds. */
void exchange_clear(struct exchange *exchange);

#endif
