/* SPDX-License-Identifier: MIT */
/* Requests and replies through a client on a socket pair, with no cameras behind it. */

#include "config.h"
#include "daemon.h"
#include "method.h"
#include "server.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *test_suite(void);

static struct config *config;
static struct daemon the_daemon;
static struct server server;
static int peer;

static void set_up(void) {
    int ends[2];
    char nothing[1] = "";
    config = config_parse("none", nothing, 0, stderr);
    the_daemon = (struct daemon){.base = event_base_new(), .config = config, .server = &server};
    server = (struct server){.daemon = &the_daemon, .fd = -1};
    TAILQ_INIT(&server.clients);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    peer = ends[0];
    ck_assert_ptr_nonnull(client_new(&server, ends[1]));
}

static void tear_down(void) {
    while (!TAILQ_EMPTY(&server.clients)) {
        client_free(TAILQ_FIRST(&server.clients));
    }
    close(peer);
    event_base_free(the_daemon.base);
    config_free(config);
}

/* Returns all that has come back when the daemon has nothing more to do. */
static const char *receive(void) {
    static char replies[65536];
    for (int turn = 0; turn < 4; turn++) {
        event_base_loop(the_daemon.base, EVLOOP_NONBLOCK);
    }
    ssize_t length = recv(peer, replies, sizeof replies - 1, 0);
    replies[length > 0 ? length : 0] = '\0';
    return replies;
}

static const char *exchange(const char *text) {
    ck_assert_int_eq(send(peer, text, strlen(text), 0), (ssize_t)strlen(text));
    return receive();
}

START_TEST(a_request_is_answered_under_its_id_as_it_was_written) {
    ck_assert_str_eq(exchange("{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"ping\"}\n"),
                     "{\"jsonrpc\":\"2.0\",\"id\":1.0,\"result\":\"pong\"}\n");
    ck_assert_str_eq(exchange("{\"method\":\"p\\u0069ng\",\"id\":\"\\u0041\",\"jsonrpc\":\"2.0\"}\n"),
                     "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0041\",\"result\":\"pong\"}\n");
}
END_TEST

START_TEST(a_notification_is_not_answered) {
    ck_assert_str_eq(exchange("{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"none\"}\n"),
                     "");
}
END_TEST

START_TEST(the_replies_of_a_batch_stand_in_one_line) {
    ck_assert_str_eq(
        exchange("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"method\":\"ping\"},"
                 "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}]\n"),
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"pong\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"pong\"}]\n");
    ck_assert_str_eq(exchange("[{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}]\n"), "");
}
END_TEST

START_TEST(a_line_without_its_newline_waits) {
    ck_assert_str_eq(exchange("{\"jsonrpc\":\"2.0\",\"id\":1,"), "");
    ck_assert_ptr_nonnull(strstr(exchange("\"method\":\"ping\"}\n"), "pong"));
}
END_TEST

START_TEST(a_client_that_shuts_down_its_writing_side_is_answered_and_closed) {
    ck_assert_int_eq(send(peer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 40, 0), 40);
    shutdown(peer, SHUT_WR);
    ck_assert_ptr_nonnull(strstr(receive(), "pong"));
    ck_assert(TAILQ_EMPTY(&server.clients));
    char byte;
    ck_assert_int_eq(recv(peer, &byte, 1, 0), 0);
}
END_TEST

START_TEST(a_client_that_has_gone_is_freed) {
    close(peer);
    event_base_loop(the_daemon.base, EVLOOP_NONBLOCK);
    ck_assert(TAILQ_EMPTY(&server.clients));
    peer = -1;
}
END_TEST

START_TEST(ids_of_the_wrong_type_are_answered_under_null) {
    const char *reply = exchange("{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}\n");
    ck_assert_ptr_nonnull(strstr(reply, "\"id\":null"));
    ck_assert_ptr_nonnull(strstr(reply, "-32600"));
}
END_TEST

START_TEST(tables_of_parameters_fit_what_they_are_read_into) {
    for (size_t i = 0; methods[i] != NULL; i++) {
        size_t count = 0;
        ck_assert_ptr_nonnull(methods[i]->doc);
        for (; methods[i]->params[count].name != NULL; count++) {
            ck_assert_ptr_nonnull(methods[i]->params[count].doc);
        }
        ck_assert_uint_le(count, PARAMS_MAX);
        ck_assert(i == 0 || strcmp(methods[i - 1]->name, methods[i]->name) < 0);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("request");
    TCase *tests = tcase_create("request");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_request_is_answered_under_its_id_as_it_was_written);
    tcase_add_test(tests, a_notification_is_not_answered);
    tcase_add_test(tests, the_replies_of_a_batch_stand_in_one_line);
    tcase_add_test(tests, a_line_without_its_newline_waits);
    tcase_add_test(tests, a_client_that_shuts_down_its_writing_side_is_answered_and_closed);
    tcase_add_test(tests, a_client_that_has_gone_is_freed);
    tcase_add_test(tests, ids_of_the_wrong_type_are_answered_under_null);
    tcase_add_test(tests, tables_of_parameters_fit_what_they_are_read_into);
    suite_add_tcase(suite, tests);
    return suite;
}
