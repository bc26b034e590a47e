/* SPDX-License-Identifier: MIT */
#ifndef WORKER_H
#define WORKER_H

/*
 * The thread of one bus. The loop gives it jobs and takes its messages, by ownership, over one pair of queues with an
 * eventfd; nothing else is shared. The loop never waits for a worker but at worker_free().
 */

#include "bus.h"
#include "recording.h"
#include "shared_bytes.h"

struct worker;

enum worker_message_kind {
    WORKER_JOB_ENDED,
    WORKER_STATE_CHANGED,
    WORKER_RECORDING_FULL,
    WORKER_FRAME,
    WORKER_PROGRESS, /* while a result takes longer than a moment to come; at most twenty times a second */
};

/* From the worker to the loop; free with worker_message_free(), which does not free the job. */
struct worker_message {
    struct worker_message *next;
    enum worker_message_kind kind;
    struct job *job; /* of JOB_ENDED: the receiver owns it */
    size_t camera;   /* of STATE_CHANGED, and the rest */
    enum camera_state state;
    char reason[BUS_REASON_SIZE];
    int64_t since_us;
    struct omvrpc_link_info link_info;
    struct shared_bytes *frame; /* of FRAME, the newest one: the receiver owns it */
    unsigned missed;            /* frames before it that were too fast for the receiver */
    size_t received, total;     /* of PROGRESS: bytes of the job's result that have come, and that there are */
};

/* Starts the thread. `openers` as for bus_new(). Returns NULL with errno set. */
struct worker *worker_new(const struct bus_opener *openers, size_t cameras, size_t max_payload);

/*
 * Returns how many turns the thread has taken, and asks it for another one: a thread whose number is the same some time
 * later hangs, in a driver most likely.
 */
uint64_t worker_beats(const struct worker *worker);

/* Stops the thread, joins it and frees what is still queued. */
void worker_free(struct worker *worker);

/* Gives the worker a job for one of its cameras; at most one a camera until its message has come back. Never blocks. */
void worker_submit(struct worker *worker, struct job *job);

void worker_release(struct worker *worker, size_t camera);
void worker_acquire(struct worker *worker, size_t camera);

/*
 * Has what goes over a camera's wire written into a recording, until worker_end_recording() gives it back. When one is
 * full, a message says so, and worker_take_full_recording() gives those back one by one, and then NULL. Nobody else may
 * look into a recording meanwhile.
 */
void worker_record(struct worker *worker, size_t camera, struct recording *recording);
void worker_end_recording(struct worker *worker, size_t camera, struct recording *recording);
struct recording *worker_take_full_recording(struct worker *worker, size_t camera);

/* Tells that a device has appeared, which may be one that a camera of this bus waits for. */
void worker_announce(struct worker *worker);

/* Ends the job that reads a stream after the frame that is under way. */
void worker_stop_stream(struct worker *worker, size_t camera);

/* Readable while messages wait. */
int worker_descriptor(const struct worker *worker);

/* Takes all waiting messages, oldest first, or NULL; clears the descriptor. */
struct worker_message *worker_take(struct worker *worker);
void worker_message_free(struct worker_message *message);

/* Copies a camera's counters as they were after its last step. */
void worker_statistics(struct worker *worker, size_t camera, struct omvrpc_statistics *statistics);

/* The same of the steps of healing. */
void worker_healing(struct worker *worker, size_t camera, uint64_t steps[HEALING_STEPS]);

#endif
