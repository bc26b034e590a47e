/* SPDX-License-Identifier: MIT */
/* Descriptions of cameras: what is read of them, and what hostile bytes come to. */

#include "callback_at.h"
#include "callback_entry.h"
#include "description.h"
#include "openmvrpc.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define TEXT_SIZE 65536

static struct callback_set *known;
static struct description description;
static char problem[160];
static char faults[TEXT_SIZE];
static unsigned fault_count;

static void note_fault(void *context, const char *what) {
    ck_assert_ptr_eq(context, &description);
    size_t length = strlen(faults);
    snprintf(faults + length, sizeof faults - length, "%s|", what);
    fault_count++;
}

static bool read_bytes(const char *text, size_t length) {
    /* Memory of the very length, so that a sanitizer sees what is read behind it. */
    uint8_t *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, text, length);
    faults[0] = problem[0] = '\0';
    fault_count = 0;
    bool is_good =
        description_read(&description, copy, length, known, note_fault, &description, problem, sizeof problem);
    free(copy);
    return is_good;
}

static bool read_text(const char *text) {
    return read_bytes(text, strlen(text));
}

static void set_up(void) {
    known = callback_set_new(NULL);
}

static void tear_down(void) {
    callback_set_free(known);
}

static const struct callback *find(const char *name) {
    return callback_find(description.callbacks, name);
}

START_TEST(a_description_says_who_it_is_what_it_can_take_and_what_it_has) {
    ck_assert(read_text("{\"library\":\"1.0\",\"extensions\":1,\"firmware\":\"4.5.9\",\"board\":\"OPENMV4P\","
                        "\"id\":\"3A00\",\"limits\":{\"argument\":65536,\"piece\":4096,\"held\":2},\"callbacks\":{"
                        "\"read_gauge\":{\"args\":{\"format\":\"<H\",\"fields\":[\"dial\"]},\"timeout_ms\":3000,"
                        "\"repeatable\":true},\"greet\":{}}}"));
    ck_assert_str_eq(description.library, "1.0");
    ck_assert_str_eq(description.firmware, "4.5.9");
    ck_assert_str_eq(description.board, "OPENMV4P");
    ck_assert_str_eq(description.id, "3A00");
    ck_assert_uint_eq(description.argument, 65536);
    ck_assert_uint_eq(description.piece, 4096);
    ck_assert_uint_eq(description.held, 2);
    ck_assert_uint_eq(find("read_gauge")->timeout_ms, 3000);
    ck_assert(find("read_gauge")->is_repeatable);
    ck_assert_int_eq(find("read_gauge")->origin, CALLBACK_FROM_CAMERA);
    ck_assert_ptr_null(find("greet")->result);
    ck_assert_str_eq(faults, "");
    ck_assert(callback_set_offers(description.callbacks, find("greet")->command_id));
    ck_assert(!callback_set_offers(description.callbacks, callback_find(known, "face_detection")->command_id));
    description_clear(&description);
}
END_TEST

START_TEST(what_it_does_not_say_is_the_least_that_every_camera_can) {
    ck_assert(read_text("{\"callbacks\":{}}"));
    ck_assert_str_eq(description.board, "");
    ck_assert_uint_eq(description.argument, UINT32_MAX);
    ck_assert_uint_eq(description.piece, 512);
    ck_assert_uint_eq(description.held, 1);
    description_clear(&description);
}
END_TEST

static const char *const bad_limits[] = {
    "[4096]",
    "7",
    "\"piece\"",
    "{\"piece\":0}",
    "{\"piece\":-1}",
    "null",
    "{\"piece\":0.5}",
    "{\"piece\":4294967296}",
    "{\"piece\":\"4096\"}",
    "{\"piece\":1e308}",
};

START_TEST(a_limit_that_is_none_is_as_if_it_were_not_said) {
    char text[200];
    snprintf(text, sizeof text, "{\"limits\":%s,\"callbacks\":{}}", bad_limits[_i]);
    ck_assert(read_text(text));
    ck_assert_uint_eq(description.piece, 512);
    description_clear(&description);
}
END_TEST

START_TEST(the_largest_limits_are_taken_as_they_are) {
    ck_assert(read_text("{\"limits\":{\"piece\":4294967295,\"held\":4294967295,\"argument\":1},\"callbacks\":{}}"));
    ck_assert_uint_eq(description.piece, UINT32_MAX);
    ck_assert_uint_eq(description.held, UINT32_MAX);
    ck_assert_uint_eq(description.argument, 1);
    description_clear(&description);
}
END_TEST

