/* SPDX-License-Identifier: MIT */
/* The SPI and I2C links as a program uses them, on devices that mock_buses.c answers for. */

#include "mock_camera.h"

#include "packet.h"

#include <check.h>
#include <errno.h>
#include <linux/spi/spidev.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define SPI_NODE "/dev/spidev0.0"
#define I2C_NODE "/dev/i2c-1"
#define SPEED_HZ 4000000
#define SPI_MODE 2
#define TIME_MS  20000
#define FRAMES   3

static const char *const nodes[] = {SPI_NODE, I2C_NODE};

static struct omvrpc_link *bus;
static struct omvrpc_master *master;
static struct omvrpc_result result;

static struct omvrpc_link *open_bus(int i) {
    return i == 0 ? omvrpc_spi_open(
                        &(struct omvrpc_spi_options){.device = SPI_NODE, .speed_hz = SPEED_HZ, .mode = SPI_MODE})
                  : omvrpc_i2c_open(&(struct omvrpc_i2c_options){.device = I2C_NODE, .address = MOCK_I2C_ADDRESS});
}

static void open_all(int i) {
    bus = open_bus(i);
    ck_assert_msg(bus != NULL, "%s: %s", nodes[i], strerror(errno));
    master = omvrpc_master_new();
    ck_assert_ptr_nonnull(master);
}

static void close_all(void) {
    omvrpc_master_free(master);
    omvrpc_link_close(bus);
}

/* A repeatable call, as faults on the way are the camera's and the bus's. Returns what omvrpc_call_request() does. */
static int call(const char *name, const void *argument, size_t length) {
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = length,
        .deadline_us = omvrpc_now_us() + (int64_t)TIME_MS * 1000,
        .repeatable = true,
    };
    return omvrpc_call_request(master, bus, &request, &result);
}

static void call_done(const char *name, const void *argument, size_t length) {
    ck_assert_int_eq(call(name, argument, length), 0);
    ck_assert_msg(result.outcome == OMVRPC_DONE, "%s: %s, %s", name, omvrpc_outcome_name(result.outcome),
                  omvrpc_cause_name(result.cause));
}

static void call_number(const char *name, uint32_t number) {
    uint8_t argument[4];
    put_u32(argument, number);
    call_done(name, argument, sizeof argument);
}

static void expect_blob(uint32_t length) {
    ck_assert_uint_eq(result.length, length);
    for (uint32_t i = 0; i < length; i++) {
        ck_assert_uint_eq(result.data[i], (uint8_t)(i * 7 + length));
    }
}

static void order_fault(enum mock_fault fault, uint32_t count) {
    uint8_t argument[8];
    put_u32(argument, (uint32_t)fault);
    put_u32(argument + 4, count);
    call_done("fault", argument, sizeof argument);
}

START_TEST(arguments_and_results_of_all_lengths_pass) {
    static const size_t lengths[] = {0, 1, 4, 59, 60, 61, 300, 2043, 2044, 2045, 4096, 8188};
    static uint8_t argument[8188];
    open_all(_i);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(argument, (int)i + 1, sizeof argument);
        call_done("echo", argument, lengths[i]);
        ck_assert_uint_eq(result.length, lengths[i]);
        if (lengths[i] > 0) {
            ck_assert_mem_eq(result.data, argument, lengths[i]);
        }
    }
    close_all();
}
END_TEST

START_TEST(the_driver_is_told_how_to_drive_the_bus) {
    open_all(_i);
    call_done("bus", NULL, 0);
    if (_i == 0) {
        ck_assert_uint_eq(get_u32(result.data), SPI_MODE_2);
        ck_assert_uint_eq(get_u32(result.data + 4), SPEED_HZ);
        ck_assert_uint_eq(get_u32(result.data + 8), 8);
        ck_assert_uint_eq(bus->info.byte_rate, SPEED_HZ / 8);
    } else {
        /* Longer than any message takes, in steps of 10 ms, and not for ever. */
        ck_assert_uint_ge(get_u32(result.data + 12), 8192 * 9 / (MOCK_RATE_HZ / 100));
        ck_assert_uint_le(get_u32(result.data + 12), 100);
        /* The adapter is others' as well: what is not needed is left as it was. */
        ck_assert_uint_eq(get_u32(result.data + 16), MOCK_RETRIES);
        ck_assert_uint_eq(bus->info.byte_rate, MOCK_RATE_HZ / 9);
        ck_assert_uint_eq(bus->info.packet_max, 8192);
    }
    close_all();
}
END_TEST

START_TEST(a_result_of_200_kb_comes_over_spi_though_the_driver_moves_less_than_it_says) {
    open_all(0);
    call_number("blob", 200000);
    expect_blob(200000);
    close_all();
}
END_TEST

