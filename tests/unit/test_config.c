/* SPDX-License-Identifier: MIT */
/* Configurations: what they mean, and what is said of their mistakes. */

#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

/* Reads a text; what is reported goes to `report`, which holds 4096 bytes. */
static struct config *read_config(const char *text, char *report) {
    size_t length = strlen(text);
    char *copy = malloc(length + 1);
    memcpy(copy, text, length + 1);
    FILE *file = fmemopen(report, 4096, "w");
    struct config *config = config_parse("test.json", copy, length, file);
    fclose(file);
    free(copy);
    return config;
}

static struct config *read_good(const char *text) {
    char report[4096] = "";
    struct config *config = read_config(text, report);
    ck_assert_str_eq(report, "");
    ck_assert_ptr_nonnull(config);
    return config;
}

START_TEST(an_empty_text_means_one_usb_camera) {
    static const char *const texts[] = {
        "", " \n\t", "{}", "// nothing\n{} // here", "/* nothing */", "{\"cameras\":{}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config *config = read_good(texts[i]);
        ck_assert_uint_eq(config->camera_count, 1);
        ck_assert_str_eq(config->cameras[0].name, "camera");
        ck_assert_str_eq(config->cameras[0].link.kind->type, "usb");
        ck_assert_ptr_null(config->socket_path);
        ck_assert_ptr_null(config->socket_group);
        ck_assert_uint_eq(config->socket_mode, 0660);
        config_free(config);
    }
}
END_TEST

START_TEST(every_limit_has_a_default_within_its_range) {
    struct config *config = read_good("");
    for (const struct limit_row *row = limit_rows; row->key != NULL; row++) {
        ck_assert_uint_eq(limit_value(&config->limits, row), row->fallback);
        ck_assert_uint_le(row->minimum, row->fallback);
        ck_assert_uint_ge(row->maximum, row->fallback);
    }
    ck_assert_uint_eq(config->limits.clients, 64);
    config_free(config);
}
END_TEST

START_TEST(what_is_said_is_what_is_meant) {
    struct config *config =
        read_good("{\"socket\": {\"path\": \"/tmp/a\", \"mode\": \"0600\", \"group\": \"video\"},\n"
                  " \"cameras\": {\"top\": {\"link\": {\"type\": \"serial\", // a UART\n"
                  "   \"device\": \"/dev/ttyAMA0\", \"baud\": \"0x1c200\", \"rtscts\": true}},\n"
                  "   \"try\": {\"link\": {\"type\": \"sim\", \"faults\": \"seed=1\", \"stock\": true}}},\n"
                  " \"callbacks\": {\"gauge\": {\"result\": {\"format\": \"<f\"}, \"repeatable\": true}},\n"
                  " \"access\": [{\"allow\": [\"*\"], \"user\": \"root\"},\n"
                  "   {\"deny\": [\"re*\", \"call:#0000abCD\", \"call:conf*\"], \"group\": \"video\"}],\n"
                  " \"limits\": {\"clients\": 3}}");
    ck_assert_str_eq(config->socket_path, "/tmp/a");
    ck_assert_str_eq(config->socket_group, "video");
    ck_assert_uint_eq(config->socket_mode, 0600);
    ck_assert_uint_eq(config->camera_count, 2);
    ck_assert_str_eq(config->cameras[0].name, "top");
    ck_assert_str_eq(config->cameras[0].link.device, "/dev/ttyAMA0");
    ck_assert_uint_eq(config->cameras[0].link.baud, 115200);
    ck_assert(config->cameras[0].link.rtscts);
    ck_assert_str_eq(config->cameras[1].link.faults, "seed=1");
    ck_assert(config->cameras[1].link.stock);
    ck_assert(callback_find(config->callbacks, "gauge")->is_repeatable);
    ck_assert_ptr_nonnull(callback_find(config->callbacks, "face_detection"));
    ck_assert_uint_eq(config->access.count, 2);
    const struct access_rule *rule = config->access.rules;
    ck_assert(rule[0].allows && !rule[1].allows);
    ck_assert_str_eq(rule[0].user, "root");
    ck_assert_ptr_null(rule[0].group);
    ck_assert_str_eq(rule[1].group, "video");
    ck_assert_uint_eq(rule[1].line, 7);
    ck_assert_uint_eq(rule[1].pattern_count, 3);
    ck_assert_str_eq(rule[1].patterns[0].text, "re*");
    ck_assert(!rule[1].patterns[0].is_of_callback);
    ck_assert(rule[1].patterns[1].is_of_callback && !rule[1].patterns[1].has_wildcard);
    ck_assert_uint_eq(rule[1].patterns[1].command, 0xabcd);
    ck_assert(rule[1].patterns[2].is_of_callback && rule[1].patterns[2].has_wildcard);
    ck_assert_str_eq(rule[1].patterns[2].text, "conf*");
    ck_assert_uint_eq(config->limits.clients, 3);
    config_simulate(config);
    ck_assert_str_eq(config->cameras[0].link.kind->type, "sim");
    ck_assert(!config->cameras[0].link.stock);
    ck_assert_str_eq(config->cameras[1].link.faults, "seed=1");
    ck_assert(config->cameras[1].link.stock);
    config_free(config);
}
END_TEST

