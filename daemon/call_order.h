/* SPDX-License-Identifier: MIT */
#ifndef CALL_ORDER_H
#define CALL_ORDER_H

/*
 * What a camera is asked next: who it is, or a call, and which calls may be begun. Rules without state of their own, for
 * the daemon and for the simulator that proves them in virtual time.
 */

#include "exchange.h"

/*
 * In microseconds.
 *
 * INTRODUCTION_US        Patience with the answer; calls wait for it. A camera that is online has answered a moment ago.
 * INTRODUCTION_AGAIN_US  Pause until a camera that gave no good answer is asked again. Meanwhile it is called the stock
 *                        way, which is right with every camera.
 */
enum { INTRODUCTION_US = 2000000, INTRODUCTION_AGAIN_US = 10000000 };

/* Openings in a row that a camera may begin anew in, as one that is reset meanwhile does. More is no camera's life. */
enum { INTRODUCTION_RESTARTS_MAX = 4 };

/*
 * Whether the camera is to be asked who it is before any other call. `again_us`: when one that did not say is asked again, 0
 * for never; `clings`: a call has to be the next one.
 */
bool call_order_introduces(const struct session *session, bool is_introduced, int64_t again_us, bool clings,
                           int64_t now_us);

/* Whether a call is not on the camera yet; and whether one that is not may be brought there. */
bool call_order_is_new(const struct exchange *exchange, bool has_begun);
bool call_order_has_room(const struct session *session);

enum introduction_verdict {
    INTRODUCTION_GOES_ON, /* there is another job */
    INTRODUCTION_RESTARTS,
    INTRODUCTION_ENDED,
    INTRODUCTION_IS_VAIN, /* it forgets each session while that is opened */
};

/* Judges an introduction whose job has ended; *restarts counts those in a row. */
enum introduction_verdict call_order_judge(enum exchange_verdict verdict, bool is_online, unsigned *restarts);

#endif
