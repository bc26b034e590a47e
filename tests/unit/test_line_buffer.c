/* SPDX-License-Identifier: MIT */
/* Lines out of a stream of bytes, in pieces of every size. */

#include "line_buffer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

enum { LIMIT = 10 };

/* Feeds `input` in pieces of `piece` bytes and writes what comes out, "<" for a line that is too long, to `seen`. */
static void feed(const char *input, size_t length, size_t piece, char *seen) {
    struct line_buffer buffer;
    char *line;
    size_t line_length;
    enum line_kind kind;
    line_buffer_init(&buffer, LIMIT);
    seen[0] = '\0';
    for (size_t at = 0; at < length; at += piece) {
        size_t size = length - at < piece ? length - at : piece;
        ck_assert_int_eq(line_buffer_add(&buffer, input + at, size), 0);
        while ((kind = line_buffer_take(&buffer, &line, &line_length)) != LINE_NONE) {
            strcat(seen, kind == LINE_WHOLE ? line : "<");
            strcat(seen, "|");
        }
        ck_assert(!line_buffer_has_more(&buffer, false));
        ck_assert_uint_le(buffer.length - buffer.start, LIMIT + piece);
        line_buffer_shrink(&buffer);
    }
    while ((kind = line_buffer_take_rest(&buffer, &line, &line_length)) != LINE_NONE) {
        strcat(seen, kind == LINE_WHOLE ? line : "<");
        strcat(seen, "|");
    }
    ck_assert(!line_buffer_has_more(&buffer, true));
    line_buffer_clear(&buffer);
}

static void check(const char *input, const char *expected) {
    char seen[256];
    for (size_t piece = 1; piece <= strlen(input); piece++) {
        feed(input, strlen(input), piece, seen);
        ck_assert_str_eq(seen, expected);
    }
}

START_TEST(lines_are_cut_at_newlines_however_they_arrive) {
    check("one\ntwo\nthree\n", "one|two|three|");
}
END_TEST

START_TEST(carriage_returns_and_empty_lines_are_dropped) {
    check("\n\r\na\r\n\n\nb\n\r\n", "a|b|");
    check("a\rb\n", "a\rb|");
}
END_TEST

START_TEST(the_last_line_needs_no_newline_at_the_end_of_the_input) {
    check("one\ntwo", "one|two|");
    check("one\n\r", "one|");
}
END_TEST

START_TEST(a_line_of_the_limit_passes_and_one_more_byte_does_not) {
    check("0123456789\nok\n", "0123456789|ok|");
    check("0123456789x\nok\n", "<|ok|");
    check("0123456789\r\nok\n", "0123456789|ok|");
    check("0123456789\rx\nok\n", "<|ok|");
    check("0123456789x\r\nok\n", "<|ok|");
}
END_TEST

START_TEST(a_line_too_long_is_told_once_and_its_rest_dropped) {
    check("0123456789012345678901234567890123456789\nok\n", "<|ok|");
    check("0123456789012345678901234567890123456789", "<|");
    check("ok\n01234567890123456789\n01234567890123456789\nok\n", "ok|<|<|ok|");
}
END_TEST

START_TEST(an_idle_buffer_holds_no_memory) {
    struct line_buffer buffer;
    char *line;
    size_t length;
    line_buffer_init(&buffer, LIMIT);
    ck_assert_int_eq(line_buffer_add(&buffer, "a\n", 2), 0);
    ck_assert_int_eq(line_buffer_take(&buffer, &line, &length), LINE_WHOLE);
    line_buffer_shrink(&buffer);
    ck_assert_ptr_null(buffer.bytes);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("line_buffer");
    TCase *tests = tcase_create("line_buffer");
    tcase_add_test(tests, lines_are_cut_at_newlines_however_they_arrive);
    tcase_add_test(tests, carriage_returns_and_empty_lines_are_dropped);
    tcase_add_test(tests, the_last_line_needs_no_newline_at_the_end_of_the_input);
    tcase_add_test(tests, a_line_of_the_limit_passes_and_one_more_byte_does_not);
    tcase_add_test(tests, a_line_too_long_is_told_once_and_its_rest_dropped);
    tcase_add_test(tests, an_idle_buffer_holds_no_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
