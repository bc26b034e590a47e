/* SPDX-License-Identifier: MIT */
/* GPIO lines: how they are found, held, driven and watched, on chips that are tables. */

#include "fake_gpiod.h"
#include "gpio_request.h"

#include <poll.h>

Suite *test_suite(void);

static struct fake_line *const gpio25 = &fake_chips[1].lines[1];
static const struct omvrpc_gpio_line gpio25_by_name = {.line = "GPIO25"};

static struct omvrpc_gpio *gpio;

static void make(void) {
    fake_gpiod_make();
    gpio = NULL;
}

static void clean_up(void) {
    omvrpc_gpio_close(gpio);
    fake_gpiod_remove();
}

static void open_output(const struct omvrpc_gpio_line *line, bool active) {
    gpio = gpio_open_output_in(fake_nodes.path, line, active);
    ck_assert_ptr_nonnull(gpio);
}

static void open_input(const struct omvrpc_gpio_line *line) {
    gpio = gpio_open_input_in(fake_nodes.path, line);
    ck_assert_ptr_nonnull(gpio);
}

static void expect_refusal(const struct omvrpc_gpio_line *line, int error) {
    errno = 0;
    ck_assert_ptr_null(gpio_open_output_in(fake_nodes.path, line, true));
    ck_assert_int_eq(errno, error);
    errno = 0;
    ck_assert_ptr_null(gpio_open_input_in(fake_nodes.path, line));
    ck_assert_int_eq(errno, error);
    /* Looking for it does not want it. */
    ck_assert_int_eq(gpio_find_in(fake_nodes.path, line), error == EBUSY ? 0 : -error);
}

/* Takes the line as an output, sees that it is this one that is driven, and gives it back. */
static void expect_line(const struct omvrpc_gpio_line *wanted, const struct fake_line *line) {
    open_output(wanted, true);
    ck_assert(line->is_used && line->is_high);
    ck_assert_int_eq(omvrpc_gpio_set(gpio, false), 0);
    ck_assert(!line->is_high);
    omvrpc_gpio_close(gpio);
    gpio = NULL;
    ck_assert(!line->is_used);
}

static bool is_readable(int descriptor) {
    struct pollfd pollfd = {.fd = descriptor, .events = POLLIN};
    return poll(&pollfd, 1, 0) == 1;
}

START_TEST(a_line_is_found_by_its_name_on_the_second_chip) {
    expect_line(&gpio25_by_name, gpio25);
}
END_TEST

START_TEST(a_line_is_found_by_offset_on_a_chip_by_node_path_or_label) {
    char path[128];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/gpiochip10", fake_nodes.path), (int)sizeof path);
    const char *const chips[] = {"gpiochip10", path, "fake-large"};
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        expect_line(&(struct omvrpc_gpio_line){.chip = chips[i], .offset = 1}, gpio25);
    }
}
END_TEST

START_TEST(a_name_that_two_lines_have_is_refused_unless_the_chip_is_named_too) {
    expect_refusal(&(struct omvrpc_gpio_line){.line = "SHARED"}, ENOTUNIQ);
    expect_line(&(struct omvrpc_gpio_line){.line = "SHARED", .chip = "gpiochip0"}, &fake_chips[0].lines[2]);
    expect_line(&(struct omvrpc_gpio_line){.line = "SHARED", .chip = "fake-large"}, &fake_chips[1].lines[2]);
    expect_refusal(&(struct omvrpc_gpio_line){.line = "-", .chip = "gpiochip0"}, ENOTUNIQ);
}
END_TEST

START_TEST(a_label_that_two_chips_have_is_refused) {
    fake_chips[0].label = fake_chips[1].label;
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "fake-large", .offset = 1}, ENOTUNIQ);
}
END_TEST

START_TEST(a_chip_with_a_second_name_is_one_chip) {
    fake_chips[2] = fake_chips[1];
    fake_chips[2].node = "gpiochip4";
    fake_folder_link(&fake_nodes, "gpiochip4", "gpiochip10");
    expect_line(&gpio25_by_name, gpio25);
    /* By that name it can be had all the same. */
    expect_line(&(struct omvrpc_gpio_line){.chip = "gpiochip4", .offset = 1}, &fake_chips[2].lines[1]);
}
END_TEST