START_TEST(a_result_longer_than_i2c_moves_is_told_as_that) {
    uint8_t argument[4];
    open_all(1);
    put_u32(argument, 8189);
    ck_assert_int_eq(call("blob", argument, sizeof argument), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_TOO_LARGE);
    ck_assert_int_eq(result.cause, OMVRPC_CAUSE_PACKET_LIMIT);
    call_number("blob", 8188);
    expect_blob(8188);
    close_all();
}
END_TEST

START_TEST(a_result_whose_bytes_are_all_equal_is_a_result) {
    open_all(_i);
    call_number("equal", 3000);
    ck_assert_uint_eq(result.length, 3000);
    for (size_t i = 0; i < result.length; i++) {
        ck_assert_uint_eq(result.data[i], 0);
    }
    close_all();
}
END_TEST

static const struct {
    enum mock_fault fault;
    uint32_t count;
} passing[] = {
    {MOCK_ABSENT, 30},   {MOCK_ZEROS, 5},       {MOCK_SHORT, 3},     {MOCK_NOISE, 3},
    {MOCK_TIMED_OUT, 5}, {MOCK_ARBITRATION, 5}, {MOCK_BUS_ERROR, 5},
};

#define PASSING (int)(sizeof passing / sizeof passing[0])

START_TEST(a_call_gets_over_faults_that_pass) {
    open_all(_i / PASSING);
    order_fault(passing[_i % PASSING].fault, passing[_i % PASSING].count);
    call_number("blob", 500);
    expect_blob(500);
    close_all();
}
END_TEST

static const struct {
    enum mock_fault fault;
    int error;
} lasting[] = {
    {MOCK_TIMED_OUT, -ETIMEDOUT}, {MOCK_ARBITRATION, -EAGAIN}, {MOCK_BUS_ERROR, -EIO}, {MOCK_GONE, -ESHUTDOWN}};

#define LASTING (int)(sizeof lasting / sizeof lasting[0])

START_TEST(faults_that_last_end_the_link_with_their_own_error) {
    int i = _i % LASTING;
    open_all(_i / LASTING);
    order_fault(lasting[i].fault, lasting[i].fault == MOCK_GONE ? 1 : 25);
    ck_assert_int_eq(call("echo", NULL, 0), lasting[i].error);
    close_all();
    /* Opened again it works, as far as the bus does. */
    open_all(_i / LASTING);
    call_number("blob", 100);
    expect_blob(100);
    close_all();
}
END_TEST

START_TEST(nobody_at_an_address_is_silence_and_no_error) {
    bus = omvrpc_i2c_open(&(struct omvrpc_i2c_options){.device = I2C_NODE, .address = MOCK_I2C_ADDRESS + 1});
    ck_assert_ptr_nonnull(bus);
    master = omvrpc_master_new();
    ck_assert_int_eq(omvrpc_call(master, bus, "echo", NULL, 0, 500, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_NOT_DELIVERED);
    ck_assert_int_ne(omvrpc_master_silent_since(master), 0);
    close_all();
}
END_TEST

static bool is_zeros(size_t length) {
    static const uint8_t zeros[4000];
    return result.length == length && memcmp(result.data, zeros, length) == 0;
}

static void call_raw(int i, const char *name) {
    uint8_t argument[4];
    open_all(i);
    put_u32(argument, 3000);
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = sizeof argument,
        .deadline_us = omvrpc_now_us() + (int64_t)TIME_MS * 1000,
        .repeatable = true,
        .raw_length = 3000,
    };
    ck_assert_int_eq(omvrpc_call_request(master, bus, &request, &result), 0);
    ck_assert_int_eq(result.outcome, OMVRPC_DONE);
}

START_TEST(raw_bytes_follow_their_result) {
    call_raw(_i, "raw");
    expect_blob(3000);
    close_all();
}
END_TEST

START_TEST(raw_bytes_may_all_be_equal) {
    call_raw(_i, "dark_raw");
    ck_assert(is_zeros(3000));
    close_all();
}
END_TEST

/* Of the frames that a stream has brought. */
struct take {
    bool are_dark;
    bool may_be_others;
    unsigned frames;
};

static bool take_frame(void *context, const uint8_t *data, size_t length) {
    struct take *take = context;
    result.data = data;
    result.length = length;
    if (!take->are_dark) {
        expect_blob(4000);
    } else if (!is_zeros(4000)) {
        ck_assert_msg(take->may_be_others, "a frame of %zu bytes is not dark", length);
        return true;
    }
    return ++take->frames < FRAMES;
}

