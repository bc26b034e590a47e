/* SPDX-License-Identifier: MIT */
#ifndef SESSION_H
#define SESSION_H

/*
 * A session with a camera that offers the extensions (docs/extensions.md): who we are to it, the numbers of our calls,
 * and which of their results it still holds for us. It knows nothing of clocks, links or clients.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most results that a camera is let hold for us at once, whatever it offers. */
enum { SESSION_HELD_MAX = 16 };

struct session {
    bool is_open;
    uint32_t id;
    uint32_t last_number;
    uint32_t piece;    /* most data bytes of a reply */
    uint32_t held_max; /* of results of several pieces */
    uint32_t held;     /* those that are not read to their end yet */
    uint32_t released[SESSION_HELD_MAX];
    size_t released_count; /* those that the camera has yet to be told of */
};

/*
 * Begins anew under another id, not open yet. `id` must be random, since a camera that meets one it knows takes its
 * calls for old ones; 0 stands for 1. `piece` is from 1, in bytes.
 */
void session_begin(struct session *session, uint32_t id, uint32_t piece);

/* The camera answers to it, and offers this much. */
void session_open(struct session *session, uint32_t piece, uint32_t held_max);

/* A result is held now, or is not needed any more. */
void session_hold(struct session *session);
void session_release(struct session *session, uint32_t number);

/* The number to name as released in the next envelope, 0 for none; and that the camera has seen it. */
uint32_t session_next_released(const struct session *session);
void session_told_released(struct session *session, uint32_t number);

/* Whether its numbers are used up, so that it is time for another session. */
bool session_is_used_up(const struct session *session);

/* Whether there is a number for one more call, and the camera has room to hold its result. */
bool session_has_room(const struct session *session);

#endif