START_TEST(what_is_not_there_is_not_found) {
    expect_refusal(&(struct omvrpc_gpio_line){.line = "GPIO26"}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.line = "gpio25"}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.line = "GPIO25", .chip = "gpiochip0"}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "gpiochip1", .offset = 1}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "fake-medium", .offset = 1}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "/nonexistent/gpiochip10", .offset = 1}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "gpiochip10", .offset = FAKE_LINES}, ENOENT);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "gpiochip10", .offset = UINT32_MAX}, ENOENT);
}
END_TEST

START_TEST(a_line_without_a_name_is_no_line_named_nothing) {
    expect_refusal(&(struct omvrpc_gpio_line){.line = ""}, EINVAL);
    expect_refusal(&(struct omvrpc_gpio_line){.line = NULL}, EINVAL);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = ""}, EINVAL);
}
END_TEST

START_TEST(a_node_that_is_no_chip_is_told_apart) {
    char path[128];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/null", fake_nodes.path), (int)sizeof path);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = path}, ENODEV);
}
END_TEST

START_TEST(a_chip_that_may_not_be_read_matters_only_if_the_line_is_on_no_other) {
    fake_chips[0].open_error = EACCES;
    expect_line(&gpio25_by_name, gpio25);
    expect_refusal(&(struct omvrpc_gpio_line){.line = "FAN"}, EACCES);
    expect_refusal(&(struct omvrpc_gpio_line){.chip = "gpiochip0", .offset = 2}, EACCES);
}
END_TEST

START_TEST(a_line_that_is_held_is_busy_and_its_holder_is_told) {
    const struct omvrpc_gpio_line fan = {.line = "FAN"};
    char text[16] = "untouched";
    expect_refusal(&fan, EBUSY);
    ck_assert(gpio_find_holder_in(fake_nodes.path, &fan, text, sizeof text));
    ck_assert_str_eq(text, "pwm-fan");
    ck_assert(gpio_find_holder_in(fake_nodes.path, &fan, text, 4));
    ck_assert_str_eq(text, "pwm");
    fake_chips[0].lines[3].consumer[0] = 0;
    ck_assert(gpio_find_holder_in(fake_nodes.path, &fan, text, sizeof text));
    ck_assert_str_eq(text, "?");
}
END_TEST

START_TEST(a_line_that_is_ours_is_held_by_openmvd_until_it_is_closed) {
    char text[16] = "untouched";
    ck_assert(!gpio_find_holder_in(fake_nodes.path, &gpio25_by_name, text, sizeof text));
    open_input(&gpio25_by_name);
    expect_refusal(&gpio25_by_name, EBUSY);
    ck_assert(gpio25->is_used);
    ck_assert_str_eq(gpio25->consumer, "openmvd");
    omvrpc_gpio_close(gpio);
    gpio = NULL;
    ck_assert(!gpio_find_holder_in(fake_nodes.path, &gpio25_by_name, text, sizeof text));
    ck_assert(!gpio_find_holder_in(fake_nodes.path, &(struct omvrpc_gpio_line){.line = "GPIO26"}, text, sizeof text));
    ck_assert_str_eq(text, "untouched");
}
END_TEST

START_TEST(an_output_has_the_level_asked_for_from_the_beginning) {
    for (int active = 0; active < 2; active++) {
        for (int low = 0; low < 2; low++) {
            open_output(&(struct omvrpc_gpio_line){.line = "GPIO25", .active_low = low != 0}, active != 0);
            ck_assert_int_eq(gpio25->is_high, active != low);
            ck_assert_int_eq(omvrpc_gpio_get(gpio), active);
            ck_assert_int_eq(omvrpc_gpio_set(gpio, active == 0), 0);
            ck_assert_int_eq(gpio25->is_high, active == low);
            ck_assert_int_eq(omvrpc_gpio_descriptor(gpio), -1);
            ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), 0);
            omvrpc_gpio_close(gpio);
            gpio = NULL;
        }
    }
}
END_TEST

START_TEST(an_input_is_read_with_its_polarity) {
    for (int low = 0; low < 2; low++) {
        open_input(&(struct omvrpc_gpio_line){.line = "GPIO25", .active_low = low != 0});
        for (int high = 0; high < 2; high++) {
            fake_line_drive(gpio25, high != 0);
            ck_assert_int_eq(omvrpc_gpio_get(gpio), high != low);
        }
        omvrpc_gpio_close(gpio);
        gpio = NULL;
    }
}
END_TEST