static const char *const no_descriptions[] = {
    "",
    " ",
    "null",
    "7",
    "[]",
    "\"callbacks\"",
    "{}",
    "{\"callbacks\":[]}",
    "{\"callbacks\":null}",
    "{\"callbacks\":\"greet\"}",
    "{\"callbacks\":{}",
    "{\"callbacks\":{}}x",
    "{\"callbacks\":{\"a\":{\"doc\":\"\\u0000\"}}}",
    "{\"callbacks\":{\"\xff\":{}}}",
    "{\"callbacks\":{\"a\":{}}}\xff",
};

START_TEST(what_is_no_description_is_refused_with_a_reason) {
    ck_assert(!read_text(no_descriptions[_i]));
    ck_assert_str_ne(problem, "");
    ck_assert_ptr_null(description.callbacks);
    description_clear(&description);
}
END_TEST

START_TEST(bytes_after_a_nul_are_not_overlooked) {
    ck_assert(!read_bytes("{\"callbacks\":{}}\0", 17));
    ck_assert(!read_bytes("\0", 1));
}
END_TEST

START_TEST(what_is_too_deep_is_refused) {
    char text[TEXT_SIZE];
    size_t deep = 20000, length = (size_t)snprintf(text, sizeof text, "{\"callbacks\":{\"a\":{\"args\":");
    memset(text + length, '[', deep);
    memset(text + length + deep, ']', deep);
    snprintf(text + length + 2 * deep, sizeof text - length - 2 * deep, "}}}");
    ck_assert(!read_text(text));
    ck_assert_str_ne(problem, "");
}
END_TEST

START_TEST(texts_are_cut_between_characters_and_lose_what_controls_a_terminal) {
    char text[1000], id[200] = "";
    for (int i = 0; i < 40; i++) {
        strcat(id, "\xC3\xA9");
    }
    snprintf(text, sizeof text,
             "{\"callbacks\":{},\"id\":\"%s\",\"board\":\"a\\u001b[31m\\n\\u007fb\",\"firmware\":7,\"library\":{}}",
             id);
    ck_assert(read_text(text));
    ck_assert_uint_eq(strlen(description.id), 62);
    ck_assert(strncmp(description.id, id, 62) == 0);
    ck_assert_str_eq(description.board, "a[31mb");
    ck_assert_str_eq(description.firmware, "");
    ck_assert_str_eq(description.library, "");
    description_clear(&description);
}
END_TEST

START_TEST(members_of_later_versions_are_passed_over) {
    ck_assert(read_text("{\"extensions\":9,\"news\":[{}],\"callbacks\":{\"a\":{\"colour\":{\"deep\":[1]},\"result\":"
                        "\"utf8\",\"cost\":7}}}"));
    ck_assert_str_eq(faults, "");
    ck_assert_str_eq(schema_text(find("a")->result), "\"utf8\"");
    description_clear(&description);
}
END_TEST

START_TEST(a_callback_of_which_only_later_versions_know_more_is_the_well_known_one) {
    ck_assert(read_text("{\"callbacks\":{\"face_detection\":{\"cost\":7}}}"));
    ck_assert_ptr_eq(find("face_detection"), callback_find(known, "face_detection"));
    ck_assert_str_eq(faults, "");
    description_clear(&description);
}
END_TEST

static const char *const bad_entries[] = {
    "{\"result\":7}",
    "{\"args\":{\"format\":\"<Z\"}}",
    "{\"timeout_ms\":0}",
    "{\"doc\":1,\"result\":\"utf8\"}",
    "[1,2]",
    "[{\"args\":\"utf8\"}]",
    "7",
    "\"utf8\"",
    "null",
    "[]",
};

START_TEST(a_callback_that_is_described_badly_is_told_and_known_without_a_schema) {
    char text[200];
    snprintf(text, sizeof text, "{\"callbacks\":{\"a\":%s,\"b\":{\"result\":\"json\"}}}", bad_entries[_i]);
    ck_assert(read_text(text));
    ck_assert_uint_ge(fault_count, 1);
    ck_assert(strncmp(faults, "a", 1) == 0);
    ck_assert_ptr_nonnull(find("a"));
    ck_assert_ptr_null(find("a")->result);
    ck_assert_ptr_null(find("a")->args);
    ck_assert(callback_set_offers(description.callbacks, find("a")->command_id));
    ck_assert_ptr_nonnull(find("b")->result);
    description_clear(&description);
}
END_TEST

