/* SPDX-License-Identifier: MIT */
/* libopenmvd against a daemon that is the other end of a socket pair and says what each test wants. */

#include "openmvd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *test_suite(void);

enum { SECOND_MS = 1000 };

static struct openmvd *client;
static struct openmvd_answer answer;
static int fake; /* the daemon's end, which never blocks */

static void set_up(void) {
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    client = openmvd_adopt(ends[0]);
    ck_assert_ptr_nonnull(client);
    fake = ends[1];
    ck_assert_int_eq(fcntl(fake, F_SETFL, O_NONBLOCK), 0);
}

static void tear_down(void) {
    openmvd_close(client);
    if (fake >= 0) {
        close(fake);
    }
}

static void say_bytes(const void *bytes, size_t length) {
    ck_assert_int_eq(send(fake, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void say(const char *text) {
    say_bytes(text, strlen(text));
}

static void hang_up(void) {
    close(fake);
    fake = -1;
}

/* What the client has sent since it was last looked at. */
static const char *heard(void) {
    static char text[65536];
    ssize_t length = recv(fake, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static bool call(const char *name) {
    return openmvd_call(client, &(struct openmvd_question){.name = name, .timeout_ms = SECOND_MS}, &answer);
}

static bool call_raw(const char *name) {
    return openmvd_call(client, &(struct openmvd_question){.name = name, .timeout_ms = SECOND_MS, .raw = true},
                        &answer);
}

/* Subscribes as question 1, under the number 7. */
static void subscribe(bool raw) {
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"subscription\":7}}\n");
    ck_assert(openmvd_subscribe(client, &(struct openmvd_question){.stream = "s", .raw = raw}, &answer));
    ck_assert_uint_eq(answer.subscription, 7);
    ck_assert_uint_eq(answer.request, 1);
}

static void say_event(unsigned subscription, unsigned sequence, const char *value) {
    char line[256];
    snprintf(line, sizeof line,
             "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"subscription\":%u,\"seq\":%u,\"dropped\":0,"
             "\"value\":%s}}\n",
             subscription, sequence, value);
    say(line);
}

START_TEST(a_question_is_one_line_of_json) {
    const struct openmvd_question question = {
        .name = "gauge \"1\"\n",
        .camera = "front",
        .args = "{\"dial\":\n[1,\r\n2]}",
        .timeout_ms = 500,
        .max_age_ms = 20,
        .wait = true,
        .priority = "high",
        .raw = true,
        .interval_ms = 9,
        .on_change = true,
        .events = true,
        .stream = "s",
    };
    ck_assert_int_eq(openmvd_send_call(client, &question), 1);
    ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"call\",\"params\":{\"camera\":\"front\","
                              "\"name\":\"gauge \\u00221\\u0022\\u000a\",\"priority\":\"high\",\"reply\":\"raw\","
                              "\"timeout_ms\":500,\"max_age_ms\":20,\"wait\":true,\"args\":{\"dial\": [1,  2]}}}\n");
    const struct openmvd_question stream = {.stream = "s", .interval_ms = 9, .on_change = true};
    ck_assert_int_eq(openmvd_send_subscribe(client, &stream), 2);
    ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"subscribe\",\"params\":{\"stream\":\"s\","
                              "\"interval_ms\":9,\"on_change\":true}}\n");
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), 3);
    ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}\n");
}
END_TEST

START_TEST(bytes_go_out_as_base64) {
    static const char *const expected[] = {"", "AA==", "AP8=", "AP8Q", "AP8QgA=="};
    static const unsigned char data[] = {0x00, 0xFF, 0x10, 0x80};
    for (size_t length = 0; length <= 4; length++) {
        char member[64];
        snprintf(member, sizeof member, "\"data\":\"%s\"}", expected[length]);
        const struct openmvd_question question = {.name = "x", .data = data, .data_length = length};
        ck_assert_int_gt(openmvd_send_call(client, &question), 0);
        ck_assert_ptr_nonnull(strstr(heard(), member));
    }
}
END_TEST

