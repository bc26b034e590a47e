/* SPDX-License-Identifier: MIT */
/* What the I2C link asks of i2c-dev, and when. */

#include "openmvrpc.h"

#include <check.h>
#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdarg.h>
#include <sys/ioctl.h>

Suite *test_suite(void);

#define NODE      "/dev/null"
#define ADDRESS   0x12
#define SETTLE_US 100
#define MESSAGES  50

static int messages;
static int message_error;  /* that the next message fails with; 0 for none */
static int address_error;  /* of whoever asks for the address */
static int64_t ended_us;   /* when the last message was over */
static int64_t soonest_us; /* the shortest time between two messages */

static int make_message(const struct i2c_rdwr_ioctl_data *data) {
    int64_t begun_us = omvrpc_now_us();
    ck_assert_uint_eq(data->nmsgs, 1);
    ck_assert_uint_eq(data->msgs[0].addr, ADDRESS);
    if (messages++ > 0 && begun_us - ended_us < soonest_us) {
        soonest_us = begun_us - ended_us;
    }
    errno = message_error;
    ended_us = omvrpc_now_us();
    return message_error != 0 ? -1 : 1;
}

/* In place of the C library's, whose names for the parameters are its own. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int ioctl(int descriptor, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    (void)descriptor;
    switch (request) {
    case I2C_FUNCS:
        *(unsigned long *)argument = I2C_FUNC_I2C;
        return 0;
    case I2C_SLAVE:
        errno = address_error;
        return address_error != 0 ? -1 : 0;
    case I2C_RDWR:
        return make_message(argument);
    default:
        return 0;
    }
}

static struct omvrpc_link *i2c;
static uint8_t bytes[OMVRPC_I2C_MESSAGE_MAX + 1];

static struct omvrpc_link *open_at(unsigned address) {
    return omvrpc_i2c_open(&(struct omvrpc_i2c_options){.device = NODE, .address = (uint16_t)address});
}

static void set_up(void) {
    messages = message_error = address_error = 0;
    soonest_us = INT64_MAX;
    i2c = open_at(ADDRESS);
    ck_assert_ptr_nonnull(i2c);
}

static void tear_down(void) {
    omvrpc_link_close(i2c);
}

static ssize_t move(bool reads, size_t length) {
    return reads ? i2c->operations->receive(i2c, bytes, length) : i2c->operations->send(i2c, bytes, length);
}

START_TEST(a_camera_has_time_to_arm_before_each_message) {
    for (int i = 0; i < MESSAGES; i++) {
        ck_assert_int_eq(move(i % 2 == 0, 4), 4);
    }
    ck_assert_int_eq(messages, MESSAGES);
    ck_assert_int_ge(soonest_us, SETTLE_US);
}
END_TEST

START_TEST(what_nobody_acknowledges_is_no_trouble_of_the_bus) {
    const int errors[] = {ENXIO, EREMOTEIO};
    message_error = errors[_i];
    for (int i = 0; i < MESSAGES; i++) {
        ck_assert_int_eq(move(i % 2 == 0, 4), 0);
    }
    message_error = 0;
    ck_assert_int_eq(move(true, 4), 4);
}
END_TEST

START_TEST(more_than_the_kernel_moves_is_refused_before_it_is_asked) {
    ck_assert_int_eq(move(_i == 0, OMVRPC_I2C_MESSAGE_MAX), OMVRPC_I2C_MESSAGE_MAX);
    ck_assert_int_eq(move(_i == 0, OMVRPC_I2C_MESSAGE_MAX + 1), -EMSGSIZE);
    ck_assert_int_eq(messages, 1);
}
END_TEST

START_TEST(an_address_that_no_camera_can_have_is_refused) {
    const unsigned addresses[] = {0, 0x07, 0x78, 0x3ff};
    errno = 0;
    ck_assert_ptr_null(open_at(addresses[_i]));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(an_address_that_a_driver_has_is_refused) {
    address_error = EBUSY;
    ck_assert_ptr_null(open_at(ADDRESS));
    ck_assert_int_eq(errno, EBUSY);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("i2c");
    TCase *tests = tcase_create("messages");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_camera_has_time_to_arm_before_each_message);
    tcase_add_loop_test(tests, what_nobody_acknowledges_is_no_trouble_of_the_bus, 0, 2);
    tcase_add_loop_test(tests, more_than_the_kernel_moves_is_refused_before_it_is_asked, 0, 2);
    tcase_add_loop_test(tests, an_address_that_no_camera_can_have_is_refused, 0, 4);
    tcase_add_test(tests, an_address_that_a_driver_has_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
