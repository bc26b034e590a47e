/* SPDX-License-Identifier: MIT */
#ifndef CAMERA_INTERNAL_H
#define CAMERA_INTERNAL_H

/* What camera.c (state), camera_calls.c (queue and exchanges), source.c (subscribers), camera_introduction.c (who is it?) and camera_port.c (lent
 * and taken back), camera_recording.c (its wire, written down) and camera_change.c (another configuration) share. Not for others. */

#include "camera.h"

#include "answers.h"
#include "config.h"
#include "daemon.h"
#include "description.h"
#include "reset_line.h"
#include "source.h"
#include "stream.h"

TAILQ_HEAD(port_requests, port_request);
TAILQ_HEAD(reset_requests, reset_request);

struct camera {
    struct daemon *daemon;
    LIST_ENTRY(camera) of_leaving;
    struct config *owner; /* of `config`, which may be older than the daemon's */
    const struct camera_config *config;
    char link[128];
    struct workers_place at;
    bool is_waiting; /* for others to let go of its link */
    bool is_leaving;
    enum camera_state state;
    char reason[BUS_REASON_SIZE];
    int64_t since_us;
    struct omvrpc_link_info link_info;
    struct callback_statistics statistics;

    struct queue queue;
    bool is_serving;        /* camera_serve() is at work */
    bool has_unbound;       /* some of the queue may wait to know what camera this is */
    uint32_t secret;        /* begins the fingerprints of arguments; 0 before the first */
    struct queue followers; /* equal calls that wait for another's answer; never served from here */
    struct answers answers;
    struct camera_sharing sharing;
    struct call *running;  /* its job is with the worker */
    struct call *clinging; /* waits, and is the next one whatever else does */
    bool has_stray_job;    /* the worker has a job whose call has ended already */

    struct session session;
    struct exchange introduction;   /* under way while its job is not NULL */
    bool is_introduced;             /* it has been asked who it is since it came online */
    bool is_strange;                /* nor has it answered that, or failed to */
    int64_t introduce_again_us;     /* where that failed; 0 for never */
    unsigned introduction_restarts; /* in a row */
    struct description description;

    struct source_list sources;
    bool has_frame; /* the stream that is being read has given one since it was begun */

    struct port_requests port_requests;
    size_t port_request_count;
    struct event return_timer;
    int64_t return_us; /* when a lent port is taken back by itself, or 0 */

    struct reset_line reset_line; /* of the worker alone */
    struct reset_requests reset_requests;
    size_t reset_request_count;

    struct recording_list recordings;
    size_t recording_count;
};

/* Errors that several of them give. */
void camera_set_offline(const struct camera *camera, struct error *error);
void camera_set_released(const struct camera *camera, struct error *error);

/* Tells whoever made a call that it is over, and whoever shares its answer. The error may be NULL: then the call's own
 * outcome says what has happened. */
void camera_end_call(struct call *call, const struct error *error);

/* Ends the call that the camera is at, for whoever waits; the worker still has the job, whose end will then mean nothing. */
void camera_abandon_running(struct camera *camera, const struct error *error);

/* Ends all calls that wait. */
void camera_end_waiting(struct camera *camera, const struct error *error);

/* Ends those that the camera was at when it was lost, and that may not be made again. */
void camera_end_begun(struct camera *camera);

/* So much has come of the result of the job that the worker has. */
void camera_take_progress(struct camera *camera, size_t received, size_t total);

/* The job that the worker had for a call, for the introduction or for nobody any more has ended. */
void camera_take_job(struct camera *camera, struct job *job);

/* Keeps the good answer of a call for others. */
void camera_remember_answer(struct camera *camera, const struct call *call);

/* Notes what tells a call apart whose job is complete, before it is compared with others. */
void camera_mark_call(struct camera *camera, struct call *call);

/* The equal call that the camera is at already, whose answer this one may share; NULL where there is none. */
struct call *camera_find_leader(struct camera *camera, const struct call *call);

/* The entries of equal calls that wait for their turns, as queue_list() gives them. */
struct queue_entry **camera_list_equals(const struct camera *camera, const struct call *call, size_t *count);

/* Gives a follower its leader's answer. Returns false when memory is short. */
bool camera_copy_answer(struct call *follower, const struct call *leader);

/* A frame of the stream that is being read has come; it is taken over. */
void camera_take_frame(struct camera *camera, struct shared_bytes *frame, unsigned missed);

/* Makes the session's first call, which asks the camera who it is. */
void camera_introduce(struct camera *camera);
void camera_take_introduction(struct camera *camera, struct job *ended);

/* Tells log and subscribers of the camera's state, unless it is too early to call it online. */
void camera_tell_state(struct camera *camera);

/* The camera has come online: whom it was before may not hold any more. */
void camera_expect_stranger(struct camera *camera);

/* Hands a job to the worker. */
void camera_submit(struct camera *camera, struct job *job);

/* Bytes of a result that one exchange should bring at most, on this camera's link. */
uint32_t camera_piece(const struct camera *camera);

/* Longest result of the bus in bytes, for a configuration: of a reply with its envelope, and of what the camera says of
 * itself, which is not the clients' and has a limit of its own. */
size_t camera_result_limit(const struct config *config);

/* Answers the requests for the port whose wish is fulfilled, and has the worker fulfil the next one. */
void camera_serve_port_requests(struct camera *camera);
void camera_refuse_port_requests(struct camera *camera, const struct error *error);

/* The worker has reset the camera, or, where `problem` is not empty, could not. */
void camera_take_reset(struct camera *camera, const char *problem);

/* Answers those who wait for a camera that was reset and is online. */
void camera_serve_resets(struct camera *camera);
void camera_refuse_resets(struct camera *camera, const struct error *error);

/* The worker has said that recordings are full. */
void camera_end_full_recordings(struct camera *camera);

/* Has the camera lent to other software from the beginning, as the one before it is; `for_ms` as for camera_release(). */
void camera_inherit_loan(struct camera *heir, const struct camera *camera);

/* The time for which the port was lent is over; as a libevent callback. */
void camera_on_return(evutil_socket_t fd, short what, void *context);

#endif
