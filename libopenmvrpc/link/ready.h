/* SPDX-License-Identifier: MIT */
#ifndef READY_H
#define READY_H

/*
 * A camera's ready line, for the links that may have one to embed. The camera holds it active while it is armed for a
 * packet or has a result, and inactive while it computes. What is sent then and what is not is the master's to say, which
 * knows what the camera waits for in any case; the edge says when to go on. Inside the library only.
 */

#include "openmvrpc.h"

struct ready {
    struct omvrpc_gpio *gpio; /* NULL: there is no such line, and the camera is taken to be ready */
    bool is_noise;            /* there was one, which changed all the time */
    int64_t since_us;
    unsigned edges; /* taken since then */
};

/* Takes the line, or none where `line` is NULL. Returns 0, or the negative errno of omvrpc_gpio_open_input(). */
int ready_open(struct ready *ready, const struct omvrpc_gpio_line *line);

/*
 * Whether the camera is ready: 1, 0, or a negative errno where the line is gone. Takes the line's edges first, so that a
 * later one makes the descriptor readable again: none is lost between the look and the wait.
 *
 * A line that nobody drives may change thousands of times a second, and wakes its reader each time. It is given back
 * then, until the link is opened again, and the return value is OMVRPC_READY_NOISE.
 */
int ready_is_up(struct ready *ready);

/* A descriptor that is readable after an edge, or -1 without a line. */
int ready_descriptor(const struct ready *ready);

void ready_close(struct ready *ready);

#endif
