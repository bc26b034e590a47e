/* SPDX-License-Identifier: MIT */
/* Stepping the cameras of a bus, and the jobs on them. Their links are in bus_link.c. See bus.h. */

#include "bus_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps that one camera may take before the others on the bus get their turn. */
#define STEPS_PER_TURN 64

#define RECEIVE_SIZE   4096

/* A transaction that takes longer is announced, in microseconds. Drivers give a transfer twice its time before they give it
 * up. */
#define LONG_TRANSACTION_US 1000000
#define DRIVERS_PATIENCE    2

const char *camera_state_name(enum camera_state state) {
    static const char *const names[] = {
        [CAMERA_CONNECTING] = "connecting",
        [CAMERA_ONLINE] = "online",
        [CAMERA_OFFLINE] = "offline",
        [CAMERA_RELEASED] = "released",
    };
    return names[state];
}

struct job *job_new(void) {
    return calloc(1, sizeof(struct job));
}

void job_free(struct job *job) {
    if (job != NULL) {
        free(job->argument);
        free(job->result);
        free(job);
    }
}

static void end_job(struct bus *bus, struct bus_camera *camera, enum omvrpc_outcome outcome, enum omvrpc_cause cause,
                    int64_t now_us) {
    struct job *job = camera->job;
    camera->job = NULL;
    camera->job_begun = false;
    camera->idle_us = now_us;
    job->outcome = outcome;
    job->cause = cause;
    job->ended_us = now_us;
    bus->events.job_ended(bus->events.context, job);
}

/* The master has ended the job: takes its result over. */
static void finish_job(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    const struct omvrpc_result *result = omvrpc_master_result(camera->master);
    struct job *job = camera->job;
    enum omvrpc_outcome outcome = result->outcome;
    enum omvrpc_cause cause = result->cause;
    job->taken_us = result->taken_us;
    if (result->length > 0) {
        job->result = malloc(result->length);
        if (job->result == NULL) {
            outcome = OMVRPC_RESULT_UNKNOWN;
            cause = OMVRPC_CAUSE_MEMORY;
        } else {
            memcpy(job->result, result->data, result->length);
            job->result_length = result->length;
        }
    }
    end_job(bus, camera, outcome, cause, now_us);
}

static void on_done(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    if (camera->probing) {
        camera->probing = false;
        camera->idle_us = now_us;
    } else if (camera->job != NULL && camera->job_begun) {
        finish_job(bus, camera, now_us);
    }
}

/* Gives the waiting job to the master as soon as that is free. */
static void begin_job(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    struct job *job = camera->job;
    if (job == NULL || camera->job_begun || omvrpc_master_is_busy(camera->master)) {
        return;
    }
    const struct omvrpc_request request = {
        .command = job->command,
        .argument = job->argument,
        .argument_length = job->argument_length,
        .deadline_us = job->deadline_us,
        .repeatable = job->repeatable,
        .schedules = job->schedules,
        .stream_depth = job->stream_depth,
        .jpeg_frames = job->jpeg_frames,
    };
    int error = omvrpc_master_call(camera->master, &request, now_us);
    if (error == 0) {
        camera->job_begun = true;
        if (camera->leaves_stream) {
            omvrpc_master_leave_stream(camera->master, now_us);
        }
    } else {
        enum omvrpc_cause cause = error == -ENOMEM ? OMVRPC_CAUSE_MEMORY : OMVRPC_CAUSE_NONE;
        end_job(bus, camera, OMVRPC_NOT_DELIVERED, cause, now_us);
    }
}

static void begin_probe(struct bus_camera *camera, int64_t now_us) {
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(OMVRPC_PROBE_NAME, strlen(OMVRPC_PROBE_NAME)),
        .deadline_us = now_us + ms_to_us(camera->healing.probe_timeout_ms),
        .repeatable = true,
    };
    camera->probing = omvrpc_master_call(camera->master, &request, now_us) == 0;
    camera->idle_us = now_us;
}

void bus_collect_end(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    struct omvrpc_step step;
    if (omvrpc_master_is_busy(camera->master)) {
        omvrpc_master_next(camera->master, now_us, &step);
        if (step.kind == OMVRPC_STEP_DONE) {
            on_done(bus, camera, now_us);
        }
    }
}

