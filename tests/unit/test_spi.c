/* SPDX-License-Identifier: MIT */
/* What the SPI link asks of spidev and of its chip select, in which order, also where something fails. */

#include "openmvrpc.h"
#include "unasked_gpio.h"

#include <check.h>
#include <errno.h>
#include <linux/spi/spidev.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

Suite *test_suite(void);

#define NODE  "/dev/null"
#define LONG  10000
#define LIMIT 1024

/*
 * What was asked, in order: "low" and "high" of the chip select, and each message with its bytes, and a "+" where the
 * controller is to hold its own chip select behind it.
 */
static char order[1024];
static size_t limit;           /* of the driver's buffer */
static int messages, fails_at; /* the message that fails, from 1; 0 for none */
static int line_fails_at, line_sets;
static bool has_no_speed; /* which drivers say of a message, and not when it is set */
static uint8_t mode;
static uint8_t heard; /* the first byte that is read */

struct omvrpc_gpio {
    bool is_open;
};

static struct omvrpc_gpio cs;

static void note(const char *text) {
    ck_assert_uint_lt(strlen(order) + strlen(text) + 2, sizeof order);
    strcat(order, order[0] != '\0' ? " " : "");
    strcat(order, text);
}

static int make_message(const struct spi_ioc_transfer *transfers, size_t count) {
    char text[32];
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += transfers[i].len;
        if (transfers[i].rx_buf != 0) {
            memset((uint8_t *)(uintptr_t)transfers[i].rx_buf, 0x55, transfers[i].len);
            *(uint8_t *)(uintptr_t)transfers[i].rx_buf = heard;
        }
    }
    if (has_no_speed) {
        errno = EINVAL;
        return -1;
    }
    if (total > limit || ++messages == fails_at) {
        errno = total > limit ? EMSGSIZE : EIO;
        return -1;
    }
    snprintf(text, sizeof text, "%zu%s", total, transfers[count - 1].cs_change ? "+" : "");
    note(text);
    return (int)total;
}

/* In place of the C library's, whose names for the parameters are its own. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int ioctl(int descriptor, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    (void)descriptor;
    if (request == SPI_IOC_WR_MODE) {
        mode = *(uint8_t *)argument;
    } else if (request == SPI_IOC_RD_MODE) {
        *(uint8_t *)argument = mode;
    }
    bool is_message = _IOC_TYPE(request) == SPI_IOC_MAGIC && _IOC_NR(request) == 0;
    return is_message ? make_message(argument, _IOC_SIZE(request) / sizeof(struct spi_ioc_transfer)) : 0;
}

struct omvrpc_gpio *omvrpc_gpio_open_output(const struct omvrpc_gpio_line *line, bool active) {
    ck_assert(line->active_low);
    ck_assert_msg(!active, "the chip is selected by opening its line");
    cs.is_open = true;
    return &cs;
}

struct omvrpc_gpio *omvrpc_gpio_open_input(const struct omvrpc_gpio_line *line) {
    (void)line;
    errno = EBUSY;
    return NULL;
}

int omvrpc_gpio_set(struct omvrpc_gpio *gpio, bool active) {
    ck_assert(gpio->is_open);
    if (++line_sets == line_fails_at) {
        return -EIO;
    }
    note(active ? "low" : "high");
    return 0;
}

int omvrpc_gpio_get(struct omvrpc_gpio *gpio) {
    return gpio->is_open;
}

int omvrpc_gpio_take_edges(struct omvrpc_gpio *gpio) {
    (void)gpio;
    return 0;
}

int omvrpc_gpio_descriptor(const struct omvrpc_gpio *gpio) {
    (void)gpio;
    return -1;
}

void omvrpc_gpio_close(struct omvrpc_gpio *gpio) {
    if (gpio != NULL) {
        gpio->is_open = false;
    }
}

static struct omvrpc_link *spi;
static uint8_t bytes[LONG];

static void open_link(bool with_cs) {
    static const struct omvrpc_gpio_line line = {.line = "GPIO22"};
    spi = omvrpc_spi_open(&(struct omvrpc_spi_options){.device = NODE, .mode = 2, .cs = with_cs ? &line : NULL});
    ck_assert_ptr_nonnull(spi);
    order[0] = '\0';
    messages = 0;
}

static void set_up(void) {
    order[0] = '\0';
    limit = LIMIT;
    heard = 0xaa;
    messages = fails_at = line_fails_at = line_sets = 0;
    has_no_speed = false;
    spi = NULL;
    mode = 0;
}

static void tear_down(void) {
    omvrpc_link_close(spi);
    ck_assert(!cs.is_open);
}

static ssize_t send_bytes(size_t length) {
    return spi->operations->send(spi, bytes, length);
}

static ssize_t receive_bytes(size_t length) {
    return spi->operations->receive(spi, bytes, length);
}

START_TEST(the_clock_is_at_rest_before_a_chip_is_selected_that_would_count_its_edges) {
    open_link(true);
    ck_assert_uint_eq(mode, SPI_MODE_2 | SPI_NO_CS);
    ck_assert_int_eq(send_bytes(10), 10);
    ck_assert_str_eq(order, "0 low 10 high");
}
END_TEST

START_TEST(a_line_as_chip_select_is_held_over_all_pieces_of_a_packet) {
    open_link(true);
    ck_assert_int_eq(send_bytes(2500), 2500);
    ck_assert_str_eq(order, "0 low 1024 1024 452 high");
}
END_TEST

START_TEST(the_controllers_own_chip_select_is_held_but_behind_the_last_piece) {
    open_link(false);
    ck_assert_uint_eq(mode, SPI_MODE_2);
    ck_assert_int_eq(send_bytes(2500), 2500);
    ck_assert_str_eq(order, "1024+ 1024+ 452");
}
END_TEST

START_TEST(a_packet_is_fetched_no_further_when_its_beginning_shows_that_nobody_is_there) {
    heard = 0x55;
    open_link(_i == 0);
    ck_assert_int_eq(receive_bytes(2500), 0);
    ck_assert_str_eq(order, _i == 0 ? "0 low 64 high" : "64+ 0");
}
END_TEST

START_TEST(what_fits_one_message_comes_in_one_where_nothing_tells_whether_the_controller_holds_its_chip_select) {
    open_link(false);
    ck_assert_int_eq(receive_bytes(LIMIT), LIMIT);
    ck_assert_str_eq(order, "1024");
}
END_TEST

/* All bytes are equal, and the camera had just announced so many. */
START_TEST(raw_bytes_that_come_at_once_are_the_cameras_whatever_they_are) {
    ssize_t got = 0;
    open_link(_i == 0);
    /* A busy machine may be late, as the next test has it. */
    for (int tries = 0; got == 0 && tries < 10000; tries++) {
        heard = 0xaa;
        ck_assert_int_eq(receive_bytes(8), 8);
        heard = 0x55;
        got = spi->operations->receive_raw(spi, bytes, 100);
        order[0] = '\0';
    }
    ck_assert_int_eq(got, 100);
}
END_TEST