static void read_stream(int i, const char *name, bool are_dark) {
    uint8_t argument[4];
    /* On SPI a host that is more than 1 ms late takes such a frame for nobody, and what it reads then for the frame. */
    struct take take = {.are_dark = are_dark, .may_be_others = i == 0};
    open_all(i);
    put_u32(argument, 4000);
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = sizeof argument,
        .deadline_us = omvrpc_now_us() + (int64_t)TIME_MS * 1000,
        .repeatable = true,
        .stream_depth = 1,
    };
    struct omvrpc_result end;
    /* A busy machine may fetch late what a camera offers for a moment, in three openings in a row. */
    do {
        ck_assert_int_eq(omvrpc_stream(master, bus, &request, take_frame, &take, &end), 0);
    } while (take.frames < FRAMES && omvrpc_now_us() < request.deadline_us);
    ck_assert_uint_ge(take.frames, FRAMES);
    call_number("blob", 100);
    expect_blob(100);
    close_all();
}

START_TEST(a_stream_brings_its_frames) {
    read_stream(_i, "stream", false);
}
END_TEST

START_TEST(frames_may_have_bytes_that_are_all_equal) {
    read_stream(_i, "dark_stream", true);
}
END_TEST

static void expect_spi_error(struct omvrpc_spi_options options, int error) {
    errno = 0;
    ck_assert_ptr_null(omvrpc_spi_open(&options));
    ck_assert_int_eq(errno, error);
}

static void expect_i2c_error(struct omvrpc_i2c_options options, int error) {
    errno = 0;
    ck_assert_ptr_null(omvrpc_i2c_open(&options));
    ck_assert_int_eq(errno, error);
}

START_TEST(what_cannot_be_opened_says_why) {
    static const struct omvrpc_gpio_line no_line = {.line = "no such line"};
    expect_spi_error((struct omvrpc_spi_options){.device = "/dev/spidev9.9"}, ENOENT);
    expect_spi_error((struct omvrpc_spi_options){.device = I2C_NODE}, ENOTTY);
    expect_spi_error((struct omvrpc_spi_options){.device = SPI_NODE, .mode = 4}, EINVAL);
    expect_spi_error((struct omvrpc_spi_options){.device = SPI_NODE, .bits = 64}, EINVAL);
    expect_spi_error((struct omvrpc_spi_options){.device = SPI_NODE, .cs = &no_line}, ENOENT);
    expect_i2c_error((struct omvrpc_i2c_options){.device = "/dev/i2c-9", .address = 0x12}, ENOENT);
    expect_i2c_error((struct omvrpc_i2c_options){.device = SPI_NODE, .address = 0x12}, ENOTTY);
    expect_i2c_error((struct omvrpc_i2c_options){.device = I2C_NODE, .address = 0x07}, EINVAL);
    expect_i2c_error((struct omvrpc_i2c_options){.device = I2C_NODE, .address = 0x78}, EINVAL);
    expect_i2c_error((struct omvrpc_i2c_options){.device = I2C_NODE, .address = 0x50}, EBUSY);
    expect_i2c_error((struct omvrpc_i2c_options){.device = I2C_NODE, .address = 0x12, .ready = &no_line}, ENOENT);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("bus_links");
    TCase *links = tcase_create("links");
    tcase_set_timeout(links, 60);
    tcase_add_loop_test(links, arguments_and_results_of_all_lengths_pass, 0, 2);
    tcase_add_loop_test(links, the_driver_is_told_how_to_drive_the_bus, 0, 2);
    tcase_add_test(links, a_result_of_200_kb_comes_over_spi_though_the_driver_moves_less_than_it_says);
    tcase_add_test(links, a_result_longer_than_i2c_moves_is_told_as_that);
    tcase_add_loop_test(links, a_result_whose_bytes_are_all_equal_is_a_result, 0, 2);
    tcase_add_loop_test(links, a_call_gets_over_faults_that_pass, 0, 2 * PASSING);
    tcase_add_loop_test(links, faults_that_last_end_the_link_with_their_own_error, 0, 2 * LASTING);
    tcase_add_test(links, nobody_at_an_address_is_silence_and_no_error);
    tcase_add_loop_test(links, raw_bytes_follow_their_result, 0, 2);
    tcase_add_loop_test(links, raw_bytes_may_all_be_equal, 0, 2);
    tcase_add_loop_test(links, a_stream_brings_its_frames, 0, 2);
    tcase_add_loop_test(links, frames_may_have_bytes_that_are_all_equal, 0, 2);
    tcase_add_test(links, what_cannot_be_opened_says_why);
    suite_add_tcase(suite, links);
    return suite;
}
