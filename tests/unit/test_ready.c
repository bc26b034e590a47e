/* SPDX-License-Identifier: MIT */
/* A camera's ready line, above GPIO lines that a test moves. */

#include "link/ready.h"
#include "unasked_gpio.h"

#include <check.h>
#include <errno.h>
#include <time.h>

Suite *test_suite(void);

#define DESCRIPTOR 77

struct omvrpc_gpio {
    bool is_open;
    int level;
    int edges; /* that were not taken yet, or a negative errno */
};

static struct omvrpc_gpio gpio;
static struct ready ready;

struct omvrpc_gpio *omvrpc_gpio_open_input(const struct omvrpc_gpio_line *line) {
    (void)line;
    gpio = (struct omvrpc_gpio){.is_open = true};
    return &gpio;
}

struct omvrpc_gpio *omvrpc_gpio_open_output(const struct omvrpc_gpio_line *line, bool active) {
    (void)line, (void)active;
    errno = EBUSY;
    return NULL;
}

int omvrpc_gpio_set(struct omvrpc_gpio *line, bool active) {
    (void)line, (void)active;
    return -EIO;
}

int omvrpc_gpio_get(struct omvrpc_gpio *line) {
    ck_assert(line->is_open);
    return line->level;
}

int omvrpc_gpio_take_edges(struct omvrpc_gpio *line) {
    ck_assert(line->is_open);
    int edges = line->edges;
    line->edges = 0;
    return edges;
}

int omvrpc_gpio_descriptor(const struct omvrpc_gpio *line) {
    ck_assert(line->is_open);
    return DESCRIPTOR;
}

void omvrpc_gpio_close(struct omvrpc_gpio *line) {
    if (line != NULL) {
        line->is_open = false;
    }
}

static void set_up(void) {
    ck_assert_int_eq(ready_open(&ready, &(struct omvrpc_gpio_line){.line = "GPIO24"}), 0);
}

static void tear_down(void) {
    ready_close(&ready);
    ck_assert(!gpio.is_open);
}

/* So many edges, as many at a look as are taken at most. */
static int look_at(int edges) {
    int said = -1;
    for (int taken = 0; taken < edges; taken += 64) {
        gpio.edges = edges - taken < 64 ? edges - taken : 64;
        said = ready_is_up(&ready);
    }
    return said;
}

START_TEST(the_line_says_whether_the_camera_is_ready) {
    ck_assert_int_eq(ready_is_up(&ready), 0);
    gpio.level = 1;
    ck_assert_int_eq(ready_is_up(&ready), 1);
    ck_assert_int_eq(ready_descriptor(&ready), DESCRIPTOR);
    gpio.edges = -ENODEV;
    ck_assert_int_eq(ready_is_up(&ready), -ENODEV);
}
END_TEST

START_TEST(a_camera_without_a_line_is_ready) {
    ready_close(&ready);
    ck_assert_int_eq(ready_open(&ready, NULL), 0);
    ck_assert_int_eq(ready_is_up(&ready), 1);
    ck_assert_int_eq(ready_descriptor(&ready), -1);
}
END_TEST

START_TEST(a_line_that_changes_all_the_time_is_given_back_and_wakes_nobody) {
    ck_assert_int_eq(look_at(100000), OMVRPC_READY_NOISE);
    ck_assert(!gpio.is_open);
    ck_assert_int_eq(ready_descriptor(&ready), -1);
    ck_assert_int_eq(ready_is_up(&ready), OMVRPC_READY_NOISE);
    ck_assert_int_eq(ready_open(&ready, &(struct omvrpc_gpio_line){.line = "GPIO24"}), 0);
    ck_assert_int_eq(ready_is_up(&ready), 0);
}
END_TEST

/* A thousand calls a second, and more than there could be: a busy camera's line is heeded for ever. */
START_TEST(a_line_that_a_busy_camera_drives_is_heeded) {
    const struct timespec second = {.tv_sec = 1};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(look_at(4000), 0);
        nanosleep(&second, NULL);
    }
    ck_assert(gpio.is_open);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("ready");
    TCase *tests = tcase_create("ready");
    tcase_set_timeout(tests, 20);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_line_says_whether_the_camera_is_ready);
    tcase_add_test(tests, a_camera_without_a_line_is_ready);
    tcase_add_test(tests, a_line_that_changes_all_the_time_is_given_back_and_wakes_nobody);
    tcase_add_test(tests, a_line_that_a_busy_camera_drives_is_heeded);
    suite_add_tcase(suite, tests);
    return suite;
}