START_TEST(cameras_on_usb_are_told_apart_by_any_one_key) {
    struct config *config = read_good("{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\", \"serial\": \"A1\"}},"
                                      "\"b\": {\"link\": {\"type\": \"usb\", \"port\": \"3-1.4.2\"}},"
                                      "\"c\": {\"link\": {\"type\": \"usb\", \"device\": \"/dev/openmv/A2\"}}}}");
    ck_assert_str_eq(config->cameras[0].link.serial, "A1");
    ck_assert_str_eq(config->cameras[1].link.port, "3-1.4.2");
    ck_assert_str_eq(config->cameras[2].link.device, "/dev/openmv/A2");
    config_free(config);
}
END_TEST

static void expect_description(const struct config *config, size_t i, const char *bus, const char *expected) {
    char text[LINK_BUS_NAME_SIZE];
    const struct link_settings *link = &config->cameras[i].link;
    link->kind->describe(link, text, sizeof text);
    ck_assert_str_eq(text, expected);
    link->kind->bus_name(link, text, sizeof text);
    ck_assert_str_eq(text, bus);
}

START_TEST(links_of_buses_have_the_stock_camera_as_default) {
    struct config *config =
        read_good("{\"cameras\": {\"a\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.1\"}},"
                  "\"b\": {\"link\": {\"type\": \"i2c\", \"device\": \"/dev/i2c-1\"}},"
                  "\"c\": {\"link\": {\"type\": \"can\", \"interface\": \"can0\"}}}}");
    expect_description(config, 0, "spi /dev/spidev0", "spi /dev/spidev0.1 at 1 MHz, mode 2");
    expect_description(config, 1, "i2c /dev/i2c-1", "i2c /dev/i2c-1, address 0x12");
    expect_description(config, 2, "can can0", "can can0, id 0x7ff");
    ck_assert_uint_eq(config->cameras[0].link.bits, 8);
    ck_assert(!gpio_settings_are_there(&config->cameras[0].reset.line));
    config_free(config);
}
END_TEST

START_TEST(what_is_said_of_a_bus_and_its_lines_is_what_is_meant) {
    struct config *config = read_good(
        "{\"cameras\": {\"a\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"speed_hz\": 62500, "
        "\"mode\": 0, \"cs\": {\"line\": \"GPIO22\"}, \"ready\": {\"chip\": \"gpiochip0\", \"offset\": 24}}, "
        "\"reset\": {\"line\": \"GPIO25\"}}, \"b\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", "
        "\"mode\": 0, \"cs\": {\"line\": \"GPIO23\"}}, \"reset\": {\"chip\": \"gpiochip0\", \"offset\": 26, "
        "\"active_low\": false, "
        "\"pulse_ms\": 200}}, \"c\": {\"link\": {\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"address\": 66, "
        "\"ready\": "
        "{\"line\": \"GPIO5\", \"active_low\": true}}}}}");
    expect_description(config, 0, "spi /dev/spidev0", "spi /dev/spidev0.0 at 62.5 kHz, mode 0, cs GPIO22");
    expect_description(config, 2, "i2c /dev/i2c-1", "i2c /dev/i2c-1, address 0x42");
    const struct camera_config *a = &config->cameras[0], *b = &config->cameras[1], *c = &config->cameras[2];
    ck_assert_str_eq(a->link.ready.chip, "gpiochip0");
    ck_assert_ptr_null(a->link.ready.line);
    ck_assert_uint_eq(a->link.ready.offset, 24);
    ck_assert(!a->link.ready.active_low && c->link.ready.active_low);
    ck_assert_str_eq(a->reset.line.line, "GPIO25");
    ck_assert(a->reset.line.active_low && !b->reset.line.active_low);
    ck_assert_uint_eq(a->reset.pulse_ms, 50);
    ck_assert_uint_eq(b->reset.pulse_ms, 200);
    config_simulate(config);
    ck_assert(!gpio_settings_are_there(&a->reset.line) && !gpio_settings_are_there(&a->link.cs));
    config_free(config);
}
END_TEST

