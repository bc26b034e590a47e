/* SPDX-License-Identifier: MIT */
/* The strict check of JSON texts, and the scanner that looks into them. */

#include "json_check.h"
#include "json_scan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

static struct json_span span_of(const char *text) {
    return (struct json_span){text, strlen(text)};
}

static void assert_span_is(struct json_span span, const char *text) {
    ck_assert_uint_eq(span.length, strlen(text));
    ck_assert_mem_eq(span.text, text, span.length);
}

/* Checks a copy of exactly the text's size, so that a sanitizer sees every read behind its end. */
static bool check_exact(const char *text, size_t length, struct json_fault *fault) {
    char *copy = malloc(length > 0 ? length : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, length);
    const bool is_good = json_check(copy, length, fault);
    free(copy);
    return is_good;
}

static bool is_accepted(const char *text) {
    struct json_fault fault;
    return check_exact(text, strlen(text), &fault);
}

static void assert_refused_at(const char *text, size_t offset, const char *message) {
    struct json_fault fault = {0, NULL};
    ck_assert_msg(!check_exact(text, strlen(text), &fault), "%s was accepted", text);
    ck_assert_msg(fault.offset == offset, "%s: offset %zu, not %zu", text, fault.offset, offset);
    ck_assert_msg(strstr(fault.message, message) != NULL, "%s: \"%s\", not \"%s\"", text, fault.message, message);
}

/* Returns how many lines of the corpus there are; each has to be judged as given. */
static int judge_corpus(const char *name, bool is_valid) {
    char path[256];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/data/json/%s", root != NULL ? root : ".", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened; run this in the project's root or set SOURCE", path);

    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int count = 0;
    while ((length = getline(&line, &capacity, file)) > 0) {
        struct json_fault fault = {0, NULL};
        const size_t text_length = (size_t)length - 1;
        const bool is_good = check_exact(line, text_length, &fault);
        count++;
        ck_assert_msg(is_good == is_valid, "%s:%d was %s: %.200s", name, count, is_good ? "accepted" : "refused", line);
        if (!is_good) {
            ck_assert_uint_le(fault.offset, text_length);
            ck_assert_ptr_nonnull(fault.message);
        }
    }
    free(line);
    fclose(file);
    return count;
}

START_TEST(every_line_of_the_valid_corpus_is_accepted) {
    ck_assert_int_ge(judge_corpus("valid.txt", true), 200);
}
END_TEST

START_TEST(every_line_of_the_invalid_corpus_is_refused) {
    ck_assert_int_ge(judge_corpus("invalid.txt", false), 1000);
}
END_TEST

START_TEST(an_empty_text_is_refused) {
    assert_refused_at("", 0, "too early");
    assert_refused_at(" \r\n\t", 4, "too early");
}
END_TEST

START_TEST(line_ends_between_values_are_accepted) {
    ck_assert(is_accepted("\n{\n\"a\"\n:\n[\n1\n,\n2\n]\n}\n"));
    assert_refused_at("\"a\nb\"", 2, "control character");
}
END_TEST

START_TEST(the_fault_is_placed_where_it_is) {
    assert_refused_at("{\"a\":1,}", 7, "member's name");
    assert_refused_at("{\"a\" 1}", 5, "colon");
    assert_refused_at("[1 2]", 3, "comma or ]");
    assert_refused_at("{\"a\":1 \"b\":2}", 7, "comma or }");
    assert_refused_at("[01]", 2, "begin with 0");
    assert_refused_at("[1.]", 3, "digit");
    assert_refused_at("[nil]", 2, "true, false and null");
    assert_refused_at("{} x", 3, "after the end");
    assert_refused_at("[\"ab\\q\"]", 5, "escape");
    assert_refused_at("[\"a\\u0000\"]", 3, "\\u0000");
    assert_refused_at("[\"a\\ud800\"]", 3, "surrogate");
    assert_refused_at("[\"a\\ud800\\n\"]", 3, "surrogate");
    assert_refused_at("[\"a\\u12g4\"]", 7, "hexadecimal");
    assert_refused_at("[\"a\xC0\x80\"]", 3, "UTF-8");
    assert_refused_at("[\"abc", 5, "too early");
}
END_TEST

START_TEST(a_nul_byte_is_refused_wherever_it_stands) {
    static const char in_string[] = "[\"a\0b\"]";
    static const char behind[] = "[]\0";
    struct json_fault fault;
    ck_assert(!check_exact(in_string, sizeof in_string - 1, &fault));
    ck_assert_uint_eq(fault.offset, 3);
    ck_assert_str_eq(fault.message, "a NUL is not allowed");
    ck_assert(!check_exact(behind, sizeof behind - 1, &fault));
    ck_assert_uint_eq(fault.offset, 2);
}
END_TEST

