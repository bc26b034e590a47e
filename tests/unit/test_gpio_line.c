/* SPDX-License-Identifier: MIT */
/* GPIO lines of a configuration, the pulse of a reset line, and what is said of lines and nodes that cannot be had. */

#include "config.h"
#include "fake_lines.h"
#include "gpio_line.h"
#include "reset_line.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

/* Lines in place of the library's: which one cannot be had, and what the one that was taken is at. */
static struct {
    const char *line; /* the one with trouble */
    int error;
    const char *holder; /* NULL where nobody holds it */
} trouble;

struct omvrpc_gpio {
    bool is_output, active;
};

static struct omvrpc_gpio taken;
static unsigned opened, closed;
static char order[64]; /* of levels and of the end: "+", "-", "." */

static struct omvrpc_gpio *take(const struct omvrpc_gpio_line *line, bool is_output, bool active) {
    ck_assert(line != NULL && (line->line != NULL || line->chip != NULL));
    if (trouble.line != NULL && line->line != NULL && strcmp(line->line, trouble.line) == 0) {
        errno = trouble.error;
        return NULL;
    }
    ck_assert_uint_eq(opened, closed);
    opened++;
    taken = (struct omvrpc_gpio){is_output, active};
    strcat(order, active ? "+" : "-");
    return &taken;
}

struct omvrpc_gpio *omvrpc_gpio_open_output(const struct omvrpc_gpio_line *line, bool active) {
    return take(line, true, active);
}

struct omvrpc_gpio *omvrpc_gpio_open_input(const struct omvrpc_gpio_line *line) {
    return take(line, false, false);
}

int omvrpc_gpio_set(struct omvrpc_gpio *gpio, bool active) {
    ck_assert(gpio == &taken && gpio->is_output);
    gpio->active = active;
    strcat(order, active ? "+" : "-");
    return 0;
}

void omvrpc_gpio_close(struct omvrpc_gpio *gpio) {
    if (gpio != NULL) {
        closed++;
        strcat(order, ".");
    }
}

int omvrpc_gpio_find(const struct omvrpc_gpio_line *line) {
    bool is_missing = trouble.line != NULL && line->line != NULL && strcmp(line->line, trouble.line) == 0;
    return is_missing && trouble.error != EBUSY ? -trouble.error : 0;
}

bool omvrpc_gpio_find_holder(const struct omvrpc_gpio_line *line, char *text, size_t size) {
    bool is_held = trouble.holder != NULL && line->line != NULL && strcmp(line->line, trouble.line) == 0;
    if (is_held) {
        snprintf(text, size, "%s", trouble.holder);
    }
    return is_held;
}

static void set_up(void) {
    memset(&trouble, 0, sizeof trouble);
    opened = closed = 0;
    order[0] = '\0';
}

static struct gpio_settings named(const char *name) {
    return (struct gpio_settings){.line = (char *)(uintptr_t)name};
}

static struct gpio_settings on_chip(const char *chip, uint32_t offset) {
    return (struct gpio_settings){.chip = (char *)(uintptr_t)chip, .offset = offset};
}

START_TEST(lines_are_the_same_where_their_names_or_places_are) {
    const struct gpio_settings none = {0}, a = named("GPIO25"), b = named("GPIO24"), c = on_chip("gpiochip0", 25),
                               d = on_chip("gpiochip0", 24), e = on_chip("gpiochip1", 25);
    struct gpio_settings on_one = named("GPIO25"), on_other = named("GPIO25");
    on_one.chip = (char *)(uintptr_t) "gpiochip0";
    on_other.chip = (char *)(uintptr_t) "gpiochip1";
    ck_assert(gpio_settings_are_same(&a, &a) && gpio_settings_are_same(&c, &c) && gpio_settings_are_same(&a, &on_one));
    ck_assert(!gpio_settings_are_same(&on_one, &on_other));
    ck_assert(!gpio_settings_are_same(&none, &none) && !gpio_settings_are_same(&a, &b) &&
              !gpio_settings_are_same(&c, &d) && !gpio_settings_are_same(&c, &e) && !gpio_settings_are_same(&a, &c));
}
END_TEST

