/* SPDX-License-Identifier: MIT */
#ifndef CAMERA_H
#define CAMERA_H

/*
 * A camera as the loop sees it: its state, who waits for it, and the one call it is at. A worker does the talking
 * (worker.h).
 *
 * A call waits here until the camera is online and free, and at most until its deadline, which counts from its arrival.
 * What has not been given to the worker can be cancelled, expires, and goes with its client; what has been given runs
 * to its end.
 */

#include "callback_statistics.h"
#include "error.h"
#include "exchange.h"
#include "queue.h"
#include "workers.h"

#include <event2/event_struct.h>

struct callback_set;
struct camera_config;
struct config;
struct link_settings;
struct client;
struct description;
struct daemon;
struct request;

struct camera;
struct call;

TAILQ_HEAD(call_list, call);

/* A call on its way; whoever makes it fills the first part and owns it again when `ended` is called. */
struct call {
    struct camera *camera;
    struct request *request; /* NULL where no client waits for it, but the daemon itself */
    struct job *job;         /* command, argument, deadline and flags are set; owned by the call */
    const char *name;        /* of the callback, for messages */
    enum queue_priority priority;
    bool waits_offline; /* wait for a camera that is offline as well */
    bool is_stock;      /* never through a session */
    bool is_stream;     /* reads a stream until it is told to make room for others */
    bool is_bound;      /* the job is complete, before `prepare` as well */
    const void
        *turn_of;       /* whose turns it takes where no request waits for it: a client, only compared; NULL: its own */
    int64_t max_age_us; /* an answer would do that the camera gave so long ago, in microseconds; 0 for none */
    size_t kept_bytes;  /* that it keeps besides the job's argument; they count among what waits */
    struct exchange_picture picture; /* of a snapshot that is to be read as well; its bytes are in `exchange` */
    /* Fills in the job when the call's turn has come and it is known what camera this is. Returns false with *error
     * filled where that cannot be done. NULL where the job is complete. */
    bool (*prepare)(struct call *call, struct error *error);
    /* The call is over: with an error, or, where that is NULL, with the result in `job`. */
    void (*ended)(struct call *call, const struct error *error);
    /* So many of `total` bytes have come from the camera. NULL where nobody wants to know. */
    void (*progressed)(struct call *call, size_t received, size_t total);

    /* The camera's own; whoever made the call clears the exchange when it has ended. */
    struct exchange exchange;
    bool has_begun;
    uint32_t fingerprint; /* of the argument, where its answer may be shared */
    bool is_shared;       /* answered by another call's exchange */
    struct call *leader;  /* the equal call whose answer it shares, NULL where it goes to the camera itself */
    struct call_list followers;
    TAILQ_ENTRY(call) of_leader;
    struct queue_entry entry;
    struct client *client; /* whose request it waits for; NULL where that is none's */
    struct event timer;
};

/*
 * Joins the worker of the camera's bus, which uses the link's settings. `config` is what `owner` says of the camera, and
 * is kept for as long as that. With `waits` the link is not opened before camera_announce(), since the camera that had it
 * before may have it yet. Returns NULL after logging why not.
 */
struct camera *camera_new(struct daemon *daemon, struct config *owner, struct camera_config *config, bool waits);

/*
 * Takes a camera out while the daemon runs. Its calls end now, with an error. Its subscriptions and its loan to other
 * software are `heir`'s, the camera that has its name now; where that is NULL, they end as well. When its worker has let go
 * of the link, it is freed, and daemon_camera_gone() called.
 */
void camera_leave(struct camera *camera, struct camera *heir);

/* Frees a camera that leaves when its worker has ended. */
void camera_drop_leaving(struct camera *camera);

/* Has a camera that stays go by the daemon's new configuration. */
void camera_adjust(struct camera *camera);

/* Frees a camera whose worker has ended; camera_refuse_all() has ended its calls before. */
void camera_free(struct camera *camera);

/* Takes a call in. Returns false with *error filled where it cannot wait; the caller then still owns the call. */
bool camera_call(struct camera *camera, struct call *call, struct error *error);

/*
 * Sharing (camera_sharing.c). Answers a call from what the camera has said lately, if that is new enough; returns
 * whether it did: then the result is in the call's job.
 */