void bus_stop_job(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    omvrpc_master_stop(camera->master, now_us);
    bus_collect_end(bus, camera, now_us);
    if (camera->job != NULL) {
        end_job(bus, camera, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE, now_us);
    }
}

static void tell_wire(struct bus *bus, size_t index, bool sent, const uint8_t *data, ssize_t length, int64_t now_us) {
    const struct bus_opener *opener = &bus->cameras[index]->opener;
    if (length > 0 && opener->wire != NULL) {
        opener->wire(opener->name, sent, data, (size_t)length);
    }
    if (length > 0 && bus->events.wire != NULL) {
        bus->events.wire(bus->events.context, index, sent, data, (size_t)length, now_us);
    }
}

static void take_input(struct bus *bus, size_t index, const uint8_t *data, size_t length, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    /* What comes under a call is the camera's; anything else may be somebody else's words. */
    if (length > 0 && (!omvrpc_master_is_settled(camera->master) || !omvrpc_master_is_busy(camera->master))) {
        bus_note_heard(camera, data, length);
    }
    omvrpc_master_received(camera->master, data, length, now_us);
}

/* Receives what is there. Returns false when the link has failed and was closed. */
static bool receive(struct bus *bus, size_t index, int64_t now_us, bool *moved) {
    struct bus_camera *camera = bus->cameras[index];
    uint8_t buffer[RECEIVE_SIZE];
    ssize_t received = camera->link->operations->receive(camera->link, buffer, sizeof buffer);
    if (received < 0) {
        bus_lose_link(bus, index, (int)received, now_us);
        return false;
    }
    tell_wire(bus, index, false, buffer, received, now_us);
    take_input(bus, index, buffer, (size_t)received, now_us);
    *moved = received > 0;
    return true;
}

static void announce_transaction(const struct bus *bus, const struct omvrpc_link_info *info, size_t length,
                                 int64_t now_us) {
    int64_t line_us = info->byte_rate == 0 ? 0 : (int64_t)length * 1000000 / info->byte_rate;
    if (line_us > LONG_TRANSACTION_US && bus->events.long_transaction != NULL) {
        bus->events.long_transaction(bus->events.context, now_us + DRIVERS_PATIENCE * line_us);
    }
}

/*
 * Makes the transaction of a step. It may take long, and the time is not known here: the master is told of it in the
 * next turn, which is due at once, and after those of the other cameras. Returns false when the link has failed.
 */
static bool transact(struct bus *bus, size_t index, const struct omvrpc_step *step, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    bool sends = step->kind == OMVRPC_STEP_SEND;
    ssize_t moved = -ENOMEM;
    uint8_t *buffer = sends ? NULL : omvrpc_master_reserve(camera->master, step->length);
    announce_transaction(bus, &camera->link->info, step->length, now_us);
    if (sends) {
        moved = camera->link->operations->send(camera->link, step->data, step->length);
    } else if (buffer != NULL) {
        moved = omvrpc_link_receive(camera->link, step, buffer);
    }
    if (moved < 0) {
        bus_lose_link(bus, index, (int)moved, now_us);
        return false;
    }
    tell_wire(bus, index, sends, sends ? step->data : buffer, moved, now_us);
    camera->transaction = sends ? BUS_SENT : BUS_RECEIVED;
    camera->received = buffer;
    camera->moved = (size_t)moved;
    return true;
}

static void tell_transaction(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    enum bus_transaction transaction = camera->transaction;
    camera->transaction = BUS_NO_TRANSACTION;
    if (transaction == BUS_SENT) {
        omvrpc_master_sent(camera->master, camera->moved, now_us);
    } else if (transaction == BUS_RECEIVED) {
        take_input(bus, index, camera->received, camera->moved, now_us);
    }
}

/* Tells the master how the ready line stands, where there is one. Returns false when the link has failed. */
static bool tell_ready(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    if (camera->link->operations->ready == NULL) {
        return true;
    }
    int ready = camera->link->operations->ready(camera->link);
    if (ready < 0) {
        bus_lose_link(bus, index, ready, now_us);
        return false;
    }
    camera->is_ready_line_noise = ready == OMVRPC_READY_NOISE;
    omvrpc_master_set_ready(camera->master, ready > 0, now_us);
    return true;
}