static const char *const bad_names[] = {
    "",           "a b",      "#1a2b3c4d",
    "\\u001b[2J", "\xC3\xA9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

START_TEST(a_name_that_is_none_is_told_and_not_listed) {
    char text[300];
    snprintf(text, sizeof text, "{\"callbacks\":{\"%s\":{},\"b\":{}}}", bad_names[_i]);
    ck_assert(read_text(text));
    ck_assert_uint_ge(fault_count, 1);
    ck_assert_str_eq(callback_at(description.callbacks, 0)->name, "b");
    ck_assert_ptr_null(callback_at(description.callbacks, 1));
    description_clear(&description);
}
END_TEST

START_TEST(more_callbacks_than_are_kept_may_still_be_called) {
    char text[TEXT_SIZE] = "{\"callbacks\":{";
    for (int i = 0; i < 300; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s\"c%d\":{\"result\":\"utf8\"}", i > 0 ? "," : "", i);
    }
    strcat(text, "}}");
    ck_assert(read_text(text));
    ck_assert_uint_eq(fault_count, 300 - CALLBACKS_MAX);
    ck_assert_ptr_nonnull(find("c255"));
    ck_assert_ptr_null(find("c256"));
    ck_assert(callback_set_offers(description.callbacks, omvrpc_command_id("c299", 4)));
    description_clear(&description);
}
END_TEST

START_TEST(a_name_that_stands_twice_is_one_callback) {
    bool is_good = read_text("{\"callbacks\":{\"a\":{\"result\":\"utf8\"},\"a\":{\"result\":\"json\"}}}");
    ck_assert(is_good);
    ck_assert_ptr_nonnull(find("a"));
    ck_assert_ptr_null(callback_at(description.callbacks, 1));
    description_clear(&description);
}
END_TEST

START_TEST(a_description_of_a_megabyte_is_read) {
    size_t size = (size_t)1 << 20;
    char *text = malloc(size);
    size_t length = (size_t)snprintf(text, size, "{\"callbacks\":{\"a\":{}},\"news\":\"");
    memset(text + length, 'x', size - length);
    memcpy(text + size - 2, "\"}", 2);
    ck_assert(read_bytes(text, size));
    ck_assert_ptr_nonnull(find("a"));
    description_clear(&description);
    free(text);
}
END_TEST

START_TEST(every_beginning_of_a_description_is_refused_or_read) {
    static const char text[] =
        "{\"id\":\"a\\u00e9\",\"limits\":{\"piece\":64},\"callbacks\":{\"a\":{\"args\":{\"format\":"
        "\"<H\",\"fields\":[\"x\"]}},\"b\":[1]}}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        ck_assert(!read_bytes(text, length));
    }
    ck_assert(read_bytes(text, sizeof text - 1));
    description_clear(&description);
}
END_TEST

START_TEST(a_description_is_cleared_twice_without_harm) {
    ck_assert(read_text("{\"id\":\"x\",\"callbacks\":{\"a\":{}}}"));
    description_clear(&description);
    description_clear(&description);
    ck_assert_str_eq(description.id, "");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

Suite *test_suite(void) {
    Suite *suite = suite_create("description");
    TCase *cases = tcase_create("description");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_description_says_who_it_is_what_it_can_take_and_what_it_has);
    tcase_add_test(cases, what_it_does_not_say_is_the_least_that_every_camera_can);
    tcase_add_loop_test(cases, a_limit_that_is_none_is_as_if_it_were_not_said, 0, COUNT(bad_limits));
    tcase_add_test(cases, the_largest_limits_are_taken_as_they_are);
    tcase_add_loop_test(cases, what_is_no_description_is_refused_with_a_reason, 0, COUNT(no_descriptions));
    tcase_add_test(cases, bytes_after_a_nul_are_not_overlooked);
    tcase_add_test(cases, what_is_too_deep_is_refused);
    tcase_add_test(cases, texts_are_cut_between_characters_and_lose_what_controls_a_terminal);
    tcase_add_test(cases, members_of_later_versions_are_passed_over);
    tcase_add_test(cases, a_callback_of_which_only_later_versions_know_more_is_the_well_known_one);
    tcase_add_loop_test(cases, a_callback_that_is_described_badly_is_told_and_known_without_a_schema, 0,
                        COUNT(bad_entries));
    tcase_add_loop_test(cases, a_name_that_is_none_is_told_and_not_listed, 0, COUNT(bad_names));
    tcase_add_test(cases, more_callbacks_than_are_kept_may_still_be_called);
    tcase_add_test(cases, a_name_that_stands_twice_is_one_callback);
    tcase_add_test(cases, a_description_of_a_megabyte_is_read);
    tcase_add_test(cases, every_beginning_of_a_description_is_refused_or_read);
    tcase_add_test(cases, a_description_is_cleared_twice_without_harm);
    suite_add_tcase(suite, cases);
    return suite;
}
