/* SPDX-License-Identifier: MIT */
/* The calls of a camera: queue, deadlines, and the way to the worker and back, in as many exchanges as each needs. */
#include "camera_internal.h"

#include "call_order.h"
#include "client.h"
#include "request.h"

#include <stdlib.h>

void camera_set_offline(const struct camera *camera, struct error *error) {
    error_set(error, ERROR_CAMERA_OFFLINE, "camera \"%s\" is %s%s%s", camera_name(camera),
              camera_state_name(camera->state), camera->reason[0] != '\0' ? ": " : "", camera->reason);
}

void camera_set_released(const struct camera *camera, struct error *error) {
    int64_t since_ms = (omvrpc_now_us() - camera->since_us) / 1000;
    error_set(error, ERROR_RELEASED,
              "camera \"%s\" is lent to other software for %lld s now; \"acquire\" takes it back", camera_name(camera),
              (long long)(since_ms / 1000));
    error->since_ms = since_ms;
}

/* What a call that waits keeps of what its client sent. */
static size_t weight(const struct call *call) {
    return call->job->argument_length + call->kept_bytes;
}

/* Takes a call out of the queue that it stands in, with all that is counted for it. Returns false where that is none. */
static bool leave_queue(struct call *call) {
    struct camera *camera = call->camera;
    if (call->entry.place == NULL) {
        return false;
    }
    if (call->leader != NULL) {
        TAILQ_REMOVE(&call->leader->followers, call, of_leader);
        queue_remove(&camera->followers, &call->entry);
        call->leader = NULL;
    } else {
        queue_remove(&camera->queue, &call->entry);
    }
    event_del(&call->timer);
    if (call->client != NULL) {
        call->client->waiting--;
        call->client->waiting_bytes -= weight(call);
    }
    if (camera->clinging == call) {
        camera->clinging = NULL;
    }
    return true;
}

static bool enter_queue(struct call *call, bool first);

static void end_for_want_of_memory(struct call *call) {
    struct error error;
    error_set_out_of_memory(&error);
    camera_end_call(call, &error);
}

/* Those that waited for a call that has not been answered: each has its turn again, before what its client asked later. */
static void disperse(struct call_list *followers) {
    struct call *follower;
    while ((follower = TAILQ_LAST(followers, call_list)) != NULL) {
        leave_queue(follower);
        if (!enter_queue(follower, true)) {
            end_for_want_of_memory(follower);
        }
    }
}

/* Tells whoever made the call, and whoever shares its answer. The error may be NULL: then the call's own outcome says
 * what has happened. */
void camera_end_call(struct call *call, const struct error *error) {
    struct error own;
    const struct job *job = call->job;
    const char *camera = camera_name(call->camera);
    if (error == NULL && call->exchange.end == EXCHANGE_RAISED) {
        error_set_raised(&own, call->name, camera, job->result, job->result_length);
        error = &own;
    } else if (error == NULL && call->exchange.end == EXCHANGE_NO_SUCH_CALLBACK) {
        error_set(&own, ERROR_NO_SUCH_CALLBACK, "camera \"%s\" has no callback \"%s\"", camera, call->name);
        error = &own;
    } else if (error == NULL && error_set_from_outcome(&own, job->outcome, job->cause, job->repeatable, camera)) {
        error = &own;
    }
    struct call_list followers = TAILQ_HEAD_INITIALIZER(followers);
    struct call *follower;
    if (error == NULL) {
        camera_remember_answer(call->camera, call);
        while ((follower = TAILQ_FIRST(&call->followers)) != NULL && camera_copy_answer(follower, call)) {
            leave_queue(follower);
            TAILQ_INSERT_TAIL(&followers, follower, of_leader);
        }
    }
    disperse(&call->followers);
    call->ended(call, error);
    while ((follower = TAILQ_FIRST(&followers)) != NULL) {
        TAILQ_REMOVE(&followers, follower, of_leader);
        follower->ended(follower, NULL);
    }
}

/* Ends a call that is not with the worker: with `error`, or, where it may have run already, with that. */
static void end_early(struct call *call, const struct error *error, enum omvrpc_cause cause) {
    if (exchange_may_have_run(&call->exchange)) {
        exchange_abandon(&call->exchange, cause);
        error = NULL;
    }
    camera_end_call(call, error);
}

static void expire_call(struct call *call) {
    const struct camera *camera = call->camera;
    struct error error;
    leave_queue(call);
    if (camera->state == CAMERA_ONLINE) {
        error_set(&error, ERROR_NOT_DELIVERED, "the deadline passed while the call waited for camera \"%s\"",
                  camera_name(camera));
    } else {
        camera_set_offline(camera, &error);
    }
    error.cause = "timeout";
    end_early(call, &error, OMVRPC_CAUSE_TIMEOUT);
}