START_TEST(what_is_no_json_is_not_sent) {
    ck_assert_int_eq(openmvd_send_call(client, &(struct openmvd_question){.name = "x", .args = "[1"}), -EINVAL);
    ck_assert_int_eq(openmvd_send_call(client, &(struct openmvd_question){.args = "1"}), -EINVAL);
    ck_assert_int_eq(openmvd_send(client, "call", "{}}"), -EINVAL);
    ck_assert(!openmvd_request(client, "call", "nonsense", SECOND_MS, &answer));
    ck_assert_str_eq(answer.reason, "invalid_params");
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_NO);
    ck_assert(!answer.retryable);
    ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(a_result_comes_with_its_value_and_every_digit) {
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"name\":\"f\",\"value\":{\"x\":12345678901234567890},\"bytes\":8}}"
        "\n");
    ck_assert(call("f"));
    ck_assert_str_eq(answer.value, "{\"x\":12345678901234567890}");
    ck_assert_str_eq(answer.result, "{\"name\":\"f\",\"value\":{\"x\":12345678901234567890},\"bytes\":8}");
    ck_assert_uint_eq(answer.request, 1);
    ck_assert_ptr_null(answer.bytes);
    ck_assert_ptr_null(answer.reason);
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"pong\"}\r\n");
    ck_assert(openmvd_request(client, "ping", NULL, SECOND_MS, &answer));
    ck_assert_str_eq(answer.result, "\"pong\"");
    ck_assert_ptr_null(answer.value);
}
END_TEST

START_TEST(an_error_says_all_that_the_daemon_says) {
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,\"message\":\"no "
        "\\u0022link\\u0022\",\"data\":{\"reason\":"
        "\"camera_offline\",\"retryable\":true,\"executed\":\"no\"}}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32003,\"message\":\"lost\",\"data\":{\"reason\":"
        "\"result_unknown\",\"retryable\":false,\"executed\":\"unknown\"}}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":1e300,\"message\":7}}\n");
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "camera_offline");
    ck_assert_str_eq(answer.message, "no \"link\"");
    ck_assert_int_eq(answer.code, -32001);
    ck_assert(answer.retryable);
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_NO);
    ck_assert_ptr_nonnull(strstr(answer.error, "\"executed\":\"no\""));
    ck_assert_ptr_null(answer.result);
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "result_unknown");
    ck_assert(!answer.retryable);
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_UNKNOWN);
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "unknown");
    ck_assert_int_eq(answer.code, 0);
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_UNKNOWN);
}
END_TEST

static struct {
    unsigned count;
    uint64_t request;
    size_t bytes, total;
} told;

static void on_progress(void *context, uint64_t request, size_t bytes, size_t total) {
    ck_assert_ptr_eq(context, &told);
    told.count++;
    told.request = request;
    told.bytes = bytes;
    told.total = total;
}

static void say_progress(const char *id, const char *bytes, const char *total) {
    char line[200];
    snprintf(line, sizeof line,
             "{\"jsonrpc\":\"2.0\",\"method\":\"progress\",\"params\":{\"id\":%s,\"bytes\":%s,\"total\":%s}}\n", id,
             bytes, total);
    say(line);
}

START_TEST(progress_is_told_while_the_answer_is_awaited) {
    told.count = 0;
    openmvd_on_progress(client, on_progress, &told);
    say_progress("1", "4096", "100000");
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"value\":3}}\n");
    const struct openmvd_question question = {.name = "p", .timeout_ms = SECOND_MS, .progress = true};
    ck_assert(openmvd_call(client, &question, &answer));
    ck_assert_ptr_nonnull(strstr(heard(), "\"progress\":true"));
    ck_assert_uint_eq(told.count, 1);
    ck_assert_uint_eq(told.request, 1);
    ck_assert_uint_eq(told.bytes, 4096);
    ck_assert_uint_eq(told.total, 100000);
}
END_TEST

START_TEST(progress_of_nothing_awaited_or_that_makes_no_sense_is_let_by) {
    static const char *const wrong[][3] = {{"9", "1", "2"},  {"1", "3", "2"},   {"1", "0", "0"},
                                           {"1", "-1", "2"}, {"1", "1.5", "2"}, {"\"1\"", "1", "2"},
                                           {"1", "1", "[]"}, {"null", "1", "2"}};
    told.count = 0;
    openmvd_on_progress(client, on_progress, &told);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say_progress(wrong[i][0], wrong[i][1], wrong[i][2]);
    }
    say("{\"method\":\"progress\"}\n{\"method\":\"progress\",\"params\":7}\n");
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"value\":3}}\n");
    ck_assert(call("p"));
    ck_assert_str_eq(answer.value, "3");
    openmvd_on_progress(client, NULL, NULL);
    say_progress("2", "1", "2");
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"value\":4}}\n");
    ck_assert(call("p"));
    ck_assert_uint_eq(told.count, 0);
}
END_TEST

