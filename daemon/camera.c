/* SPDX-License-Identifier: MIT */
/* Cameras on the loop's side: states, queues, deadlines, and the hand-over to the worker and back. */
#include "camera.h"

#include "client.h"
#include "config.h"
#include "daemon.h"
#include "log.h"
#include "request.h"
#include "wire_log.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests that may wait at once for a camera's port to be lent or taken back. */
enum { PORT_REQUESTS_MAX = 64 };

/* Somebody who waits until the port is lent (`wants_released`), or no longer lent. */
struct port_request {
    TAILQ_ENTRY(port_request) entry;
    struct request *request;
    bool wants_released;
};

TAILQ_HEAD(port_requests, port_request);

struct camera {
    struct daemon *daemon;
    const struct camera_config *config;
    char link[128];
    struct worker *worker;
    struct event messages;
    enum camera_state state;
    char reason[BUS_REASON_SIZE];
    int64_t since_us;
    struct queue queue;
    struct call *running; /* its job is with the worker */
    bool has_stray_job;   /* the worker has a job whose call has ended already */
    struct port_requests port_requests;
    size_t port_request_count;
    struct callback_statistics statistics;
};

/* The worker numbers the cameras of its bus; each bus has one camera as long as no link is shared. */
enum { FIRST_ON_BUS = 0 };

static const struct limits *limits_of(const struct camera *camera) {
    return &camera->daemon->config->limits;
}

const char *camera_name(const struct camera *camera) {
    return camera->config->name;
}

static void set_offline(const struct camera *camera, struct error *error) {
    error_set(error, ERROR_CAMERA_OFFLINE, "camera \"%s\" is %s%s%s", camera_name(camera),
              camera_state_name(camera->state), camera->reason[0] != '\0' ? ": " : "", camera->reason);
}

static void set_released(const struct camera *camera, struct error *error) {
    int64_t since_ms = (omvrpc_now_us() - camera->since_us) / 1000;
    error_set(error, ERROR_RELEASED,
              "camera \"%s\" is lent to other software for %lld s now; \"acquire\" takes it back", camera_name(camera),
              (long long)(since_ms / 1000));
    error->since_ms = since_ms;
}

static void set_expired(const struct camera *camera, struct error *error) {
    if (camera->state == CAMERA_ONLINE) {
        error_set(error, ERROR_NOT_DELIVERED, "the deadline passed while the call waited for camera \"%s\"",
                  camera_name(camera));
    } else {
        set_offline(camera, error);
    }
    error->cause = "timeout";
}

static void set_stopping(struct error *error) {
    error_set(error, ERROR_NOT_DELIVERED, "the daemon is stopping");
    error->cause = "stopping";
}

/* Takes a call out of the queue, with all that is counted for it. Returns false where it stands in none. */
static bool leave_queue(struct call *call) {
    if (call->entry.place == NULL) {
        return false;
    }
    queue_remove(&call->camera->queue, &call->entry);
    event_del(&call->timer);
    call->client->waiting--;
    call->client->waiting_bytes -= call->job->argument_length;
    return true;
}

static void on_deadline(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct call *call = context;
    struct error error;
    leave_queue(call);
    set_expired(call->camera, &error);
    call->ended(call, &error);
}

static bool enter_queue(struct call *call, bool first) {
    int64_t left_us = call->job->deadline_us - omvrpc_now_us();
    if (left_us < 0) {
        left_us = 0;
    }
    struct timeval left = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
    call->client = call->request->client;
    if (queue_put(&call->camera->queue, &call->entry, call->priority, call->client, first) < 0) {
        return false;
    }
    call->client->waiting++;
    call->client->waiting_bytes += call->job->argument_length;
    evtimer_assign(&call->timer, call->camera->daemon->base, on_deadline, call);
    if (evtimer_add(&call->timer, &left) == 0) {
        return true;
    }
    leave_queue(call);
    return false;
}

static bool has_room(const struct camera *camera, const struct call *call, struct error *error) {
    const struct limits *limits = limits_of(camera);
    const struct client *client = call->request->client;
    if (client->waiting >= limits->client_waiting) {
        error_set(error, ERROR_QUEUE_FULL, "%zu calls of this client wait (limits.client_waiting)", client->waiting);
    } else if (client->waiting_bytes + call->job->argument_length > limits->client_waiting_bytes) {
        error_set(error, ERROR_QUEUE_FULL, "%zu bytes of arguments of this client wait (limits.client_waiting_bytes)",
                  client->waiting_bytes);
    } else if (camera->queue.length >= limits->camera_waiting) {
        error_set(error, ERROR_QUEUE_FULL, "%zu calls wait for camera \"%s\" (limits.camera_waiting)",
                  camera->queue.length, camera_name(camera));
    } else {
        return true;
    }
    return false;
}