static void expect(int error, const struct gpio_settings *settings, const char *sentence) {
    char reason[256] = "";
    const struct gpio_use use = {.role = "ready line", .settings = settings};
    gpio_line_explain(error, &use, reason, sizeof reason);
    ck_assert_str_eq(reason, sentence);
}

START_TEST(each_trouble_with_a_line_has_its_cure) {
    const struct gpio_settings line = named("GPIO8"), place = on_chip("gpiochip9", 3);
    expect(ENOENT, &line,
           "there is no GPIO line GPIO8 (ready line): `gpioinfo` lists what there is; where lines have no names, give "
           "\"chip\" and \"offset\"");
    expect(ENOENT, &place, "there is no GPIO line gpiochip9 offset 3 (ready line): `gpioinfo` lists what there is");
    expect(ENOTUNIQ, &line,
           "several GPIO lines have the name GPIO8 (ready line): give \"chip\" as well, or \"chip\" and \"offset\"");
    expect(ENODEV, &place, "gpiochip9 is no GPIO chip (ready line): `gpiodetect` lists them");
    expect(EBUSY, &line, "GPIO line GPIO8 (ready line) is in use: `gpioinfo` shows by whom");
    expect(
        ENXIO, &line,
        "GPIO line GPIO8 (ready line) is on a chip without interrupts, which cannot tell when it changes: use a pin of "
        "another chip, or leave it out");
    expect(EIO, &line, "GPIO line GPIO8 (ready line) cannot be used: Input/output error");
    trouble.line = "GPIO8";
    trouble.holder = "gpioset";
    expect(EBUSY, &line,
           "GPIO line GPIO8 (ready line) is in use by \"gpioset\": stop that program, or use another pin");
    trouble.holder = "openmvd";
    expect(EBUSY, &line,
           "GPIO line GPIO8 (ready line) is in use by another camera of this daemon, perhaps by another name, or by "
           "another openmvd: `gpioinfo` shows the lines");
    trouble.holder = "spi0 CS0";
    expect(
        EBUSY, &line,
        "GPIO line GPIO8 (ready line) is held by the kernel itself, as \"spi0 CS0\": use another pin, or the overlay "
        "spi0-0cs, which holds none");
    expect(EACCES, &place, "no permission for /dev/gpiochip9, and its group has none either: look at its udev rules");
}
END_TEST

