/* SPDX-License-Identifier: MIT */
/* Captures as text: what is read, what is refused and where, and that what is written is read again. */

#include "capture.h"
#include "recording.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define FIRST CAPTURE_FIRST_LINE "\n"

Suite *test_suite(void);

static struct capture capture;
static struct capture_error error;

static void read_text(const char *text) {
    ck_assert_msg(capture_parse(text, strlen(text), &capture, &error) == 0, "line %u: %s", error.line, error.message);
}

static void refuse(const char *text, unsigned line) {
    ck_assert_int_eq(capture_parse(text, strlen(text), &capture, &error), -1);
    ck_assert_uint_eq(error.line, line);
    ck_assert_ptr_nonnull(error.message);
    ck_assert_ptr_null(capture.entries);
    ck_assert_ptr_null(capture.text);
}

START_TEST(lines_become_entries_with_their_times_and_bytes) {
    read_text(FIRST "# camera: front\n\n0.000000 ! online\r\n12.345678 > 0912Ef\n86400.000000 < 00");
    ck_assert_uint_eq(capture.count, 5);
    ck_assert_int_eq(capture.entries[1].kind, CAPTURE_COMMENT);
    ck_assert_int_eq(capture.entries[2].kind, CAPTURE_EVENT);
    ck_assert_mem_eq(capture.entries[2].bytes, "online", 6);
    ck_assert_uint_eq(capture.entries[2].length, 6);
    ck_assert_uint_eq(capture.entries[2].line, 4);
    ck_assert_int_eq(capture.entries[3].kind, CAPTURE_TO_CAMERA);
    ck_assert_int_eq(capture.entries[3].time_us, 12345678);
    ck_assert_uint_eq(capture.entries[3].length, 3);
    ck_assert_mem_eq(capture.entries[3].bytes, "\x09\x12\xef", 3);
    ck_assert_int_eq(capture.entries[4].kind, CAPTURE_FROM_CAMERA);
    ck_assert_int_eq(capture.entries[4].time_us, CAPTURE_TIME_MAX_US);
    capture_clear(&capture);
}
END_TEST

START_TEST(what_is_not_of_the_form_is_refused_with_its_line) {
    static const char *const lines[] = {
        "0.00000 > 00",    "0.0000000 > 00", ".000000 > 00", "0,000000 > 00",       "-1.000000 > 00",
        "0.000000 >",      "0.000000 > ",    "0.000000 > 0", "0.000000 > 0g",       "0.000000 > 00 ",
        "0.000000 = 00",   "0.000000> 00",   "0.000000 ! ",  "86400.000001 > 00",   "x",
        "0.000000 ! a\tb", "# \x7f",         "0.000000",     "9999999.000000 > 00", " 0.000000 > 00",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[128];
        snprintf(text, sizeof text, FIRST "%s\n", lines[i]);
        refuse(text, 2);
    }
    refuse("", 0);
    refuse("\n" FIRST, 1);
    refuse("# openmvd wire capture 10\n", 1);
    refuse(FIRST "0.000002 > 00\n# between\n0.000001 > 00\n", 4);
}
END_TEST

START_TEST(a_capture_has_no_more_lines_and_bytes_than_the_bounds) {
    size_t length = strlen(FIRST);
    char *text = malloc(CAPTURE_FILE_MAX + 1);
    memset(text, '\n', CAPTURE_FILE_MAX + 1);
    memcpy(text, FIRST, length);
    ck_assert_int_eq(capture_parse(text, length + CAPTURE_LINES_MAX - 1, &capture, &error), 0);
    capture_clear(&capture);
    ck_assert_int_eq(capture_parse(text, length + CAPTURE_LINES_MAX, &capture, &error), -1);
    ck_assert_uint_eq(error.line, CAPTURE_LINES_MAX + 1);
    ck_assert_int_eq(capture_parse(text, CAPTURE_FILE_MAX + 1, &capture, &error), -1);
    ck_assert_uint_eq(error.line, 0);
    free(text);
}
END_TEST

START_TEST(what_is_written_is_read_again) {
    uint8_t bytes[CAPTURE_PIECE_MAX];
    char text[4 * CAPTURE_LINE_MAX] = FIRST;
    char line[CAPTURE_LINE_MAX];
    char reason[CAPTURE_LINE_MAX];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37);
    }
    memset(reason, 'r', sizeof reason);
    reason[3] = '\n';
    ck_assert_uint_eq(capture_write(CAPTURE_TO_CAMERA, 1, bytes, sizeof bytes, line), strlen(line));
    strcat(text, line);
    ck_assert_uint_lt(capture_write(CAPTURE_EVENT, CAPTURE_TIME_MAX_US, reason, sizeof reason, line), sizeof line);
    strcat(text, line);
    read_text(text);
    ck_assert_uint_eq(capture.count, 3);
    ck_assert_uint_eq(capture.entries[1].length, sizeof bytes);
    ck_assert_mem_eq(capture.entries[1].bytes, bytes, sizeof bytes);
    ck_assert_int_eq(capture.entries[1].time_us, 1);
    ck_assert_mem_eq(capture.entries[2].bytes, "rrr?rr", 6);
    ck_assert_int_eq(capture.entries[2].time_us, CAPTURE_TIME_MAX_US);
    capture_clear(&capture);
}
END_TEST

START_TEST(a_recording_is_a_capture_of_whole_lines_within_its_bound) {
    struct recording recording;
    uint8_t bytes[100] = {1, 2, 3};
    recording_init(&recording, 1000);
    text_buffer_append_string(&recording.text, FIRST);
    ck_assert(recording_add(&recording, CAPTURE_FROM_CAMERA, recording.begun_us - 5, bytes, sizeof bytes));
    ck_assert(recording_add(&recording, CAPTURE_EVENT, recording.begun_us + 7, "online", 6));
    ck_assert_uint_eq(recording.bytes_received, 100);
    unsigned added = 0;
    while (recording_add(&recording, CAPTURE_TO_CAMERA, recording.begun_us + 8, bytes, 1)) {
        added++;
    }
    ck_assert(recording.is_full);
    ck_assert_uint_eq(recording.bytes_sent, added);
    ck_assert_uint_le(recording.text.length, 1000);
    read_text(recording.text.text);
    ck_assert_uint_eq(capture.count, 1 + 2 + 1 + added);
    ck_assert_int_eq(capture.entries[1].time_us, 0);
    ck_assert_uint_eq(capture.entries[1].length, CAPTURE_PIECE_MAX);
    ck_assert_uint_eq(capture.entries[2].length, sizeof bytes - CAPTURE_PIECE_MAX);
    capture_clear(&capture);
    recording_clear(&recording);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("capture");
    TCase *tests = tcase_create("capture");
    tcase_add_test(tests, lines_become_entries_with_their_times_and_bytes);
    tcase_add_test(tests, what_is_not_of_the_form_is_refused_with_its_line);
    tcase_add_test(tests, a_capture_has_no_more_lines_and_bytes_than_the_bounds);
    tcase_add_test(tests, what_is_written_is_read_again);
    tcase_add_test(tests, a_recording_is_a_capture_of_whole_lines_within_its_bound);
    suite_add_tcase(suite, tests);
    return suite;
}
