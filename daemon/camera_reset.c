/* SPDX-License-Identifier: MIT */
/* Cameras that are reset because a client asks: who waits for them to be online again. */
#include "camera_internal.h"

#include "request.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

/* Requests that may wait at once for one camera. */
enum { RESET_REQUESTS_MAX = 64 };

struct reset_request {
    TAILQ_ENTRY(reset_request) entry;
    struct camera *camera;
    struct request *request;
    bool is_reset; /* the camera was, and is to come back */
    struct event timer;
};

static struct request *take_out(struct reset_request *waiting) {
    struct request *request = waiting->request;
    TAILQ_REMOVE(&waiting->camera->reset_requests, waiting, entry);
    waiting->camera->reset_request_count--;
    evtimer_del(&waiting->timer);
    free(waiting);
    return request;
}

static void on_deadline(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct reset_request *waiting = context;
    const struct camera *camera = waiting->camera;
    struct error error;
    error_set(&error, ERROR_CAMERA_OFFLINE, "camera \"%s\" %s within %d s%s%s", camera_name(camera),
              waiting->is_reset ? "was reset and has not come back" : "could not be reset", RESET_PATIENCE_MS / 1000,
              camera->reason[0] != '\0' ? ": " : "", camera->reason);
    request_fail(take_out(waiting), &error);
}

/* Whether the worker is at it already. */
static bool is_under_way(const struct camera *camera) {
    const struct reset_request *waiting;
    TAILQ_FOREACH(waiting, &camera->reset_requests, entry) {
        if (!waiting->is_reset) {
            return true;
        }
    }
    return false;
}

static bool may_reset(const struct camera *camera, struct error *error) {
    if (!gpio_settings_are_there(&camera->config->reset.line)) {
        error_set(error, ERROR_UNSUPPORTED,
                  "camera \"%s\" cannot be reset: that needs a GPIO line wired to its reset pin, and \"reset\": "
                  "{\"line\": \"GPIO25\"} in the configuration; press its reset button, or unplug it for a moment",
                  camera_name(camera));
    } else if (camera->daemon->stopping) {
        error_set_stopping(error);
    } else if (camera->state == CAMERA_RELEASED) {
        camera_set_released(camera, error);
    } else if (camera->reset_request_count >= RESET_REQUESTS_MAX) {
        error_set(error, ERROR_QUEUE_FULL, "%zu requests wait for camera \"%s\" to be reset",
                  camera->reset_request_count, camera_name(camera));
    } else {
        return true;
    }
    return false;
}

bool camera_reset(struct camera *camera, struct request *request, struct error *error) {
    static const struct timeval patience = {.tv_sec = RESET_PATIENCE_MS / 1000};
    if (!may_reset(camera, error)) {
        return false;
    }
    bool is_first = !is_under_way(camera);
    struct reset_request *waiting = calloc(1, sizeof *waiting);
    if (waiting != NULL) {
        waiting->camera = camera;
        waiting->request = request;
        evtimer_assign(&waiting->timer, camera->daemon->base, on_deadline, waiting);
    }
    if (waiting == NULL || evtimer_add(&waiting->timer, &patience) < 0) {
        free(waiting);
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        return false;
    }
    TAILQ_INSERT_TAIL(&camera->reset_requests, waiting, entry);
    camera->reset_request_count++;
    if (is_first) {
        worker_reset(camera->at.worker, camera->at.place);
    }
    return true;
}

static void fail_those(struct camera *camera, bool only_new, const struct error *error) {
    struct reset_request *waiting, *next;
    for (waiting = TAILQ_FIRST(&camera->reset_requests); waiting != NULL; waiting = next) {
        next = TAILQ_NEXT(waiting, entry);
        if (!only_new || !waiting->is_reset) {
            request_fail(take_out(waiting), error);
        }
    }
}

void camera_take_reset(struct camera *camera, const char *problem) {
    if (problem[0] != '\0') {
        struct error error;
        error_set(&error, ERROR_UNSUPPORTED, "camera \"%s\" cannot be reset: %s", camera_name(camera), problem);
        fail_those(camera, true, &error);
        return;
    }
    struct reset_request *waiting;
    TAILQ_FOREACH(waiting, &camera->reset_requests, entry) {
        waiting->is_reset = true;
    }
    /* Its state is at least as new as this. */
    camera_serve_resets(camera);
}

void camera_serve_resets(struct camera *camera) {
    struct reset_request *waiting, *next;
    if (camera->state != CAMERA_ONLINE || camera->is_strange) {
        return;
    }
    for (waiting = TAILQ_FIRST(&camera->reset_requests); waiting != NULL; waiting = next) {
        next = TAILQ_NEXT(waiting, entry);
        if (waiting->is_reset) {
            request_succeed(take_out(waiting), cJSON_CreateTrue());
        }
    }
}

void camera_refuse_resets(struct camera *camera, const struct error *error) {
    fail_those(camera, false, error);
}