/*
 * Takes one step with the master's link. Returns whether to go on at once; otherwise `until_us` says when.
 */
static bool step_link(struct bus *bus, size_t index, int64_t now_us, int64_t *until_us) {
    struct bus_camera *camera = bus->cameras[index];
    bool received = false;
    struct omvrpc_step step;
    if (!tell_ready(bus, index, now_us)) {
        *until_us = camera->retry_us;
        return false;
    }
    omvrpc_master_next(camera->master, now_us, &step);
    *until_us = step.until_us;
    bool moves = step.kind == OMVRPC_STEP_SEND || step.kind == OMVRPC_STEP_RECEIVE;
    if (camera->link->info.transactions && moves) {
        if (step.length > 0) {
            *until_us = transact(bus, index, &step, now_us) ? now_us : camera->retry_us;
        }
        return false;
    }
    switch (step.kind) {
    case OMVRPC_STEP_SEND: {
        ssize_t sent = camera->link->operations->send(camera->link, step.data, step.length);
        if (sent < 0) {
            bus_lose_link(bus, index, (int)sent, now_us);
            *until_us = camera->retry_us;
            return false;
        }
        tell_wire(bus, index, true, step.data, sent, now_us);
        omvrpc_master_sent(camera->master, (size_t)sent, now_us);
        camera->output_blocked = sent == 0;
        return sent > 0;
    }
    case OMVRPC_STEP_DISCARD:
        camera->link->operations->discard(camera->link);
        return true;
    case OMVRPC_STEP_DONE:
        on_done(bus, camera, now_us);
        begin_job(bus, camera, now_us);
        return true;
    case OMVRPC_STEP_FRAME:
        if (bus->events.frame != NULL) {
            bus->events.frame(bus->events.context, index, step.data, step.length);
        }
        return true;
    case OMVRPC_STEP_RECEIVE:
    case OMVRPC_STEP_IDLE:
        break;
    }
    camera->output_blocked = false;
    if (camera->link->info.transactions) {
        return false;
    }
    return receive(bus, index, now_us, &received) && received;
}