START_TEST(raw_bytes_are_taken_as_they_are) {
    static const char picture[] = "\n{\"id\":1}\n\0\xFF\n";
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"value\":{\"raw\":13},\"bytes\":13}}\n");
    say_bytes(picture, 13);
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"value\":null,\"bytes\":0}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"value\":{\"raw\":0}}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"value\":{\"raw\":5}}}\n");
    ck_assert(call_raw("p"));
    ck_assert_uint_eq(answer.length, 13);
    ck_assert_mem_eq(answer.bytes, picture, 13);
    ck_assert(call_raw("p"));
    ck_assert_ptr_null(answer.bytes);
    ck_assert(call_raw("p"));
    ck_assert_ptr_nonnull(answer.bytes);
    ck_assert_uint_eq(answer.length, 0);
    /* A callback whose JSON looks like it, and nobody has asked for bytes. */
    ck_assert(call("p"));
    ck_assert_ptr_null(answer.bytes);
    ck_assert_str_eq(answer.value, "{\"raw\":5}");
}
END_TEST

START_TEST(answers_that_come_byte_by_byte_are_the_same) {
    static const char script[] =
        "\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":1}\n\r\n"
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"value\":{\"raw\":3}}}\na\nb"
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"message\":\"m\",\"data\":{\"reason\":\"r\"}}}\n";
    char seen[64] = "";
    ck_assert_int_eq(openmvd_send_call(client, &(struct openmvd_question){.name = "p", .raw = true}), 1);
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), 2);
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), 3);
    for (size_t i = 0; i < sizeof script - 1; i++) {
        say_bytes(&script[i], 1);
        int got = openmvd_receive(client, 0, &answer);
        ck_assert_int_ge(got, 0);
        if (got > 0) {
            char one[32];
            snprintf(one, sizeof one, "%d%s ", (int)answer.request,
                     answer.reason  ? answer.reason
                     : answer.bytes ? (const char *)answer.bytes
                                    : "");
            strcat(seen, one);
        }
    }
    ck_assert_str_eq(seen, "2 1a\nb 3r ");
}
END_TEST

START_TEST(events_between_replies_are_kept_in_order) {
    subscribe(false);
    say_event(7, 1, "\"first\"");
    say("{\"jsonrpc\":\"2.0\",\"method\":\"news\"}\n");
    say_event(7, 2, "\"second\"");
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"pong\"}\n");
    say_event(7, 3, "\"third\"");
    ck_assert(openmvd_request(client, "ping", NULL, SECOND_MS, &answer));
    static const char *const expected[] = {"\"first\"", "\"second\"", "\"third\""};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
        ck_assert_str_eq(answer.value, expected[i]);
        ck_assert_uint_eq(answer.subscription, 7);
        ck_assert_uint_eq(answer.sequence, i + 1);
        ck_assert_uint_eq(answer.request, 0);
    }
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 0);
}
END_TEST

START_TEST(an_event_of_a_failure_is_no_answer_to_a_question) {
    subscribe(true);
    say_event(7, 1, "null,\"error\":{\"code\":-32001,\"message\":\"away\",\"data\":{\"reason\":\"camera_offline\"}}");
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"pong\"}\n");
    ck_assert(openmvd_request(client, "ping", NULL, SECOND_MS, &answer));
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_str_eq(answer.reason, "camera_offline");
    ck_assert_str_eq(answer.message, "away");
    ck_assert_uint_eq(answer.subscription, 7);
    ck_assert_uint_eq(answer.sequence, 1);
    ck_assert_str_eq(answer.value, "null");
    ck_assert_ptr_nonnull(strstr(answer.error, "-32001"));
}
END_TEST

START_TEST(a_subscription_that_the_daemon_ends_says_so_in_its_last_event_and_is_forgotten) {
    static const char last[] =
        "null,\"error\":{\"code\":-32004,\"message\":\"gone\",\"data\":{\"reason\":\"no_such_camera\"}},"
        "\"ended\":true";
    subscribe(false);
    say_event(7, 1, "\"first\"");
    say_event(7, 2, last);
    ck_assert_int_eq(openmvd_receive(client, SECOND_MS, &answer), 1);
    ck_assert(!answer.ended);
    ck_assert_int_eq(openmvd_receive(client, SECOND_MS, &answer), 1);
    ck_assert(answer.ended);
    ck_assert_str_eq(answer.reason, "no_such_camera");
    /* Its number may be given again, which would be wrong while it lasts. */
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"subscription\":7}}\n");
    ck_assert(openmvd_subscribe(client, &(struct openmvd_question){.stream = "s"}, &answer));
}
END_TEST

