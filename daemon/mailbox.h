/* SPDX-License-Identifier: MIT */
#ifndef MAILBOX_H
#define MAILBOX_H

/*
 * What is on its way between the loop and the thread of a bus, for one camera: orders one way, news the other. There is
 * room for one of each kind, and what comes later replaces what was not taken yet or is added to it, so that nothing has
 * to be allocated to get through. Whoever has it holds a lock whenever a function below is called.
 */

#include "worker.h"

/* What the loop wants of the camera. */
struct mailbox_orders {
    struct bus_camera *added; /* put it on the bus first */
    struct job *job;
    bool is_adjusted;
    struct healing healing; /* these two where it is */
    size_t max_payload;
    bool is_released; /* how it is to be; the others are to be done once */
    bool stops_stream;
    bool resets;
    bool removes;
};

/* What the thread has to tell of it. */
struct mailbox_news {
    bool state_changed;
    enum camera_state state;
    char reason[BUS_REASON_SIZE];
    int64_t since_us;
    struct omvrpc_link_info link_info;
    bool recording_full;
    struct shared_bytes *frame; /* the newest, NULL where it was taken */
    unsigned missed;            /* that it has replaced */
    bool has_progress;
    size_t received, total; /* of the result that is coming */
    bool reset_ended;
    char reset_problem[BUS_REASON_SIZE];
    struct job *ended; /* the last one first */
    bool removed;
};

struct mailbox {
    struct mailbox_orders orders;
    struct mailbox_news news;
};

/* Takes the orders out. */
struct mailbox_orders mailbox_take_orders(struct mailbox *mailbox);

void mailbox_tell_state(struct mailbox *mailbox, enum camera_state state, const char *reason, int64_t now_us,
                        const struct omvrpc_link_info *link_info);

/* Takes a frame over; NULL, for which there was no memory, counts as missed. */
void mailbox_tell_frame(struct mailbox *mailbox, struct shared_bytes *frame);

/* `problem` is NULL where there was none. */
void mailbox_tell_reset_ended(struct mailbox *mailbox, const char *problem);

/* Takes the job over; of its progress nothing is told any more. */
void mailbox_tell_job_ended(struct mailbox *mailbox, struct job *job);

/*
 * Makes a message of the news that come first, which leave the mailbox; the caller writes into it whose it is. Returns
 * NULL where there are none, or where memory is short: then *left is true, and they stay.
 */
struct worker_message *mailbox_take_message(struct mailbox *mailbox, bool *left);

/* Frees what is in it. */
void mailbox_clear(struct mailbox *mailbox);

#endif
