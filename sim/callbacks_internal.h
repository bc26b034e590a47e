/* SPDX-License-Identifier: MIT */
#ifndef SIM_CALLBACKS_INTERNAL_H
#define SIM_CALLBACKS_INTERNAL_H

/* What callbacks.c (the table), description.c, detections.c, snapshots.c and test_aids.c share. Not for others. */

#include "callbacks.h"
#include "image.h"
#include "scene.h"

struct sim_call {
    struct sim_callbacks *camera;
    int choice; /* of the table's row */
    const uint8_t *argument;
    size_t length;
    struct omvrpc_reply *reply;
};

enum sim_held_kind { SIM_HELD_JPEG, SIM_HELD_RAW, SIM_HELD_COUNT };

struct sim_stream {
    struct sim_image frame;
    struct sim_image_choice choice;
    int64_t due_us; /* of the next frame; 0 before the first one */
};

struct sim_registration;

struct sim_callbacks {
    struct sim_behaviour behaviour;
    int64_t now_us;
    int64_t started_us;
    bool started;
    struct sim_image held[SIM_HELD_COUNT];
    struct sim_stream stream;
    uint32_t counter;
    struct sim_registration *registrations;
};

/* Looks at the scene as it is now. */
void sim_callbacks_look(const struct sim_callbacks *camera, struct sim_scene *scene);

/* Reads a little-endian number. */
static inline uint32_t sim_get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline void sim_put_u32(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Callbacks, by file. What each takes and answers stands in README.md. */

typedef void sim_callback(struct sim_call *call);

enum sim_row_flags {
    SIM_REPEATABLE = 1,
    SIM_ARGS_OPTIONAL = 2,
    SIM_STREAMS = 4,
    SIM_CUTS_THROUGH = 8,
};

/* A callback, and what the camera says of it. A schema is a word, or a format and the names of its fields. */
struct sim_row {
    const char *name;
    sim_callback *run;
    int choice;
    int64_t duration_us; /* believable for an OpenMV Cam H7 at QVGA; 0 for what takes no time to speak of */
    const char *args;    /* schemas, or NULL */
    const char *result;
    unsigned flags; /* of enum sim_row_flags */
    const char *doc;
};

extern const struct sim_row sim_rows[];
extern const size_t sim_row_count;

/* What the simulated camera is as a slave with the extensions. */
#define SIM_PIECE 4096
#define SIM_HELD  2

/* Returns the description of the simulated camera with that seed, to be freed with free(), or NULL. */
char *sim_description_new(uint64_t seed);

sim_callback sim_detect_face, sim_detect_person, sim_detect_color, sim_detect_tag, sim_detect_all_tags;
sim_callback sim_detect_code, sim_detect_all_codes; /* choice: enum sim_code_kind */

sim_callback sim_take_snapshot, sim_hold_jpeg, sim_hold_raw, sim_begin_stream;
sim_callback sim_read_held; /* choice: enum sim_held_kind */

sim_callback sim_test_echo, sim_test_sleep, sim_test_blob, sim_test_counter, sim_test_fail;

#endif
