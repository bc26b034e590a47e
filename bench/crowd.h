/* SPDX-License-Identifier: MIT */
#ifndef CROWD_H
#define CROWD_H

/*
 * Many clients of one socket in this one thread. What the program at the other end spends on them is its own time, as
 * the kernel counts it, so that this thread's part is no part of that.
 */

#include "process.h"

#include <stddef.h>
#include <stdint.h>

/* What a crowd has seen of a server in a span of time. */
struct crowd_sight {
    uint64_t count;  /* answers, or frames of all clients together */
    uint64_t missed; /* frames that clients were told to have missed */
    double seconds;
    double cpu_seconds; /* of the server, all its threads */
};

/*
 * Has so many clients send "ping" and wait for the answer, again and again, for a span of time. The program ends at a
 * wrong answer.
 */
struct crowd_sight crowd_ping(const struct process *server, unsigned clients, double seconds);

/*
 * Has so many clients watch the same stream as raw bytes, for a span of time that begins a second after each has seen the
 * first frame. `stream` are the members of the params that say which.
 */
struct crowd_sight crowd_watch(const struct process *server, unsigned clients, const char *stream, double seconds);

#endif