/* Ends a job that has waited for a busy master past its deadline. */
static int64_t expire_waiting_job(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    if (camera->job == NULL || camera->job_begun) {
        return INT64_MAX;
    }
    if (now_us >= camera->job->deadline_us) {
        end_job(bus, camera, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT, now_us);
        return INT64_MAX;
    }
    return camera->job->deadline_us;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A camera without a link: opens it when the time has come, and lets deadlines pass. Returns when to look again. */
static int64_t step_closed(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    struct omvrpc_step step;
    omvrpc_master_next(camera->master, now_us, &step);
    if (step.kind == OMVRPC_STEP_DONE) {
        on_done(bus, camera, now_us);
    }
    int64_t until_us = earlier(camera->retry_us, bus_judge_absence(bus, index, now_us));
    if (camera->state == CAMERA_OFFLINE && camera->job != NULL) {
        bus_stop_job(bus, camera, now_us);
    }
    return earlier(until_us, earlier(step.until_us, expire_waiting_job(bus, camera, now_us)));
}

static int64_t step_camera(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    int64_t until_us = INT64_MAX;
    if (camera->state == CAMERA_RELEASED) {
        return until_us;
    }
    if (bus_is_in_reset(camera, now_us)) {
        camera->retry_us = camera->reset_until_us;
        return step_closed(bus, index, now_us);
    }
    bus_end_reset(bus, index, now_us);
    tell_transaction(bus, index, now_us);
    begin_job(bus, camera, now_us);
    if (camera->link == NULL && now_us >= camera->retry_us) {
        bus_open_link(bus, index, now_us);
    }
    /* What has come is told to the master before it judges what has not. */
    bool again =
        camera->link != NULL && (camera->link->info.transactions || receive(bus, index, now_us, &(bool){false}));
    for (int steps = 0; again && camera->link != NULL && steps < STEPS_PER_TURN; steps++) {
        again = step_link(bus, index, now_us, &until_us);
    }
    if (camera->link != NULL) {
        until_us = again ? now_us : until_us;
        until_us = earlier(until_us, bus_judge(bus, index, now_us));
    }
    if (camera->link == NULL) {
        return step_closed(bus, index, now_us);
    }
    until_us = earlier(until_us, expire_waiting_job(bus, camera, now_us));
    if (camera->state == CAMERA_ONLINE && camera->job == NULL && !omvrpc_master_is_busy(camera->master)) {
        const int64_t probe_us = camera->idle_us + ms_to_us(camera->healing.probe_interval_ms);
        if (now_us >= probe_us) {
            bus_count(bus, index, HEALING_PROBES);
            begin_probe(camera, now_us);
            return now_us;
        }
        until_us = earlier(until_us, probe_us);
    }
    return until_us;
}

/* Whether the line is at the camera's disposal: it has a link, and no reset is under way. */
static bool has_line(const struct bus_camera *camera, int64_t now_us) {
    return camera->link != NULL && camera->state != CAMERA_RELEASED &&
           (camera->reset_until_us == 0 || now_us >= camera->reset_until_us);
}

/* The place of a camera that is in the middle of an exchange, or BUS_CAMERAS_MAX. */
static size_t find_urgent(struct bus *bus, int64_t now_us) {
    size_t urgent = BUS_CAMERAS_MAX;
    for (size_t i = 0; i < BUS_CAMERAS_MAX; i++) {
        struct bus_camera *camera = bus->cameras[i];
        if (camera != NULL && has_line(camera, now_us)) {
            tell_transaction(bus, i, now_us);
            urgent = omvrpc_master_is_urgent(camera->master) ? i : urgent;
        }
    }
    return urgent;
}

int64_t bus_step(struct bus *bus, int64_t now_us) {
    int64_t until_us = INT64_MAX;
    /* It waits for no more than its camera does, some milliseconds; what others have on the line may take seconds. */
    size_t urgent = find_urgent(bus, now_us);
    if (urgent < BUS_CAMERAS_MAX) {
        until_us = step_camera(bus, urgent, now_us);
        const struct bus_camera *camera = bus->cameras[urgent];
        if (camera->transaction != BUS_NO_TRANSACTION) {
            return now_us;
        }
        if (has_line(camera, now_us) && omvrpc_master_is_urgent(camera->master)) {
            return until_us;
        }
    }
    for (size_t n = 0, first = bus->first; n < BUS_CAMERAS_MAX; n++) {
        size_t i = (first + n) % BUS_CAMERAS_MAX;
        if (bus->cameras[i] == NULL) {
            continue;
        }
        until_us = earlier(until_us, step_camera(bus, i, now_us));
        if (bus->cameras[i]->transaction != BUS_NO_TRANSACTION) {
            /* That took its time. The next camera that is due has its turn at a time that is known. */
            bus->first = (i + 1) % BUS_CAMERAS_MAX;
            return now_us;
        }
    }
    return until_us;
}

struct bus *bus_new(const struct bus_events *events) {
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus != NULL) {
        bus->events = *events;
    }
    return bus;
}

void bus_free(struct bus *bus, int64_t now_us) {
    if (bus == NULL) {
        return;
    }
    for (size_t i = 0; i < BUS_CAMERAS_MAX; i++) {
        if (bus->cameras[i] != NULL) {
            bus_remove(bus, i, now_us);
        }
    }
    free(bus);
}

struct bus_camera *bus_camera_new(const struct bus_opener *opener, size_t max_payload) {
    struct bus_camera *camera = calloc(1, sizeof *camera);
    if (camera == NULL) {
        return NULL;
    }
    camera->opener = *opener;
    healing_complete(&camera->healing, opener->healing);
    camera->master = omvrpc_master_new();
    if (camera->master == NULL) {
        free(camera);
        return NULL;
    }
    omvrpc_master_set_max_payload(camera->master, max_payload);
    return camera;
}

void bus_camera_free(struct bus_camera *camera) {
    if (camera != NULL) {
        omvrpc_master_free(camera->master);
        free(camera);
    }
}

