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

/* A camera is shown as online once it is known what it has, which takes it a few milliseconds. */
static enum camera_state shown_state(const struct camera *camera) {
    return camera->state == CAMERA_ONLINE && camera->is_strange ? CAMERA_CONNECTING : camera->state;
}

void camera_tell_state(struct camera *camera) {
    camera->is_strange = camera->state == CAMERA_ONLINE && !camera->is_introduced;
    if (!camera->is_strange) {
        log_info(CAMERA, "%s (%s): %s%s%s", camera_name(camera), camera->link, camera_state_name(camera->state),
                 camera->reason[0] != '\0' ? ": " : "", camera->reason);
        subscription_announce(camera->daemon, camera);
        camera_serve_resets(camera);
    }
    service_tell_status(camera->daemon);
}

static void handle_changed_state(struct camera *camera, const struct worker_message *message) {
    enum camera_state before = camera->state;
    bool is_news = message->state != before || strcmp(message->reason, camera->reason) != 0;
    camera->state = message->state;
    camera->link_info = message->link_info;
    camera->since_us = message->state != before ? message->since_us : camera->since_us;
    snprintf(camera->reason, sizeof camera->reason, "%s", message->reason);
    if (camera->state == CAMERA_ONLINE && before != CAMERA_ONLINE) {
        camera_expect_stranger(camera);
    } else if (camera->state == CAMERA_OFFLINE) {
        camera_end_begun(camera);
    } else if (camera->state == CAMERA_RELEASED) {
        struct error error;
        camera_set_released(camera, &error);
        camera_end_waiting(camera, &error);
        camera_refuse_resets(camera, &error);
    }
    camera_serve_port_requests(camera);
    if (is_news) {
        camera_tell_state(camera);
    }
}

/* Of a camera that leaves, whose calls have ended. */
static void drop_message(const struct worker_message *message) {
    job_free(message->job);
    shared_bytes_free(message->frame);
}

static void take_message(void *context, struct worker_message *message) {
    struct camera *camera = context;
    if (camera->is_leaving) {
        drop_message(message);
        return;
    }
    switch (message->kind) {
    case WORKER_JOB_ENDED:
        camera_take_job(camera, message->job);
        break;
    case WORKER_STATE_CHANGED:
        handle_changed_state(camera, message);
        break;
    case WORKER_FRAME:
        camera_take_frame(camera, message->frame, message->missed);
        break;
    case WORKER_PROGRESS:
        camera_take_progress(camera, message->received, message->total);
        break;
    case WORKER_RECORDING_FULL:
        camera_end_full_recordings(camera);
        break;
    case WORKER_RESET_ENDED:
        camera_take_reset(camera, message->reason);
        break;
    case WORKER_CAMERA_REMOVED:
        break;
    }
    camera_serve(camera);
    daemon_end_if_idle(camera->daemon);
}

bool camera_is_at_work(const struct camera *camera) {
    return camera->running != NULL || camera->has_stray_job || camera->introduction.job != NULL;
}

void camera_announce_if_waiting(struct camera *camera) {
    if (camera->is_waiting) {
        camera->is_waiting = false;
        camera_announce(camera);
    }
}

bool camera_is_said_by(const struct camera *camera, const struct config *config) {
    return config_is_same_camera(camera->owner, config, camera_name(camera));
}

void camera_announce(struct camera *camera) {
    worker_announce(camera->at.worker);
}

void camera_abandon_running(struct camera *camera, const struct error *error) {
    struct call *call = camera->running;
    if (call != NULL) {
        camera->running = NULL;
        camera->has_stray_job = true;
        camera_end_call(call, error);
    }
}

void camera_refuse_all(struct camera *camera) {
    struct error error;
    error_set(&error, ERROR_RESULT_UNKNOWN, "the daemon stops, and camera \"%s\" has not answered yet",
              camera_name(camera));
    error.cause = "stopping";
    camera_abandon_running(camera, &error);
    error_set_stopping(&error);
    camera_end_waiting(camera, &error);
    camera_refuse_port_requests(camera, &error);
    camera_refuse_resets(camera, &error);
    camera_end_all_recordings(camera, RECORDING_STOPPING);
}

