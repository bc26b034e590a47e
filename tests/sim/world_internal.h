/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_WORLD_INTERNAL_H
#define SIMULATE_WORLD_INTERNAL_H

/* What world.c (its life), faults.c (what goes wrong), host.c (bus and line), the callers and checks.c share. */

#include "bus.h"
#include "camera_model.h"
#include "exchange.h"
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

/* Bytes that a camera takes at once, as far as the host knows, where it is not a UART's. */
#define HOST_BUFFER 1024

/* A camera that was reset or plugged in is deaf for so long. */
#define BOOT_US 1000000

/* Patience of a call through a session that must be done whatever its packets suffer. */
#define PATIENCE_US INT64_C(120000000)

/* What was asked, and what is remembered of it until the world ends. */
struct call {
    struct model_argument argument;
    uint64_t acks_lost_before;
    int64_t begun_us;
    bool repeatable;
    bool patient;  /* has PATIENCE_US */
    bool numbered; /* through a session: nothing excuses that it runs twice */
    bool not_delivered;
    uint64_t acks_lost;
};

struct world_link;

/* Whoever makes the calls of a world. */
struct caller {
    void (*set_up)(struct world *world);
    void (*tear_down)(struct world *world);
    /* When it has something to do, INT64_MAX for never; and does it. */
    int64_t (*next_us)(const struct world *world);
    void (*play)(struct world *world);
    /* A job has ended, and is the caller's. */
    void (*take_job)(struct world *world, struct job *job);
    void (*change_state)(struct world *world, enum camera_state state);
    /* Fails where a call should have ended by now. */
    void (*check_deadlines)(struct world *world);
};

/* Makes calls one at a time, the stock way. */
extern const struct caller stock_caller;

/* Makes calls through a session, several under way at once, as the daemon's clients do. */
extern const struct caller session_caller;

/* What a camera with the extensions offers, and what the host asks of it. */
struct session_options {
    struct omvrpc_extension_options camera;
    uint32_t host_piece;
};

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
    struct session_options session_options;
    struct sessions *sessions; /* the session caller's own, NULL for another */
    struct faults faults;
    int64_t now_us;
    int64_t host_us, camera_us;
    int64_t line_us; /* until when a transaction keeps the host */
    int64_t late_us; /* how long the last one has */
    bool has_ready_line, was_ready;
    bool has_own_select; /* on SPI: the chip select is the controller's */
    int64_t next_call_us;
    struct call *calls;
    uint32_t call_count, calls_wanted;
    uint32_t calls_out;  /* under way */
    int64_t deadline_us; /* of the stock caller's job */
    bool failed;
    bool recovered; /* calls are answered again after the last fault */
    const struct world_choice *choice;
    struct world_report *report;
    FILE *file;
};

static inline int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Whether the camera's line says that it is ready. */
bool line_is_ready(const struct world *world);

/* Transactions, in bus_line.c: SPI or I2C by the kind of the camera. As the operations of a link; the host is kept until
 * line_us. */
ssize_t bus_line_send(struct world *world, const uint8_t *data, size_t length);
ssize_t bus_line_receive(struct world *world, uint8_t *buffer, size_t size);

/* The camera gives something: it may be the answer to the call that runs. */
void note_answer(struct world *world, const uint8_t *data, size_t length);

/* On CAN both have begun to send: nothing of it arrives. */
void collide(struct world *world, int64_t now_us);

/* The promise: how late after its deadline a call may end. A transaction is not broken off. */
static inline int64_t late_us(const struct world *world) {
    return LATE_US + world->late_us;
}

/* Acknowledgements that did not reach the host. */
uint64_t lost_acks(const struct world *world);

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

/* Makes the job of a call, with its deadline and an argument of at most `padding_max` bytes more than it needs. */
struct job *call_new_job(struct world *world, struct call *call, bool last, int64_t padding_max);

/* Draws when the next call begins after one has ended. */
void call_plan_next(struct world *world);

/* Promises. */

/* Describes the first broken one with the trace of what led to it. */
void fail(struct world *world, const char *what, uint32_t number);

/* Checks how a call that was made the stock way ended against what the camera did. */
void check_end(struct world *world, const struct job *job, struct call *call);

/* The same of one that was made through a session: none of what excuses the stock way does so here. */
void check_numbered_end(struct world *world, const struct exchange *exchange, struct call *call);

/* Checks the reply to a call that goes on, before the exchange sees it. */
void check_numbered_reply(struct world *world, const struct exchange *exchange, const struct job *ended,
                          uint32_t number);

/* Checks what can only be seen at the end of the world. */
void check_executions(struct world *world);

#endif
