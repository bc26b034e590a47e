/* SPDX-License-Identifier: MIT */
/* The growing buffer. */

#include "buffer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

static struct buffer buffer;

static void set_up(void) {
    buffer = (struct buffer){0};
}

static void tear_down(void) {
    buffer_free(&buffer);
}

START_TEST(bytes_come_out_as_they_went_in) {
    ck_assert(buffer_append(&buffer, "hello ", 6));
    ck_assert(buffer_append(&buffer, "world", 5));
    ck_assert_uint_eq(buffer_length(&buffer), 11);
    ck_assert_mem_eq(buffer_bytes(&buffer), "hello world", 11);
    buffer_consume(&buffer, 6);
    ck_assert_mem_eq(buffer_bytes(&buffer), "world", 5);
    buffer_consume(&buffer, 5);
    ck_assert_uint_eq(buffer_length(&buffer), 0);
}
END_TEST

START_TEST(nothing_may_be_appended_to_nothing) {
    ck_assert(buffer_append(&buffer, NULL, 0));
    ck_assert_uint_eq(buffer_length(&buffer), 0);
    ck_assert_uint_eq(buffer.capacity, 0);
}
END_TEST

START_TEST(consumed_space_is_used_again) {
    uint8_t block[100], expected = 0, next = 0;
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = next++;
        }
        ck_assert(buffer_append(&buffer, block, sizeof block));
        size_t take = round % 2 == 0 ? 50 : 150;
        for (size_t i = 0; i < take; i++) {
            ck_assert_uint_eq(buffer_bytes(&buffer)[i], expected++);
        }
        buffer_consume(&buffer, take);
    }
    ck_assert_uint_le(buffer.capacity, 1024);
}
END_TEST

START_TEST(growth_keeps_the_content_and_takes_few_steps) {
    size_t capacity = 0, steps = 0, wrong = 0;
    /* Each assertion writes to a file: a million of them take many seconds. */
    for (size_t i = 0; i < 1000000; i++) {
        uint8_t byte = (uint8_t)(i * 31 >> 3);
        wrong += !buffer_append(&buffer, &byte, 1);
        steps += buffer.capacity != capacity;
        capacity = buffer.capacity;
    }
    ck_assert_uint_lt(steps, 40);
    ck_assert_uint_le(capacity, 1500000);
    for (size_t i = 0; i < buffer_length(&buffer); i++) {
        wrong += buffer_bytes(&buffer)[i] != (uint8_t)(i * 31 >> 3);
    }
    ck_assert_uint_eq(buffer_length(&buffer), 1000000);
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(reserved_room_is_filled_without_moving) {
    ck_assert(buffer_append(&buffer, "ab", 2));
    ck_assert(buffer_reserve(&buffer, 5000));
    const uint8_t *bytes = buffer_bytes(&buffer);
    uint8_t block[5000] = {7};
    ck_assert(buffer_append(&buffer, block, sizeof block));
    ck_assert_ptr_eq(buffer_bytes(&buffer), bytes);
    ck_assert_mem_eq(bytes, "ab\x07", 3);
}
END_TEST

/* Sanitizers stop at an allocation that cannot be, instead of refusing it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOCATORS_REFUSE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATORS_REFUSE 0
#endif
#endif

#ifndef ALLOCATORS_REFUSE
#define ALLOCATORS_REFUSE 1

START_TEST(nothing_is_lost_when_memory_is_short) {
    ck_assert(buffer_append(&buffer, "hello world", 11));
    buffer_consume(&buffer, 6);
    ck_assert(!buffer_reserve(&buffer, PTRDIFF_MAX));
    ck_assert_uint_eq(buffer_length(&buffer), 5);
    ck_assert_mem_eq(buffer_bytes(&buffer), "world", 5);
    ck_assert(buffer_append(&buffer, "!", 1));
    ck_assert_mem_eq(buffer_bytes(&buffer), "world!", 6);
}
END_TEST
#endif

START_TEST(shrinking_frees_only_what_is_large) {
    ck_assert(buffer_append(&buffer, "x", 1));
    size_t small = buffer.capacity;
    buffer_shrink(&buffer);
    ck_assert_uint_eq(buffer.capacity, small);
    ck_assert_uint_eq(buffer_length(&buffer), 0);
    ck_assert(buffer_reserve(&buffer, 100000));
    buffer_shrink(&buffer);
    ck_assert_uint_eq(buffer.capacity, 0);
    ck_assert(buffer_append(&buffer, "x", 1));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("buffer");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, bytes_come_out_as_they_went_in);
    tcase_add_test(tests, nothing_may_be_appended_to_nothing);
    tcase_add_test(tests, consumed_space_is_used_again);
    tcase_add_test(tests, growth_keeps_the_content_and_takes_few_steps);
    tcase_add_test(tests, reserved_room_is_filled_without_moving);
#if ALLOCATORS_REFUSE
    tcase_add_test(tests, nothing_is_lost_when_memory_is_short);
#endif
    tcase_add_test(tests, shrinking_frees_only_what_is_large);
    suite_add_tcase(suite, tests);
    return suite;
}
