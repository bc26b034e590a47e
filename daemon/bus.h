/* SPDX-License-Identifier: MIT */
#ifndef BUS_H
#define BUS_H

/*
 * One bus: the links and masters of the cameras on it, as a machine.
 *
 * The bus opens links, lets each camera settle, runs at most one job a camera and reports how they ended. It reads no
 * clock and starts no thread: its owner calls bus_step() with the time, and again when that time has come or a
 * descriptor is readable. The worker thread does so on real time (worker.c), the simulator on virtual time (tests/sim).
 *
 * Cameras come and go while the bus runs, each at a place that its owner chooses; the others do not notice. Where a
 * link moves bytes by transactions (SPI, I2C) a step of the bus makes one at most, and the next camera that is due has
 * the next: none holds the line while it computes, and none waits for another longer than for one transaction.
 */

#include "healing.h"
#include "openmvrpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum camera_state { CAMERA_CONNECTING, CAMERA_ONLINE, CAMERA_OFFLINE, CAMERA_RELEASED };

/* Returns "connecting", "online", "offline" or "released". */
const char *camera_state_name(enum camera_state state);

#define BUS_REASON_SIZE 256

/* Why a camera that waits is not online. */
#define BUS_WAITS_REASON "its link may be another camera's yet, which was taken out of the configuration"

/* Enough for the greeting of whatever talks on the line in the camera's place. */
#define BUS_HEARD_SIZE 256

/* How a bus gets at a camera's link. */
struct bus_opener {
    /*
     * Opens the link, or returns NULL and writes a sentence of what is wrong and what to do into `reason`,
     * NUL-terminated, at most `size` bytes.
     */
    struct omvrpc_link *(*open)(void *context, char *reason, size_t size);
    void *context;
    const char *description; /* of the link, for messages, such as "/dev/ttyACM0 at 115200 baud"; outlives the bus */
    /* Sees what goes over the link, as it goes; NULL when nobody wants to. */
    void (*wire)(const char *name, bool sent, const uint8_t *data, size_t length);
    const char *name; /* of the camera, for `wire`; outlives the bus */
    /* How the link heals; NULL for the defaults. Copied. */
    const struct healing *healing;
    /*
     * Says why the camera may be silent on an open link: writes a sentence into `reason`, as `open` does. `heard` is
     * what came last and was no answer, at most BUS_HEARD_SIZE bytes. NULL where only its silence can be told.
     */
    void (*explain_silence)(void *context, const uint8_t *heard, size_t length, char *reason, size_t size);
    /* Says why an open link has failed with this errno, in the same way. NULL where the error says it all. */
    void (*explain_loss)(void *context, int error, char *reason, size_t size);
    /*
     * Pulls the line that resets the camera, or lets it go; also before it was ever pulled, since whoever had it before
     * may have been killed in the middle. Returns false where it cannot be pulled, with a sentence in `reason`. NULL
     * where no such line is wired.
     */
    bool (*pull_reset)(void *reset_context, bool active, char *reason, size_t size);
    void *reset_context;
    uint32_t reset_pulse_ms; /* for so long */
    /* The link is not opened before bus_announce(): somebody may have it yet. */
    bool waits;
};

/*
 * A call for a camera. The loop fills the first part and submits it; the bus fills the second and hands it back.
 * Whoever holds the job owns it with its argument and its result.
 */
struct job {
    struct job *next;
    size_t camera; /* its place on the bus */
    void *owner;   /* of the one who submitted; the bus never looks */
    uint32_t command;
    uint8_t *argument; /* malloc'ed, or NULL */
    size_t argument_length;
    int64_t deadline_us; /* omvrpc_now_us() clock */
    bool repeatable;
    bool schedules;
    uint32_t stream_depth; /* frames of credit for the stream that the callback begins, 0 for none */
    bool jpeg_frames;      /* which are pictures */

    enum omvrpc_outcome outcome;
    enum omvrpc_cause cause;
    uint8_t *result; /* malloc'ed, or NULL when empty */
    size_t result_length;
    int64_t taken_us; /* when the camera took the call; 0 if not known */
    int64_t ended_us;
};

struct job *job_new(void);
void job_free(struct job *job);

