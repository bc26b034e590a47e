/* SPDX-License-Identifier: MIT */
/* The table of all callbacks, and how a slave comes to call them. */

#include "callbacks.h"

#include "callbacks_internal.h"

#include <errno.h>
#include <stdlib.h>

#define PIXEL_FORMAT_TEXT "takes a text such as sensor.RGB565,sensor.QVGA."

const struct sim_row sim_rows[] = {
    {"face_detection", sim_detect_face, 0, 30000, NULL, "<HHHH x y w h", SIM_REPEATABLE,
     "The place of the largest face."},
    {"person_detection", sim_detect_person, 0, 40000, NULL, "utf8", SIM_REPEATABLE, "Whether a person is seen."},
    {"color_detection", sim_detect_color, 0, 8000, "<bbbbbb l_min l_max a_min a_max b_min b_max", "<HH cx cy",
     SIM_REPEATABLE, "The centre of the largest blob within these LAB thresholds."},
    {"qrcode_detection", sim_detect_code, SIM_QRCODE, 20000, NULL, "utf8", SIM_REPEATABLE,
     "The text of the largest QR code."},
    {"datamatrix_detection", sim_detect_code, SIM_DATAMATRIX, 35000, NULL, "utf8", SIM_REPEATABLE,
     "The text of the largest data matrix."},
    {"barcode_detection", sim_detect_code, SIM_BARCODE, 15000, NULL, "utf8", SIM_REPEATABLE,
     "The text of the largest barcode."},
    {"apriltag_detection", sim_detect_tag, 0, 40000, NULL, "<HHHH cx cy id rotation", SIM_REPEATABLE,
     "Centre, number and rotation in degrees of the largest AprilTag."},
    {"all_qrcode_detection", sim_detect_all_codes, SIM_QRCODE, 20000, NULL, "json", SIM_REPEATABLE, "All QR codes."},
    {"all_datamatrix_detection", sim_detect_all_codes, SIM_DATAMATRIX, 35000, NULL, "json", SIM_REPEATABLE,
     "All data matrices."},
    {"all_barcode_detection", sim_detect_all_codes, SIM_BARCODE, 15000, NULL, "json", SIM_REPEATABLE, "All barcodes."},
    {"all_apriltag_detection", sim_detect_all_tags, 0, 40000, NULL, "json", SIM_REPEATABLE, "All AprilTags."},
    {"jpeg_snapshot", sim_take_snapshot, 0, 12000, NULL, "jpeg", SIM_REPEATABLE, "A picture."},
    {"jpeg_image_snapshot", sim_hold_jpeg, 0, 12000, "utf8", "<I size", SIM_REPEATABLE,
     "Takes and holds a picture; " PIXEL_FORMAT_TEXT},
    {"jpeg_image_read", sim_read_held, SIM_HELD_JPEG, 0, "<II offset size", "bytes",
     SIM_ARGS_OPTIONAL | SIM_CUTS_THROUGH, "A piece of the held picture, or all of it by cut-through."},
    {"jpeg_image_stream", sim_begin_stream, 0, 0, "utf8", NULL, SIM_STREAMS, "Streams pictures; " PIXEL_FORMAT_TEXT},
    {"raw_image_snapshot", sim_hold_raw, 0, 8000, "<II pixformat framesize", "<IIII width height pixformat size",
     SIM_REPEATABLE, "Takes and holds a picture; the numbers are the firmware's own constants."},
    {"raw_image_read", sim_read_held, SIM_HELD_RAW, 0, "<II offset size", "bytes", SIM_ARGS_OPTIONAL | SIM_CUTS_THROUGH,
     "A piece of the held pixels, or all of them by cut-through."},
    /* Test aids. All but the last have no schema, so that the bytes of arguments and results can be seen. */
    {"echo", sim_test_echo, 0, 0, NULL, NULL, 0, "Test aid: gives its argument back."},
    {"sleep", sim_test_sleep, 0, 0, NULL, NULL, 0, "Test aid: gives <I milliseconds back, after that time."},
    {"blob", sim_test_blob, 0, 0, NULL, NULL, 0, "Test aid: gives <I bytes."},
    {"counter", sim_test_counter, 0, 0, NULL, NULL, 0, "Test aid: gives how often it has run, <I."},
    {"fail", sim_test_fail, 0, 0, "utf8", NULL, 0, "Test aid: raises what it is told, such as ValueError: no dial 7."},
};

#define ROW_COUNT (sizeof sim_rows / sizeof sim_rows[0])

const size_t sim_row_count = ROW_COUNT;

struct sim_registration {
    struct sim_callbacks *camera;
    const struct sim_row *row;
};

static void run_row(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    const struct sim_registration *registration = context;
    const struct sim_row *row = registration->row;
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
        callbacks->registrations[i] = (struct sim_registration){callbacks, &sim_rows[i]};
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

static int offer_extensions(const struct sim_callbacks *callbacks, struct omvrpc_slave *slave) {
    char *description = sim_description_new(callbacks->behaviour.seed);
    if (!description) {
        return -ENOMEM;
    }
    int error = omvrpc_slave_offer_extensions(
        slave, &(struct omvrpc_extension_options){.description = description, .piece = SIM_PIECE, .held = SIM_HELD});
    free(description);
    return error;
}

int sim_callbacks_register(struct sim_callbacks *callbacks, struct omvrpc_slave *slave) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int error = omvrpc_slave_register(slave, sim_rows[i].name, run_row, &callbacks->registrations[i]);
        if (error) {
            return error;
        }
    }
    return callbacks->behaviour.stock ? 0 : offer_extensions(callbacks, slave);
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