START_TEST(what_a_camera_says_of_its_healing_goes_before_what_is_said_of_all) {
    struct config *config =
        read_good("{\"cameras\": {\"a\": {\"link\": {\"type\": \"sim\"}, \"healing\": {\"reopen_after_ms\": "
                  "1000}}, \"b\": {\"link\": {\"type\": \"sim\"}}},"
                  "\"healing\": {\"reopen_after_ms\": 2000, \"offline_after_ms\": \"500\"}}");
    ck_assert_uint_eq(config->cameras[0].healing.reopen_after_ms, 1000);
    ck_assert_uint_eq(config->cameras[0].healing.offline_after_ms, 500);
    ck_assert_uint_eq(config->cameras[1].healing.reopen_after_ms, 2000);
    ck_assert_uint_eq(config->cameras[1].healing.probe_interval_ms, 5000);
    config_free(config);
}
END_TEST

/* A configuration of one camera "a" with this link. */
#define CAMERA_A(link) "{\"cameras\": {\"a\": {\"link\": {" link "}}}}"

static const struct {
    const char *text;
    const char *report;
} mistakes[] = {
    {"[]", "test.json:1: found an array, expected an object\n"},
    {"{\"cameras\": {\n\"front\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/a\",\n\"baud\": \"fast\"}}}}",
     "test.json:3: cameras.front.link.baud: found \"fast\", expected an integer from 50 to 12000000\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/a\", \"baud\": 9600.5}}}}",
     "test.json:1: cameras.a.link.baud: found 9600.5, expected an integer from 50 to 12000000\n"},
    {"{\n\"sockets\": {}}", "test.json:2: sockets: there is no such section; did you mean \"socket\"?\n"},
    {"{\"limits\": {\"clients\": 1001}}",
     "test.json:1: limits.clients: found 1001, expected an integer from 1 to 1000\n"},
    {"{\"socket\": {\"mode\": 660}}",
     "test.json:1: socket.mode: found 660, expected octal permissions as a text, such as \"0660\"\n"},
    {"{\"cameras\": {\"a\": {}}}", "test.json:1: cameras.a: \"link\" is missing\n"},
    {"{\"cameras\": {\"a\": {\"link\": {}}}}", "test.json:1: cameras.a.link: \"type\" is missing, expected \"usb\", "
                                               "\"serial\", \"spi\", \"i2c\", \"can\" or \"sim\"\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"serial\"}}}}",
     "test.json:1: cameras.a.link: \"device\" is missing\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}, \"linc\": 1}}}",
     "test.json:1: cameras.a.linc: there is no such key; did you mean \"link\"?\n"},
    {"{\"cameras\": {\n\"a\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/a\"}},\n"
     "\"b\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/a\"}}}}",
     "test.json:3: cameras.b: its device /dev/a is that of \"a\" already\n"},
    {"{\"socket\": {\"path\": \"/a\",\n\"p\\u0061th\": \"/b\"}}", "test.json:2: socket.path: this key stands twice\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}}},\n\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}}}}",
     "test.json:2: cameras: this key stands twice\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}},\n\"a\": {\"link\": {\"type\": \"usb\"}}}}",
     "test.json:2: cameras.a: this key stands twice\n"},
    {"{\"callbacks\": {\"a\": {\"doc\": \"\",\n\"doc\": \"\"}}}",
     "test.json:2: callbacks.a.doc: this key stands twice\n"},
    {"{\"callbacks\": {\"a\": {\"args\": {\"format\": \"<H\",\n\"format\": \"<I\"}}}}",
     "test.json:2: callbacks.a.args.format: this key stands twice\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/ttyACM0\",\n\"baud\": 921600}}}}",
     "test.json:1: cameras.a.link: /dev/ttyACM0: 921600 baud switches a camera on USB to its debug protocol; use "
     "115200\n"},
    {"{\"limits\": {\"clients\": 1e99}}",
     "test.json:1: limits.clients: found 1e99, expected an integer from 1 to 1000\n"},
    {"{\"limits\": {\"clients\": 100.50}}",
     "test.json:1: limits.clients: found 100.50, expected an integer from 1 to 1000\n"},
    {"{\"callbacks\": {\"a\": {\"timeout_ms\": 1e99}}}",
     "test.json:1: callbacks.a.timeout_ms: expected milliseconds from 1 to 3600000, found 1e+99\n"},
    {"{\"limits\": {\"clients\":\n 0x40}}",
     "test.json:2:3: a comma or } was expected; a hexadecimal number stands in quotes, such as \"0x40\"\n"},
    {"{\"limits\": {\"clients\": 10x}}", "test.json:1:26: a comma or } was expected\n"},
    {"{\"limits\": {\"cl\\u0x\": 1}}", "test.json:1:19: \\u needs four hexadecimal digits\n"},
    {"\xEF\xBB\xBF{}", "test.json:1: the file begins with a UTF-8 byte order mark; save it without one\n"},
    {"{\"cameras\": {\n\"\": {\"link\": {\"type\": \"usb\"}}}}",
     "test.json:2: cameras.\"\": a camera's name is 1 to 64 letters, digits, \"_\", \"-\" or \".\"\n"},
    {"{\"callbacks\": {\n\"\": {\"doc\": \"\"}}}",
     "test.json:2: callbacks.\"\": expected a name of 1 to 64 visible ASCII characters without a # before them\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\", \"port\": \"1-1.2\"}},\n\"b\": {\"link\": {\"type\": "
     "\"usb\"}}}}",
     "test.json:2: cameras.b: \"a\" is on USB as well; this one needs \"serial\", \"port\" or \"device\" to be told "
     "from "
     "it\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\", \"serial\": \"1\"}},\n\"b\": {\"link\": {\"type\": \"usb\", "
     "\"serial\": \"1\"}}}}",
     "test.json:2: cameras.b: its USB serial number 1 is that of \"a\" already\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\", \"port\": \"1-\"}}}}",
     "test.json:1: cameras.a.link: port: found \"1-\", expected the kernel's name of a USB port, such as \"1-1.2\"\n"},
    {"{\"healing\": {\"retry_min_ms\": 9}}",
     "test.json:1: healing.retry_min_ms: found 9, expected an integer from 10 to 60000\n"},
    {"{\"healing\": {\"retry_min_ms\": 600,\n\"retry_max_ms\": 500}}",
     "test.json:1: healing: retry_min_ms (600) is more than retry_max_ms (500)\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"},\n\"healing\": {\"retry_mim_ms\": 600}}}}",
     "test.json:2: cameras.a.healing.retry_mim_ms: there is no such key; did you mean \"retry_min_ms\"?\n"},
    {"{\"limits\": {\"all_line_bytes\": 65536}}",
     "test.json:1: limits: all_line_bytes (65536) has to be at least line_bytes (1048576)\n"},
    {"{\"limits\": {\"client_subscriptions\": 2000}}",
     "test.json:1: limits: all_subscriptions (1024) has to be at least client_subscriptions (2000)\n"},
    {"{\"access\": {\"deny\": []}}",
     "test.json:1: access: found an object, expected a list of at most 64 rules, such as "
     "{\"deny\": [\"reset\"], \"user\": \"pi\"}\n"},
    {"{\"access\": [\n7]}", "test.json:2: access.0: found 7, expected an object\n"},
    {"{\"access\": [\n{\"user\": \"pi\"}]}",
     "test.json:2: access.0: a rule has \"allow\" or \"deny\", found neither\n"},
    {"{\"access\": [{\"allow\": [\"*\"],\n\"deny\": [\"*\"]}]}",
     "test.json:1: access.0: a rule has \"allow\" or \"deny\", found both\n"},
    {"{\"access\": [{\"deny\": [\"*\"],\n\"grop\": \"video\"}]}",
     "test.json:2: access.0.grop: there is no such key; did you mean \"group\"?\n"},
    {"{\"access\": [{\"deny\": [\"*\"],\n\"user\": 0}]}",
     "test.json:2: access.0.user: found 0, expected a text that is not empty\n"},
    {"{\"access\": [{\"deny\": \"*\"}]}",
     "test.json:1: access.0.deny: found \"*\", expected a list of 1 to 256 methods "
     "and callbacks, such as [\"reset\", \"call:*\"]\n"},
    {"{\"access\": [{\"deny\": []}]}", NULL},
    {"{\"access\": [{\"allow\": [\"ping\",\n\"relaese\"]}]}",
     "test.json:2: access.0.allow.1: there is no method \"relaese\"; did you mean \"release\"?\n"},
    {"{\"access\": [{\"allow\": [\"ping\",\n\"conf*\"]}]}",
     "test.json:2: access.0.allow.1: there is no method \"conf*\"; a callback is written as \"call:NAME\"\n"},
    {"{\"access\": [{\"allow\": [\"call:\"]}]}",
     "test.json:1: access.0.allow.0: found a callback's name of 0 bytes, expected 1 to 64\n"},
    {"{\"access\": [{\"allow\": [\"call:#12\"]}]}",
     "test.json:1: access.0.allow.0: a command id is \"#\" and 8 hexadecimal digits, found \"#12\"\n"},
    {"{\"cameras\": }", NULL},
    {"{\"limits\": {\"output_bytes\": 65536}}", NULL},
    {"{\"callbacks\": {\"a\": {\"result\": \"HHH\"}}}", NULL},
    {"{\"cameras\": {\"with space\": {\"link\": {\"type\": \"usb\"}}}}", NULL},
    {CAMERA_A("\"type\": \"spi\""), "test.json:1: cameras.a.link: \"device\" is missing\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"spidev0.0\""),
     "test.json:1: cameras.a.link: found the device \"spidev0.0\", expected a node such as \"/dev/spidev0.0\"\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"mode\": 4"),
     "test.json:1: cameras.a.link.mode: found 4, expected an integer from 0 to 3\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"speed_hz\": 1e9"),
     "test.json:1: cameras.a.link.speed_hz: found 1e9, expected an integer from 10000 to 100000000\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"bits\": 16"),
     "test.json:1: cameras.a.link: a camera speaks in words of 8 bits, found \"bits\": 16; leave it out\n"},
    {CAMERA_A(
         "\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"cs\": {\"line\": \"GPIO22\", \"active_low\": false}"),
     "test.json:1: cameras.a.link: a camera's chip select is low while it is selected; leave \"active_low\" out of "
     "\"cs\"\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"cs\": {\"chip\": \"gpiochip0\"}"),
     "test.json:1: cameras.a.link.cs: expected \"line\", a name such as \"GPIO25\", or \"chip\" and \"offset\"\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"cs\": \"GPIO22\""),
     "test.json:1: cameras.a.link.cs: found \"GPIO22\", expected a line such as {\"line\": \"GPIO25\"}\n"},
    {CAMERA_A("\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"reset\": {\"line\": \"GPIO25\"}"),
     "test.json:1: cameras.a.link.reset: this is the camera's, not its link's: it stands beside \"link\"\n"},
    {CAMERA_A("\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"cs\": {\"line\": \"GPIO22\", \"offset\": 3}"),
     "test.json:1: cameras.a.link.cs: found \"line\" and \"offset\", expected one of them\n"},
    {CAMERA_A(
         "\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"ready\": {\"lin\": \"GPIO22\", \"line\": \"GPIO23\"}"),
     "test.json:1: cameras.a.link.ready.lin: there is no such key of a line; did you mean \"line\"?\n"},
    {CAMERA_A("\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"address\": \"0x78\""),
     "test.json:1: cameras.a.link.address: found \"0x78\", expected an integer from 0x08 to 0x77, in quotes with its "
     "0x or "
     "decimal without them\n"},
    /* People write addresses in hexadecimal digits, and leave out the 0x. */
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"address\": \"12\"}}}}",
     "test.json:1: cameras.a.link.address: found \"12\", expected an integer from 0x08 to 0x77, in quotes with its 0x "
     "or "
     "decimal without them\n"},
    {CAMERA_A("\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"baud\": 9600"),
     "test.json:1: cameras.a.link.baud: there is no such key for this type of link; known are type, device, address, "
     "ready\n"},
    {CAMERA_A("\"type\": \"can\", \"interface\": \"can0\", \"id\": 2048"),
     "test.json:1: cameras.a.link.id: found 2048, expected an integer from 0x00 to 0x7ff, in quotes with its 0x or "
     "decimal "
     "without them\n"},
    {CAMERA_A("\"type\": \"can\", \"interface\": \"a name that is too long\""),
     "test.json:1: cameras.a.link: found the interface \"a name that is too long\", expected a name such as "
     "\"can0\"\n"},
    {CAMERA_A("\"type\": \"can\""), "test.json:1: cameras.a.link: \"interface\" is missing\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"i2c\", \"device\": \"/dev/i2c-1\"}},\n"
     "\"b\": {\"link\": {\"type\": \"i2c\", \"device\": \"/dev/i2c-1\", \"address\": \"0x12\"}}}}",
     "test.json:2: cameras.b: its link (i2c /dev/i2c-1, address 0x12) is that of \"a\" already\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\"}},\n"
     "\"b\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"mode\": 0}}}}",
     "test.json:2: cameras.b: its link (spi /dev/spidev0.0 at 1 MHz, mode 0) is that of \"a\" already\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\"}},\n"
     "\"b\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"cs\": {\"line\": \"GPIO22\"}}}}}",
     "test.json:2: cameras.b: it shares /dev/spidev0.0 with \"a\", so both need a \"cs\" of their own: the kernel "
     "moves the node's own chip select for all that use it, or for none\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"cs\": {\"line\": "
     "\"GPIO23\"}}},\n"
     "\"b\": {\"link\": {\"type\": \"spi\", \"device\": \"/dev/spidev0.0\", \"mode\": 0, \"cs\": {\"line\": "
     "\"GPIO22\"}}}}}",
     "test.json:2: cameras.b: it shares /dev/spidev0.0 with \"a\", so both need the same \"mode\" (found 0 and 2): the "
     "kernel has one for the node\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"can\", \"interface\": \"can0\"}},\n"
     "\"b\": {\"link\": {\"type\": \"can\", \"interface\": \"can0\", \"id\": \"0x7FF\"}}}}",
     "test.json:2: cameras.b: its link (can can0, id 0x7ff) is that of \"a\" already\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}, \"reset\": {\"line\": \"GPIO25\"}},\n"
     "\"b\": {\"link\": {\"type\": \"sim\"}, \"reset\": {\"line\": \"GPIO25\"}}}}",
     "test.json:2: cameras.b: its \"reset\" line GPIO25 is the \"reset\" line of \"a\" already\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}, \"reset\": {\"line\": \"GPIO25\", \"pulse_ms\": 0}}}}",
     "test.json:1: cameras.a.reset.pulse_ms: found 0, expected an integer from 1 to 5000\n"},
    {"{\"cameras\": {\"a\": {\"link\": {\"type\": \"usb\"}, \"reset\": {\"pulse_ms\": 20}}}}",
     "test.json:1: cameras.a.reset: expected \"line\", a name such as \"GPIO25\", or \"chip\" and \"offset\"\n"},
};