bool camera_call(struct camera *camera, struct call *call, struct error *error) {
    call->camera = camera;
    if (camera->daemon->stopping) {
        set_stopping(error);
    } else if (camera->state == CAMERA_RELEASED) {
        set_released(camera, error);
    } else if (camera->state == CAMERA_OFFLINE && !call->waits_offline) {
        set_offline(camera, error);
    } else if (has_room(camera, call, error)) {
        if (enter_queue(call, false)) {
            camera_serve(camera);
            return true;
        }
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        error->executed = EXECUTED_NO;
    }
    return false;
}

bool camera_cancel(struct call *call) {
    if (!leave_queue(call)) {
        return false;
    }
    struct error error;
    error_set(&error, ERROR_CANCELLED, "the call was cancelled while it waited for camera \"%s\"",
              camera_name(call->camera));
    call->ended(call, &error);
    return true;
}

static struct call *first_waiting(const struct camera *camera, const struct client *client) {
    struct queue_entry *entry = queue_first(&camera->queue, client);
    return entry != NULL ? (struct call *)((char *)entry - offsetof(struct call, entry)) : NULL;
}

void camera_drop_client(struct camera *camera, const struct client *client) {
    for (struct call *call; (call = first_waiting(camera, client)) != NULL;) {
        camera_cancel(call);
    }
}

static void end_all_waiting(struct camera *camera, const struct error *error) {
    for (struct call *call; (call = first_waiting(camera, NULL)) != NULL;) {
        leave_queue(call);
        call->ended(call, error);
    }
}

/* A client that does not read what it has got is not sent more; its calls wait until it reads, or until their
 * deadlines. */
static bool may_serve(const void *client) {
    return !client_is_clogged(client);
}

void camera_serve(struct camera *camera) {
    while (camera->running == NULL && !camera->has_stray_job && camera->state == CAMERA_ONLINE) {
        struct queue_entry *entry = queue_next(&camera->queue, may_serve);
        if (entry == NULL) {
            return;
        }
        struct call *call = (struct call *)((char *)entry - offsetof(struct call, entry));
        if (omvrpc_now_us() >= call->job->deadline_us) {
            on_deadline(-1, EV_TIMEOUT, call);
            continue;
        }
        leave_queue(call);
        camera->running = call;
        struct job *job = call->job;
        call->job = NULL;
        job->camera = FIRST_ON_BUS;
        job->owner = call;
        worker_submit(camera->worker, job);
    }
}

/* Whether a call that lost its link goes back to the queue: its deadline allows it, and running twice does no harm. */
static bool may_repeat(const struct call *call) {
    const struct job *job = call->job;
    bool lost = job->cause == OMVRPC_CAUSE_LINK_GONE || job->cause == OMVRPC_CAUSE_SILENT;
    return job->repeatable && lost && call->request->client != NULL && call->camera->state != CAMERA_RELEASED &&
           !call->camera->daemon->out_of_time && omvrpc_now_us() < job->deadline_us;
}

static void handle_ended_job(struct camera *camera, struct job *job) {
    struct call *call = camera->running;
    camera->running = NULL;
    if (call == NULL) {
        camera->has_stray_job = false;
        job_free(job);
        return;
    }
    call->job = job;
    struct error error;
    bool failed = error_set_from_outcome(&error, job->outcome, job->cause, job->repeatable, camera_name(camera));
    if (!failed || !may_repeat(call) || !enter_queue(call, true)) {
        call->ended(call, failed ? &error : NULL);
    }
}

/*
 * Answers the requests for the port whose wish is fulfilled, in their order, and has the worker fulfil the next one.
 * Orders are levels to the worker, and one that is taken back soon may never be seen; so each waits for the one before
 * to be done.
 */
static void serve_port_requests(struct camera *camera) {
    bool is_released = camera->state == CAMERA_RELEASED;
    struct port_request *waiting;
    while ((waiting = TAILQ_FIRST(&camera->port_requests)) != NULL && waiting->wants_released == is_released) {
        TAILQ_REMOVE(&camera->port_requests, waiting, entry);
        camera->port_request_count--;
        request_succeed(waiting->request, cJSON_CreateTrue());
        free(waiting);
    }
    if (waiting != NULL && waiting->wants_released) {
        worker_release(camera->worker, FIRST_ON_BUS);
    } else if (waiting != NULL) {
        worker_acquire(camera->worker, FIRST_ON_BUS);
    }
}

static void handle_changed_state(struct camera *camera, const struct worker_message *message) {
    enum camera_state before = camera->state;
    bool is_news = message->state != before || strcmp(message->reason, camera->reason) != 0;
    camera->state = message->state;
    camera->since_us = message->state != before ? message->since_us : camera->since_us;
    snprintf(camera->reason, sizeof camera->reason, "%s", message->reason);
    if (is_news) {
        log_info(CAMERA, "%s (%s): %s%s%s", camera_name(camera), camera->link, camera_state_name(camera->state),
                 camera->reason[0] != '\0' ? ": " : "", camera->reason);
    }
    if (camera->state == CAMERA_RELEASED) {
        struct error error;
        set_released(camera, &error);
        end_all_waiting(camera, &error);
    }
    serve_port_requests(camera);
}

