/* SPDX-License-Identifier: MIT */
/* What talks where a camera should, told by its bytes. */

#include "overheard.h"

#include "openmvrpc.h"
#include "packet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define BYTES(text) text, sizeof(text) - 1

static const struct capture {
    enum overheard kind;
    const char *bytes;
    size_t length;
} captures[] = {
    {OVERHEARD_NOTHING, BYTES("")},
    {OVERHEARD_NOTHING, BYTES("\0\0")},
    {OVERHEARD_NOTHING, BYTES("\r\nOK\r\n")},
    /* MicroPython 1.27 at its prompt: its greeting, and what it shows of pairs of polls and of the reserved command. */
    {OVERHEARD_PROMPT, BYTES("\r\nMicroPython v1.27.0 on 2025-12-10; JS with Emscripten\r\nType \"help()\" for more "
                             "information.\r\n>>> ")},
    {OVERHEARD_PROMPT, BYTES("!aU/!aU/!aU/")},
    {OVERHEARD_PROMPT, BYTES("4,B@?4,B@?")},
    {OVERHEARD_RAW_PROMPT, BYTES("\r\nraw REPL; CTRL-B to exit\r\n>")},
    {OVERHEARD_TRACEBACK,
     BYTES("Traceback (most recent call last):\r\n  File \"main.py\", line 7, in <module>\r\nNameError: name 'x' isn't "
           "defined\r\nMicroPython v1.27.0 on 2025-12-10\r\n>>> ")},
    {OVERHEARD_LOGIN, BYTES("\r\nDebian GNU/Linux 12 raspberrypi ttyAMA0\r\n\r\nraspberrypi login: ")},
    {OVERHEARD_LOGIN, BYTES("4,B@^@^@^@^@\r\nPassword: ")},
    {OVERHEARD_ZEROS, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0")},
    {OVERHEARD_TEXT, BYTES("fps: 31.2\r\nfps: 30.9\r\nfps: 31.0\r\n")},
    {OVERHEARD_NOISE,
     BYTES("\xe6\x1e\x98\x00\xf8\x66\x80\x1e\xe6\x98\x60\xfe\x00\x86\x1e\xf8\x78\x9e\x06\xe0\xfe\x66\x80"
           "\x98\xe6\x1e\x60\xf8\x00\x7e\x86\x98\xe0")},
    {OVERHEARD_NOTHING, BYTES("\xe6\x1e\x98\x00\xf8")},
};

START_TEST(captures_are_told_apart) {
    const struct capture *capture = &captures[_i];
    ck_assert_int_eq(overheard_classify((const uint8_t *)capture->bytes, capture->length), capture->kind);
}
END_TEST

/* Writes what a master sends to a camera that it knows nothing of. */
static size_t write_what_is_sent(uint8_t *bytes) {
    size_t length = packet_put(bytes, OMVRPC_RESULT_HEADER, NULL, 0);
    length += packet_put(bytes + length, OMVRPC_RESULT_DATA, NULL, 0);
    length +=
        packet_put_command_header(bytes + length, omvrpc_command_id(OMVRPC_PROBE_NAME, strlen(OMVRPC_PROBE_NAME)), 0);
    return length + packet_put(bytes + length, OMVRPC_COMMAND_DATA, NULL, 0);
}

START_TEST(an_echo_is_what_the_master_really_sends) {
    uint8_t bytes[64];
    size_t length = write_what_is_sent(bytes);
    ck_assert_int_eq(overheard_classify(bytes, length), OVERHEARD_ECHO);
    ck_assert_int_eq(overheard_classify(bytes, 8), OVERHEARD_ECHO);
    ck_assert_int_eq(overheard_classify(bytes + 8, length - 8), OVERHEARD_ECHO);
}
END_TEST

START_TEST(the_prompt_shows_what_can_be_printed_of_that) {
    uint8_t bytes[64];
    char shown[64];
    size_t length = write_what_is_sent(bytes), count = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] >= 32 && bytes[i] <= 126) {
            shown[count++] = (char)bytes[i];
        }
    }
    shown[count] = '\0';
    ck_assert_str_eq(shown, "!aU/4,B@?");
}
END_TEST

/* A prompt executes a line at its end, and Ctrl-A to Ctrl-E change its mode, interrupt, or restart the board. */
START_TEST(nothing_that_is_sent_to_find_out_does_anything_at_a_prompt) {
    uint8_t bytes[64];
    size_t length = write_what_is_sent(bytes);
    for (size_t i = 0; i < length; i++) {
        ck_assert(bytes[i] != '\r' && bytes[i] != '\n' && (bytes[i] == 0 || bytes[i] > 5));
    }
}
END_TEST

START_TEST(every_kind_has_a_sentence_and_any_bytes_a_kind) {
    uint8_t bytes[256];
    for (int kind = 0; kind < OVERHEARD_KINDS; kind++) {
        ck_assert_ptr_nonnull(overheard_sentence((enum overheard)kind));
    }
    srand(7);
    for (int i = 0; i < 20000; i++) {
        size_t length = (size_t)rand() % sizeof bytes;
        for (size_t at = 0; at < length; at++) {
            bytes[at] = (uint8_t)rand();
        }
        ck_assert_int_lt(overheard_classify(bytes, length), OVERHEARD_KINDS);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("overheard");
    TCase *tests = tcase_create("overheard");
    tcase_add_loop_test(tests, captures_are_told_apart, 0, (int)(sizeof captures / sizeof *captures));
    tcase_add_test(tests, an_echo_is_what_the_master_really_sends);
    tcase_add_test(tests, the_prompt_shows_what_can_be_printed_of_that);
    tcase_add_test(tests, nothing_that_is_sent_to_find_out_does_anything_at_a_prompt);
    tcase_add_test(tests, every_kind_has_a_sentence_and_any_bytes_a_kind);
    suite_add_tcase(suite, tests);
    return suite;
}
