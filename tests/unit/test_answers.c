/* SPDX-License-Identifier: MIT */
#include "answers.h"

#include <check.h>
#include <string.h>

static struct answers answers;

static void put(uint32_t command, const char *argument, const char *result, int64_t taken_us) {
    answers_put(&answers, &(const struct answer){
                              .command = command,
                              .argument = (uint8_t *)argument,
                              .argument_length = strlen(argument),
                              .result = (uint8_t *)result,
                              .result_length = strlen(result),
                              .taken_us = taken_us,
                          });
}

static void expect(uint32_t command, const char *argument, int64_t oldest_us, const char *result) {
    const struct answer *answer =
        answers_find(&answers, command, (const uint8_t *)argument, strlen(argument), oldest_us);
    if (result == NULL) {
        ck_assert_ptr_null(answer);
        return;
    }
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(answer->result_length, strlen(result));
    ck_assert_mem_eq(answer->result, result, strlen(result));
}

static void set_up(void) {
    answers_init(&answers, 100);
}

static void tear_down(void) {
    answers_clear(&answers);
    ck_assert_uint_eq(answers.bytes, 0);
    ck_assert_uint_eq(answers.count, 0);
}

START_TEST(an_answer_is_found_by_command_and_argument) {
    put(1, "a", "one", 10);
    put(1, "b", "two", 10);
    put(2, "a", "three", 10);
    put(1, "", "", 10);
    expect(1, "a", 10, "one");
    expect(1, "b", 10, "two");
    expect(2, "a", 10, "three");
    expect(1, "", 10, "");
    expect(2, "b", 10, NULL);
    expect(3, "a", 10, NULL);
    expect(1, "aa", 10, NULL);
}
END_TEST

START_TEST(an_answer_that_is_too_old_is_none) {
    put(1, "a", "one", 10);
    expect(1, "a", 11, NULL);
    expect(1, "a", 10, "one");
}
END_TEST

START_TEST(a_new_answer_takes_the_place_of_the_old_one) {
    put(1, "a", "one", 10);
    put(1, "a", "another", 20);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_uint_eq(answers.bytes, strlen("a") + strlen("another"));
    expect(1, "a", 15, "another");
}
END_TEST

START_TEST(the_one_that_nobody_asks_for_makes_room) {
    static const char forty[] = "0123456789012345678901234567890123456789";
    put(1, "", forty, 10);
    put(2, "", forty, 10);
    expect(1, "", 0, forty);
    put(3, "", forty, 10);
    expect(2, "", 0, NULL);
    expect(1, "", 0, forty);
    expect(3, "", 0, forty);
    ck_assert_uint_eq(answers.bytes, 80);
}
END_TEST

START_TEST(there_are_never_too_many) {
    char argument[2] = "";
    for (int i = 1; i <= 3 * ANSWERS_MAX / 2; i++) {
        argument[0] = (char)i;
        put(7, argument, "", i);
        ck_assert_uint_le(answers.count, ANSWERS_MAX);
    }
    expect(7, argument, 0, "");
    argument[0] = 1;
    expect(7, argument, 0, NULL);
}
END_TEST

START_TEST(one_that_is_too_long_is_not_kept_nor_is_the_one_before_it) {
    char longest[102] = "";
    memset(longest, 'x', 101);
    put(1, "a", "one", 10);
    put(1, "a", longest, 20);
    expect(1, "a", 0, NULL);
    longest[100] = '\0';
    put(2, "", longest, 20);
    expect(2, "", 0, longest);
}
END_TEST

START_TEST(without_room_nothing_is_kept) {
    answers_init(&answers, 0);
    put(1, "a", "one", 10);
    expect(1, "a", 0, NULL);
    put(1, "", "", 10);
    expect(1, "", 0, "");
}
END_TEST

START_TEST(a_lower_limit_counts_at_once) {
    static const char forty[] = "0123456789012345678901234567890123456789";
    put(1, "", forty, 10);
    put(2, "", forty, 10);
    answers_set_limit(&answers, 50);
    expect(1, "", 0, NULL);
    expect(2, "", 0, forty);
    answers_set_limit(&answers, 0);
    expect(2, "", 0, NULL);
    ck_assert_uint_eq(answers.bytes, 0);
    answers_set_limit(&answers, 100);
    put(1, "", forty, 10);
    expect(1, "", 0, forty);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("answers");
    TCase *kept = tcase_create("kept");
    tcase_add_checked_fixture(kept, set_up, tear_down);
    tcase_add_test(kept, an_answer_is_found_by_command_and_argument);
    tcase_add_test(kept, an_answer_that_is_too_old_is_none);
    tcase_add_test(kept, a_new_answer_takes_the_place_of_the_old_one);
    tcase_add_test(kept, the_one_that_nobody_asks_for_makes_room);
    tcase_add_test(kept, there_are_never_too_many);
    tcase_add_test(kept, one_that_is_too_long_is_not_kept_nor_is_the_one_before_it);
    tcase_add_test(kept, without_room_nothing_is_kept);
    tcase_add_test(kept, a_lower_limit_counts_at_once);
    suite_add_tcase(suite, kept);
    return suite;
}
