/* SPDX-License-Identifier: MIT */
/* The table of all callbacks, and how a slave comes to call them. */

#include "callbacks.h"

#include "callbacks_internal.h"

#include <errno.h>
#include <stdlib.h>

struct row {
    const char *name;
    sim_callback *run;
    int choice;
    int64_t duration_us; /* believable for an OpenMV Cam H7 at QVGA; 0 for what takes no time to speak of */
};

static const struct row rows[] = {
    {"face_detection", sim_detect_face, 0, 30000},
    {"person_detection", sim_detect_person, 0, 40000},
    {"color_detection", sim_detect_color, 0, 8000},
    {"qrcode_detection", sim_detect_code, SIM_QRCODE, 20000},
    {"datamatrix_detection", sim_detect_code, SIM_DATAMATRIX, 35000},
    {"barcode_detection", sim_detect_code, SIM_BARCODE, 15000},
    {"apriltag_detection", sim_detect_tag, 0, 40000},
    {"all_qrcode_detection", sim_detect_all_codes, SIM_QRCODE, 20000},
    {"all_datamatrix_detection", sim_detect_all_codes, SIM_DATAMATRIX, 35000},
    {"all_barcode_detection", sim_detect_all_codes, SIM_BARCODE, 15000},
    {"all_apriltag_detection", sim_detect_all_tags, 0, 40000},
    {"jpeg_snapshot", sim_take_snapshot, 0, 12000},
    {"jpeg_image_snapshot", sim_hold_jpeg, 0, 12000},
    {"jpeg_image_read", sim_read_held, SIM_HELD_JPEG, 0},
    {"jpeg_image_stream", sim_begin_stream, 0, 0},
    {"raw_image_snapshot", sim_hold_raw, 0, 8000},
    {"raw_image_read", sim_read_held, SIM_HELD_RAW, 0},
    {"echo", sim_test_echo, 0, 0},
    {"sleep", sim_test_sleep, 0, 0},
    {"blob", sim_test_blob, 0, 0},
    {"counter", sim_test_counter, 0, 0},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

struct sim_registration {
    struct sim_callbacks *camera;
    const struct row *row;
};

static void run_row(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    const struct sim_registration *registration = context;
    const struct row *row = registration->row;
    struct sim_callbacks *camera = registration->camera;
    if (row->duration_us > 0) {
        int64_t wanted = camera->behaviour.duration_us;
        omvrpc_reply_delay(reply, wanted == SIM_DURATION_BELIEVABLE ? row->duration_us : wanted);
    }
    row->run(&(struct sim_call){camera, row->choice, argument, length, reply});
}

struct sim_callbacks *sim_callbacks_new(const struct sim_behaviour *behaviour) {
    struct sim_callbacks *callbacks = calloc(1, sizeof *callbacks);
    if (!callbacks) {
        return NULL;
    }
    callbacks->registrations = calloc(ROW_COUNT, sizeof *callbacks->registrations);
    if (!callbacks->registrations) {
        free(callbacks);
        return NULL;
    }
    callbacks->behaviour = *behaviour;
    if (behaviour->frames_per_second == 0) {
        callbacks->behaviour.frames_per_second = 30;
    }
    if (behaviour->frames_per_second > SIM_FRAMES_PER_SECOND_MAX) {
        callbacks->behaviour.frames_per_second = SIM_FRAMES_PER_SECOND_MAX;
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        callbacks->registrations[i] = (struct sim_registration){callbacks, &rows[i]};
    }
    return callbacks;
}

void sim_callbacks_free(struct sim_callbacks *callbacks) {
    if (!callbacks) {
        return;
    }
    for (int kind = 0; kind < SIM_HELD_COUNT; kind++) {
        sim_image_clear(&callbacks->held[kind]);
    }
    sim_image_clear(&callbacks->stream.frame);
    free(callbacks->registrations);
    free(callbacks);
}

int sim_callbacks_register(struct sim_callbacks *callbacks, struct omvrpc_slave *slave) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int error = omvrpc_slave_register(slave, rows[i].name, run_row, &callbacks->registrations[i]);
        if (error) {
            return error;
        }
    }
    return 0;
}

void sim_callbacks_set_time(struct sim_callbacks *callbacks, int64_t now_us) {
    if (!callbacks->started) {
        callbacks->started = true;
        callbacks->started_us = now_us;
    }
    callbacks->now_us = now_us;
}

void sim_callbacks_look(const struct sim_callbacks *camera, struct sim_scene *scene) {
    sim_scene_at(scene, camera->behaviour.seed, camera->now_us - camera->started_us);
}
