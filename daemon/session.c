/* SPDX-License-Identifier: MIT */
/* Numbers of calls and of held results. See session.h. */

#include "session.h"

#include <string.h>

/* Numbers never begin again at 0, which opens a session. What is left above is for calls that are under way then, and get
 * another number. */
#define NUMBERS_MAX (UINT32_MAX - 65536)

void session_begin(struct session *session, uint32_t id, uint32_t piece) {
    *session = (struct session){.id = id != 0 ? id : 1, .piece = piece};
}

void session_open(struct session *session, uint32_t piece, uint32_t held_max) {
    session->is_open = true;
    if (piece < session->piece) {
        session->piece = piece;
    }
    session->held_max = held_max < SESSION_HELD_MAX ? held_max : SESSION_HELD_MAX;
}

void session_hold(struct session *session) {
    session->held++;
}

void session_release(struct session *session, uint32_t number) {
    session->held--;
    if (session->released_count < SESSION_HELD_MAX) {
        session->released[session->released_count++] = number;
    }
}

uint32_t session_next_released(const struct session *session) {
    return session->released_count > 0 ? session->released[0] : 0;
}

void session_told_released(struct session *session, uint32_t number) {
    if (number != 0 && session_next_released(session) == number) {
        session->released_count--;
        memmove(session->released, session->released + 1, session->released_count * sizeof session->released[0]);
    }
}

bool session_is_used_up(const struct session *session) {
    return session->last_number >= NUMBERS_MAX;
}

bool session_has_room(const struct session *session) {
    /* The next envelope names one of the released, before its call is run. */
    size_t stays = session->released_count > 0 ? session->released_count - 1 : 0;
    size_t most = session->held_max > 0 ? session->held_max : 1;
    /* Where none is needed any more, the camera may forget whichever it likes. */
    return !session_is_used_up(session) && (session->held == 0 || session->held + stays < most);
}
