/* SPDX-License-Identifier: MIT */
/* The method reset, in a whole daemon on a thread of this process, with a simulated camera and a line that is a function. */

#include "config.h"
#include "daemon.h"
#include "fake_folder.h"
#include "fake_lines.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

Suite *test_suite(void);

/* The lines, in place of the library's. */

struct omvrpc_gpio {
    atomic_bool active;
};

static struct omvrpc_gpio line;
static atomic_int pulses, times_freed, open_lines, error_of_line;
static atomic_bool is_held;             /* whoever pulls the line waits */
static int64_t epoch_us;                /* of the test */
static atomic_int pulled_us, let_go_us; /* since then: not every machine has atomics of 64 bits */

struct omvrpc_gpio *omvrpc_gpio_open_output(const struct omvrpc_gpio_line *asked, bool active) {
    ck_assert_str_eq(asked->line, "GPIO25");
    ck_assert(asked->active_low);
    if (atomic_load(&error_of_line) != 0) {
        errno = atomic_load(&error_of_line);
        return NULL;
    }
    atomic_fetch_add(&open_lines, 1);
    if (active) {
        while (atomic_load(&is_held)) {
            usleep(1000);
        }
        atomic_fetch_add(&pulses, 1);
        atomic_store(&pulled_us, (int)(omvrpc_now_us() - epoch_us));
    } else {
        /* The daemon's first turn with the line, which another one may have left pulled. */
        ck_assert_int_eq(atomic_load(&pulses), 0);
        atomic_fetch_add(&times_freed, 1);
    }
    return &line;
}

struct omvrpc_gpio *omvrpc_gpio_open_input(const struct omvrpc_gpio_line *asked) {
    (void)asked;
    errno = ENOENT;
    return NULL;
}

int omvrpc_gpio_set(struct omvrpc_gpio *gpio, bool active) {
    atomic_store(&gpio->active, active);
    atomic_store(&let_go_us, (int)(omvrpc_now_us() - epoch_us));
    return 0;
}

void omvrpc_gpio_close(struct omvrpc_gpio *gpio) {
    if (gpio != NULL) {
        atomic_fetch_sub(&open_lines, 1);
    }
}

int omvrpc_gpio_find(const struct omvrpc_gpio_line *asked) {
    (void)asked;
    return 0;
}

bool omvrpc_gpio_find_holder(const struct omvrpc_gpio_line *asked, char *text, size_t size) {
    (void)asked;
    snprintf(text, size, "a pump");
    return true;
}

/* The daemon, and one client. */

static struct config *config;
static struct daemon *the_daemon;
static pthread_t thread;
static struct fake_folder folder;
static char path[96];
static FILE *to_daemon, *from_daemon;

static void *run(void *context) {
    ck_assert_int_eq(daemon_run(context), 0);
    return NULL;
}

static void connect_client(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path);
    ck_assert_int_eq(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    from_daemon = fdopen(descriptor, "r");
    to_daemon = fdopen(dup(descriptor), "w");
    ck_assert(from_daemon != NULL && to_daemon != NULL);
}

static void start(const char *link) {
    char text[256];
    fake_folder_make(&folder);
    snprintf(path, sizeof path, "%s/openmvd.sock", folder.path);
    snprintf(text, sizeof text, "{\"cameras\":{\"lid\":{\"link\":%s,\"reset\":{\"line\":\"GPIO25\",\"pulse_ms\":30}}}}",
             link);
    config = config_parse("test.json", text, strlen(text), stderr);
    ck_assert_ptr_nonnull(config);
    the_daemon = daemon_new(config, NULL, path, -1);
    ck_assert_ptr_nonnull(the_daemon);
    ck_assert_int_eq(pthread_create(&thread, NULL, run, the_daemon), 0);
    connect_client();
}

static void set_up(void) {
    atomic_store(&pulses, 0);
    atomic_store(&times_freed, 0);
    atomic_store(&error_of_line, 0);
    atomic_store(&is_held, false);
    epoch_us = omvrpc_now_us();
    start("{\"type\":\"sim\"}");
}

static void stop(void) {
    fclose(to_daemon);
    fclose(from_daemon);
    kill(getpid(), SIGTERM);
    pthread_join(thread, NULL);
    daemon_free(the_daemon);
    config_free(config);
    fake_folder_remove(&folder);
}

static void tear_down(void) {
    stop();
    ck_assert_int_eq(atomic_load(&open_lines), 0);
}

static void ask(int number, const char *method) {
    fprintf(to_daemon, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":{\"camera\":\"lid\"}}\n", number,
            method);
    ck_assert_int_eq(fflush(to_daemon), 0);
}