static void on_deadline(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct call *call = context;
    struct camera *camera = call->camera;
    expire_call(call);
    /* Others may have waited for the room that its result took on the camera. */
    camera_serve(camera);
}

static bool enter_queue(struct call *call, bool first) {
    int64_t left_us = call->job->deadline_us - omvrpc_now_us();
    if (left_us < 0) {
        left_us = 0;
    }
    struct timeval left = {.tv_sec = (time_t)(left_us / 1000000), .tv_usec = (suseconds_t)(left_us % 1000000)};
    struct queue *queue = call->leader != NULL ? &call->camera->followers : &call->camera->queue;
    call->client = call->request != NULL ? call->request->client : NULL;
    const void *place = call->client != NULL ? call->client : call->turn_of;
    place = place != NULL ? place : call;
    call->entry.lane = call->client != NULL ? QUEUE_REQUESTS : QUEUE_SUBSCRIPTIONS;
    if (queue_put(queue, &call->entry, call->priority, place, first) < 0) {
        return false;
    }
    if (call->client != NULL) {
        call->client->waiting++;
        call->client->waiting_bytes += weight(call);
    }
    evtimer_assign(&call->timer, call->camera->daemon->base, on_deadline, call);
    if (evtimer_add(&call->timer, &left) == 0) {
        return true;
    }
    leave_queue(call);
    return false;
}

static bool has_room(const struct camera *camera, const struct call *call, struct error *error) {
    const struct limits *limits = &camera->daemon->config->limits;
    const struct client *client = call->request != NULL ? call->request->client : NULL;
    if (client == NULL) {
        return true;
    }
    if (client->waiting >= limits->client_waiting) {
        error_set(error, ERROR_QUEUE_FULL, "%zu calls of this client wait (limits.client_waiting)", client->waiting);
    } else if (camera->queue.length + camera->followers.length >= limits->camera_waiting) {
        error_set(error, ERROR_QUEUE_FULL, "%zu calls wait for camera \"%s\" (limits.camera_waiting)",
                  camera->queue.length + camera->followers.length, camera_name(camera));
    } else {
        return client_may_keep(client, weight(call), error);
    }
    return false;
}

static bool follow(struct call *call, struct call *leader) {
    call->leader = leader;
    TAILQ_INSERT_TAIL(&leader->followers, call, of_leader);
    if (enter_queue(call, false)) {
        return true;
    }
    TAILQ_REMOVE(&leader->followers, call, of_leader);
    call->leader = NULL;
    return false;
}

static bool enter_some_queue(struct camera *camera, struct call *call) {
    camera_mark_call(camera, call);
    camera->has_unbound = camera->has_unbound || !call->is_bound;
    struct call *leader = camera_find_leader(camera, call);
    return leader != NULL ? follow(call, leader) : enter_queue(call, false);
}

bool camera_call(struct camera *camera, struct call *call, struct error *error) {
    call->camera = camera;
    TAILQ_INIT(&call->followers);
    if (call->is_bound && camera_recall_answer(camera, call)) {
        call->ended(call, NULL);
        return true;
    }
    if (camera->daemon->stopping) {
        error_set_stopping(error);
    } else if (camera->state == CAMERA_RELEASED) {
        camera_set_released(camera, error);
    } else if (camera->state == CAMERA_OFFLINE && !call->waits_offline) {
        camera_set_offline(camera, error);
    } else if (has_room(camera, call, error)) {
        if (enter_some_queue(camera, call)) {
            camera_serve(camera);
            return true;
        }
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        error->executed = EXECUTED_NO;
    }
    return false;
}

bool camera_cancel(struct call *call) {
    if (exchange_may_have_run(&call->exchange) || !leave_queue(call)) {
        return false;
    }
    struct error error;
    error_set(&error, ERROR_CANCELLED, "the call was cancelled while it waited for camera \"%s\"",
              camera_name(call->camera));
    camera_end_call(call, &error);
    return true;
}

static struct call *call_of(struct queue_entry *entry) {
    return entry != NULL ? (struct call *)((char *)entry - offsetof(struct call, entry)) : NULL;
}

/* Any that waits, or one of a client. */
static struct call *first_waiting(const struct camera *camera, const struct client *client) {
    struct call *follower = call_of(queue_first(&camera->followers, client));
    return follower != NULL ? follower : call_of(queue_first(&camera->queue, client));
}

void camera_drop_client(struct camera *camera, const struct client *client) {
    struct error error;
    error_set(&error, ERROR_CANCELLED, "the client has gone");
    for (struct call *call; (call = first_waiting(camera, client)) != NULL;) {
        leave_queue(call);
        end_early(call, &error, OMVRPC_CAUSE_NONE);
    }
    camera_serve(camera);
}

