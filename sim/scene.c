/* SPDX-License-Identifier: MIT */
/* Where the things of the scene are, when they are away, and what the codes say. */

#include "scene.h"

#include "random.h"

#include <math.h>
#include <stdio.h>

#define PI 3.14159265358979323846

/* Reddish, skin and green: apart in CIELAB, and found by the firmware's generic red and green thresholds. */
const struct sim_color sim_scene_colors[SIM_COLORED_COUNT] = {
    [SIM_BLOB] = {220, 40, 40},
    [SIM_FACE] = {224, 172, 125},
    [SIM_PERSON] = {30, 120, 50},
};

/* One number for each quantity that varies by itself, so that none moves in step with another. */
enum salt {
    SALT_LIGHT,
    SALT_BLOB_X,
    SALT_BLOB_Y,
    SALT_BLOB_SIZE,
    SALT_BLOB,
    SALT_FACE_X,
    SALT_FACE_Y,
    SALT_FACE_SIZE,
    SALT_FACE,
    SALT_PERSON,
    SALT_TAG_X,
    SALT_TAG,
    SALT_TAG_ID,
    SALT_CODE,
};

/* Returns a number that wanders smoothly from `low` to `high` and back, about once in 6 s. */
static int wander(uint64_t seed, enum salt salt, int64_t time_us, int low, int high) {
    uint64_t random = sim_random_of(seed, salt);
    double seconds = (double)time_us / 1e6;
    double period = 5.0 + (double)(random & 0xFF) / 128.0;
    double phase = 2 * PI * (double)((random >> 8) & 0xFFF) / 4096.0;
    double swing = 0.7 * sin(2 * PI * seconds / period + phase) + 0.3 * sin(2 * PI * seconds / (0.37 * period) - phase);
    return (int)lround((low + high) / 2.0 + swing * (high - low) / 2.0);
}

/* A stay of a thing: which one it is, counted from 0, and how far it has gone, 0 to 999 thousandths. */
struct stay {
    uint64_t number;
    int elapsed;
};

static struct stay stay_at(uint64_t seed, uint64_t salt, int64_t time_us) {
    int64_t period_us = 17000000 + (int64_t)(sim_random_of(seed, salt) % 12000) * 1000;
    return (struct stay){(uint64_t)(time_us / period_us), (int)(time_us % period_us * 1000 / period_us)};
}

/* Thousandths of its stay after which a thing leaves the picture. */
#define LEAVES_AFTER 800

static void place_colored(struct sim_scene *scene, uint64_t seed, int64_t time_us) {
    int radius = wander(seed, SALT_BLOB_SIZE, time_us, 11, 16);
    int blob_x = wander(seed, SALT_BLOB_X, time_us, 20, 300);
    int blob_y = wander(seed, SALT_BLOB_Y, time_us, 145, 147);
    scene->colored[SIM_BLOB].seen = stay_at(seed, SALT_BLOB, time_us).elapsed < LEAVES_AFTER;
    scene->colored[SIM_BLOB].box = (struct sim_box){blob_x - radius, blob_y - radius, 2 * radius, 2 * radius};

    int face_width = wander(seed, SALT_FACE_SIZE, time_us, 52, 72);
    scene->colored[SIM_FACE].seen = stay_at(seed, SALT_FACE, time_us).elapsed < LEAVES_AFTER;
    scene->colored[SIM_FACE].box =
        (struct sim_box){wander(seed, SALT_FACE_X, time_us, 4, 36), wander(seed, SALT_FACE_Y, time_us, 4, 28),
                         face_width, face_width * 5 / 4};

    /* The person comes in from the right, stands, and goes out again: present from 300 to 700 thousandths of each
     * round. */
    int elapsed = stay_at(seed, SALT_PERSON, time_us).elapsed;
    int from_edge = elapsed - 300 < 700 - elapsed ? elapsed - 300 : 700 - elapsed;
    int inside = from_edge < 0 ? 0 : from_edge > 50 ? 100 : from_edge * 2;
    scene->colored[SIM_PERSON].seen = inside > 0;
    scene->colored[SIM_PERSON].box = (struct sim_box){SIM_SCENE_WIDTH - inside, 44, 72, 80};
    scene->person_arriving = inside > 0 && inside < 72;
}