/* The next line of the daemon's, without its end. */
static const char *answer(void) {
    static char text[8192];
    ck_assert_msg(fgets(text, sizeof text, from_daemon) != NULL, "the daemon has closed the connection");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void expect_in(const char *text, const char *part) {
    ck_assert_msg(strstr(text, part) != NULL, "%s is not in: %s", part, text);
}

START_TEST(a_reset_is_answered_when_the_camera_is_online_again) {
    ask(1, "stats");
    expect_in(answer(), "\"resets\":0");
    ask(2, "reset");
    ck_assert_str_eq(answer(), "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":true}");
    ck_assert_int_eq(atomic_load(&pulses), 1);
    /* On a busy machine the request may come before the link was opened at all. */
    ck_assert_int_le(atomic_load(&times_freed), 1);
    ck_assert_int_eq(atomic_load(&open_lines), 0);
    ck_assert_int_ge(atomic_load(&let_go_us) - atomic_load(&pulled_us), 30000);
    ask(3, "stats");
    const char *stats = answer();
    expect_in(stats, "\"state\":\"online\"");
    expect_in(stats, "\"resets\":1");
}
END_TEST

START_TEST(requests_that_come_together_share_a_pulse_and_a_later_one_has_its_own) {
    /* The pulse begins when both are in, however late the second comes. */
    atomic_store(&is_held, true);
    ask(1, "reset");
    ask(2, "reset");
    ask(9, "stats");
    expect_in(answer(), "\"id\":9,");
    atomic_store(&is_held, false);
    expect_in(answer(), "\"id\":1,\"result\":true");
    expect_in(answer(), "\"id\":2,\"result\":true");
    ck_assert_int_eq(atomic_load(&pulses), 1);
    ask(3, "reset");
    expect_in(answer(), "\"id\":3,\"result\":true");
    ck_assert_int_eq(atomic_load(&pulses), 2);
}
END_TEST

START_TEST(a_line_that_somebody_has_is_told_with_its_holder) {
    ask(1, "reset");
    expect_in(answer(), "\"result\":true");
    atomic_store(&error_of_line, EBUSY);
    ask(2, "reset");
    const char *refusal = answer();
    expect_in(refusal, "\"reason\":\"unsupported\"");
    expect_in(refusal, "GPIO line GPIO25 (reset line) is in use by \\\"a pump\\\"");
    /* The camera goes on as if nothing had been asked. */
    atomic_store(&error_of_line, 0);
    ask(3, "reset");
    expect_in(answer(), "\"result\":true");
}
END_TEST

START_TEST(a_reset_of_a_lent_camera_is_refused_and_a_loan_ends_one_that_waits) {
    ask(1, "reset");
    ask(2, "release");
    /* Whichever is first: it was online again, or it was lent before. */
    const char *first = answer();
    ck_assert(strstr(first, "\"result\":true") != NULL || strstr(first, "\"reason\":\"released\"") != NULL);
    answer();
    ask(3, "reset");
    expect_in(answer(), "\"reason\":\"released\"");
    ask(4, "acquire");
    expect_in(answer(), "\"result\":true");
    ask(5, "reset");
    expect_in(answer(), "\"id\":5,\"result\":true");
}
END_TEST

START_TEST(a_daemon_that_stops_answers_those_who_wait) {
    ask(1, "reset");
    while (atomic_load(&pulses) == 0) {
        usleep(1000);
    }
    kill(getpid(), SIGTERM);
    const char *last = answer();
    ck_assert(strstr(last, "\"result\":true") != NULL || strstr(last, "the daemon is stopping") != NULL);
}
END_TEST

START_TEST(a_camera_that_does_not_come_back_is_an_error_after_its_patience) {
    start("{\"type\":\"serial\",\"device\":\"/dev/no-such-port\"}");
    int64_t begun_us = omvrpc_now_us();
    ask(1, "reset");
    const char *error = answer();
    /* Timers count whole milliseconds. */
    ck_assert_int_ge(omvrpc_now_us() - begun_us, 19900000);
    expect_in(error, "\"reason\":\"camera_offline\"");
    expect_in(error,
              "camera \\\"lid\\\" was reset and has not come back within 20 s: /dev/no-such-port does not exist");
    ck_assert_int_eq(atomic_load(&pulses), 1);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("camera_reset");
    TCase *tests = tcase_create("camera_reset");
    TCase *lost = tcase_create("lost");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_reset_is_answered_when_the_camera_is_online_again);
    tcase_add_test(tests, requests_that_come_together_share_a_pulse_and_a_later_one_has_its_own);
    tcase_add_test(tests, a_line_that_somebody_has_is_told_with_its_holder);
    tcase_add_test(tests, a_reset_of_a_lent_camera_is_refused_and_a_loan_ends_one_that_waits);
    tcase_add_test(tests, a_daemon_that_stops_answers_those_who_wait);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(lost, 60);
    tcase_add_checked_fixture(lost, NULL, tear_down);
    tcase_add_test(lost, a_camera_that_does_not_come_back_is_an_error_after_its_patience);
    suite_add_tcase(suite, lost);
    return suite;
}
