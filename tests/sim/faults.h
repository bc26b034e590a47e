/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_FAULTS_H
#define SIMULATE_FAULTS_H

/* What goes wrong in a world beside its packets, when, and for how long: a profile says how often on average. */

#include "random.h"
#include "wire.h"

enum fault_kind { FAULT_PREEMPTION, FAULT_RESET, FAULT_UNPLUG, FAULT_SILENCE, FAULT_KINDS };

struct profile {
    const char *name;
    struct wire_faults wires;
    int64_t every_us[FAULT_KINDS]; /* on average; 0 for never */
};

struct faults {
    const struct profile *profile;
    bool plugged;
    bool silenced;              /* bytes to the camera get lost */
    int64_t preempted_until_us; /* the host is kept from running */
    int64_t plug_us, unsilence_us;
    int64_t next_us[FAULT_KINDS];
    int64_t quiet_since_us; /* when the last fault was over */
    int64_t stop_us;        /* when they are to stop */
    int64_t end_us;         /* when they were over, 0 before */
};

/* Returns the profile of that name, or one by chance: always draws. */
const struct profile *faults_choose_profile(struct random *random, const char *name);

struct world;

void faults_set_up(struct world *world, const struct profile *profile);

/* Faults that begin or end by now. */
void faults_play(struct world *world);

/* When the next does. */
int64_t faults_next_us(const struct world *world);

/* From now on there are no more. */
void faults_stop(struct world *world);

#endif
