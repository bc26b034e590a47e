/* SPDX-License-Identifier: MIT */
/* Who is next on a camera. See call_order.h. */

#include "call_order.h"

bool call_order_introduces(const struct session *session, bool is_introduced, int64_t again_us, bool clings,
                           int64_t now_us) {
    bool is_asked_again = again_us != 0 && now_us >= again_us;
    bool is_used_up = session_is_used_up(session) && session->held == 0;
    return !clings && (!is_introduced || is_asked_again || is_used_up);
}

bool call_order_is_new(const struct exchange *exchange, bool has_begun) {
    return !has_begun || exchange->session_id == 0;
}

bool call_order_has_room(const struct session *session) {
    return !session->is_open || session_has_room(session);
}

enum introduction_verdict call_order_judge(enum exchange_verdict verdict, bool is_online, unsigned *restarts) {
    if (verdict != EXCHANGE_ENDED && verdict != EXCHANGE_RESTARTS && is_online) {
        return INTRODUCTION_GOES_ON;
    }
    *restarts = verdict != EXCHANGE_ENDED ? *restarts + 1 : 0;
    if (verdict == EXCHANGE_ENDED) {
        return INTRODUCTION_ENDED;
    }
    return *restarts <= INTRODUCTION_RESTARTS_MAX ? INTRODUCTION_RESTARTS : INTRODUCTION_IS_VAIN;
}
