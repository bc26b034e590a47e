/* SPDX-License-Identifier: MIT */
/* The pencils: boxes, ellipses and turned grids of dark and light modules, in the scene's coordinates. */

#include "picture.h"

#include "random.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

static const struct sim_color BLACK = {20, 20, 24};
static const struct sim_color WHITE = {238, 238, 232};

struct canvas {
    uint8_t *pixels;
    int width, height;
    double scale; /* pixels for each unit of the scene */
};

/* Pixels of the canvas that a rectangle of the scene touches; may be empty. */
struct pixel_range {
    int left, top, right, bottom;
};

static int clamp(double value, int high) {
    return value < 0 ? 0 : value > high ? high : (int)value;
}

static struct pixel_range pixels_of(const struct canvas *canvas, struct sim_box box) {
    return (struct pixel_range){
        clamp(floor(box.x * canvas->scale), canvas->width),
        clamp(floor(box.y * canvas->scale), canvas->height),
        clamp(ceil((box.x + box.width) * canvas->scale), canvas->width),
        clamp(ceil((box.y + box.height) * canvas->scale), canvas->height),
    };
}

static void paint_pixel(const struct canvas *canvas, int x, int y, struct sim_color color) {
    uint8_t *pixel = canvas->pixels + ((size_t)y * (size_t)canvas->width + (size_t)x) * 3;
    pixel[0] = color.red;
    pixel[1] = color.green;
    pixel[2] = color.blue;
}

static void paint_box(const struct canvas *canvas, struct sim_box box, struct sim_color color) {
    struct pixel_range range = pixels_of(canvas, box);
    for (int y = range.top; y < range.bottom; y++) {
        for (int x = range.left; x < range.right; x++) {
            paint_pixel(canvas, x, y, color);
        }
    }
}

static void paint_ellipse(const struct canvas *canvas, struct sim_box box, struct sim_color color) {
    struct pixel_range range = pixels_of(canvas, box);
    double radius_x = box.width / 2.0, radius_y = box.height / 2.0;
    for (int y = range.top; y < range.bottom; y++) {
        double down = ((y + 0.5) / canvas->scale - box.y - radius_y) / radius_y;
        for (int x = range.left; x < range.right; x++) {
            double right = ((x + 0.5) / canvas->scale - box.x - radius_x) / radius_x;
            if (right * right + down * down <= 1) {
                paint_pixel(canvas, x, y, color);
            }
        }
    }
}

/* Says whether a module of a code is dark. `content` varies with what the code says. */
typedef bool module_pattern(uint64_t content, int column, int row);

static bool module_bit(uint64_t content, int column, int row) {
    return sim_random_of(content, (uint64_t)(row * 64 + column)) & 1;
}

/* A square of 21 modules with the three finder patterns of a QR code of version 1. */
static bool qrcode_module(uint64_t content, int column, int row) {
    bool right = column >= 13, low = row >= 13;
    int x = right ? 20 - column : column, y = low ? 20 - row : row;
    if (x > 7 || y > 7 || (right && low)) {
        return module_bit(content, column, row);
    }
    int ring = abs(x - 3) > abs(y - 3) ? abs(x - 3) : abs(y - 3);
    return ring <= 1 || ring == 3;
}

/* 12 modules with a solid left and lower edge and dotted upper and right ones. */
static bool datamatrix_module(uint64_t content, int column, int row) {
    if (column == 0 || row == 11) {
        return true;
    }
    if (row == 0 || column == 11) {
        return (column + row) % 2 == 0;
    }
    return module_bit(content, column, row);
}

/* 10 modules: a white margin, a black frame, and 36 bits. */
static bool tag_module(uint64_t content, int column, int row) {
    int edge = column < row ? column : row;
    edge = 9 - column < edge ? 9 - column : edge;
    edge = 9 - row < edge ? 9 - row : edge;
    return edge == 1 || (edge > 1 && module_bit(content, column, row));
}

struct grid {
    double center_x, center_y, side; /* of the scene */
    int rotation;                    /* clockwise, degrees */
    int modules;                     /* a side */
    module_pattern *pattern;
    uint64_t content;
};

static void paint_grid(const struct canvas *canvas, const struct grid *grid) {
    double cosine = cos(grid->rotation * PI / 180), sine = sin(grid->rotation * PI / 180);
    int reach = (int)ceil(grid->side * 0.71);
    struct sim_box around = {(int)grid->center_x - reach, (int)grid->center_y - reach, 2 * reach + 1, 2 * reach + 1};
    struct pixel_range range = pixels_of(canvas, around);
    for (int y = range.top; y < range.bottom; y++) {
        double down = (y + 0.5) / canvas->scale - grid->center_y;
        for (int x = range.left; x < range.right; x++) {
            double right = (x + 0.5) / canvas->scale - grid->center_x;
            double column = (0.5 + (right * cosine + down * sine) / grid->side) * grid->modules;
            double row = (0.5 + (down * cosine - right * sine) / grid->side) * grid->modules;
            if (column < 0 || row < 0 || column >= grid->modules || row >= grid->modules) {
                continue;
            }
            bool dark = grid->pattern(grid->content, (int)column, (int)row);
            paint_pixel(canvas, x, y, dark ? BLACK : WHITE);
        }
    }
}