void camera_end_waiting(struct camera *camera, const struct error *error) {
    for (struct call *call; (call = first_waiting(camera, NULL)) != NULL;) {
        leave_queue(call);
        end_early(call, error, OMVRPC_CAUSE_LINK_GONE);
    }
}

/* A call that the camera was at when it was lost waits for a short loss to end; one that may be made again, for any. */
static bool ends_offline(const struct queue_entry *entry, const void *context) {
    (void)context;
    const struct call *call = call_of((struct queue_entry *)entry);
    return call->exchange.session != NULL && !call->job->repeatable && exchange_may_have_run(&call->exchange);
}

void camera_end_begun(struct camera *camera) {
    for (struct call *call; (call = call_of(queue_find(&camera->queue, ends_offline, NULL))) != NULL;) {
        leave_queue(call);
        end_early(call, NULL, OMVRPC_CAUSE_LINK_GONE);
    }
}

void camera_submit(struct camera *camera, struct job *job) {
    job->camera = camera->at.place;
    worker_submit(camera->at.worker, job);
}

/* Which way a call goes is known only when its turn has come. */
static void begin_exchange(struct camera *camera, struct call *call) {
    size_t limit = camera->daemon->config->limits.payload_bytes;
    /* What is scheduled are raw bytes on the wire, which no session numbers. */
    bool is_numbered =
        camera->session.is_open && !call->is_stock && !call->job->schedules && call->picture.read_command == 0;
    bool ran_before = call->exchange.ran_before;
    exchange_begin(&call->exchange, is_numbered ? EXCHANGE_NUMBERED : EXCHANGE_PLAIN, call->job,
                   is_numbered ? &camera->session : NULL, limit);
    call->exchange.ran_before = ran_before;
    if (call->picture.read_command != 0) {
        exchange_read_picture(&call->exchange, &call->picture, camera_piece(camera));
    }
    call->has_begun = true;
}

/* A stream is left for others who wait, after one frame, or without it where none comes. */
static void make_room(struct camera *camera) {
    const struct call *running = camera->running;
    if (running != NULL && running->is_stream && camera->queue.length > 0) {
        worker_stop_stream(camera->at.worker, camera->at.place);
    }
}

/* The first of equal calls that has its turn goes to the camera, so that nobody waits behind what another client asked. */
static void gather_followers(struct camera *camera, struct call *call) {
    size_t count;
    struct queue_entry **entries = camera_list_equals(camera, call, &count);
    for (size_t i = 0; i < count; i++) {
        struct call *follower = call_of(entries[i]);
        leave_queue(follower);
        if (!follow(follower, call)) {
            end_for_want_of_memory(follower);
            break;
        }
    }
    free(entries);
}

static void run_call(struct camera *camera, struct call *call) {
    struct error error;
    bool is_new = !call->has_begun;
    leave_queue(call);
    if (is_new && call->prepare != NULL && !call->prepare(call, &error)) {
        end_early(call, &error, OMVRPC_CAUSE_LOST);
        return;
    }
    camera_mark_call(camera, call);
    if (is_new && camera_recall_answer(camera, call)) {
        camera_end_call(call, NULL);
        return;
    }
    if (is_new) {
        begin_exchange(camera, call);
    }
    struct job *job = exchange_next(&call->exchange, omvrpc_now_us());
    if (job == NULL) {
        error_set(&error, ERROR_INTERNAL, "the daemon is out of memory");
        error.executed = EXECUTED_NO;
        end_early(call, &error, OMVRPC_CAUSE_MEMORY);
        return;
    }
    camera->running = call;
    camera->has_frame = false;
    if (is_new) {
        gather_followers(camera, call);
    }
    camera_submit(camera, job);
    make_room(camera);
}

/*
 * A client that does not read what it has got is not sent more; its calls wait until it reads, or until their
 * deadlines. A new call waits while the camera holds as many unfinished results as it can; those are read to their end
 * for everybody, since others wait for their room.
 */
static bool may_serve(const struct queue_entry *entry, void *context) {
    const struct camera *camera = context;
    const struct call *call = call_of((struct queue_entry *)entry);
    bool is_clogged = call->client != NULL && client_is_clogged(call->client);
    bool has_reader = !is_clogged || !TAILQ_EMPTY(&call->followers);
    return !call_order_is_new(&call->exchange, call->has_begun) ||
           (has_reader && call_order_has_room(&camera->session));
}

void camera_take_frame(struct camera *camera, struct shared_bytes *frame, unsigned missed) {
    struct call *running = camera->running;
    if (running != NULL && running->is_stream) {
        camera->has_frame = true;
        stream_take_frame(running, frame, missed);
        make_room(camera);
    }
    shared_bytes_free(frame);
}

static bool is_free(const struct camera *camera) {
    return camera->state == CAMERA_ONLINE && camera->running == NULL && !camera->has_stray_job &&
           camera->introduction.job == NULL && !camera->is_leaving;
}