START_TEST(a_mistake_is_told_with_its_line_and_path) {
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char report[4096] = "";
        ck_assert_ptr_null(read_config(mistakes[i].text, report));
        if (mistakes[i].report != NULL) {
            ck_assert_str_eq(report, mistakes[i].report);
        }
        ck_assert_int_eq(strncmp(report, "test.json:", 10), 0);
        ck_assert_ptr_eq(strchr(report, '\n'), report + strlen(report) - 1);
    }
}
END_TEST

START_TEST(a_doubled_key_hides_no_other_mistake) {
    char report[4096] = "";
    ck_assert_ptr_null(read_config("\xEF\xBB\xBF{\"limits\": {\"clients\": 0,\n\"clients\": 3,\n\"clients\": 4},\n"
                                   "\"callbacks\": {\"a\": {\"args\": [{\"x\": 1,\n\"x\": 2}]}}}",
                                   report));
    ck_assert_str_eq(
        report, "test.json:1: the file begins with a UTF-8 byte order mark; save it without one\n"
                "test.json:2: limits.clients: this key stands twice\n"
                "test.json:3: limits.clients: this key stands twice\n"
                "test.json:5: callbacks.a.args.0.x: this key stands twice\n"
                "test.json:1: limits.clients: found 0, expected an integer from 1 to 1000\n"
                "test.json:4: callbacks.a.args: expected a schema such as \"utf8\" or {\"format\": \"<HH\"}, found "
                "an array\n");
}
END_TEST

