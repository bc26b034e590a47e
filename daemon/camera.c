/* SPDX-License-Identifier: MIT */
/* Cameras on the loop's side: from the worker's messages to a state, and from start to end. */
#include "camera_internal.h"

#include "log.h"
#include "wire_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *camera_name(const struct camera *camera) {
    return camera->config->name;
}

static void handle_changed_state(struct camera *camera, const struct worker_message *message) {
    enum camera_state before = camera->state;
    bool is_news = message->state != before || strcmp(message->reason, camera->reason) != 0;
    camera->state = message->state;
    camera->link_info = message->link_info;
    camera->since_us = message->state != before ? message->since_us : camera->since_us;
    snprintf(camera->reason, sizeof camera->reason, "%s", message->reason);
    if (is_news) {
        log_info(CAMERA, "%s (%s): %s%s%s", camera_name(camera), camera->link, camera_state_name(camera->state),
                 camera->reason[0] != '\0' ? ": " : "", camera->reason);
    }
    if (camera->state == CAMERA_ONLINE && before != CAMERA_ONLINE) {
        camera_expect_stranger(camera);
    } else if (camera->state == CAMERA_OFFLINE) {
        camera_end_begun(camera);
    } else if (camera->state == CAMERA_RELEASED) {
        struct error error;
        camera_set_released(camera, &error);
        camera_end_waiting(camera, &error);
    }
    camera_serve_port_requests(camera);
    if (is_news) {
        subscription_announce(camera->daemon, camera);
    }
}

static void on_messages(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct camera *camera = context;
    struct worker_message *message = worker_take(camera->worker);
    while (message != NULL) {
        struct worker_message *next = message->next;
        switch (message->kind) {
        case WORKER_JOB_ENDED:
            camera_take_job(camera, message->job);
            break;
        case WORKER_STATE_CHANGED:
            handle_changed_state(camera, message);
            break;
        case WORKER_RECORDING_FULL:
            camera_end_full_recordings(camera);
            break;
        }
        worker_message_free(message);
        message = next;
    }
    camera_serve(camera);
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
    camera_set_stopping(&error);
    camera_end_waiting(camera, &error);
    abandon_running(camera);
    camera_refuse_port_requests(camera, &error);
    camera_end_all_recordings(camera);
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

const struct description *camera_description(const struct camera *camera) {
    return camera->description.callbacks != NULL ? &camera->description : NULL;
}

struct callback_set *camera_callbacks(const struct camera *camera) {
    return camera->description.callbacks != NULL ? camera->description.callbacks : camera->daemon->config->callbacks;
}

bool camera_is_introduced(const struct camera *camera) {
    return camera->state == CAMERA_ONLINE && camera->is_introduced && camera->introduction.job == NULL;
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
    TAILQ_INIT(&camera->recordings);
    config->link.kind->describe(&config->link, camera->link, sizeof camera->link);
    struct bus_opener opener = {
        .open = config->link.kind->open,
        .context = &config->link,
        .description = camera->link,
        .wire = log_wants(LOG_SUBSYSTEM_BUS, LOG_LEVEL_WIRE) ? wire_log_write : NULL,
        .name = config->name,
    };
    camera->worker = worker_new(&opener, 1, daemon->config->limits.payload_bytes + OMVRPC_ENVELOPE_SIZE);
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
    job_free(camera->introduction.job);
    exchange_clear(&camera->introduction);
    description_clear(&camera->description);
    callback_statistics_clear(&camera->statistics);
    free(camera);
}