START_TEST(frames_of_a_raw_subscription_carry_their_bytes_until_it_ends) {
    subscribe(true);
    say_event(7, 1, "{\"raw\":4}");
    say("a\n\nb");
    say_event(7, 2, "null");
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":true}\n");
    say_event(7, 3, "{\"raw\":4}");
    ck_assert(openmvd_unsubscribe(client, 7, &answer));
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_uint_eq(answer.length, 4);
    ck_assert_mem_eq(answer.bytes, "a\n\nb", 4);
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_ptr_null(answer.bytes);
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_ptr_null(answer.bytes);
}
END_TEST

START_TEST(events_beyond_the_limit_go_oldest_first_and_are_counted) {
    enum { SIZE = 100000, COUNT = 200 };
    static char bytes[SIZE];
    subscribe(true);
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), 2);
    /* A blocking question is what keeps events: it finds one more each time, and no answer yet. */
    for (unsigned i = 1; i <= COUNT; i++) {
        say_event(7, i, "{\"raw\":100000}");
        say_bytes(bytes, SIZE);
        ck_assert(!openmvd_request(client, "ping", NULL, 0, &answer));
        heard();
    }
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_uint_gt(answer.sequence, 1);
    ck_assert_uint_eq(answer.dropped, answer.sequence - 1);
    uint64_t count = 1;
    uint64_t last = 0;
    for (; openmvd_receive(client, 0, &answer) > 0; count++) {
        last = answer.sequence;
    }
    ck_assert_uint_eq(last, COUNT);
    /* The last may have been in the socket still. */
    ck_assert_uint_ge(count, ((size_t)16 << 20) / SIZE - 1);
    ck_assert_uint_le(count, ((size_t)16 << 20) / SIZE + 1);
}
END_TEST

START_TEST(a_question_without_an_answer_ends_and_the_late_answer_harms_nobody) {
    ck_assert(!openmvd_request(client, "call", "{\"name\":\"p\",\"reply\":\"raw\"}", 20, &answer));
    ck_assert_str_eq(answer.reason, "no_answer");
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_UNKNOWN);
    ck_assert(!answer.retryable);
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"value\":{\"raw\":3}}}\n{}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"pong\"}\n");
    ck_assert(openmvd_request(client, "ping", NULL, SECOND_MS, &answer));
    ck_assert_uint_eq(answer.request, 2);
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 0);
}
END_TEST

START_TEST(an_error_about_no_line_in_particular_is_told_to_who_waits) {
    say("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32014,\"message\":\"full\",\"data\":{\"reason\":"
        "\"too_many_clients\",\"retryable\":true,\"executed\":\"no\"}}}\n");
    hang_up();
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "too_many_clients");
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "connection_lost");
}
END_TEST

START_TEST(a_connection_that_breaks_says_so_again_and_again) {
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"res");
    hang_up();
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "connection_lost");
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_UNKNOWN);
    ck_assert_int_eq(openmvd_receive(client, -1, &answer), -1);
    ck_assert_str_eq(answer.reason, "connection_lost");
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), -EPIPE);
    ck_assert(!call("f"));
    ck_assert_int_eq(answer.executed, OPENMVD_EXECUTED_NO);
    ck_assert_int_eq(openmvd_descriptor(client), -1);
}
END_TEST

START_TEST(what_arrived_before_the_end_is_still_received) {
    subscribe(false);
    say_event(7, 1, "1");
    say_event(7, 2, "2");
    hang_up();
    ck_assert(!call("f"));
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_str_eq(answer.value, "2");
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), -1);
}
END_TEST

static const char *const lies[] = {
    "hello\n",
    "[]\n",
    "{}\n",
    "{\"id\":1}\n",
    "{\"id\":2,\"result\":1}\n",
    "{\"id\":\"1\",\"result\":1}\n",
    "{\"id\":null,\"result\":1}\n",
    "{\"id\":-1,\"result\":1}\n",
    "{\"id\":99999999999999999999999,\"result\":1}\n",
    "{\"id\":1,\"error\":7}\n",
    "{\"method\":\"event\"}\n",
    "{\"method\":\"event\",\"params\":[7]}\n",
    "{\"id\":1,\"result\":{\"value\":{\"raw\":-1}}}\n",
    "{\"id\":1,\"result\":{\"value\":{\"raw\":1.5}}}\n",
    "{\"id\":1,\"result\":{\"value\":{\"raw\":16777217}}}\n",
    "{\"id\":1,\"result\":{\"value\":{\"raw\":99999999999999999999}}}\n",
    "{\"id\":1,\"result\":\"\x01\"}\n",
};

