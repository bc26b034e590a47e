/* SPDX-License-Identifier: MIT */
/* Recordings of a camera's wire: lent to the worker, and taken back when they are full or not wanted any more. */
#include "camera_internal.h"

/* Recordings that one camera may have at once. Each may take some megabytes, and each delays the worker a little. */
enum { RECORDINGS_MAX = 4 };

bool camera_record(struct camera *camera, struct recording *recording, struct error *error) {
    if (camera->daemon->stopping) {
        error_set_stopping(error);
        return false;
    }
    if (camera->recording_count >= RECORDINGS_MAX) {
        error_set(error, ERROR_QUEUE_FULL, "the wire of camera \"%s\" is being recorded %zu times already",
                  camera_name(camera), camera->recording_count);
        return false;
    }
    TAILQ_INSERT_TAIL(&camera->recordings, recording, entry);
    camera->recording_count++;
    worker_record(camera->at.worker, camera->at.place, recording);
    return true;
}

static void forget_recording(struct camera *camera, struct recording *recording) {
    TAILQ_REMOVE(&camera->recordings, recording, entry);
    camera->recording_count--;
}

void camera_end_recording(struct camera *camera, struct recording *recording) {
    worker_end_recording(camera->at.worker, camera->at.place, recording);
    forget_recording(camera, recording);
}

void camera_end_all_recordings(struct camera *camera, enum recording_end why) {
    for (struct recording *recording; (recording = TAILQ_FIRST(&camera->recordings)) != NULL;) {
        camera_end_recording(camera, recording);
        recording->ended(recording, why);
    }
}

void camera_end_full_recordings(struct camera *camera) {
    for (struct recording *recording;
         (recording = worker_take_full_recording(camera->at.worker, camera->at.place)) != NULL;) {
        forget_recording(camera, recording);
        recording->ended(recording, RECORDING_FULL);
    }
}
