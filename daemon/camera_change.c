/* SPDX-License-Identifier: MIT */
/* Cameras while the configuration changes: those that leave, those that take their place, and those that stay. */
#include "camera_internal.h"

#include "log.h"

#include <string.h>

void camera_drop_leaving(struct camera *camera) {
    LIST_REMOVE(camera, of_leaving);
    camera_free(camera);
}

static void on_gone(void *context) {
    struct camera *camera = context;
    struct daemon *daemon = camera->daemon;
    camera_drop_leaving(camera);
    daemon_camera_gone(daemon);
}

static void end_calls(struct camera *camera, const struct error *running, const struct error *waiting) {
    camera_abandon_running(camera, running);
    camera_end_waiting(camera, waiting);
    camera_refuse_port_requests(camera, waiting);
    camera_refuse_resets(camera, waiting);
    camera_end_all_recordings(camera, RECORDING_REMOVED);
}

void camera_leave(struct camera *camera, struct camera *heir) {
    static const char *const what[] = {"taken out of the configuration", "given other settings"};
    struct error running, waiting;
    const char *happened = what[heir != NULL];
    error_set(&running, ERROR_RESULT_UNKNOWN, "camera \"%s\" was %s by a reload, and had not answered yet",
              camera_name(camera), happened);
    error_set(&waiting, heir != NULL ? ERROR_NOT_DELIVERED : ERROR_NO_SUCH_CAMERA, "camera \"%s\" was %s by a reload",
              camera_name(camera), happened);
    running.cause = waiting.cause = "reloaded";
    if (heir == NULL) {
        source_end_all(camera, &waiting);
    }
    end_calls(camera, &running, &waiting);
    if (heir != NULL) {
        source_inherit_all(heir, camera);
        camera_inherit_loan(heir, camera);
    } else {
        camera->state = CAMERA_OFFLINE;
        snprintf(camera->reason, sizeof camera->reason, "taken out of the configuration");
        camera_tell_state(camera);
    }
    evtimer_del(&camera->return_timer);
    camera->is_leaving = true;
    LIST_INSERT_HEAD(&camera->daemon->leaving, camera, of_leaving);
    workers_leave(camera->daemon->workers, &camera->at, on_gone);
}

static void report_nothing(void *context, const char *what) {
    (void)context;
    (void)what;
}

/* What the camera has said of itself is read again, on top of what the configuration says now. */
static void describe_anew(struct camera *camera) {
    struct description description;
    char problem[160];
    if (camera->description.callbacks == NULL) {
        return;
    }
    if (!description_read(&description, camera->description.text, camera->description.text_length,
                          camera->daemon->config->callbacks, report_nothing, NULL, problem, sizeof problem)) {
        log_warning(CAMERA, "%s: its callbacks stay as they were: %s", camera_name(camera), problem);
        return;
    }
    description_clear(&camera->description);
    camera->description = description;
}

void camera_adjust(struct camera *camera) {
    const struct config *config = camera->daemon->config;
    const struct camera_config *said = config_find_camera(config, camera_name(camera));
    answers_set_limit(&camera->answers, config->limits.answers_bytes);
    worker_adjust(camera->at.worker, camera->at.place, &said->healing, camera_result_limit(config));
    describe_anew(camera);
    source_check_access(camera);
}