START_TEST(an_object_with_very_many_keys_is_one_mistake) {
    char text[20000] = "{\"callbacks\": {", report[4096] = "";
    size_t length = strlen(text);
    for (int i = 0; i <= 1024; i++) {
        length += (size_t)sprintf(text + length, "%s\"%d\": {}", i > 0 ? "," : "", i);
    }
    strcpy(text + length, "}}");
    ck_assert_ptr_null(read_config(text, report));
    ck_assert_str_eq(report, "test.json:1: callbacks: found 1025 keys, expected at most 1024\n");
}
END_TEST

START_TEST(the_path_of_a_socket_is_at_most_107_bytes_long) {
    char text[200], report[4096] = "";
    snprintf(text, sizeof text, "{\"socket\": {\"path\": \"/%0106d\"}}", 0);
    config_free(read_good(text));
    snprintf(text, sizeof text, "{\"socket\": {\"path\": \"/%0107d\"}}", 0);
    ck_assert_ptr_null(read_config(text, report));
    ck_assert_str_eq(report, "test.json:1: socket.path: found a path of 108 bytes, expected at most 107\n");
}
END_TEST

START_TEST(only_nodes_of_usb_cameras_have_a_rate_that_is_refused) {
    config_free(
        read_good("{\"cameras\": {\"a\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/ttyACM0\"}},"
                  "\"b\": {\"link\": {\"type\": \"serial\", \"device\": \"/dev/ttyUSB0\", \"baud\": 921600}}}}"));
}
END_TEST

