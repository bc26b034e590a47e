/* SPDX-License-Identifier: MIT */
/* Ports that are lent to other software and taken back: who waits for that. */
#include "camera_internal.h"

#include "log.h"
#include "request.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

/* Requests that may wait at once for a camera's port to be lent or taken back. */
enum { PORT_REQUESTS_MAX = 64 };

/* A port that cannot be taken back in time is taken back so much later, in milliseconds. */
enum { AGAIN_MS = 1000 };

/* Somebody who waits until the port is lent (`wants_released`), or no longer lent. */
struct port_request {
    TAILQ_ENTRY(port_request) entry;
    struct request *request; /* NULL where the time of a loan is over and nobody asks */
    bool wants_released;
    int64_t for_ms;
};

/* Begins to wait for the end of a loan, or stops waiting. */
static void set_return(struct camera *camera, int64_t for_ms) {
    struct timeval time = {.tv_sec = (time_t)(for_ms / 1000), .tv_usec = (suseconds_t)(for_ms % 1000 * 1000)};
    evtimer_del(&camera->return_timer);
    camera->return_us = 0;
    if (for_ms > 0 && evtimer_add(&camera->return_timer, &time) == 0) {
        camera->return_us = omvrpc_now_us() + for_ms * 1000;
    }
}

static void fulfil_port_request(struct camera *camera, struct port_request *fulfilled) {
    TAILQ_REMOVE(&camera->port_requests, fulfilled, entry);
    camera->port_request_count--;
    set_return(camera, fulfilled->for_ms);
    if (fulfilled->request != NULL) {
        request_succeed(fulfilled->request, cJSON_CreateTrue());
    }
    free(fulfilled);
}

/*
 * Answers the requests for the port whose wish is fulfilled, in their order, and has the worker fulfil the next one.
 * Orders are levels to the worker, and one that is taken back soon may never be seen; so each waits for the one before
 * to be done.
 */
void camera_serve_port_requests(struct camera *camera) {
    bool is_released = camera->state == CAMERA_RELEASED;
    struct port_request *waiting;
    while ((waiting = TAILQ_FIRST(&camera->port_requests)) != NULL && waiting->wants_released == is_released) {
        fulfil_port_request(camera, waiting);
    }
    if (waiting != NULL && waiting->wants_released) {
        worker_release(camera->at.worker, camera->at.place);
    } else if (waiting != NULL) {
        worker_acquire(camera->at.worker, camera->at.place);
    }
}

static bool add_port_request(struct camera *camera, struct request *request, bool wants_released, int64_t for_ms,
                             struct error *error) {
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
    waiting->for_ms = for_ms;
    TAILQ_INSERT_TAIL(&camera->port_requests, waiting, entry);
    camera->port_request_count++;
    camera_serve_port_requests(camera);
    return true;
}

bool camera_release(struct camera *camera, struct request *request, int64_t for_ms, struct error *error) {
    return add_port_request(camera, request, true, for_ms, error);
}

bool camera_acquire(struct camera *camera, struct request *request, struct error *error) {
    return add_port_request(camera, request, false, 0, error);
}

void camera_inherit_loan(struct camera *heir, const struct camera *camera) {
    struct error error;
    if (camera->state != CAMERA_RELEASED) {
        return;
    }
    int64_t left_ms = camera->return_us != 0 ? (camera->return_us - omvrpc_now_us()) / 1000 : 0;
    int64_t for_ms = camera->return_us == 0 ? 0 : left_ms > 0 ? left_ms : 1;
    if (!add_port_request(heir, NULL, true, for_ms, &error)) {
        log_warning(CAMERA, "%s: its port is taken back: %s", camera_name(heir), error.message);
    }
}

void camera_on_return(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct camera *camera = context;
    struct error error;
    camera->return_us = 0;
    log_info(CAMERA, "%s: the time for which its port was lent is over", camera_name(camera));
    if (!add_port_request(camera, NULL, false, 0, &error)) {
        log_warning(CAMERA, "%s: its port stays lent for a moment more: %s", camera_name(camera), error.message);
        set_return(camera, AGAIN_MS);
    }
}

void camera_refuse_port_requests(struct camera *camera, const struct error *error) {
    for (struct port_request *waiting; (waiting = TAILQ_FIRST(&camera->port_requests)) != NULL;) {
        TAILQ_REMOVE(&camera->port_requests, waiting, entry);
        camera->port_request_count--;
        if (waiting->request != NULL) {
            request_fail(waiting->request, error);
        }
        free(waiting);
    }
}