START_TEST(the_line_at_fault_is_found_among_several) {
    const struct gpio_settings cs = named("GPIO22"), ready = named("GPIO24"), none = {0};
    const struct gpio_use uses[] = {{.role = "reset line", .settings = &none},
                                    {.role = "chip select", .settings = &cs},
                                    {.role = "ready line", .settings = &ready, .tells_edges = true}};
    char reason[256];
    trouble.line = _i % 2 == 0 ? "GPIO22" : "GPIO24";
    trouble.error = _i < 2 ? ENOENT : EBUSY;
    trouble.holder = _i < 2 ? NULL : "fan";
    ck_assert(gpio_line_explain_any(trouble.error, uses, 3, reason, sizeof reason));
    ck_assert_ptr_nonnull(strstr(reason, trouble.line));
    ck_assert_ptr_nonnull(strstr(reason, _i % 2 == 0 ? "(chip select)" : "(ready line)"));
    ck_assert(!gpio_line_explain_any(EIO, uses, 3, reason, sizeof reason));
    /* Not even for a moment: that would turn an output round. */
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(a_reset_line_is_held_for_the_pulse_alone) {
    const struct reset_settings settings = {.line = named("GPIO25"), .pulse_ms = 50};
    struct reset_line line = {.settings = &settings};
    char reason[256];
    ck_assert(reset_line_pull(&line, true, reason, sizeof reason));
    ck_assert(taken.is_output && taken.active);
    ck_assert(reset_line_pull(&line, false, reason, sizeof reason));
    ck_assert_str_eq(order, "+-.");
    ck_assert_ptr_null(line.gpio);
    trouble.line = "GPIO25";
    trouble.error = EBUSY;
    trouble.holder = "another";
    ck_assert(!reset_line_pull(&line, true, reason, sizeof reason));
    ck_assert_ptr_nonnull(strstr(reason, "GPIO25 (reset line) is in use by \"another\""));
}
END_TEST

/* As by a daemon that was killed in the middle of a pulse: many a chip keeps what it was set to. */
START_TEST(a_reset_line_that_was_left_pulled_is_let_go) {
    const struct reset_settings settings = {.line = named("GPIO25"), .pulse_ms = 50};
    struct reset_line line = {.settings = &settings};
    char reason[256];
    ck_assert(reset_line_pull(&line, false, reason, sizeof reason));
    ck_assert(taken.is_output && !taken.active);
    ck_assert_str_eq(order, "--.");
    ck_assert_ptr_null(line.gpio);
    trouble.line = "GPIO25";
    trouble.error = EBUSY;
    ck_assert(reset_line_pull(&line, false, reason, sizeof reason));
    ck_assert_ptr_null(line.gpio);
}
END_TEST

/* Opens the link of a configuration's only camera, which cannot be. */
static void expect_link(const char *link, const char *sentence) {
    char text[256], reason[256] = "";
    snprintf(text, sizeof text, "{\"cameras\": {\"a\": {\"link\": %s}}}", link);
    struct config *config = config_parse("test.json", text, strlen(text), stderr);
    ck_assert_ptr_nonnull(config);
    struct link_settings *settings = &config->cameras[0].link;
    ck_assert_ptr_null(settings->kind->open(settings, reason, sizeof reason));
    ck_assert_msg(strncmp(reason, sentence, strlen(sentence)) == 0, "%s", reason);
    config_free(config);
}

START_TEST(each_bus_that_is_missing_tells_what_enables_it) {
    expect_link("{\"type\": \"spi\", \"device\": \"/dev/spidev7.0\"}",
                "/dev/spidev7.0 does not exist: on a Pi its overlay enables it, such as dtoverlay=spi7-1cs in "
                "/boot/firmware/config.txt, then restart");
    expect_link("{\"type\": \"spi\", \"device\": \"/dev/spidev0.77\"}",
                "/dev/spidev0.77 does not exist: on a Pi dtparam=spi=on in /boot/firmware/config.txt (or raspi-config) "
                "enables it, then restart");
    expect_link("{\"type\": \"i2c\", \"device\": \"/dev/i2c-77\"}",
                "/dev/i2c-77 does not exist: on a Pi dtparam=i2c_arm=on in /boot/firmware/config.txt (or raspi-config) "
                "enables /dev/i2c-1, then restart");
    expect_link("{\"type\": \"can\", \"interface\": \"nocan7\"}",
                "there is no interface nocan7: a Pi needs a controller with its overlay, such as mcp2515-can0; `ip -br "
                "link show type can` lists what there is");
}
END_TEST

START_TEST(a_node_of_another_kind_is_told_to_be_none) {
    expect_link("{\"type\": \"spi\", \"device\": \"/dev/null\"}", "/dev/null is not an SPI device");
    expect_link("{\"type\": \"i2c\", \"device\": \"/dev/null\"}", "/dev/null is not an I2C adapter");
    expect_link("{\"type\": \"can\", \"interface\": \"lo\"}",
                "lo is no CAN interface: `ip -br link show type can` lists those");
}
END_TEST

/* What is said of the silence of a configuration's only camera. */
static void expect_silence(const char *link, const char *heard, const char *sentence) {
    char text[256], reason[256] = "";
    snprintf(text, sizeof text, "{\"cameras\": {\"a\": {\"link\": %s}}}", link);
    struct config *config = config_parse("test.json", text, strlen(text), stderr);
    ck_assert_ptr_nonnull(config);
    struct link_settings *settings = &config->cameras[0].link;
    settings->kind->explain_silence(settings, (const uint8_t *)heard, strlen(heard), reason, sizeof reason);
    ck_assert_str_eq(reason, sentence);
    config_free(config);
}

START_TEST(a_silence_is_explained_by_what_each_bus_needs) {
    expect_silence("{\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"ready\": {\"line\": \"GPIO24\"}}", "",
                   "no answer from /dev/spidev0.0: is the camera's script running on SPI, in mode 2; are SCLK, MOSI, "
                   "MISO, CS and ground wired, does GPIO24 rise when it is ready?");
    expect_silence(
        "{\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"mode\": 0}", "noise",
        "what comes from /dev/spidev0.0 is no packet: mode 0 may be wrong (stock cameras have 2), 1000000 Hz "
        "too fast for the wires, or another chip is selected");
    expect_silence(
        "{\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"address\": 9}", "",
        "nobody answers at address 0x09 of the adapter /dev/i2c-1: is the camera's script running on I2C, with "
        "this address; are SDA, SCL and ground wired, with pull-ups to 3.3 V (2 to 5 kOhm)?");
    expect_silence(
        "{\"type\": \"i2c\", \"device\": \"/dev/i2c-1\"}", "noise",
        "what comes from address 0x12 of the adapter /dev/i2c-1 is no packet: another chip has that address, "
        "or the clock is stretched, which a Pi 1 to 4 gets wrong: use the overlay i2c-gpio, or a Pi 5");
    expect_silence(
        "{\"type\": \"can\", \"interface\": \"nocan7\"}", "",
        "no answer on nocan7: is the camera's script running on CAN, and with the id 0x7ff? `candump nocan7` "
        "shows what it sends");
    expect_silence("{\"type\": \"can\", \"interface\": \"nocan7\", \"id\": 5}", "noise",
                   "what comes on nocan7 with id 0x005 is no packet: does another device send with that id?");
}
END_TEST

START_TEST(the_loss_of_a_bus_is_explained) {
    char reason[256];
    struct link_settings i2c = {.device = (char *)(uintptr_t) "/dev/i2c-1"};
    struct link_settings can = {.interface = (char *)(uintptr_t) "nocan7"};
    link_kind_find("i2c")->explain_loss(&i2c, ETIMEDOUT, reason, sizeof reason);
    ck_assert_str_eq(reason, "the bus /dev/i2c-1 is stuck (Connection timed out): is SDA or SCL held low by a chip, "
                             "without a pull-up, or a wire off?");
    link_kind_find("i2c")->explain_loss(&i2c, ENODEV, reason, sizeof reason);
    ck_assert_str_eq(reason, "/dev/i2c-1 has gone: its driver was removed");
    link_kind_find("can")->explain_loss(&can, ENETDOWN, reason, sizeof reason);
    ck_assert_ptr_nonnull(strstr(reason, "nocan7 is down: `sudo ip link set nocan7 up type can bitrate 250000"));
    link_kind_find("can")->explain_loss(&can, ENOLINK, reason, sizeof reason);
    ck_assert_ptr_nonnull(strstr(reason, "nocan7 is bus-off"));
}
END_TEST

/* The line is there, and nobody has it. */
START_TEST(a_line_that_tells_no_edges_is_the_one_that_was_to_tell_them) {
    const struct gpio_settings cs = named("GPIO22"), ready = named("GPIO24");
    const struct gpio_use uses[] = {{.role = "chip select", .settings = &cs},
                                    {.role = "ready line", .settings = &ready, .tells_edges = true}};
    char reason[256] = "";
    /* The error was another's, such as the node's. */
    ck_assert(!gpio_line_explain_any(ENXIO, uses, 2, reason, sizeof reason));
    ck_assert_uint_eq(opened, closed);
    trouble.line = "GPIO24";
    trouble.error = ENXIO;
    ck_assert(gpio_line_explain_any(ENXIO, uses, 2, reason, sizeof reason));
    ck_assert_ptr_nonnull(strstr(reason, "GPIO24 (ready line) is on a chip without interrupts"));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("gpio_line");
    TCase *tests = tcase_create("gpio_line");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, lines_are_the_same_where_their_names_or_places_are);
    tcase_add_test(tests, each_trouble_with_a_line_has_its_cure);
    tcase_add_test(tests, a_line_that_tells_no_edges_is_the_one_that_was_to_tell_them);
    tcase_add_loop_test(tests, the_line_at_fault_is_found_among_several, 0, 4);
    tcase_add_test(tests, a_reset_line_is_held_for_the_pulse_alone);
    tcase_add_test(tests, a_reset_line_that_was_left_pulled_is_let_go);
    tcase_add_test(tests, each_bus_that_is_missing_tells_what_enables_it);
    tcase_add_test(tests, a_node_of_another_kind_is_told_to_be_none);
    tcase_add_test(tests, a_silence_is_explained_by_what_each_bus_needs);
    tcase_add_test(tests, the_loss_of_a_bus_is_explained);
    suite_add_tcase(suite, tests);
    return suite;
}
