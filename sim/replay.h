/* SPDX-License-Identifier: MIT */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

/*
 * Plays the camera's part of a capture on a descriptor: waits for each captured call in turn, and answers with the
 * captured bytes after the captured time. What is no call of the capture is an end: the host has gone another way.
 */

#include "script.h"

struct sim_replay;

/* `script` must outlive it. Returns NULL when memory is short. */
struct sim_replay *sim_replay_new(const struct sim_script *script);
void sim_replay_free(struct sim_replay *replay);

/*
 * Plays on `descriptor`, which is made non-blocking and stays the caller's, until `stop_descriptor` becomes readable.
 * Each run goes on with the call behind the last one that had begun.
 *
 * Returns 0 when it was stopped or the peer has gone, 1 when the host did something else than in the capture, which
 * sim_replay_failure() tells, or a negative errno.
 */
int sim_replay_run(struct sim_replay *replay, int descriptor, int stop_descriptor);

/* What the host did that is not in the capture, as a sentence. */
const char *sim_replay_failure(const struct sim_replay *replay);

/* How many calls have been answered to their end, and the line of the capture that comes next, 0 at its end. */
size_t sim_replay_position(const struct sim_replay *replay, unsigned *line);

#endif
