/* SPDX-License-Identifier: MIT */
/* The simulated camera's scene, and that its pictures show what its detections say. */

#include "sim/image.h"
#include "sim/jpeg.h"
#include "sim/picture.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define SECOND INT64_C(1000000)

static const int8_t RED[6] = {30, 100, 15, 127, 15, 127};

static bool touch(struct sim_box a, struct sim_box b) {
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/* Collects the places of all that is seen. Returns their number. */
static size_t boxes_of(const struct sim_scene *scene, struct sim_box boxes[8]) {
    size_t count = 0;
    for (int i = 0; i < SIM_COLORED_COUNT; i++) {
        if (scene->colored[i].seen) {
            boxes[count++] = scene->colored[i].box;
        }
    }
    for (int i = 0; i < SIM_CODE_COUNT; i++) {
        if (scene->codes[i].seen) {
            boxes[count++] = scene->codes[i].box;
        }
    }
    if (scene->tag.seen) {
        boxes[count++] = sim_tag_box(&scene->tag);
    }
    return count;
}

START_TEST(scene_is_the_same_for_the_same_seed_and_time) {
    struct sim_scene first, again, other;
    sim_scene_at(&first, 7, 3 * SECOND);
    sim_scene_at(&again, 7, 3 * SECOND);
    sim_scene_at(&other, 8, 3 * SECOND);
    ck_assert_str_eq(first.codes[SIM_QRCODE].text, again.codes[SIM_QRCODE].text);
    ck_assert_mem_eq(&first.colored, &again.colored, sizeof first.colored);
    ck_assert_str_ne(first.codes[SIM_QRCODE].text, other.codes[SIM_QRCODE].text);
}
END_TEST

START_TEST(everything_but_the_person_is_there_for_the_first_thirteen_seconds) {
    for (int64_t time = 0; time < 13 * SECOND; time += SECOND / 10) {
        struct sim_scene scene;
        sim_scene_at(&scene, (uint64_t)_i, time);
        ck_assert(scene.colored[SIM_FACE].seen && scene.colored[SIM_BLOB].seen && scene.tag.seen);
        for (int kind = 0; kind < SIM_CODE_COUNT; kind++) {
            ck_assert(scene.codes[kind].seen);
        }
    }
}
END_TEST

START_TEST(each_thing_comes_and_goes_and_moves) {
    int faces = 0, people = 0, blobs = 0, tags = 0, leftmost = SIM_SCENE_WIDTH, rightmost = 0, moments = 0;
    for (int64_t time = 0; time < 120 * SECOND; time += SECOND / 10, moments++) {
        struct sim_scene scene;
        sim_scene_at(&scene, 1, time);
        faces += scene.colored[SIM_FACE].seen;
        people += scene.colored[SIM_PERSON].seen;
        blobs += scene.colored[SIM_BLOB].seen;
        tags += scene.tag.seen;
        int x = scene.colored[SIM_BLOB].box.x;
        leftmost = x < leftmost ? x : leftmost;
        rightmost = x > rightmost ? x : rightmost;
    }
    ck_assert(faces > 0 && faces < moments);
    ck_assert(people > 0 && people < moments);
    ck_assert(blobs > 0 && blobs < moments);
    ck_assert(tags > 0 && tags < moments);
    ck_assert_int_gt(rightmost - leftmost, SIM_SCENE_WIDTH / 2);
}
END_TEST

START_TEST(things_stay_in_the_picture_and_apart) {
    for (int64_t time = 0; time < 60 * SECOND; time += SECOND / 7) {
        struct sim_scene scene;
        struct sim_box boxes[8];
        sim_scene_at(&scene, (uint64_t)_i, time);
        size_t count = boxes_of(&scene, boxes);
        for (size_t i = 0; i < count; i++) {
            ck_assert(boxes[i].x >= 0 && boxes[i].y >= 0 && boxes[i].x < SIM_SCENE_WIDTH);
            ck_assert_int_le(boxes[i].y + boxes[i].height, SIM_SCENE_HEIGHT);
            for (size_t j = 0; j < i; j++) {
                ck_assert(!touch(boxes[i], boxes[j]));
            }
        }
    }
}
END_TEST

START_TEST(color_is_found_where_the_picture_has_it) {
    static const int sizes[][2] = {{160, 120}, {320, 240}, {640, 480}};
    int width = sizes[_i][0], height = sizes[_i][1];
    uint8_t *pixels = malloc((size_t)(width * height * 3));
    ck_assert_ptr_nonnull(pixels);
    int found = 0;
    for (int64_t time = 0; time < 40 * SECOND; time += SECOND) {
        struct sim_scene scene;
        sim_scene_at(&scene, 1, time);
        int x, y;
        bool seen = sim_scene_find_color(&scene, RED, &x, &y);
        ck_assert_int_eq(seen, scene.colored[SIM_BLOB].seen);
        if (!seen) {
            continue;
        }
        found++;
        sim_picture_draw(&scene, pixels, width, height);
        const uint8_t *pixel =
            pixels + (size_t)(y * height / SIM_SCENE_HEIGHT * width + x * width / SIM_SCENE_WIDTH) * 3;
        int lab[3];
        sim_color_to_lab((struct sim_color){pixel[0], pixel[1], pixel[2]}, lab);
        for (int axis = 0; axis < 3; axis++) {
            ck_assert(lab[axis] >= RED[2 * axis] && lab[axis] <= RED[2 * axis + 1]);
        }
    }
    ck_assert_int_gt(found, 0);
    free(pixels);
}
END_TEST

START_TEST(largest_thing_of_a_color_is_found_and_none_outside_the_thresholds) {
    static const int8_t all[6] = {0, 100, -128, 127, -128, 127}, blue[6] = {0, 100, -128, 127, -128, -60};
    struct sim_scene scene;
    int x, y;
    sim_scene_at(&scene, 1, 0);
    ck_assert(sim_scene_find_color(&scene, all, &x, &y));
    struct sim_box face = scene.colored[SIM_FACE].box;
    ck_assert_int_eq(x, face.x + face.width / 2);
    ck_assert_int_eq(y, face.y + face.height / 2);
    ck_assert(!sim_scene_find_color(&scene, blue, &x, &y));
}
END_TEST

START_TEST(lab_of_known_colors_is_right) {
    static const struct {
        struct sim_color color;
        int lab[3];
    } known[] = {
        {{255, 255, 255}, {100, 0, 0}}, {{0, 0, 0}, {0, 0, 0}},        {{255, 0, 0}, {53, 80, 67}},
        {{0, 255, 0}, {88, -86, 83}},   {{0, 0, 255}, {32, 79, -108}},
    };
    int lab[3];
    sim_color_to_lab(known[_i].color, lab);
    ck_assert_mem_eq(lab, known[_i].lab, sizeof lab);
}
END_TEST

START_TEST(jpeg_decodes_to_its_size_and_looks_like_the_scene) {
    static const char *const choices[] = {"sensor.RGB565,sensor.QQVGA", "sensor.GRAYSCALE,sensor.QVGA",
                                          "sensor.RGB565,sensor.VGA"};
    struct sim_image_choice choice;
    ck_assert(sim_image_choose_by_name(&choice, choices[_i], strlen(choices[_i])));
    struct sim_scene scene;
    sim_scene_at(&scene, 1, SECOND);
    struct sim_image image = {0};
    ck_assert_int_eq(sim_image_take_jpeg(&image, &scene, choice), 0);

    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    decoder.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&decoder);
    jpeg_mem_src(&decoder, image.data, image.length);
    jpeg_read_header(&decoder, TRUE);
    decoder.out_color_space = JCS_RGB;
    jpeg_start_decompress(&decoder);
    ck_assert_int_eq((int)decoder.output_width, choice.size->width);
    ck_assert_int_eq((int)decoder.output_height, choice.size->height);
    struct sim_box blob = scene.colored[SIM_BLOB].box;
    int row = (blob.y + blob.height / 2) * choice.size->height / SIM_SCENE_HEIGHT;
    int column = (blob.x + blob.width / 2) * choice.size->width / SIM_SCENE_WIDTH;
    uint8_t line[640 * 3], *pixel = line + (size_t)column * 3;
    while ((int)decoder.output_scanline <= row) {
        JSAMPROW rows = line;
        ck_assert_uint_eq(jpeg_read_scanlines(&decoder, &rows, 1), 1);
    }
    if (choice.format->pixel_size == 1) {
        ck_assert(pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    } else {
        ck_assert(pixel[0] > 190 && pixel[1] < 80 && pixel[2] < 80);
    }
    ck_assert_int_eq((int)errors.num_warnings, 0);
    jpeg_abort_decompress(&decoder);
    jpeg_destroy_decompress(&decoder);
    sim_image_clear(&image);
}
END_TEST

START_TEST(jpeg_fails_when_the_output_is_too_small_or_the_size_is_none) {
    uint8_t pixels[16 * 16 * 3] = {0}, output[4096];
    size_t length;
    ck_assert_int_eq(sim_jpeg_encode(pixels, 16, 16, 3, 80, output, 100, &length), -EMSGSIZE);
    ck_assert_int_eq(sim_jpeg_encode(pixels, 0, 16, 3, 80, output, sizeof output, &length), -EINVAL);
    ck_assert_int_eq(sim_jpeg_encode(pixels, 16, 16, 2, 80, output, sizeof output, &length), -EINVAL);
    ck_assert_int_eq(sim_jpeg_encode(pixels, 16, 16, 3, 80, output, sizeof output, &length), 0);
    ck_assert(length > 100 && length < sizeof output);
}
END_TEST

START_TEST(raw_pixels_are_as_the_format_says) {
    struct sim_image_choice choice;
    struct sim_scene scene;
    sim_scene_at(&scene, 1, SECOND);
    struct sim_box blob = scene.colored[SIM_BLOB].box;
    size_t center = (size_t)((blob.y + blob.height / 2) * 320 + blob.x + blob.width / 2);
    struct sim_image image = {0};

    ck_assert(sim_image_choose_by_constant(&choice, 0x0C030002, 11));
    ck_assert_int_eq(sim_image_take_raw(&image, &scene, choice), 0);
    ck_assert_uint_eq(image.length, 320 * 240 * 2);
    struct sim_color red = sim_scene_colors[SIM_BLOB];
    unsigned packed = (unsigned)(red.red >> 3 << 11 | red.green >> 2 << 5 | red.blue >> 3);
    ck_assert_uint_eq(image.data[2 * center] | (unsigned)image.data[2 * center + 1] << 8, packed);

    ck_assert(sim_image_choose_by_constant(&choice, 0x08020001, 11));
    ck_assert_int_eq(sim_image_take_raw(&image, &scene, choice), 0);
    ck_assert_uint_eq(image.length, 320 * 240);
    ck_assert_int_eq(image.data[center], (red.red * 38 + red.green * 75 + red.blue * 15) >> 7);
    sim_image_clear(&image);
}
END_TEST

START_TEST(unknown_formats_are_refused) {
    static const char *const bad[] = {"",
                                      ",",
                                      "sensor.RGB565",
                                      "sensor.RGB565,",
                                      "sensor.RGB565,sensor.QVGA ",
                                      "sensor.RGB565,sensor.QVG",
                                      "sensor.QVGA,sensor.RGB565",
                                      "__import__('os'),sensor.QVGA"};
    struct sim_image_choice choice = sim_image_default();
    const struct sim_pixel_format *format = choice.format;
    ck_assert(!sim_image_choose_by_name(&choice, bad[_i], strlen(bad[_i])));
    ck_assert(!sim_image_choose_by_constant(&choice, 0x0C030002, 99));
    ck_assert(!sim_image_choose_by_constant(&choice, 3, 11));
    ck_assert_ptr_eq(choice.format, format);
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void) {
    Suite *suite = suite_create("sim_scene");
    TCase *scene = tcase_create("scene");
    tcase_add_test(scene, scene_is_the_same_for_the_same_seed_and_time);
    tcase_add_loop_test(scene, everything_but_the_person_is_there_for_the_first_thirteen_seconds, 0, 20);
    tcase_add_test(scene, each_thing_comes_and_goes_and_moves);
    tcase_add_loop_test(scene, things_stay_in_the_picture_and_apart, 0, 20);
    tcase_add_loop_test(scene, color_is_found_where_the_picture_has_it, 0, 3);
    tcase_add_test(scene, largest_thing_of_a_color_is_found_and_none_outside_the_thresholds);
    tcase_add_loop_test(scene, lab_of_known_colors_is_right, 0, 5);
    suite_add_tcase(suite, scene);
    TCase *picture = tcase_create("picture");
    tcase_add_loop_test(picture, jpeg_decodes_to_its_size_and_looks_like_the_scene, 0, 3);
    tcase_add_test(picture, jpeg_fails_when_the_output_is_too_small_or_the_size_is_none);
    tcase_add_test(picture, raw_pixels_are_as_the_format_says);
    tcase_add_loop_test(picture, unknown_formats_are_refused, 0, 8);
    suite_add_tcase(suite, picture);
    return suite;
}
