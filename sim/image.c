/* SPDX-License-Identifier: MIT */
/* The tables of formats and sizes, and the way from a scene to bytes. */

#include "image.h"

#include "jpeg.h"
#include "picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The constants are those of current firmware's imlib.h and omv_csi.h; firmware before 4.7 counted frame sizes one
 * lower. */
static const struct sim_pixel_format pixel_formats[] = {
    {"sensor.RGB565", 0x0C030002, 2},
    {"sensor.GRAYSCALE", 0x08020001, 1},
};

static const struct sim_frame_size frame_sizes[] = {
    {"sensor.QQVGA", 10, 160, 120},
    {"sensor.QVGA", 11, 320, 240},
    {"sensor.VGA", 12, 640, 480},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* Of the pictures of camera scripts, which choose between 50 and 90. */
#define JPEG_QUALITY 80

struct sim_image_choice sim_image_default(void) {
    return (struct sim_image_choice){&pixel_formats[0], &frame_sizes[1]};
}

static bool is_name(const char *name, const char *text, size_t length) {
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

bool sim_image_choose_by_name(struct sim_image_choice *choice, const char *text, size_t length) {
    const char *comma = length > 0 ? memchr(text, ',', length) : NULL;
    if (!comma) {
        return false;
    }
    size_t format_length = (size_t)(comma - text), size_length = length - format_length - 1;
    struct sim_image_choice found = {0};
    for (size_t i = 0; i < COUNT(pixel_formats); i++) {
        if (is_name(pixel_formats[i].name, text, format_length)) {
            found.format = &pixel_formats[i];
        }
    }
    for (size_t i = 0; i < COUNT(frame_sizes); i++) {
        if (is_name(frame_sizes[i].name, comma + 1, size_length)) {
            found.size = &frame_sizes[i];
        }
    }
    if (!found.format || !found.size) {
        return false;
    }
    *choice = found;
    return true;
}

bool sim_image_choose_by_constant(struct sim_image_choice *choice, uint32_t pixel_format, uint32_t frame_size) {
    struct sim_image_choice found = {0};
    for (size_t i = 0; i < COUNT(pixel_formats); i++) {
        if (pixel_formats[i].constant == pixel_format) {
            found.format = &pixel_formats[i];
        }
    }
    for (size_t i = 0; i < COUNT(frame_sizes); i++) {
        if (frame_sizes[i].constant == frame_size) {
            found.size = &frame_sizes[i];
        }
    }
    if (!found.format || !found.size) {
        return false;
    }
    *choice = found;
    return true;
}

static size_t pixel_count(struct sim_image_choice choice) {
    return (size_t)choice.size->width * (size_t)choice.size->height;
}

/* Returns the drawn scene, malloc'ed, three bytes a pixel, or NULL. */
static uint8_t *draw(const struct sim_scene *scene, struct sim_image_choice choice) {
    uint8_t *pixels = malloc(pixel_count(choice) * 3);
    if (pixels) {
        sim_picture_draw(scene, pixels, choice.size->width, choice.size->height);
    }
    return pixels;
}

/* Both convert in place: the pixels get smaller, so that writing never overtakes reading. */

static void convert_to_gray(uint8_t *pixels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rgb = pixels + 3 * i;
        pixels[i] = (uint8_t)((rgb[0] * 38 + rgb[1] * 75 + rgb[2] * 15) >> 7);
    }
}

static void convert_to_rgb565(uint8_t *pixels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rgb = pixels + 3 * i;
        unsigned packed = (unsigned)(rgb[0] >> 3) << 11 | (unsigned)(rgb[1] >> 2) << 5 | (unsigned)(rgb[2] >> 3);
        pixels[2 * i] = (uint8_t)packed;
        pixels[2 * i + 1] = (uint8_t)(packed >> 8);
    }
}

int sim_image_take_raw(struct sim_image *image, const struct sim_scene *scene, struct sim_image_choice choice) {
    sim_image_clear(image);
    uint8_t *pixels = draw(scene, choice);
    if (!pixels) {
        return -ENOMEM;
    }
    if (choice.format->pixel_size == 1) {
        convert_to_gray(pixels, pixel_count(choice));
    } else {
        convert_to_rgb565(pixels, pixel_count(choice));
    }
    image->data = pixels;
    image->length = pixel_count(choice) * choice.format->pixel_size;
    return 0;
}

int sim_image_take_jpeg(struct sim_image *image, const struct sim_scene *scene, struct sim_image_choice choice) {
    sim_image_clear(image);
    uint8_t *pixels = draw(scene, choice);
    /* A JPEG of this quality is a small part of the pixels, to which the tables at its front are added. */
    size_t capacity = pixel_count(choice) * 3 + 4096;
    uint8_t *output = malloc(capacity);
    int error = pixels && output ? 0 : -ENOMEM;
    if (!error) {
        int components = choice.format->pixel_size == 1 ? 1 : 3;
        if (components == 1) {
            convert_to_gray(pixels, pixel_count(choice));
        }
        error = sim_jpeg_encode(pixels, choice.size->width, choice.size->height, components, JPEG_QUALITY, output,
                                capacity, &image->length);
    }
    free(pixels);
    if (error) {
        free(output);
        image->length = 0;
        return -ENOMEM;
    }
    uint8_t *fitted = realloc(output, image->length);
    image->data = fitted ? fitted : output;
    return 0;
}

void sim_image_clear(struct sim_image *image) {
    free(image->data);
    *image = (struct sim_image){0};
}
