/* SPDX-License-Identifier: MIT */
/* Pictures that are kept for a client, and reads that are answered from them. */

#include "held_picture.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define LENGTH 10

static struct held_picture held;
static struct job *job;

static uint32_t id_of(const char *name) {
    return omvrpc_command_id(name, strlen(name));
}

static void keep(const char *camera, const char *bytes) {
    uint8_t *data = malloc(LENGTH);
    memcpy(data, bytes, LENGTH);
    held_picture_set(&held, camera, id_of("jpeg_image_read"), data, LENGTH, 42);
}

static void set_up(void) {
    held = (struct held_picture){.data = NULL};
    job = job_new();
    keep("arm", "0123456789");
}

static void tear_down(void) {
    job_free(job);
    held_picture_clear(&held);
}

static void ask(uint32_t offset, uint32_t size) {
    const uint32_t numbers[2] = {offset, size};
    job->argument = malloc(8);
    job->argument_length = 8;
    for (int i = 0; i < 8; i++) {
        job->argument[i] = (uint8_t)(numbers[i / 4] >> 8 * (i % 4));
    }
}

START_TEST(a_snapshot_has_a_read_and_a_read_has_a_snapshot) {
    struct exchange_picture picture;
    ck_assert(held_picture_of_snapshot(id_of("jpeg_image_snapshot"), &picture));
    ck_assert_uint_eq(picture.read_command, id_of("jpeg_image_read"));
    ck_assert_uint_eq(picture.size_offset, 0);
    ck_assert_uint_eq(picture.result_length, 4);
    ck_assert(held_picture_of_snapshot(id_of("raw_image_snapshot"), &picture));
    ck_assert_uint_eq(picture.size_offset, 12);
    ck_assert_uint_eq(picture.result_length, 16);
    ck_assert(!held_picture_of_snapshot(id_of("jpeg_snapshot"), &picture));
    ck_assert(!held_picture_of_snapshot(id_of("jpeg_image_read"), &picture));
    ck_assert_str_eq(held_picture_snapshot_of(id_of("raw_image_read")), "raw_image_snapshot");
    ck_assert_ptr_null(held_picture_snapshot_of(id_of("raw_image_snapshot")));
}
END_TEST

START_TEST(a_picture_answers_reads_of_its_camera_and_its_kind_alone) {
    ck_assert(held_picture_answers(&held, "arm", id_of("jpeg_image_read")));
    ck_assert(!held_picture_answers(&held, "lid", id_of("jpeg_image_read")));
    ck_assert(!held_picture_answers(&held, "arm", id_of("raw_image_read")));
    held_picture_clear(&held);
    ck_assert(!held_picture_answers(&held, "arm", id_of("jpeg_image_read")));
}
END_TEST

START_TEST(the_last_picture_is_the_one_that_is_read) {
    keep("lid", "abcdefghij");
    ck_assert(!held_picture_answers(&held, "arm", id_of("jpeg_image_read")));
    ck_assert_int_eq(held_picture_read(&held, job), 0);
    ck_assert_uint_eq(job->result_length, LENGTH);
    ck_assert_mem_eq(job->result, "abcdefghij", LENGTH);
}
END_TEST

static const struct {
    uint32_t offset, size;
    const char *expected;
} reads[] = {
    {0, 10, "0123456789"},
    {0, 4, "0123"},
    {4, 3, "456"},
    {9, 1, "9"},
    {9, 2, "9"},
    {10, 1, ""},
    {0, 0, ""},
    {UINT32_MAX, 1, ""},
    {1, UINT32_MAX, "123456789"},
    {UINT32_MAX, UINT32_MAX, ""},
};

START_TEST(a_read_is_cut_to_what_there_is) {
    ask(reads[_i].offset, reads[_i].size);
    ck_assert_int_eq(held_picture_read(&held, job), 0);
    ck_assert_uint_eq(job->result_length, strlen(reads[_i].expected));
    if (job->result_length > 0) {
        ck_assert_mem_eq(job->result, reads[_i].expected, job->result_length);
    }
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    ck_assert_int_eq(job->taken_us, 42);
    ck_assert_int_ge(job->ended_us, job->taken_us);
}
END_TEST

START_TEST(an_argument_of_another_length_is_refused) {
    static const size_t lengths[] = {1, 4, 7, 9, 16};
    job->argument = calloc(1, 16);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        job->argument_length = lengths[i];
        ck_assert_int_eq(held_picture_read(&held, job), -EINVAL);
        ck_assert_ptr_null(job->result);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("held_picture");
    TCase *cases = tcase_create("held_picture");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_snapshot_has_a_read_and_a_read_has_a_snapshot);
    tcase_add_test(cases, a_picture_answers_reads_of_its_camera_and_its_kind_alone);
    tcase_add_test(cases, the_last_picture_is_the_one_that_is_read);
    tcase_add_loop_test(cases, a_read_is_cut_to_what_there_is, 0, sizeof reads / sizeof reads[0]);
    tcase_add_test(cases, an_argument_of_another_length_is_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
