/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_WORLD_INTERNAL_H
#define SIMULATE_WORLD_INTERNAL_H

/* What world.c (its life), faults.c (what goes wrong), host.c (bus and line), the callers and checks.c share. */

#include "bus.h"
#include "camera_model.h"
#include "faults.h"
#include "wire.h"
#include "world.h"

/* The promise: how late after its deadline a call may end. */
#define LATE_US 50000

/* The promise: how long after the last fault calls are answered again. */
#define RECOVERY_US 1000000

/* The longest answers, in bytes, and callbacks, in microseconds. */
#define ANSWER_LONG   20000
#define DURATION_LONG 300000

/* A camera that was reset or plugged in is deaf for so long. */
#define BOOT_US 1000000

/* What was asked, and what is remembered of it until the world ends. */
struct call {
    struct model_argument argument;
    uint64_t acks_lost_before;
    bool repeatable;
    bool not_delivered;
    uint64_t acks_lost;
};

struct world_link;

/* Whoever makes the calls of a world. */
struct caller {
    /* When it has something to do, INT64_MAX for never; and does it. */
    int64_t (*next_us)(const struct world *world);
    void (*play)(struct world *world);
    /* A job has ended, and is the caller's. */
    void (*take_job)(struct world *world, struct job *job);
    /* Fails where a call should have ended by now. */
    void (*check_deadlines)(struct world *world);
};

/* Makes calls one at a time, the stock way. */
extern const struct caller stock_caller;

struct world {
    uint64_t seed;
    struct random random;
    struct trace trace;
    char description[256];
    struct model model;
    struct wire to_camera, to_host;
    struct bus *bus;
    struct world_link *link; /* while the host has it open */
    const struct caller *caller;
    struct faults faults;
    int64_t now_us;
    int64_t host_us, camera_us;
    int64_t next_call_us;
    struct call *calls;
    uint32_t call_count, calls_wanted;
    bool job_out;
    int64_t deadline_us; /* of that job */
    bool failed;
    bool recovered; /* a call that began after the faults was answered */
    const struct world_choice *choice;
    struct world_report *report;
    FILE *file;
};

static inline int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The host. */

void host_set_up(struct world *world);
bool host_is_due(const struct world *world);
void host_play(struct world *world);

/* When the host next wakes up. */
int64_t host_next_us(const struct world *world);

/* A new call, with what every kind of caller draws alike; `last` when it is to show that calls are answered again. */
struct call *call_begin(struct world *world, bool last);

/* Whether there is another call to begin: of those that see the faults, or one to show that they are over. */
bool call_is_wanted(const struct world *world);

/* Promises. */

/* Describes the first broken one with the trace of what led to it. */
void fail(struct world *world, const char *what, uint32_t number);

/* Checks how a call that was made the stock way ended against what the camera did. */
void check_end(struct world *world, const struct job *job, struct call *call);

/* Checks what can only be seen at the end of the world. */
void check_executions(struct world *world);

#endif