/* What a bus tells its owner. */
struct bus_events {
    /* The job has ended; the callee owns it now. */
    void (*job_ended)(void *context, struct job *job);
    /* The state of a camera, or the reason for it, has changed. `reason` is valid during the call. */
    void (*state_changed)(void *context, size_t camera, enum camera_state state, const char *reason, int64_t now_us);
    /* These bytes have gone over the camera's link; NULL when nobody wants to know. */
    void (*wire)(void *context, size_t camera, bool sent, const uint8_t *data, size_t length, int64_t now_us);
    void *context;
    /* A frame of the stream that the camera's job reads; `data` is valid during the call. NULL drops them. */
    void (*frame)(void *context, size_t camera, const uint8_t *data, size_t length);
    /* A step of healing was taken, for the `count`th time. NULL when nobody wants to know. */
    void (*healed)(void *context, size_t camera, enum healing_step step, uint64_t count);
    /* The pulse that bus_reset() has asked for is over, and the camera starts; or, with a problem, there was none. */
    void (*reset_ended)(void *context, size_t camera, const char *problem);
    /* The step under way moves so many bytes on so slow a line that it may not return before then. NULL when nobody wants
     * to know. */
    void (*long_transaction)(void *context, int64_t until_us);
};

struct bus;
struct bus_camera;

/* Places on a bus: as many as a configuration may have cameras. */
enum { BUS_CAMERAS_MAX = 64 };

/* Makes a bus without cameras. Returns NULL when memory is short. */
struct bus *bus_new(const struct bus_events *events);

/* Removes all cameras. */
void bus_free(struct bus *bus, int64_t now_us);

/*
 * Prepares a camera for bus_add(), on any thread. `opener` is copied; what it points at must outlive the camera's time
 * on the bus. `max_payload` is the longest argument and result, in bytes. Returns NULL when memory is short.
 */
struct bus_camera *bus_camera_new(const struct bus_opener *opener, size_t max_payload);

/* Frees a camera that is on no bus. */
void bus_camera_free(struct bus_camera *camera);

/* Puts a camera at a free place below BUS_CAMERAS_MAX and takes it over. */
void bus_add(struct bus *bus, size_t place, struct bus_camera *camera, int64_t now_us);

/* Closes a camera's link, ends the job that it may hold as that stands, through job_ended, and frees the camera. */
void bus_remove(struct bus *bus, size_t place, int64_t now_us);

/* Whether there is a camera at this place. The functions below are for places with one. */
bool bus_has(const struct bus *bus, size_t place);

/* Gives a camera a job; the bus owns it until job_ended. At most one a camera: -EBUSY, and the caller still owns it. */
int bus_submit(struct bus *bus, struct job *job, int64_t now_us);

/* Ends the job that reads a stream after the frame that is under way, or the first, or without it where none comes; another
 * job goes on. */
void bus_stop_stream(struct bus *bus, size_t camera, int64_t now_us);

/* Hands a camera's port to other software, or takes it back. */
void bus_release(struct bus *bus, size_t camera, int64_t now_us);
void bus_acquire(struct bus *bus, size_t camera, int64_t now_us);

/*
 * Resets a camera by its line. Its link is closed before; a job under way ends, unless it is repeatable. While the pulse
 * lasts the other cameras go on.
 */
void bus_reset(struct bus *bus, size_t camera, int64_t now_us);

/* Has a camera heal by other times from now on, and take results up to another length, in bytes. */
void bus_adjust(struct bus *bus, size_t camera, const struct healing *healing, size_t max_payload);

/* Tells that a device has appeared: a camera without a link tries to open it now, and often for a moment. */
void bus_announce(struct bus *bus, size_t camera, int64_t now_us);

/* Does all that can be done now. Returns the time at which to call again, if no descriptor becomes readable before. */
int64_t bus_step(struct bus *bus, int64_t now_us);

/* Returns the descriptor to poll for a camera's input, or -1 while its link is closed. */
int bus_descriptor(const struct bus *bus, size_t camera);

/* Returns whether bytes wait to be sent to this camera, so that its descriptor is to be polled for output as well. */
bool bus_wants_output(const struct bus *bus, size_t camera);

/* What is known of a camera's link, also after it was closed; all 0 before it was first opened. */
struct omvrpc_link_info bus_link_info(const struct bus *bus, size_t camera);

/* How much of the result of a camera's job has come, in bytes; false while none is coming. */
bool bus_progress(const struct bus *bus, size_t camera, size_t *received, size_t *total);

enum camera_state bus_state(const struct bus *bus, size_t camera);
const struct omvrpc_statistics *bus_statistics(const struct bus *bus, size_t camera);

/* How often each step of healing was taken: HEALING_STEPS counters. */
const uint64_t *bus_healing(const struct bus *bus, size_t camera);

#endif