START_TEST(raw_bytes_that_are_fetched_late_and_all_equal_are_nobodys) {
    const struct timespec late = {.tv_nsec = 3000000};
    open_link(_i == 0);
    ck_assert_int_eq(receive_bytes(8), 8);
    nanosleep(&late, NULL);
    heard = 0x55;
    ck_assert_int_eq(spi->operations->receive_raw(spi, bytes, 100), 0);
    /* Nobody was there, which makes a second try no earlier. */
    ck_assert_int_eq(spi->operations->receive_raw(spi, bytes, 100), 0);
    heard = 0xaa;
    ck_assert_int_eq(spi->operations->receive_raw(spi, bytes, 100), 100);
}
END_TEST

START_TEST(raw_bytes_are_fetched_without_a_look) {
    heard = 0xaa;
    open_link(true);
    ck_assert_int_eq(spi->operations->receive_raw(spi, bytes, 2000), 2000);
    ck_assert_str_eq(order, "0 low 1024 976 high");
}
END_TEST

/* Whichever step fails, the line goes high last; the camera would be armed, and others on the bus spoiled. */
START_TEST(the_chip_is_released_whatever_fails) {
    enum { STEPS = 6 };
    open_link(true);
    for (int i = 1; i <= STEPS; i++) {
        order[0] = '\0';
        messages = 0;
        fails_at = i;
        ck_assert_int_eq(receive_bytes(2500), i == STEPS ? 2500 : 0);
        ck_assert_msg(strcmp(order + strlen(order) - strlen("high"), "high") == 0, "%d: %s", i, order);
    }
}
END_TEST

START_TEST(nothing_is_clocked_where_the_line_cannot_be_set) {
    open_link(true);
    line_fails_at = line_sets + 1;
    ck_assert_int_eq(send_bytes(10), 0);
    ck_assert_str_eq(order, "0 high");
}
END_TEST

START_TEST(a_controllers_chip_select_that_is_held_is_released_where_a_later_piece_fails) {
    open_link(false);
    fails_at = 2;
    ck_assert_int_eq(send_bytes(2500), 0);
    ck_assert_str_eq(order, "1024+ 0");
}
END_TEST

START_TEST(a_speed_that_the_controller_has_not_is_told_at_opening) {
    static const struct omvrpc_gpio_line line = {.line = "GPIO22"};
    has_no_speed = true;
    errno = 0;
    ck_assert_ptr_null(
        omvrpc_spi_open(&(struct omvrpc_spi_options){.device = NODE, .speed_hz = 20000, .cs = _i == 0 ? &line : NULL}));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("spi");
    TCase *orders = tcase_create("orders");
    tcase_add_checked_fixture(orders, set_up, tear_down);
    tcase_add_test(orders, the_clock_is_at_rest_before_a_chip_is_selected_that_would_count_its_edges);
    tcase_add_test(orders, a_line_as_chip_select_is_held_over_all_pieces_of_a_packet);
    tcase_add_test(orders, the_controllers_own_chip_select_is_held_but_behind_the_last_piece);
    tcase_add_loop_test(orders, a_packet_is_fetched_no_further_when_its_beginning_shows_that_nobody_is_there, 0, 2);
    tcase_add_test(orders,
                   what_fits_one_message_comes_in_one_where_nothing_tells_whether_the_controller_holds_its_chip_select);
    tcase_add_loop_test(orders, raw_bytes_that_come_at_once_are_the_cameras_whatever_they_are, 0, 2);
    tcase_add_loop_test(orders, raw_bytes_that_are_fetched_late_and_all_equal_are_nobodys, 0, 2);
    tcase_add_test(orders, raw_bytes_are_fetched_without_a_look);
    tcase_add_test(orders, the_chip_is_released_whatever_fails);
    tcase_add_test(orders, nothing_is_clocked_where_the_line_cannot_be_set);
    tcase_add_test(orders, a_controllers_chip_select_that_is_held_is_released_where_a_later_piece_fails);
    tcase_add_loop_test(orders, a_speed_that_the_controller_has_not_is_told_at_opening, 0, 2);
    suite_add_tcase(suite, orders);
    return suite;
}
