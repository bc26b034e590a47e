/* SPDX-License-Identifier: MIT */
/* What openmvctl received: lines and raw bytes out of a socket, in pieces of every size. */

#include "cli/inbox.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *test_suite(void);

static int ends[2]; /* of a socket: the inbox's, ours */

static void open_socket(void) {
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void close_socket(void) {
    close(ends[0]);
    if (ends[1] >= 0) {
        close(ends[1]);
    }
}

static void send_text(const char *text) {
    ck_assert_int_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_taken(struct inbox *inbox, size_t length, size_t skipped, const char *wanted) {
    char *taken = inbox_take(inbox, length, skipped);
    ck_assert_str_eq(taken, wanted);
    free(taken);
}

START_TEST(lines_and_bytes_are_taken_in_pieces_of_any_size) {
    static const char text[] = "one\n\nraw\nbytes and then\n";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct inbox inbox = {0};
        size_t length = 0;
        int step = 0;
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            char part[sizeof text];
            snprintf(part, sizeof part, "%.*s", (int)piece, text + at);
            send_text(part);
            ck_assert_int_eq(inbox_fill(&inbox, ends[0], 1000), INBOX_FILLED);
            for (bool more = true; more;) {
                static const char *const steps[] = {"one", "", "raw\nbytes", " and then"};
                bool raw = step == 2;
                more = raw ? inbox.length >= 9 : inbox_has_line(&inbox, &length);
                if (more) {
                    expect_taken(&inbox, raw ? 9 : length, raw ? 0 : 1, steps[step]);
                    step++;
                }
            }
        }
        ck_assert_int_eq(step, 4);
        ck_assert_uint_eq(inbox.length, 0);
        inbox_clear(&inbox);
    }
}
END_TEST

START_TEST(no_more_is_received_than_the_limit) {
    struct inbox inbox = {0};
    size_t length = 0;
    send_text("123456789\n");
    ck_assert_int_eq(inbox_fill(&inbox, ends[0], 4), INBOX_FILLED);
    ck_assert_uint_eq(inbox.length, 4);
    ck_assert(!inbox_has_line(&inbox, &length));
    ck_assert_int_eq(inbox_fill(&inbox, ends[0], 100), INBOX_FILLED);
    ck_assert(inbox_has_line(&inbox, &length));
    ck_assert_uint_eq(length, 9);
    inbox_clear(&inbox);
}
END_TEST

START_TEST(an_empty_socket_and_a_closed_one_are_told_apart) {
    struct inbox inbox = {0};
    ck_assert_int_eq(inbox_fill(&inbox, ends[0], 4), INBOX_NOTHING);
    close(ends[1]);
    ends[1] = -1;
    ck_assert_int_eq(inbox_fill(&inbox, ends[0], 4), INBOX_CLOSED);
    inbox_clear(&inbox);
}
END_TEST

START_TEST(memory_is_bounded_by_what_is_there_and_not_by_what_has_passed) {
    struct inbox inbox = {0};
    size_t length = 0;
    for (int i = 0; i < 10000; i++) {
        send_text("a line that is taken at once\n");
        ck_assert_int_eq(inbox_fill(&inbox, ends[0], 1000), INBOX_FILLED);
        while (inbox_has_line(&inbox, &length)) {
            expect_taken(&inbox, length, 1, "a line that is taken at once");
        }
    }
    ck_assert_uint_le(inbox.size, 4096);
    inbox_clear(&inbox);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("inbox");
    TCase *cases = tcase_create("inbox");
    tcase_add_checked_fixture(cases, open_socket, close_socket);
    tcase_add_test(cases, lines_and_bytes_are_taken_in_pieces_of_any_size);
    tcase_add_test(cases, no_more_is_received_than_the_limit);
    tcase_add_test(cases, an_empty_socket_and_a_closed_one_are_told_apart);
    tcase_add_test(cases, memory_is_bounded_by_what_is_there_and_not_by_what_has_passed);
    suite_add_tcase(suite, cases);
    return suite;
}