START_TEST(links_that_this_version_lacks_are_named_with_those_it_has) {
    static const char *const types[] = {"spi", "i2c", "can"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[200], report[4096] = "";
        snprintf(text, sizeof text, "{\"cameras\": {\"a\": {\"link\": {\"type\": \"%s\", \"device\": \"/dev/x\"}}}}",
                 types[i]);
        struct config *config = read_config(text, report);
        if (link_kind_find(types[i]) == NULL) {
            ck_assert_ptr_null(config);
            ck_assert_ptr_nonnull(strstr(report, types[i]));
            ck_assert_ptr_nonnull(strstr(report, "no kind of link in this version"));
            ck_assert_ptr_nonnull(strstr(report, "\"serial\""));
        }
        config_free(config);
    }
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_a_mistake) {
    char report[4096] = "";
    FILE *file = fmemopen(report, sizeof report, "w");
    ck_assert_ptr_null(config_load("/nonexistent/openmvd.json", file));
    fclose(file);
    ck_assert_str_eq(report, "/nonexistent/openmvd.json: No such file or directory\n");
}
END_TEST

START_TEST(a_camera_is_the_same_where_the_same_is_said_of_it) {
    static const char before[] =
        "{\"cameras\":{\"a\":{\"link\":{\"type\":\"serial\",\"device\":\"/dev/x\",\"baud\":9600}}}}";
    static const struct {
        const char *text;
        bool is_same;
    } others[] = {
        {"{\"cameras\":{\"a\":{\"link\":{\"baud\":9600,\"type\":\"serial\",\"device\":\"/dev/x\"}}}} // same", true},
        {"{\"cameras\":{\"b\":{\"link\":{\"type\":\"sim\"}},"
         "\"a\":{\"healing\":{\"probe_interval_ms\":900},\"link\":{\"type\":\"serial\",\"device\":\"/dev/"
         "x\",\"baud\":9600}}}}",
         true},
        {"{\"cameras\":{\"a\":{\"link\":{\"type\":\"serial\",\"device\":\"/dev/x\",\"baud\":9601}}}}", false},
        {"{\"cameras\":{\"a\":{\"link\":{\"type\":\"serial\",\"device\":\"/dev/x\"}}}}", false},
        {"{\"cameras\":{\"a\":{\"link\":{\"type\":\"serial\",\"device\":\"/dev/x\",\"baud\":9600,\"rtscts\":true}}}}",
         false},
        {"{\"cameras\":{\"A\":{\"link\":{\"type\":\"serial\",\"device\":\"/dev/x\",\"baud\":9600}}}}", false},
        {"", false},
    };
    struct config *config = read_good(before);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct config *other = read_good(others[i].text);
        ck_assert_int_eq(config_is_same_camera(config, other, "a"), others[i].is_same);
        ck_assert_int_eq(config_is_same_camera(other, config, "a"), others[i].is_same);
        config_free(other);
    }
    config_free(config);
}
END_TEST

