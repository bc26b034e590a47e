/* SPDX-License-Identifier: MIT */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

/*
 * What stands before the simulated camera at a given time: a pure function of a seed and that time. The detections
 * report it and picture.c draws it, so that both agree. Each thing keeps to its own part of the picture, and none
 * covers another.
 */

#include <stdbool.h>
#include <stdint.h>

/* Coordinates are pixels of a QVGA picture, origin at the top left, whatever size is drawn. */
#define SIM_SCENE_WIDTH    320
#define SIM_SCENE_HEIGHT   240

#define SIM_CODE_TEXT_SIZE 48

struct sim_box {
    int x, y, width, height;
};

struct sim_color {
    uint8_t red, green, blue;
};

/* Things of one flat colour, which color_detection can find. */
enum sim_colored { SIM_BLOB, SIM_FACE, SIM_PERSON, SIM_COLORED_COUNT };

enum sim_code_kind { SIM_QRCODE, SIM_DATAMATRIX, SIM_BARCODE, SIM_CODE_COUNT };

struct sim_code {
    bool seen;
    struct sim_box box;
    char text[SIM_CODE_TEXT_SIZE]; /* printable ASCII without quotes or backslashes */
};

struct sim_tag {
    bool seen;
    int center_x, center_y;
    int side;     /* of the square with its white margin */
    int id;       /* 0 to 586, of the family TAG36H11 */
    int rotation; /* clockwise, 0 to 359 degrees */
};

struct sim_scene {
    int light; /* brightness of the background, 0 to 63; drifts */
    struct {
        bool seen;
        struct sim_box box; /* of the face, of the round blob, of the person's coat */
    } colored[SIM_COLORED_COUNT];
    bool person_arriving; /* at the edge of the picture: a network would be unsure */
    struct sim_code codes[SIM_CODE_COUNT];
    struct sim_tag tag;
};

/* The colours of the things, by enum sim_colored. */
extern const struct sim_color sim_scene_colors[SIM_COLORED_COUNT];

/*
 * Fills in the scene. `time_us` counts from the camera's start; below 0 means 0. Everything but the person is there for
 * the first 13 s, so that a demonstration begins with something to see.
 */
void sim_scene_at(struct sim_scene *scene, uint64_t seed, int64_t time_us);

/*
 * Finds the largest thing whose colour is within the thresholds: L min, L max (0 to 100), A min, A max, B min, B max
 * (-128 to 127) of CIELAB. Returns false when there is none.
 */
bool sim_scene_find_color(const struct sim_scene *scene, const int8_t thresholds[6], int *center_x, int *center_y);

/* Converts to CIELAB under D65, rounded. */
void sim_color_to_lab(struct sim_color color, int lab[3]);

/* Returns the rectangle around a tag, turned as it is. */
struct sim_box sim_tag_box(const struct sim_tag *tag);

#endif
