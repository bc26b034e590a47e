/* SPDX-License-Identifier: MIT */
#ifndef BUS_INTERNAL_H
#define BUS_INTERNAL_H

/* What the files of the bus share: bus.c steps cameras and has their jobs, bus_link.c has their links and states. */

#include "bus.h"

/* A transaction that has been made, and of which the master is told when it is known how long it took. */
enum bus_transaction { BUS_NO_TRANSACTION, BUS_SENT, BUS_RECEIVED };

struct bus_camera {
    struct bus_opener opener;
    struct healing healing;
    struct omvrpc_link *link;
    struct omvrpc_link_info link_info;
    struct omvrpc_master *master;
    struct job *job;
    bool job_begun;
    bool leaves_stream; /* the job's, as soon as it has begun */
    bool probing;
    bool output_blocked;
    enum bus_transaction transaction;
    const uint8_t *received; /* by it: the master's own memory */
    size_t moved;
    bool could_not_open; /* at the last attempt */
    bool is_lost;        /* it was online and has not returned yet */
    enum camera_state state;
    char reason[BUS_REASON_SIZE];
    uint64_t steps[HEALING_STEPS];
    uint8_t heard[BUS_HEARD_SIZE]; /* the last bytes that were no answer */
    size_t heard_length;
    bool was_settled;     /* at the last look */
    bool has_said_packet; /* since the link was opened, where a packet is one transaction */
    bool is_ready_line_noise;
    int64_t lost_us;   /* since when it is not online */
    int64_t opened_us; /* when the link was opened */
    int64_t retry_us;  /* when to open the link */
    int64_t retry_pause_us;
    int64_t hurry_until_us; /* until then the pause does not grow */
    int64_t explained_us;   /* when its silence was explained last, or 0 */
    int64_t idle_us;        /* since when there was nothing to do */

    int64_t reset_until_us;  /* its reset line is pulled until then; 0 where it is not */
    bool reset_is_asked;     /* by bus_reset(), and its end is to be told */
    bool reset_line_is_free; /* it was let go once, whatever it was before */
    int64_t dumb_us;         /* since when it is silent on open links, or was reset for that; 0 while it answers */
    unsigned resets_in_vain; /* since it answered last */
};

struct bus {
    struct bus_events events;
    struct bus_camera *cameras[BUS_CAMERAS_MAX]; /* NULL at places that are free */
    size_t first;                                /* place whose turn is next: after the one that had the line last */
};

static inline int64_t ms_to_us(uint32_t milliseconds) {
    return (int64_t)milliseconds * 1000;
}

/* Jobs, in bus.c. */

/* Lets go of a master's call that the loss of the link has ended, or that shall not go on. */
void bus_collect_end(struct bus *bus, struct bus_camera *camera, int64_t now_us);

/* Ends the job that a camera holds, if any. */
void bus_stop_job(struct bus *bus, struct bus_camera *camera, int64_t now_us);

/* Links and states, in bus_link.c. */

void bus_set_state(struct bus *bus, size_t index, enum camera_state state, const char *reason, int64_t now_us);
void bus_open_link(struct bus *bus, size_t index, int64_t now_us);
void bus_close_link(struct bus *bus, struct bus_camera *camera, int64_t now_us);

/* To be called when an operation of the link has returned an error. */
void bus_lose_link(struct bus *bus, size_t index, int error, int64_t now_us);

/* Keeps the end of what was received, for the explanation of a silence. */
void bus_note_heard(struct bus_camera *camera, const uint8_t *data, size_t length);

/* Draws the conclusion of having no link for so long. Returns when to look again. */
int64_t bus_judge_absence(struct bus *bus, size_t index, int64_t now_us);

/* Draws the conclusions of what the master knows. Returns when to look again. */
int64_t bus_judge(struct bus *bus, size_t index, int64_t now_us);

/* The reset line, in bus_reset.c. */

/* Pulls it: what the camera did is lost. Where that cannot be, says why as the camera's reason. */
void bus_begin_reset(struct bus *bus, size_t index, int64_t now_us);

/* Lets it go before the link is opened for the first time. */
void bus_free_reset_line(struct bus_camera *camera);

/* Whether the line is still to be pulled, which is for as long as is configured from when this is first asked. */
bool bus_is_in_reset(struct bus_camera *camera, int64_t now_us);

/* Lets it go, if it is pulled. */
void bus_end_reset(struct bus *bus, size_t index, int64_t now_us);

/* When a camera that has been silent for so long is to be reset; INT64_MAX for never. */
int64_t bus_reset_due(const struct bus_camera *camera);

/* Counts a step and tells the owner. */
void bus_count(struct bus *bus, size_t index, enum healing_step step);

#endif
