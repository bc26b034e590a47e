/* SPDX-License-Identifier: MIT */
#ifndef WORKER_H
#define WORKER_H

/*
 * The thread of one bus. The loop gives it jobs and takes its messages, by ownership, over one pair of queues with an
 * eventfd; nothing else is shared. The loop never waits for a worker but at worker_free().
 *
 * Cameras are added and removed while the thread runs; the others on the bus do not notice. A camera has a place, which
 * is another's only after worker_vacate(). Which worker has which bus is known by workers.h.
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
    WORKER_PROGRESS,       /* while a result takes longer than a moment to come; at most twenty times a second */
    WORKER_RESET_ENDED,    /* the camera starts anew; or, with a reason, it could not be reset */
    WORKER_CAMERA_REMOVED, /* the last one from its place: the link is closed, the job has been handed back */
};

/* From the worker to the loop; free with worker_message_free(), which does not free the job. */
struct worker_message {
    struct worker_message *next;
    enum worker_message_kind kind;
    struct job *job;         /* of JOB_ENDED: the receiver owns it */
    size_t camera;           /* its place */
    enum camera_state state; /* of STATE_CHANGED, and the rest */
    char reason[BUS_REASON_SIZE];
    int64_t since_us;
    struct omvrpc_link_info link_info;
    struct shared_bytes *frame; /* of FRAME, the newest one: the receiver owns it */
    unsigned missed;            /* frames before it that were too fast for the receiver */
    size_t received, total;     /* of PROGRESS: bytes of the job's result that have come, and that there are */
};

/*
 * Starts the thread, which has no camera yet, with a real-time priority (SCHED_FIFO) where that is not 0; that it may not
 * have it is a warning. Returns NULL with errno set.
 */
struct worker *worker_new(unsigned realtime_priority);

/*
 * Returns how many turns the thread has taken, and asks it for another one: a thread whose number is the same some time
 * later hangs, in a driver most likely.
 */
uint64_t worker_beats(struct worker *worker);

/* Whether the thread takes no turns because bytes move on a slow line, for no longer than these may take. */
bool worker_is_moving(struct worker *worker);

/* Has the thread end. worker_free() does so as well, and waits for it: of several, all are told before. */
void worker_stop(struct worker *worker);

/* Waits for the thread's end until 5 s after it was told to; returns whether it has ended. */
bool worker_await_end(struct worker *worker);

/*
 * Stops the thread, joins it and frees what is still queued. Where no camera is left the thread has nothing to do and
 * that takes microseconds; else as long as the operation of a link that is under way. One that does not end in time ends
 * the program.
 */
void worker_free(struct worker *worker);

/*
 * Adds a camera; `opener` and `max_payload` as for bus_camera_new(). What the opener points at must stay until the
 * camera was removed. Returns its place, or a negative errno: -ENOMEM, or -ENOSPC where BUS_CAMERAS_MAX are there.
 */
int worker_add(struct worker *worker, const struct bus_opener *opener, size_t max_payload);

/*
 * Asks for a camera's removal; its job, if it has one, ends as it stands. Recordings of it have been ended before, and
 * nothing else may be asked for it any more. Never blocks: WORKER_CAMERA_REMOVED says when that is done.
 */
void worker_remove(struct worker *worker, size_t camera);

/* Gives the place away of a camera whose WORKER_CAMERA_REMOVED was taken. */
void worker_vacate(struct worker *worker, size_t camera);

/* Gives the worker a job for one of its cameras; at most one a camera until its message has come back. Never blocks. */
void worker_submit(struct worker *worker, struct job *job);

/* Resets a camera by its line; WORKER_RESET_ENDED says when it is let go. */
void worker_reset(struct worker *worker, size_t camera);

/* As bus_adjust(). */
void worker_adjust(struct worker *worker, size_t camera, const struct healing *healing, size_t max_payload);

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

/* As bus_stop_stream(), also for a job that was submitted just before. */
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