void bus_add(struct bus *bus, size_t place, struct bus_camera *camera, int64_t now_us) {
    camera->lost_us = now_us;
    camera->retry_us = camera->opener.waits ? INT64_MAX : now_us;
    camera->retry_pause_us = ms_to_us(camera->healing.retry_min_ms);
    camera->idle_us = now_us;
    if (camera->opener.waits) {
        snprintf(camera->reason, sizeof camera->reason, "%s", BUS_WAITS_REASON);
    }
    bus->cameras[place] = camera;
}

void bus_remove(struct bus *bus, size_t place, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[place];
    bus_end_reset(bus, place, now_us);
    bus_close_link(bus, camera, now_us);
    bus_stop_job(bus, camera, now_us);
    bus->cameras[place] = NULL;
    bus_camera_free(camera);
}

void bus_adjust(struct bus *bus, size_t camera, const struct healing *healing, size_t max_payload) {
    struct bus_camera *adjusted = bus->cameras[camera];
    adjusted->healing = *healing;
    omvrpc_master_set_max_payload(adjusted->master, max_payload);
}

bool bus_has(const struct bus *bus, size_t place) {
    return bus->cameras[place] != NULL;
}

int bus_submit(struct bus *bus, struct job *job, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[job->camera];
    if (camera->job != NULL) {
        return -EBUSY;
    }
    camera->job = job;
    camera->job_begun = false;
    camera->leaves_stream = false;
    if (camera->state == CAMERA_OFFLINE || camera->state == CAMERA_RELEASED) {
        end_job(bus, camera, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE, now_us);
    }
    return 0;
}

void bus_stop_stream(struct bus *bus, size_t camera, int64_t now_us) {
    struct bus_camera *reader = bus->cameras[camera];
    if (reader->job != NULL && reader->job_begun) {
        omvrpc_master_leave_stream(reader->master, now_us);
    } else {
        reader->leaves_stream = reader->job != NULL;
    }
}

void bus_release(struct bus *bus, size_t camera, int64_t now_us) {
    struct bus_camera *lent = bus->cameras[camera];
    if (lent->state != CAMERA_RELEASED) {
        bus_end_reset(bus, camera, now_us);
        /* The port is free before that is said, and that is said before a job's end makes the owner give another. */
        omvrpc_link_close(lent->link);
        lent->link = NULL;
        bus_set_state(bus, camera, CAMERA_RELEASED, "lent to other software", now_us);
        bus_close_link(bus, lent, now_us);
        bus_stop_job(bus, lent, now_us);
    }
}

void bus_acquire(struct bus *bus, size_t camera, int64_t now_us) {
    struct bus_camera *released = bus->cameras[camera];
    if (released->state == CAMERA_RELEASED) {
        released->retry_us = now_us;
        released->retry_pause_us = ms_to_us(released->healing.retry_min_ms);
        released->lost_us = now_us;
        bus_set_state(bus, camera, CAMERA_CONNECTING, "taking the port back", now_us);
    }
}

int bus_descriptor(const struct bus *bus, size_t camera) {
    struct omvrpc_link *link = bus->cameras[camera]->link;
    return link != NULL ? link->operations->descriptor(link) : -1;
}

bool bus_wants_output(const struct bus *bus, size_t camera) {
    return bus->cameras[camera]->output_blocked;
}

struct omvrpc_link_info bus_link_info(const struct bus *bus, size_t camera) {
    return bus->cameras[camera]->link_info;
}

bool bus_progress(const struct bus *bus, size_t camera, size_t *received, size_t *total) {
    const struct bus_camera *asked = bus->cameras[camera];
    return asked->job_begun && omvrpc_master_progress(asked->master, received, total);
}

enum camera_state bus_state(const struct bus *bus, size_t camera) {
    return bus->cameras[camera]->state;
}

const struct omvrpc_statistics *bus_statistics(const struct bus *bus, size_t camera) {
    return omvrpc_master_statistics(bus->cameras[camera]->master);
}

const uint64_t *bus_healing(const struct bus *bus, size_t camera) {
    return bus->cameras[camera]->steps;
}