START_TEST(the_camera_that_nobody_has_named_is_the_same_in_all_that_name_none) {
    struct config *config = read_good("");
    struct config *other = read_good("{\"limits\":{\"clients\":5}}");
    ck_assert(config_is_same_camera(config, other, CONFIG_CAMERA_NAME));
    ck_assert(!config_is_same_section(config, other, "limits"));
    ck_assert(config_is_same_section(config, other, "socket"));
    config_free(config);
    config_free(other);
}
END_TEST

START_TEST(a_configuration_lives_until_its_last_owner_has_freed_it) {
    struct config *config = read_good("{\"cameras\":{\"a\":{\"link\":{\"type\":\"sim\"}}}}");
    ck_assert_ptr_eq(config_share(config), config);
    config_free(config);
    ck_assert_ptr_nonnull(config_find_camera(config, "a"));
    ck_assert_ptr_null(config_find_camera(config, "b"));
    config_free(config);
}
END_TEST

START_TEST(levels_of_the_log_and_a_priority_are_checked) {
    char report[4096] = "";
    struct config *config = read_good("{\"log\":\"info,bus:wire\",\"realtime_priority\":99}");
    ck_assert_str_eq(config->log, "info,bus:wire");
    ck_assert_uint_eq(config->realtime_priority, 99);
    config_free(config);
    ck_assert_ptr_null(read_config("{\"log\":\"loud\",\n\"realtime_priority\":100}", report));
    ck_assert_str_eq(report, "test.json:1: log: \"loud\" is not LEVEL or SUBSYSTEM:LEVEL\n"
                             "test.json:2: realtime_priority: found 100, expected an integer from 0 to 99\n");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_test(tests, an_empty_text_means_one_usb_camera);
    tcase_add_test(tests, every_limit_has_a_default_within_its_range);
    tcase_add_test(tests, what_is_said_is_what_is_meant);
    tcase_add_test(tests, cameras_on_usb_are_told_apart_by_any_one_key);
    tcase_add_test(tests, links_of_buses_have_the_stock_camera_as_default);
    tcase_add_test(tests, what_is_said_of_a_bus_and_its_lines_is_what_is_meant);
    tcase_add_test(tests, what_a_camera_says_of_its_healing_goes_before_what_is_said_of_all);
    tcase_add_test(tests, a_mistake_is_told_with_its_line_and_path);
    tcase_add_test(tests, a_doubled_key_hides_no_other_mistake);
    tcase_add_test(tests, an_object_with_very_many_keys_is_one_mistake);
    tcase_add_test(tests, the_path_of_a_socket_is_at_most_107_bytes_long);
    tcase_add_test(tests, only_nodes_of_usb_cameras_have_a_rate_that_is_refused);
    tcase_add_test(tests, links_that_this_version_lacks_are_named_with_those_it_has);
    tcase_add_test(tests, a_file_that_cannot_be_read_is_a_mistake);
    tcase_add_test(tests, a_camera_is_the_same_where_the_same_is_said_of_it);
    tcase_add_test(tests, the_camera_that_nobody_has_named_is_the_same_in_all_that_name_none);
    tcase_add_test(tests, a_configuration_lives_until_its_last_owner_has_freed_it);
    tcase_add_test(tests, levels_of_the_log_and_a_priority_are_checked);
    suite_add_tcase(suite, tests);
    return suite;
}