static void paint_background(const struct canvas *canvas, int light) {
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            int slope = (x * 40 / canvas->width + y * 50 / canvas->height + light) / 2;
            struct sim_color color = {(uint8_t)(84 + slope), (uint8_t)(92 + slope), (uint8_t)(112 + slope)};
            paint_pixel(canvas, x, y, color);
        }
    }
}

static void paint_face(const struct canvas *canvas, struct sim_box box) {
    paint_ellipse(canvas, box, sim_scene_colors[SIM_FACE]);
    int unit = box.width / 8;
    int eye_y = box.y + box.height * 3 / 8;
    paint_ellipse(canvas, (struct sim_box){box.x + 2 * unit, eye_y, unit, unit}, BLACK);
    paint_ellipse(canvas, (struct sim_box){box.x + box.width - 3 * unit, eye_y, unit, unit}, BLACK);
    struct sim_box mouth = {box.x + 5 * unit / 2, box.y + box.height * 3 / 4, box.width - 5 * unit, unit / 2};
    paint_box(canvas, mouth, (struct sim_color){150, 60, 60});
}

/* A person seen from behind, so that no face is in the picture that face_detection would have to report. */
static void paint_person(const struct canvas *canvas, struct sim_box coat) {
    struct sim_box head = {coat.x + coat.width / 2 - 18, coat.y - 40, 36, 44};
    paint_ellipse(canvas, head, (struct sim_color){60, 44, 36});
    paint_box(canvas, coat, sim_scene_colors[SIM_PERSON]);
}

static void paint_barcode(const struct canvas *canvas, const struct sim_code *code) {
    paint_box(canvas, code->box, WHITE);
    int x = code->box.x + 6;
    for (const char *letter = code->text; *letter != '\0'; letter++) {
        /* Ten units a letter: two bars and two gaps whose widths follow from the letter. */
        int bar = 1 + *letter % 3, gap = 1 + *letter / 3 % 3;
        paint_box(canvas, (struct sim_box){x, code->box.y + 4, bar, code->box.height - 8}, BLACK);
        paint_box(canvas, (struct sim_box){x + bar + gap, code->box.y + 4, 2, code->box.height - 8}, BLACK);
        x += 10;
    }
}

static uint64_t content_of(const char *text) {
    uint64_t content = 0;
    for (; *text != '\0'; text++) {
        content = sim_random_of(content, (uint8_t)*text);
    }
    return content;
}

static void paint_square_code(const struct canvas *canvas, const struct sim_code *code, int modules,
                              module_pattern *pattern) {
    struct sim_box margin = {code->box.x - 4, code->box.y - 4, code->box.width + 8, code->box.height + 8};
    paint_box(canvas, margin, WHITE);
    paint_grid(canvas, &(struct grid){
                           .center_x = code->box.x + code->box.width / 2.0,
                           .center_y = code->box.y + code->box.height / 2.0,
                           .side = code->box.width,
                           .modules = modules,
                           .pattern = pattern,
                           .content = content_of(code->text),
                       });
}

void sim_picture_draw(const struct sim_scene *scene, uint8_t *pixels, int width, int height) {
    struct canvas canvas = {pixels, width, height, (double)width / SIM_SCENE_WIDTH};
    paint_background(&canvas, scene->light);
    if (scene->colored[SIM_FACE].seen) {
        paint_face(&canvas, scene->colored[SIM_FACE].box);
    }
    if (scene->colored[SIM_PERSON].seen) {
        paint_person(&canvas, scene->colored[SIM_PERSON].box);
    }
    if (scene->colored[SIM_BLOB].seen) {
        paint_ellipse(&canvas, scene->colored[SIM_BLOB].box, sim_scene_colors[SIM_BLOB]);
    }
    if (scene->codes[SIM_QRCODE].seen) {
        paint_square_code(&canvas, &scene->codes[SIM_QRCODE], 21, qrcode_module);
    }
    if (scene->codes[SIM_DATAMATRIX].seen) {
        paint_square_code(&canvas, &scene->codes[SIM_DATAMATRIX], 12, datamatrix_module);
    }
    if (scene->codes[SIM_BARCODE].seen) {
        paint_barcode(&canvas, &scene->codes[SIM_BARCODE]);
    }
    if (scene->tag.seen) {
        paint_grid(&canvas, &(struct grid){
                                .center_x = scene->tag.center_x,
                                .center_y = scene->tag.center_y,
                                .side = scene->tag.side,
                                .rotation = scene->tag.rotation,
                                .modules = 10,
                                .pattern = tag_module,
                                .content = (uint64_t)scene->tag.id,
                            });
    }
}