bool camera_recall_answer(struct camera *camera, struct call *call);

/* Drops the answer of a call from those that are kept for others: it has turned out not to fit its schema. */
void camera_forget_answer(struct camera *camera, const struct call *call);

/* Ends a call that still waits, as cancelled, and returns true; one that the camera is at goes on. */
bool camera_cancel(struct call *call);

/* Drops what waits for a client that leaves. */
void camera_drop_client(struct camera *camera, const struct client *client);

/* Gives the camera its next call if it is free. */
void camera_serve(struct camera *camera);

/* Ends everything, also the call the camera is at, because the daemon stops and has waited for long enough. */
void camera_refuse_all(struct camera *camera);

/*
 * Lends the port to other software, or takes it back; the request is answered with true when that has happened. Returns
 * false with *error filled when too many such requests wait. After `for_ms` milliseconds a lent port is taken back by
 * itself, unless that is 0; the release that was answered last decides.
 */
bool camera_release(struct camera *camera, struct request *request, int64_t for_ms, struct error *error);
bool camera_acquire(struct camera *camera, struct request *request, struct error *error);

/*
 * Resets the camera by its line; the request is answered with true when it is online again, and with an error when it
 * is not within RESET_PATIENCE_MS. Returns false with *error filled where it has no line, is lent, or too many wait.
 */
bool camera_reset(struct camera *camera, struct request *request, struct error *error);

enum { RESET_PATIENCE_MS = 20000 };

/*
 * Begins to record the camera's wire. Returns false with *error filled where that cannot be; the caller then still owns
 * the recording. Otherwise it is the camera's until camera_end_recording(), or until its `ended` is called because it
 * is full or the daemon stops.
 */
bool camera_record(struct camera *camera, struct recording *recording, struct error *error);
void camera_end_recording(struct camera *camera, struct recording *recording);

/* Ends all recordings, because the daemon stops or the camera leaves. */
void camera_end_all_recordings(struct camera *camera, enum recording_end why);

/* Whether the camera is in the middle of something that a stop should wait for. */
bool camera_is_at_work(const struct camera *camera);

/* Tells that a device has appeared, which may be this camera's. */
void camera_announce(struct camera *camera);

/* Has a camera that was made to wait open its link. */
void camera_announce_if_waiting(struct camera *camera);

/* Whether a configuration says of a camera of this name what this one was made of. */
bool camera_is_said_by(const struct camera *camera, const struct config *config);

/* What there is to tell; the strings are valid until the camera's state changes. */
struct camera_status {
    const char *name;
    const struct link_settings *settings;
    const struct gpio_settings *reset_line;
    const char *link; /* for people, such as "serial /dev/ttyAMA0 115200" */
    enum camera_state state;
    const char *reason;    /* why it is not online, or empty */
    int64_t since_us;      /* on the clock of omvrpc_now_us() */
    int64_t returns_in_us; /* when a lent port is taken back by itself, or -1 */
    size_t waiting;
    bool is_busy;
};

void camera_get_status(const struct camera *camera, struct camera_status *status);
const char *camera_name(const struct camera *camera);

/* What the camera has said of itself, or NULL: it does not tell, or was never asked. Good until its state changes. */
const struct description *camera_description(const struct camera *camera);

/* Its callbacks, as far as they are known; to be shared by whoever keeps a callback of it. */
struct callback_set *camera_callbacks(const struct camera *camera);

/* Whether it has been asked what it is since it was last lost, so that its callbacks can be relied on. */
bool camera_is_introduced(const struct camera *camera);

void camera_get_wire_statistics(const struct camera *camera, struct omvrpc_statistics *statistics);
void camera_get_healing(const struct camera *camera, uint64_t steps[HEALING_STEPS]);

/* Calls that were answered without an exchange of their own: by that of an equal call, or by an earlier answer. */
struct camera_sharing {
    uint64_t shared, remembered;
};

void camera_get_sharing(const struct camera *camera, struct camera_sharing *sharing);

/* Bytes of answers that are kept. */
size_t camera_answers_bytes(const struct camera *camera);
struct callback_statistics *camera_statistics(struct camera *camera);

#endif