START_TEST(edges_wake_and_are_counted_both_ways) {
    open_input(&gpio25_by_name);
    int descriptor = omvrpc_gpio_descriptor(gpio);
    ck_assert_int_ge(descriptor, 0);
    ck_assert(!is_readable(descriptor));
    ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), 0);
    for (int edges = 1; edges <= 3; edges++) {
        for (int i = 0; i < edges; i++) {
            fake_line_drive(gpio25, !gpio25->is_high);
        }
        ck_assert(is_readable(descriptor));
        ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), edges);
        ck_assert(!is_readable(descriptor));
        ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), 0);
    }
}
END_TEST

START_TEST(a_line_that_toggles_without_end_is_left_after_some_reads) {
    open_input(&gpio25_by_name);
    int most = GPIO_EDGES * GPIO_READS_MAX;
    for (int i = 0; i < most + 1; i++) {
        fake_line_drive(gpio25, !gpio25->is_high);
    }
    ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), most);
    ck_assert(is_readable(omvrpc_gpio_descriptor(gpio)));
    ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), 1);
}
END_TEST

START_TEST(a_chip_that_goes_away_is_told_at_the_next_use) {
    open_input(&gpio25_by_name);
    fake_chips[1].is_gone = true;
    ck_assert_int_eq(omvrpc_gpio_get(gpio), -ENODEV);
    ck_assert_int_eq(omvrpc_gpio_take_edges(gpio), -ENODEV);
    expect_refusal(&gpio25_by_name, ENODEV);
    omvrpc_gpio_close(gpio);
    fake_chips[1].is_gone = false;
    open_output(&gpio25_by_name, true);
    fake_chips[1].is_gone = true;
    ck_assert_int_eq(omvrpc_gpio_set(gpio, false), -ENODEV);
}
END_TEST

/* The kernel's two APIs have an error each for that. */
START_TEST(a_chip_without_interrupts_is_told_from_one_that_is_gone) {
    fake_chips[1].edges_error = _i == 0 ? ENODEV : ENXIO;
    ck_assert_ptr_null(gpio_open_input_in(fake_nodes.path, &gpio25_by_name));
    ck_assert_int_eq(errno, ENXIO);
    open_output(&gpio25_by_name, true);
}
END_TEST

START_TEST(a_machine_without_chips_has_no_line) {
    omvrpc_gpio_close(omvrpc_gpio_open_output(&(struct omvrpc_gpio_line){.line = "no such line"}, false));
    ck_assert_int_eq(errno, ENOENT);
    errno = 0;
    ck_assert_ptr_null(gpio_open_input_in("/nonexistent", &gpio25_by_name));
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("gpio");
    TCase *lines = tcase_create("lines");
    tcase_add_checked_fixture(lines, make, clean_up);
    suite_add_tcase(suite, lines);
    tcase_add_loop_test(lines, a_chip_without_interrupts_is_told_from_one_that_is_gone, 0, 2);
    tcase_add_test(lines, a_line_is_found_by_its_name_on_the_second_chip);
    tcase_add_test(lines, a_line_is_found_by_offset_on_a_chip_by_node_path_or_label);
    tcase_add_test(lines, a_name_that_two_lines_have_is_refused_unless_the_chip_is_named_too);
    tcase_add_test(lines, a_label_that_two_chips_have_is_refused);
    tcase_add_test(lines, a_chip_with_a_second_name_is_one_chip);
    tcase_add_test(lines, what_is_not_there_is_not_found);
    tcase_add_test(lines, a_line_without_a_name_is_no_line_named_nothing);
    tcase_add_test(lines, a_node_that_is_no_chip_is_told_apart);
    tcase_add_test(lines, a_chip_that_may_not_be_read_matters_only_if_the_line_is_on_no_other);
    tcase_add_test(lines, a_line_that_is_held_is_busy_and_its_holder_is_told);
    tcase_add_test(lines, a_line_that_is_ours_is_held_by_openmvd_until_it_is_closed);
    tcase_add_test(lines, an_output_has_the_level_asked_for_from_the_beginning);
    tcase_add_test(lines, an_input_is_read_with_its_polarity);
    tcase_add_test(lines, edges_wake_and_are_counted_both_ways);
    tcase_add_test(lines, a_line_that_toggles_without_end_is_left_after_some_reads);
    tcase_add_test(lines, a_chip_that_goes_away_is_told_at_the_next_use);
    tcase_add_test(lines, a_machine_without_chips_has_no_line);
    return suite;
}
