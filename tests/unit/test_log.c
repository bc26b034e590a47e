/* SPDX-License-Identifier: MIT */
/* The filter of the log, and the form of its lines. */

#include "log.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Suite *test_suite(void);

START_TEST(levels_are_set_for_all_and_for_one_subsystem) {
    log_set("error,client:debug", NULL);
    ck_assert(!log_wants(LOG_SUBSYSTEM_CAMERA, LOG_LEVEL_WARNING));
    ck_assert(log_wants(LOG_SUBSYSTEM_CLIENT, LOG_LEVEL_DEBUG));
    ck_assert(!log_wants(LOG_SUBSYSTEM_CLIENT, LOG_LEVEL_WIRE));
    log_set("error,client:debug", "camera:wire");
    ck_assert(log_wants(LOG_SUBSYSTEM_CAMERA, LOG_LEVEL_WIRE));
    ck_assert(log_wants(LOG_SUBSYSTEM_CLIENT, LOG_LEVEL_DEBUG));
}
END_TEST

START_TEST(levels_begin_with_their_defaults_each_time) {
    log_set("error", NULL);
    ck_assert(!log_wants(LOG_SUBSYSTEM_CAMERA, LOG_LEVEL_INFO));
    log_set(NULL, "client:debug");
    ck_assert(log_wants(LOG_SUBSYSTEM_CAMERA, LOG_LEVEL_INFO));
    ck_assert(!log_wants(LOG_SUBSYSTEM_CAMERA, LOG_LEVEL_DEBUG));
    log_set(NULL, NULL);
    ck_assert(!log_wants(LOG_SUBSYSTEM_CLIENT, LOG_LEVEL_DEBUG));
}
END_TEST

START_TEST(a_wrong_level_is_told_and_a_right_one_is_not) {
    static const char *const wrong[] = {
        "", "loud", "info,", "info,moon:debug", "client:", ":info", "client:info:info", "Info"};
    char problem[160];
    ck_assert(log_check("warning,client:debug", problem, sizeof problem));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        problem[0] = '\0';
        ck_assert(!log_check(wrong[i], problem, sizeof problem));
        ck_assert_str_ne(problem, "");
    }
}
END_TEST

/* Has a line written into a pipe in the place of standard error, and returns what came. */
static const char *capture(const char *text) {
    static char line[2048];
    int ends[2];
    int saved = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    errno = ENOENT;
    log_warning(CAMERA, "front: %s", text);
    int error = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t length = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    ck_assert_int_gt(length, 0);
    ck_assert_int_eq(error, ENOENT);
    line[length] = '\0';
    return line;
}

START_TEST(a_line_carries_priority_and_subsystem_where_no_terminal_is) {
    ck_assert_str_eq(capture("gone"), "<4>camera: front: gone\n");
}
END_TEST

START_TEST(an_event_is_one_line_whatever_it_quotes) {
    ck_assert_str_eq(capture("a\nb\x1b[31m"), "<4>camera: front: a?b?[31m\n");
    ck_assert_str_eq(capture("\xff\xc3\xa4\xed\xa0\x80."), "<4>camera: front: ?\xc3\xa4???.\n");
    char long_text[4000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    const char *line = capture(long_text);
    ck_assert_uint_lt(strlen(line), 1200);
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_test(tests, levels_are_set_for_all_and_for_one_subsystem);
    tcase_add_test(tests, levels_begin_with_their_defaults_each_time);
    tcase_add_test(tests, a_wrong_level_is_told_and_a_right_one_is_not);
    tcase_add_test(tests, a_line_carries_priority_and_subsystem_where_no_terminal_is);
    tcase_add_test(tests, an_event_is_one_line_whatever_it_quotes);
    suite_add_tcase(suite, tests);
    return suite;
}