START_TEST(a_lie_ends_the_connection) {
    say(lies[_i]);
    ck_assert(!call_raw("p"));
    ck_assert_str_eq(answer.reason, "bad_reply");
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), -1);
}
END_TEST

static const char *const wrong_numbers[] = {
    "{\"id\":1,\"result\":true}\n",
    "{\"id\":1,\"result\":{\"subscription\":0}}\n",
    "{\"id\":1,\"result\":{\"subscription\":-3}}\n",
    "{\"id\":1,\"result\":{\"subscription\":\"7\"}}\n",
};

START_TEST(a_subscription_needs_a_number) {
    say(wrong_numbers[_i]);
    ck_assert(!openmvd_subscribe(client, &(struct openmvd_question){.events = true}, &answer));
    ck_assert_str_eq(answer.reason, "bad_reply");
}
END_TEST

START_TEST(a_line_without_end_ends_the_connection_within_its_limit) {
    enum { PIECE = 60000 };
    static char spaces[PIECE];
    memset(spaces, ' ', sizeof spaces);
    size_t said = 0;
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), 1);
    for (int got = 0; got == 0; said += PIECE) {
        ck_assert_uint_lt(said, (size_t)17 << 20);
        say_bytes(spaces, PIECE);
        got = openmvd_receive(client, 0, &answer);
    }
    ck_assert_uint_gt(said, (size_t)16 << 20);
    ck_assert_str_eq(answer.reason, "bad_reply");
}
END_TEST

START_TEST(empty_lines_hold_nobody_beyond_one_read) {
    static char lines[100000];
    int left = 0;
    memset(lines, '\n', sizeof lines);
    say_bytes(lines, sizeof lines);
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 0);
    ck_assert_int_eq(ioctl(openmvd_descriptor(client), FIONREAD, &left), 0);
    ck_assert_int_gt(left, 0);
    ck_assert(!openmvd_request(client, "ping", NULL, 20, &answer));
    ck_assert_str_eq(answer.reason, "no_answer");
}
END_TEST

START_TEST(a_daemon_that_does_not_read_costs_no_time_and_bounded_memory) {
    enum { SIZE = 1 << 20 };
    char *params = malloc(SIZE + 3);
    ck_assert_ptr_nonnull(params);
    memset(params, 'x', SIZE + 2);
    params[0] = params[SIZE + 1] = '"';
    params[SIZE + 2] = '\0';
    int64_t status = 0;
    unsigned sent = 0;
    while ((status = openmvd_send(client, "ping", params)) > 0) {
        sent++;
        ck_assert_uint_lt(sent, 30);
    }
    ck_assert_int_eq(status, -ENOBUFS);
    ck_assert_uint_ge(sent, 15);
    ck_assert_int_eq(openmvd_events(client), POLLIN | POLLOUT);
    free(params);
}
END_TEST

START_TEST(what_did_not_fit_goes_out_while_receiving) {
    enum { SIZE = 1 << 20 };
    char *params = malloc(SIZE + 3);
    ck_assert_ptr_nonnull(params);
    memset(params, 'x', SIZE + 2);
    params[0] = params[SIZE + 1] = '"';
    params[SIZE + 2] = '\0';
    ck_assert_int_eq(openmvd_send(client, "ping", params), 1);
    size_t total = 0;
    while (openmvd_events(client) & POLLOUT) {
        total += strlen(heard());
        ck_assert_int_eq(openmvd_receive(client, 0, &answer), 0);
    }
    for (size_t more = 1; more > 0; total += more) {
        more = strlen(heard());
    }
    ck_assert_uint_eq(total,
                      strlen(params) + strlen("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":}\n"));
    ck_assert_int_eq(openmvd_events(client), POLLIN);
    free(params);
}
END_TEST

START_TEST(answers_may_be_awaited_up_to_a_limit) {
    for (int i = 1; i <= 1024; i++) {
        ck_assert_int_eq(openmvd_send(client, "ping", NULL), i);
        heard();
    }
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), -EAGAIN);
    ck_assert(!call("f"));
    ck_assert_str_eq(answer.reason, "queue_full");
    ck_assert(answer.retryable);
    say("{\"id\":1000,\"result\":1}\n");
    ck_assert_int_eq(openmvd_receive(client, 0, &answer), 1);
    ck_assert_int_eq(openmvd_send(client, "ping", NULL), 1025);
}
END_TEST