static void place_tag(struct sim_scene *scene, uint64_t seed, int64_t time_us) {
    struct stay stay = stay_at(seed, SALT_TAG, time_us);
    scene->tag = (struct sim_tag){
        .seen = stay.elapsed < LEAVES_AFTER,
        .center_x = wander(seed, SALT_TAG_X, time_us, 38, 44),
        .center_y = 202,
        .side = 46,
        .id = (int)(sim_random_of(seed, SALT_TAG_ID + stay.number * 64) % 587),
        .rotation = (int)(time_us / 50000 % 360),
    };
}

static void place_codes(struct sim_scene *scene, uint64_t seed, int64_t time_us) {
    static const struct {
        const char *text; /* with the place of one number of six digits */
        struct sim_box box;
        int sway;
    } kinds[SIM_CODE_COUNT] = {
        [SIM_QRCODE] = {"https://openmv.io/part/%06u", {118, 24, 63, 63}, 8},
        [SIM_DATAMATRIX] = {"LOT-%06u", {88, 180, 48, 48}, 4},
        [SIM_BARCODE] = {"4006381%06u", {156, 186, 140, 40}, 8},
    };
    for (int kind = 0; kind < SIM_CODE_COUNT; kind++) {
        uint64_t salt = SALT_CODE + (uint64_t)kind;
        struct stay stay = stay_at(seed, salt, time_us);
        unsigned number = (unsigned)(sim_random_of(seed, salt + (stay.number + 1) * 64) % 1000000);
        struct sim_code *code = &scene->codes[kind];
        code->seen = stay.elapsed < LEAVES_AFTER;
        code->box = kinds[kind].box;
        code->box.x += wander(seed, (enum salt)salt, time_us, 0, kinds[kind].sway);
        snprintf(code->text, sizeof code->text, kinds[kind].text, number);
    }
}

void sim_scene_at(struct sim_scene *scene, uint64_t seed, int64_t time_us) {
    if (time_us < 0) {
        time_us = 0;
    }
    *scene = (struct sim_scene){.light = wander(seed, SALT_LIGHT, time_us, 0, 63)};
    place_colored(scene, seed, time_us);
    place_tag(scene, seed, time_us);
    place_codes(scene, seed, time_us);
}

static double linear_of(uint8_t channel) {
    double value = channel / 255.0;
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static double lab_curve(double ratio) {
    return ratio > 216.0 / 24389.0 ? cbrt(ratio) : (24389.0 / 27.0 * ratio + 16) / 116;
}

void sim_color_to_lab(struct sim_color color, int lab[3]) {
    double red = linear_of(color.red), green = linear_of(color.green), blue = linear_of(color.blue);
    double x = lab_curve((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047);
    double y = lab_curve(0.2126729 * red + 0.7151522 * green + 0.0721750 * blue);
    double z = lab_curve((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883);
    lab[0] = (int)lround(116 * y - 16);
    lab[1] = (int)lround(500 * (x - y));
    lab[2] = (int)lround(200 * (y - z));
}

bool sim_scene_find_color(const struct sim_scene *scene, const int8_t thresholds[6], int *center_x, int *center_y) {
    int largest = 0;
    for (int thing = 0; thing < SIM_COLORED_COUNT; thing++) {
        if (!scene->colored[thing].seen) {
            continue;
        }
        int lab[3];
        sim_color_to_lab(sim_scene_colors[thing], lab);
        bool within = true;
        for (int axis = 0; axis < 3; axis++) {
            within = within && lab[axis] >= thresholds[2 * axis] && lab[axis] <= thresholds[2 * axis + 1];
        }
        struct sim_box box = scene->colored[thing].box;
        if (box.x + box.width > SIM_SCENE_WIDTH) {
            box.width = SIM_SCENE_WIDTH - box.x;
        }
        if (!within || box.width * box.height <= largest) {
            continue;
        }
        largest = box.width * box.height;
        *center_x = box.x + box.width / 2;
        *center_y = box.y + box.height / 2;
    }
    return largest > 0;
}

struct sim_box sim_tag_box(const struct sim_tag *tag) {
    double angle = tag->rotation * PI / 180;
    int half = (int)lround(tag->side / 2.0 * (fabs(cos(angle)) + fabs(sin(angle))));
    return (struct sim_box){tag->center_x - half, tag->center_y - half, 2 * half, 2 * half};
}