START_TEST(depth_32_is_accepted_and_33_refused) {
    char text[2 * 33 + 1];
    struct json_fault fault;
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    ck_assert(json_check(text + 1, 64, &fault));
    ck_assert(!json_check(text, 66, &fault));
    ck_assert_uint_eq(fault.offset, 32);
    ck_assert_str_eq(fault.message, "nested too deep");
}
END_TEST

START_TEST(a_name_may_stand_twice) {
    ck_assert(is_accepted("{\"a\":1,\"a\":2}"));
}
END_TEST

START_TEST(an_id_is_found_as_the_very_text_it_came_as) {
    static const char *const ids[] = {
        "1",   "-0",         "1.0", "1e2", "12345678901234567890", "\"\\u0061\"", "null", "true", "{\"id\": [1 ]}",
        "[ ]", "\"a\\\"}]\""};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[128];
        struct json_span id;
        snprintf(text, sizeof text, " { \"x\" : {\"id\":7} , \"id\" : %s , \"y\" : [ ] } ", ids[i]);
        ck_assert(is_accepted(text));
        ck_assert(json_member(span_of(text), "id", &id));
        assert_span_is(id, ids[i]);
    }
}
END_TEST

START_TEST(an_id_is_found_under_an_escaped_name_and_the_first_of_two_counts) {
    struct json_span id;
    ck_assert(json_member(span_of("{\"ID\":0,\"\\u0069d\":1,\"id\":2}"), "id", &id));
    assert_span_is(id, "1");
}
END_TEST

START_TEST(no_id_is_found_where_there_is_none) {
    struct json_span id;
    ck_assert(!json_member(span_of("{}"), "id", &id));
    ck_assert(!json_member(span_of("{\"i\":1,\"idd\":2,\"\":3}"), "id", &id));
    ck_assert(!json_member(span_of("[\"id\",1]"), "id", &id));
    ck_assert(!json_member(span_of("\"id\""), "id", &id));
    ck_assert(!json_member(span_of("7"), "id", &id));
}
END_TEST

START_TEST(each_element_of_a_batch_is_walked_over) {
    static const char *const wanted[] = {"{\"id\":1}", "3", "\"a,]\"", "[[],{}]", "{}"};
    const char *batch = " [ {\"id\":1} ,3,\"a,]\" , [[],{}],{} ] ";
    struct json_cursor cursor;
    struct json_span value;
    size_t count = 0;
    ck_assert(is_accepted(batch));
    ck_assert(json_cursor_open(span_of(batch), &cursor));
    while (json_cursor_next(&cursor, NULL, &value)) {
        ck_assert_uint_lt(count, 5);
        assert_span_is(value, wanted[count++]);
    }
    ck_assert_uint_eq(count, 5);
    ck_assert(!json_cursor_next(&cursor, NULL, &value));
}
END_TEST

START_TEST(a_path_leads_to_the_raw_text_of_a_value) {
    const struct json_span document =
        span_of("{\"params\":{\"args\":[1,9007199254740993,[true,{\"b\":-1e999}]],\"a.b\":{\"c\":5}}}");
    struct json_span value;
    ck_assert(json_find(document, "params.args.1", &value));
    assert_span_is(value, "9007199254740993");
    ck_assert(json_find(document, "params.args.2.1.b", &value));
    assert_span_is(value, "-1e999");
    ck_assert(json_find(document, "params.a.b.c", &value));
    assert_span_is(value, "5");
    ck_assert(json_find(document, "", &value));
    assert_span_is(value, document.text);
    ck_assert(json_find(span_of("{\"a\":{\"\":{\"b\":1}}}"), "a.\"\".b", &value));
    assert_span_is(value, "1");
    ck_assert(!json_find(span_of("{\"a\":{\"\":{\"b\":1}}}"), "a..b", &value));
    ck_assert(!json_find(document, "params.args.3", &value));
    ck_assert(!json_find(document, "params.args.x", &value));
    ck_assert(!json_find(document, "params.arg", &value));
    ck_assert(!json_find(document, "params.args.1.0", &value));
}
END_TEST