START_TEST(members_can_be_picked_without_a_json_library) {
    char text[8];
    double number = 0;
    ck_assert(openmvd_json_number("{\"x\":-1.5e1,\"y\":[1]}", "x", &number));
    ck_assert_double_eq(number, -15);
    ck_assert(openmvd_json_number(" [3, 4] ", "1", &number));
    ck_assert_double_eq(number, 4);
    ck_assert(openmvd_json_number("7", NULL, &number));
    ck_assert_double_eq(number, 7);
    ck_assert(!openmvd_json_number("{\"x\":\"1\"}", "x", &number));
    ck_assert(!openmvd_json_number("{\"x\":1}", "y", &number));
    ck_assert(!openmvd_json_number("[1]", "1", &number));
    ck_assert(!openmvd_json_number("[1]", "x", &number));
    ck_assert(!openmvd_json_number("null", "x", &number));
    ck_assert(!openmvd_json_number(NULL, "x", &number));
    ck_assert(!openmvd_json_number("{\"x\":1", "x", &number));
    ck_assert(openmvd_json_string("{\"t\":\"a\\u00e9\\n\"}", "t", text, sizeof text));
    ck_assert_str_eq(text, "a\xC3\xA9\n");
    ck_assert(openmvd_json_string("\"1234567\"", NULL, text, sizeof text));
    ck_assert(!openmvd_json_string("\"12345678\"", NULL, text, sizeof text));
    ck_assert(!openmvd_json_string("\"a\\u0000b\"", NULL, text, sizeof text));
    ck_assert(!openmvd_json_string("7", NULL, text, sizeof text));
}
END_TEST

START_TEST(a_daemon_that_is_not_there_is_told_by_errno) {
    errno = 0;
    ck_assert_ptr_null(openmvd_connect("/nonexistent/openmvd.sock", SECOND_MS));
    ck_assert_int_eq(errno, ENOENT);
    openmvd_close(NULL);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("libopenmvd");
    TCase *tests = tcase_create("libopenmvd");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_question_is_one_line_of_json);
    tcase_add_test(tests, bytes_go_out_as_base64);
    tcase_add_test(tests, what_is_no_json_is_not_sent);
    tcase_add_test(tests, a_result_comes_with_its_value_and_every_digit);
    tcase_add_test(tests, an_error_says_all_that_the_daemon_says);
    tcase_add_test(tests, progress_is_told_while_the_answer_is_awaited);
    tcase_add_test(tests, progress_of_nothing_awaited_or_that_makes_no_sense_is_let_by);
    tcase_add_test(tests, raw_bytes_are_taken_as_they_are);
    tcase_add_test(tests, answers_that_come_byte_by_byte_are_the_same);
    tcase_add_test(tests, events_between_replies_are_kept_in_order);
    tcase_add_test(tests, an_event_of_a_failure_is_no_answer_to_a_question);
    tcase_add_test(tests, a_subscription_that_the_daemon_ends_says_so_in_its_last_event_and_is_forgotten);
    tcase_add_test(tests, frames_of_a_raw_subscription_carry_their_bytes_until_it_ends);
    tcase_add_test(tests, events_beyond_the_limit_go_oldest_first_and_are_counted);
    tcase_add_test(tests, a_question_without_an_answer_ends_and_the_late_answer_harms_nobody);
    tcase_add_test(tests, an_error_about_no_line_in_particular_is_told_to_who_waits);
    tcase_add_test(tests, a_connection_that_breaks_says_so_again_and_again);
    tcase_add_test(tests, what_arrived_before_the_end_is_still_received);
    tcase_add_loop_test(tests, a_lie_ends_the_connection, 0, sizeof lies / sizeof *lies);
    tcase_add_loop_test(tests, a_subscription_needs_a_number, 0, sizeof wrong_numbers / sizeof *wrong_numbers);
    tcase_add_test(tests, a_line_without_end_ends_the_connection_within_its_limit);
    tcase_add_test(tests, empty_lines_hold_nobody_beyond_one_read);
    tcase_add_test(tests, a_daemon_that_does_not_read_costs_no_time_and_bounded_memory);
    tcase_add_test(tests, what_did_not_fit_goes_out_while_receiving);
    tcase_add_test(tests, answers_may_be_awaited_up_to_a_limit);
    tcase_add_test(tests, members_can_be_picked_without_a_json_library);
    tcase_add_test(tests, a_daemon_that_is_not_there_is_told_by_errno);
    suite_add_tcase(suite, tests);
    return suite;
}
