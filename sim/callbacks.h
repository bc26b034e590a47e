/* SPDX-License-Identifier: MIT */
#ifndef SIM_CALLBACKS_H
#define SIM_CALLBACKS_H

/*
 * What the simulated camera can be asked: the well-known callbacks of OpenMV's public camera scripts, packed as those
 * pack them, and a few of its own for tests (README.md lists all). They see the scene at the time they were last told,
 * so that they run on real and on virtual time alike.
 */

#include "openmvrpc.h"

/* The duration that lets each callback take its own believable time. */
#define SIM_DURATION_BELIEVABLE   INT64_C(-1)

#define SIM_FRAMES_PER_SECOND_MAX 1000

struct sim_behaviour {
    uint64_t seed;              /* of the scene */
    unsigned frames_per_second; /* of streams: 1 to SIM_FRAMES_PER_SECOND_MAX; 0 means 30 */
    int64_t duration_us;        /* of every detection and snapshot, or SIM_DURATION_BELIEVABLE */
    bool stock;                 /* does not offer the extensions */
};

struct sim_callbacks;

/* Returns NULL when memory is short. */
struct sim_callbacks *sim_callbacks_new(const struct sim_behaviour *behaviour);
void sim_callbacks_free(struct sim_callbacks *callbacks);

/*
 * Registers all of them on a slave, which must not outlive `callbacks`, and offers the extensions on it unless the
 * camera is a stock one. Returns 0 or -ENOMEM.
 */
int sim_callbacks_register(struct sim_callbacks *callbacks, struct omvrpc_slave *slave);

/* Tells the time, on any clock that does not go back. The camera's own time, and with it the scene, begins at the first
 * call. */
void sim_callbacks_set_time(struct sim_callbacks *callbacks, int64_t now_us);

#endif