START_TEST(a_path_is_found_by_line_and_column) {
    const struct json_span text = span_of("{\n  \"cameras\": {\n    \"front\": {\"link\": {\"type\": \"usb\",\r\n"
                                          "      \"b\xC3\xA9\": 1, \"baud\": 9}},\n    \"list\": [1,\n 2]}}");
    struct json_place place;
    ck_assert(json_find_line(text, "cameras.front.link.baud", &place));
    ck_assert_uint_eq(place.line, 4);
    ck_assert_uint_eq(place.column, 16);
    ck_assert(json_find_line(text, "cameras.list.1", &place));
    ck_assert_uint_eq(place.line, 6);
    ck_assert_uint_eq(place.column, 2);
    ck_assert(json_find_line(text, "", &place));
    ck_assert_uint_eq(place.line, 1);
    ck_assert_uint_eq(place.column, 1);
    ck_assert(!json_find_line(text, "cameras.front.link.device", &place));
    ck_assert_uint_eq(place.line, 3);
    ck_assert_uint_eq(place.column, 15);
}
END_TEST

START_TEST(comments_are_blanked_and_nothing_moves) {
    static const struct {
        const char *with;
        const char *without;
    } cases[] = {
        {"{} // end", "{}       "},
        {"1 /* a\nb */ ", "1     \n     "},
        {"[1, // one\r\n2]", "[1,       \r\n2]"},
        {"\"// no\" /**/", "\"// no\"     "},
        {"\"\\\"/* no */\"//", "\"\\\"/* no */\"  "},
        {"\"\\\\\"//\"", "\"\\\\\"   "},
        {"/*/ 1 */2", "        2"},
        {"/* open", "/* open"},
        {"1 / 2", "1 / 2"},
        {"/", "/"},
        {"\"open // \\", "\"open // \\"},
        {"// \" \n// '\n1", "     \n    \n1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t length = strlen(cases[i].with);
        char *text = malloc(length);
        ck_assert_ptr_nonnull(text);
        memcpy(text, cases[i].with, length);
        json_blank_comments(text, length);
        ck_assert_uint_eq(length, strlen(cases[i].without));
        ck_assert_msg(memcmp(text, cases[i].without, length) == 0, "%s became %.*s", cases[i].with, (int)length, text);
        free(text);
    }
}
END_TEST

START_TEST(strings_are_decoded_with_every_escape) {
    static const char text[] = "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00\xC3\xA9\"";
    static const char wanted[] = "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9";
    char out[64];
    const size_t length = json_string_decode(span_of(text), out, sizeof out);
    ck_assert_uint_eq(length, sizeof wanted - 1);
    ck_assert_mem_eq(out, wanted, length);
    ck_assert_uint_eq(json_string_decode(span_of(text), out, 3), sizeof wanted - 1);
    ck_assert_uint_eq(json_string_decode(span_of("12"), out, sizeof out), 0);
}
END_TEST

START_TEST(strings_are_compared_by_what_they_say) {
    ck_assert(json_strings_equal(span_of("\"a\\u00e9\""), span_of("\"\\u0061\xC3\xA9\"")));
    ck_assert(!json_strings_equal(span_of("\"a\""), span_of("\"ab\"")));
    ck_assert(!json_strings_equal(span_of("\"ab\""), span_of("\"a\"")));
    ck_assert(!json_strings_equal(span_of("1"), span_of("1")));
    ck_assert(json_string_is(span_of("\"\""), "", 0));
    ck_assert(!json_string_is(span_of("\"a\""), "", 0));
    ck_assert(!json_string_is(span_of("\"\""), "a", 1));
    ck_assert(!json_string_is(span_of("\"ab\""), "a", 1));
    ck_assert(json_string_is(span_of("\"\\u0061b\""), "ab", 2));
}
END_TEST

Suite *test_suite(void) {
    const TTest *const tests[] = {
        every_line_of_the_valid_corpus_is_accepted,
        every_line_of_the_invalid_corpus_is_refused,
        an_empty_text_is_refused,
        line_ends_between_values_are_accepted,
        the_fault_is_placed_where_it_is,
        a_nul_byte_is_refused_wherever_it_stands,
        depth_32_is_accepted_and_33_refused,
        a_name_may_stand_twice,
        an_id_is_found_as_the_very_text_it_came_as,
        an_id_is_found_under_an_escaped_name_and_the_first_of_two_counts,
        no_id_is_found_where_there_is_none,
        each_element_of_a_batch_is_walked_over,
        a_path_leads_to_the_raw_text_of_a_value,
        a_path_is_found_by_line_and_column,
        comments_are_blanked_and_nothing_moves,
        strings_are_decoded_with_every_escape,
        strings_are_compared_by_what_they_say,
    };
    Suite *suite = suite_create("json_check");
    TCase *cases = tcase_create("json_check");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