static bool is_unbound(const struct queue_entry *entry, const void *context) {
    (void)context;
    const struct call *call = call_of((struct queue_entry *)entry);
    return !call->is_bound && !call->has_begun && call->prepare != NULL;
}

/*
 * What has waited to know its camera may turn out to be equal to others, and then shares their answer. Nobody is told of
 * anything here, so what was listed stays; a call that this camera refuses hears of it when its turn comes.
 */
static void bind_waiting(struct camera *camera) {
    size_t count;
    struct queue_entry **entries = queue_list(&camera->queue, is_unbound, NULL, &count);
    camera->has_unbound = false;
    for (size_t i = 0; i < count; i++) {
        struct call *call = call_of(entries[i]);
        struct error error;
        leave_queue(call);
        bool is_good = call->prepare(call, &error);
        if (is_good ? !enter_some_queue(camera, call) : !enter_queue(call, false)) {
            camera->has_unbound = true;
            end_for_want_of_memory(call);
            break;
        }
    }
    free(entries);
}

static void serve(struct camera *camera) {
    while (is_free(camera)) {
        if (call_order_introduces(&camera->session, camera->is_introduced, camera->introduce_again_us,
                                  camera->clinging != NULL, omvrpc_now_us())) {
            camera_introduce(camera);
            continue;
        }
        if (camera->has_unbound) {
            bind_waiting(camera);
        }
        struct call *call = camera->clinging;
        if (call == NULL) {
            call = call_of(queue_next(&camera->queue, may_serve, camera));
        }
        if (call == NULL) {
            return;
        }
        if (omvrpc_now_us() >= call->job->deadline_us) {
            expire_call(call);
        } else {
            run_call(camera, call);
        }
    }
}

void camera_serve(struct camera *camera) {
    make_room(camera);
    /* A call that ends here lets its client write, which may have all cameras served: this one is, one call after the
     * other and not one inside the other. */
    if (!camera->is_serving) {
        camera->is_serving = true;
        serve(camera);
        camera->is_serving = false;
    }
}

/* Whether there is anybody, any time, and a camera to go on for. */
static bool may_go_on(const struct call *call) {
    const struct camera *camera = call->camera;
    bool is_lost = camera->state == CAMERA_OFFLINE && ends_offline(&call->entry, NULL);
    bool is_wanted = call->request == NULL || call->request->client != NULL || !TAILQ_EMPTY(&call->followers);
    return is_wanted && camera->state != CAMERA_RELEASED && !is_lost && !camera->is_leaving &&
           !camera->daemon->out_of_time;
}

/* Tells whoever waits for a call's answer how much of it has come. */
static void tell_progress(struct call *call, size_t received, size_t total) {
    struct call *follower;
    if (call->progressed != NULL) {
        call->progressed(call, received, total);
    }
    TAILQ_FOREACH(follower, &call->followers, of_leader) {
        if (follower->progressed != NULL) {
            follower->progressed(follower, received, total);
        }
    }
}

void camera_take_progress(struct camera *camera, size_t received, size_t total) {
    struct call *running = camera->running;
    size_t have;
    if (running != NULL && !running->is_stream && exchange_progress(&running->exchange, received, &have, &total)) {
        tell_progress(running, have, total);
    }
}

static void take_exchange(struct camera *camera, struct call *call, struct job *job) {
    enum omvrpc_cause cause = job->cause;
    enum exchange_verdict verdict = exchange_take(&call->exchange, job, omvrpc_now_us());
    if (call->exchange.session != NULL && !camera->session.is_open) {
        camera->is_introduced = false;
    }
    if (verdict == EXCHANGE_ENDED) {
        camera_end_call(call, NULL);
        return;
    }
    if (call->exchange.have > 0) {
        tell_progress(call, call->exchange.have, call->exchange.total);
    }
    if (verdict == EXCHANGE_RESTARTS) {
        call->has_begun = false;
    }
    if (!may_go_on(call) || !enter_queue(call, true)) {
        exchange_abandon(&call->exchange, cause);
        camera_end_call(call, NULL);
        return;
    }
    if (verdict == EXCHANGE_CLINGS) {
        camera->clinging = call;
    }
    if (camera->state == CAMERA_OFFLINE) {
        /* The worker tells of the camera's state before it hands back the job that this has ended. */
        camera_end_begun(camera);
    }
}

void camera_take_job(struct camera *camera, struct job *job) {
    struct call *call = camera->running;
    camera->running = NULL;
    if (camera->introduction.job != NULL) {
        camera_take_introduction(camera, job);
    } else if (call != NULL) {
        take_exchange(camera, call, job);
    } else {
        camera->has_stray_job = false;
        job_free(job);
    }
}