void camera_get_status(const struct camera *camera, struct camera_status *status) {
    *status = (struct camera_status){
        .name = camera->config->name,
        .settings = &camera->config->link,
        .reset_line = &camera->config->reset.line,
        .link = camera->link,
        .state = shown_state(camera),
        .reason = shown_state(camera) == camera->state ? camera->reason : "asking the camera what it is",
        .since_us = camera->since_us,
        .returns_in_us = camera->return_us != 0 ? camera->return_us - omvrpc_now_us() : -1,
        .waiting = camera->queue.length + camera->followers.length,
        .is_busy = camera->running != NULL,
    };
}

void camera_get_wire_statistics(const struct camera *camera, struct omvrpc_statistics *statistics) {
    worker_statistics(camera->at.worker, camera->at.place, statistics);
}

void camera_get_healing(const struct camera *camera, uint64_t steps[HEALING_STEPS]) {
    worker_healing(camera->at.worker, camera->at.place, steps);
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

void camera_get_sharing(const struct camera *camera, struct camera_sharing *sharing) {
    *sharing = camera->sharing;
}

size_t camera_answers_bytes(const struct camera *camera) {
    return camera->answers.bytes;
}

struct callback_statistics *camera_statistics(struct camera *camera) {
    return &camera->statistics;
}

struct camera *camera_new(struct daemon *daemon, struct config *owner, struct camera_config *config, bool waits) {
    struct camera *camera = calloc(1, sizeof *camera);
    if (camera == NULL) {
        log_error(CAMERA, "out of memory");
        return NULL;
    }
    camera->daemon = daemon;
    camera->config = config;
    camera->is_waiting = waits;
    snprintf(camera->reason, sizeof camera->reason, "%s", waits ? BUS_WAITS_REASON : "");
    camera->state = CAMERA_CONNECTING;
    camera->since_us = omvrpc_now_us();
    queue_init(&camera->queue);
    queue_init(&camera->followers);
    TAILQ_INIT(&camera->sources);
    answers_init(&camera->answers, owner->limits.answers_bytes);
    TAILQ_INIT(&camera->port_requests);
    TAILQ_INIT(&camera->reset_requests);
    TAILQ_INIT(&camera->recordings);
    evtimer_assign(&camera->return_timer, daemon->base, camera_on_return, camera);
    config->link.kind->describe(&config->link, camera->link, sizeof camera->link);
    struct bus_opener opener = {
        .open = config->link.kind->open,
        .context = &config->link,
        .description = camera->link,
        .wire = wire_log_write,
        .name = config->name,
        .healing = &config->healing,
        .explain_silence = config->link.kind->explain_silence,
        .explain_loss = config->link.kind->explain_loss,
        .waits = waits,
    };
    if (gpio_settings_are_there(&config->reset.line)) {
        camera->reset_line.settings = &config->reset;
        opener.pull_reset = reset_line_pull;
        opener.reset_context = &camera->reset_line;
        opener.reset_pulse_ms = config->reset.pulse_ms;
    }
    char bus[LINK_BUS_NAME_SIZE] = "";
    bool is_shared = config->link.kind->bus_name != NULL;
    if (is_shared) {
        config->link.kind->bus_name(&config->link, bus, sizeof bus);
    }
    if (!workers_join(daemon->workers, is_shared ? bus : NULL, &opener, camera_result_limit(owner), take_message,
                      camera, &camera->at)) {
        log_error(CAMERA, "%s: its worker cannot be started: %s", config->name, strerror(errno));
        free(camera);
        return NULL;
    }
    camera->owner = config_share(owner);
    return camera;
}

void camera_free(struct camera *camera) {
    if (camera == NULL) {
        return;
    }
    evtimer_del(&camera->return_timer);
    job_free(camera->introduction.job);
    exchange_clear(&camera->introduction);
    description_clear(&camera->description);
    answers_clear(&camera->answers);
    callback_statistics_clear(&camera->statistics);
    config_free(camera->owner);
    free(camera);
}