static void on_messages(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct camera *camera = context;
    struct worker_message *message = worker_take(camera->worker);
    while (message != NULL) {
        struct worker_message *next = message->next;
        if (message->kind == WORKER_JOB_ENDED) {
            handle_ended_job(camera, message->job);
        } else {
            handle_changed_state(camera, message);
        }
        worker_message_free(message);
        message = next;
    }
    camera_serve(camera);
}

static bool add_port_request(struct camera *camera, struct request *request, bool wants_released, struct error *error) {
    if (camera->port_request_count >= PORT_REQUESTS_MAX) {
        error_set(error, ERROR_QUEUE_FULL, "%zu requests wait for the port of camera \"%s\"",
                  camera->port_request_count, camera_name(camera));
        return false;
    }
    struct port_request *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        return false;
    }
    waiting->request = request;
    waiting->wants_released = wants_released;
    TAILQ_INSERT_TAIL(&camera->port_requests, waiting, entry);
    camera->port_request_count++;
    serve_port_requests(camera);
    return true;
}

bool camera_release(struct camera *camera, struct request *request, struct error *error) {
    return add_port_request(camera, request, true, error);
}

bool camera_acquire(struct camera *camera, struct request *request, struct error *error) {
    return add_port_request(camera, request, false, error);
}

/* Ends the call that the camera is at for its client; the worker still has the job, whose end will then mean nothing.
 */
static void abandon_running(struct camera *camera) {
    struct call *call = camera->running;
    if (call == NULL) {
        return;
    }
    struct error error;
    error_set(&error, ERROR_RESULT_UNKNOWN, "the daemon stops, and camera \"%s\" has not answered yet",
              camera_name(camera));
    error.cause = "stopping";
    camera->running = NULL;
    camera->has_stray_job = true;
    call->ended(call, &error);
}

void camera_refuse_all(struct camera *camera) {
    struct error error;
    set_stopping(&error);
    end_all_waiting(camera, &error);
    abandon_running(camera);
    for (struct port_request *waiting; (waiting = TAILQ_FIRST(&camera->port_requests)) != NULL;) {
        TAILQ_REMOVE(&camera->port_requests, waiting, entry);
        camera->port_request_count--;
        request_fail(waiting->request, &error);
        free(waiting);
    }
}

void camera_get_status(const struct camera *camera, struct camera_status *status) {
    *status = (struct camera_status){
        .name = camera->config->name,
        .link = camera->link,
        .state = camera->state,
        .reason = camera->reason,
        .since_us = camera->since_us,
        .waiting = camera->queue.length,
        .is_busy = camera->running != NULL,
    };
}

void camera_get_wire_statistics(const struct camera *camera, struct omvrpc_statistics *statistics) {
    worker_statistics(camera->worker, FIRST_ON_BUS, statistics);
}

struct callback_statistics *camera_statistics(struct camera *camera) {
    return &camera->statistics;
}

struct camera *camera_new(struct daemon *daemon, struct camera_config *config) {
    struct camera *camera = calloc(1, sizeof *camera);
    if (camera == NULL) {
        log_error(CAMERA, "out of memory");
        return NULL;
    }
    camera->daemon = daemon;
    camera->config = config;
    camera->state = CAMERA_CONNECTING;
    camera->since_us = omvrpc_now_us();
    queue_init(&camera->queue);
    TAILQ_INIT(&camera->port_requests);
    config->link.kind->describe(&config->link, camera->link, sizeof camera->link);
    struct bus_opener opener = {
        .open = config->link.kind->open,
        .context = &config->link,
        .description = camera->link,
        .wire = log_wants(LOG_SUBSYSTEM_BUS, LOG_LEVEL_WIRE) ? wire_log_write : NULL,
        .name = config->name,
    };
    camera->worker = worker_new(&opener, 1, daemon->config->limits.payload_bytes);
    if (camera->worker == NULL) {
        log_error(CAMERA, "%s: its worker cannot be started: %s", config->name, strerror(errno));
        free(camera);
        return NULL;
    }
    event_assign(&camera->messages, daemon->base, worker_descriptor(camera->worker), EV_READ | EV_PERSIST, on_messages,
                 camera);
    event_add(&camera->messages, NULL);
    return camera;
}

void camera_free(struct camera *camera) {
    if (camera == NULL) {
        return;
    }
    camera_refuse_all(camera);
    event_del(&camera->messages);
    worker_free(camera->worker);
    callback_statistics_clear(&camera->statistics);
    free(camera);
}
