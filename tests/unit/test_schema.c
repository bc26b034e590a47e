/* SPDX-License-Identifier: MIT */
/* Schemas and their errors. The numbers of formats are compared with Python elsewhere. */

#include "encoding.h"
#include "schema.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define LIMIT     ((size_t)1 << 20)

#define RECTANGLE "{\"format\":\"<HHHH\",\"fields\":[\"x\",\"y\",\"w\",\"h\"]}"
#define DIAL      "{\"format\":\"<H\",\"fields\":[\"dial\"]}"

static struct schema *parse(const char *text, struct schema_error *error) {
    cJSON *json = cJSON_Parse(text);
    ck_assert_msg(json != NULL, "%s is no JSON", text);
    struct schema *schema = schema_parse(json, error);
    cJSON_Delete(json);
    return schema;
}

static struct schema *parse_good(const char *text) {
    struct schema_error error;
    struct schema *schema = parse(text, &error);
    ck_assert_msg(schema != NULL, "%s: %s", text, schema == NULL ? error.message : "");
    return schema;
}

/* Packs, and gives the bytes in hexadecimal or the error, below the name "args". */
static void pack(const char *schema_text, const char *args, char out[600]) {
    struct schema *schema = schema_text != NULL ? parse_good(schema_text) : NULL;
    struct schema_error error;
    uint8_t *bytes;
    size_t length;

    if (schema_pack(schema, (struct json_span){args, strlen(args)}, LIMIT, &bytes, &length, &error) == SCHEMA_GOOD) {
        ck_assert_uint_le(length, 200);
        ck_assert((bytes == NULL) == (length == 0));
        hex_encode(bytes, length, out);
        out[2 * length] = '\0';
        free(bytes);
    } else {
        ck_assert_ptr_null(bytes);
        ck_assert_uint_eq(length, 0);
        schema_error_print(&error, "args", out, 600);
    }
    schema_free(schema);
}

static void assert_packs(const char *schema, const char *args, const char *wanted) {
    char got[600];
    pack(schema, args, got);
    ck_assert_msg(strcmp(got, wanted) == 0, "%s with %s:\n  wanted %s\n  got    %s", schema, args, wanted, got);
}

static void assert_unpacks_bytes(const char *schema_text, const void *bytes, size_t length, const char *wanted) {
    struct schema *schema = schema_text != NULL ? parse_good(schema_text) : NULL;
    struct schema_error error;
    struct text_buffer text;

    text_buffer_init(&text, LIMIT);
    text_buffer_append_string(&text, ">");
    if (schema_unpack(schema, bytes, length, &text, &error) != SCHEMA_GOOD) {
        char message[600];
        ck_assert_str_eq(text.text, ">");
        schema_error_print(&error, "", message, sizeof message);
        text_buffer_append_string(&text, message);
    }
    ck_assert_msg(strcmp(text.text + 1, wanted) == 0, "%s:\n  wanted %s\n  got    %s", schema_text, wanted,
                  text.text + 1);
    text_buffer_clear(&text);
    schema_free(schema);
}

static void assert_unpacks(const char *schema, const char *bytes, const char *wanted) {
    assert_unpacks_bytes(schema, bytes, strlen(bytes), wanted);
}

static void assert_refused(const char *schema, const char *wanted) {
    struct schema_error error;
    char text[600];
    ck_assert_msg(parse(schema, &error) == NULL, "%s was accepted", schema);
    schema_error_print(&error, "args", text, sizeof text);
    ck_assert_msg(strcmp(text, wanted) == 0, "%s:\n  wanted %s\n  got    %s", schema, wanted, text);
}

START_TEST(arguments_are_packed_by_position_by_field_and_as_a_scalar) {
    assert_packs(RECTANGLE, "[1,2,3,65535]", "010002000300ffff");
    assert_packs(RECTANGLE, " { \"h\":4, \"x\" : 1,\"w\":3,\"\\u0079\":2 } ", "0100020003000400");
    assert_packs(DIAL, "7", "0700");
    assert_packs(DIAL, "[7]", "0700");
    assert_packs(DIAL, "{\"dial\":7}", "0700");
    assert_packs("{\"format\":\">xHx\"}", "258", "00010200");
    assert_packs("{\"format\":\"<4s\"}", "\"ab\\u00e9\"", "6162c3a9");
    assert_packs("{\"format\":\"<?\"}", "true", "01");
    assert_packs("{\"format\":\"<2x\"}", "[]", "0000");
}
END_TEST

START_TEST(repeated_records_are_packed_one_after_the_other) {
    assert_packs("{\"format\":\"<H\",\"repeat\":true}", "[1,[2],3]", "010002000300");
    assert_packs("{\"format\":\"<BB\",\"fields\":[\"a\",\"b\"],\"repeat\":true}", "[[1,2],{\"b\":4,\"a\":3}]",
                 "01020304");
    assert_packs("{\"format\":\"<BB\",\"fields\":[\"a\",\"b\"],\"repeat\":true}", "[[1,2],{\"b\":256,\"a\":3}]",
                 "args.1.b: expected an integer from 0 to 255, found 256");
    assert_packs("{\"format\":\"<BB\",\"repeat\":true}", "[[1,2],[3]]",
                 "args.1: expected 2 values for the format \"<BB\", found 1");
    assert_packs("{\"format\":\"<B\",\"repeat\":true}", "{\"a\":1}",
                 "args: expected an array of records of \"<B\", found an object");
    assert_packs("{\"format\":\"<B\",\"repeat\":true}", "1", "args: expected an array of records of \"<B\", found 1");
}
END_TEST

START_TEST(absent_arguments_are_no_bytes_and_an_error_where_some_are_needed) {
    static const char *const nothings[] = {"", "null", "[]", "{}", " [ ] ", "{ }", " null "};
    for (size_t i = 0; i < sizeof nothings / sizeof nothings[0]; i++) {
        assert_packs(NULL, nothings[i], "");
        assert_packs("\"utf8\"", nothings[i], "");
        assert_packs("\"json\"", nothings[i], "");
        assert_packs("\"bytes\"", nothings[i], "");
        assert_packs("{\"format\":\"<\"}", nothings[i], "");
        assert_packs("{\"format\":\"<II\",\"optional\":true}", nothings[i], "");
        assert_packs("{\"format\":\"<I\",\"repeat\":true,\"optional\":true}", nothings[i], "");
        assert_packs("{\"format\":\"<H\",\"repeat\":true}", nothings[i], "");
        assert_packs(RECTANGLE, nothings[i], "args: expected 4 values (x, y, w, h), found nothing");
    }
}
END_TEST

START_TEST(arguments_without_any_text_are_no_bytes) {
    struct schema_error error;
    uint8_t *bytes;
    size_t length;
    ck_assert_int_eq(schema_pack(NULL, (struct json_span){NULL, 0}, LIMIT, &bytes, &length, &error), SCHEMA_GOOD);
    ck_assert_ptr_null(bytes);
    ck_assert_uint_eq(length, 0);
}
END_TEST

START_TEST(arguments_that_do_not_fit_are_told_what_was_expected) {
    assert_packs(RECTANGLE, "[1,2,3]", "args: expected 4 values (x, y, w, h), found 3");
    assert_packs(RECTANGLE, "[1,2,3,4,5]", "args: expected 4 values (x, y, w, h), found 5");
    assert_packs(RECTANGLE, "\"1,2\"", "args: expected 4 values (x, y, w, h), found \"1,2\"");
    assert_packs(RECTANGLE, "[1,2,70000,4]", "args.w: expected an integer from 0 to 65535, found 70000");
    assert_packs(RECTANGLE, "[1,-1,3,4]", "args.y: expected an integer from 0 to 65535, found -1");
    assert_packs(RECTANGLE, "[1,2,3,4.5]", "args.h: expected an integer from 0 to 65535, found 4.5");
    assert_packs(RECTANGLE, "[1,2,3,\"4\"]", "args.h: expected an integer from 0 to 65535, found \"4\"");
    assert_packs(RECTANGLE, "[true,2,3,4]", "args.x: expected an integer from 0 to 65535, found true");
    assert_packs(RECTANGLE, "[null,2,3,4]", "args.x: expected an integer from 0 to 65535, found null");
    assert_packs(RECTANGLE, "[[1],2,3,4]", "args.x: expected an integer from 0 to 65535, found an array");
    assert_packs(RECTANGLE, "{\"x\":1,\"y\":2,\"w\":3}", "args: expected 4 values (x, y, w, h), found no \"h\"");
    assert_packs("{\"format\":\"<BB\"}", "[1,256]", "args.1: expected an integer from 0 to 255, found 256");
    assert_packs("{\"format\":\"<BB\"}", "{\"a\":1}",
                 "args: expected 2 values for the format \"<BB\", found an object, although they have no names");
    assert_packs("{\"format\":\"<\"}", "[1]", "args: expected 0 values for the format \"<\", found 1");
    assert_packs("{\"format\":\"<?\"}", "1", "args: expected true or false, found 1");
    assert_packs("{\"format\":\"<c\"}", "\"ab\"",
                 "args: expected a string of at most 1 byte, found one of 2 bytes: \"ab\"");
    assert_packs("{\"format\":\"<4p\"}", "7", "args: expected a string of at most 3 bytes, found 7");
    assert_packs(
        "{\"format\":\"<f\"}", "\"nan\"",
        "args: expected a number from -3.4028235e+38 to 3.4028235e+38, \"NaN\", \"Infinity\" or \"-Infinity\", "
        "found \"nan\"");
    assert_packs("{\"format\":\"<e\"}", "65520",
                 "args: expected a number from -65504 to 65504, \"NaN\", \"Infinity\" or \"-Infinity\", found 65520");
    assert_packs(
        "{\"format\":\"<Q\"}", "9007199254740993",
        "args: expected an integer from 0 to 18446744073709551615 (beyond 9007199254740992 as a string of decimal "
        "digits), found 9007199254740993");
}
END_TEST

START_TEST(unknown_and_doubled_fields_are_refused_with_a_guess) {
    assert_packs("{\"format\":\"<HH\",\"fields\":[\"width\",\"height\"]}", "{\"widht\":1,\"height\":2}",
                 "args: expected only the fields width, height, found \"widht\"; did you mean \"width\"?");
    assert_packs(RECTANGLE, "{\"x\":1,\"colour\":2}", "args: expected only the fields x, y, w, h, found \"colour\"");
    assert_packs(RECTANGLE, "{\"X\":1}", "args: expected only the fields x, y, w, h, found \"X\"");
    assert_packs(RECTANGLE, "{\"x\":1,\"\\u0078\":1}", "args: expected every field once, found \"\\u0078\" twice");
}
END_TEST

START_TEST(a_very_long_value_is_cut_in_the_message_between_characters) {
    char args[400] = "\"";
    char got[600];
    for (int i = 0; i < 100; i++) {
        strcat(args, "\xC3\xA9");
    }
    strcat(args, "\"");
    pack(DIAL, args, got);
    ck_assert_uint_eq(utf8_valid_length((uint8_t *)got, strlen(got)), strlen(got));
    ck_assert_ptr_nonnull(strstr(got, "\xC3\xA9\xE2\x80\xA6"));
    ck_assert_uint_lt(strlen(got), 160);
}
END_TEST

START_TEST(integers_are_read_by_their_value) {
    assert_packs("{\"format\":\"<h\"}", "1e2", "6400");
    assert_packs("{\"format\":\"<h\"}", "100.0", "6400");
    assert_packs("{\"format\":\"<h\"}", "10000e-2", "6400");
    assert_packs("{\"format\":\"<h\"}", "-0", "0000");
    assert_packs("{\"format\":\"<H\"}", "-0.0e5", "0000");
    assert_packs("{\"format\":\"<h\"}", "-1.28e2", "80ff");
    assert_packs("{\"format\":\"<b\"}", "1.00000000000000000000000000001",
                 "args: expected an integer from -128 to 127, found 1.00000000000000000000000000001");
    assert_packs("{\"format\":\"<b\"}", "1e99999999999999999999",
                 "args: expected an integer from -128 to 127, found 1e99999999999999999999");
    assert_packs("{\"format\":\"<b\"}", "1e-99999999999999999999",
                 "args: expected an integer from -128 to 127, found 1e-99999999999999999999");
    assert_packs("{\"format\":\"<b\"}", "1.00000000000000000000000000000", "01");
}
END_TEST

START_TEST(decimal_strings_carry_64_bits_and_nothing_else) {
    static const char *const bad[] = {
        "",    "-",      "+1", "01", "-01", " 1", "1 ", "1.0", "1e3", "0x", "1_0", "--1", "18446744073709551616",
        "NaN", "\\u0031"};
    assert_packs("{\"format\":\"<Q\"}", "\"18446744073709551615\"", "ffffffffffffffff");
    assert_packs("{\"format\":\">q\"}", "\"-9223372036854775808\"", "8000000000000000");
    assert_packs("{\"format\":\"<Q\"}", "\"0\"", "0000000000000000");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char args[64], got[600];
        snprintf(args, sizeof args, "\"%s\"", bad[i]);
        pack("{\"format\":\"<Q\"}", args, got);
        ck_assert_msg(strstr(got, "args: expected an integer from 0") == got, "%s gave %s", args, got);
    }
}
END_TEST

START_TEST(texts_and_bytes_are_packed_from_strings) {
    assert_packs("\"utf8\"", "\"a\\n\\u00e9\"", "610ac3a9");
    assert_packs("\"utf8\"", "\"\"", "");
    assert_packs("\"utf8\"", "5", "args: expected a string, found 5");
    assert_packs("\"utf8\"", "[\"a\"]", "args: expected a string, found an array");
    assert_packs("\"json\"", " {\"a\": 9007199254740993 } ", "7b2261223a2039303037313939323534373430393933207d");
    assert_packs("\"json\"", "0", "30");
    assert_packs("\"bytes\"", "\"\\/+8=\"", "ffef");
    assert_packs("\"jpeg\"", "\"Zg==\"", "66");
    assert_packs("\"bytes\"", "\"Zg\"", "args: expected a string of base64 with its padding, found \"Zg\"");
    assert_packs("\"bytes\"", "1", "args: expected a string of base64 with its padding, found 1");
    assert_packs(NULL, "[1]",
                 "args: expected no arguments, as this callback has no schema for them, found an array; "
                 "bytes can be given as \"data\"");
}
END_TEST

START_TEST(what_is_over_the_limit_is_too_large) {
    static const struct {
        const char *schema;
        const char *args;
    } cases[] = {
        {"\"utf8\"", "\"abcde\""},
        {"\"json\"", "12345"},
        {"\"bytes\"", "\"Zm9vYmE=\""},
        {"{\"format\":\"<5s\"}", "\"a\""},
        {"{\"format\":\"<B\",\"repeat\":true}", "[1,2,3,4,5]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schema *schema = parse_good(cases[i].schema);
        const struct json_span args = {cases[i].args, strlen(cases[i].args)};
        struct schema_error error;
        uint8_t *bytes;
        size_t length;
        ck_assert_int_eq(schema_pack(schema, args, 4, &bytes, &length, &error), SCHEMA_TOO_LARGE);
        ck_assert_str_eq(error.message, "expected at most 4 bytes, found 5");
        ck_assert_ptr_null(bytes);
        ck_assert_int_eq(schema_pack(schema, args, 5, &bytes, &length, &error), SCHEMA_GOOD);
        ck_assert_uint_eq(length, 5);
        free(bytes);
        schema_free(schema);
    }
}
END_TEST

START_TEST(results_are_unpacked_by_field_and_by_position) {
    assert_unpacks_bytes(RECTANGLE, "\1\0\2\0\3\0\xFF\xFF", 8, "{\"x\":1,\"y\":2,\"w\":3,\"h\":65535}");
    assert_unpacks_bytes("{\"format\":\">bxH\"}", "\x80\0\1\2", 4, "[-128,258]");
    assert_unpacks("{\"format\":\"<B\"}", "A", "[65]");
    assert_unpacks("{\"format\":\"<B\",\"repeat\":true}", "AB", "[[65],[66]]");
    assert_unpacks("{\"format\":\"<B\",\"fields\":[\"a\\\"b\"],\"repeat\":true}", "AB",
                   "[{\"a\\\"b\":65},{\"a\\\"b\":66}]");
    assert_unpacks("{\"format\":\"<Q\"}", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "[18446744073709551615]");
    assert_unpacks_bytes("{\"format\":\">q\"}", "\x80\0\0\0\0\0\0\0", 8, "[-9223372036854775808]");
    assert_unpacks_bytes("{\"format\":\"<f\"}", "\xCD\xCC\xCC\x3D", 4, "[0.10000000149011612]");
    assert_unpacks_bytes("{\"format\":\"<d\"}", "\x9A\x99\x99\x99\x99\x99\xB9\x3F", 8, "[0.1]");
    assert_unpacks_bytes("{\"format\":\"<e\"}", "\x66\x2E", 2, "[0.0999755859375]");
    assert_unpacks_bytes("{\"format\":\"<ee\"}", "\xFF\x7B\1\0", 4, "[65504,5.9604644775390625e-08]");
    assert_unpacks_bytes("{\"format\":\"<f\"}", "\xFF\xFF\x7F\x7F", 4, "[3.4028234663852886e+38]");
    assert_unpacks_bytes("{\"format\":\"<dd\"}", "\1\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\x0F\0", 16,
                         "[5e-324,2.225073858507201e-308]");
    assert_unpacks_bytes("{\"format\":\"<eee\"}", "\0\x7E\0\x7C\0\xFC", 6, "[\"NaN\",\"Infinity\",\"-Infinity\"]");
    assert_unpacks_bytes("{\"format\":\"<e\"}", "\0\x80", 2, "[-0.0]");
    assert_unpacks_bytes("{\"format\":\"<??\"}", "\0\2", 2, "[false,true]");
}
END_TEST

START_TEST(texts_in_records_lose_their_trailing_nuls_only) {
    assert_unpacks_bytes("{\"format\":\"<4s\"}", "ab\0\0", 4, "[\"ab\"]");
    assert_unpacks_bytes("{\"format\":\"<4s\"}", "\0b\0\0", 4, "[\"\\u0000b\"]");
    assert_unpacks_bytes("{\"format\":\"<4s\"}", "\0\0\0\0", 4, "[\"\"]");
    assert_unpacks_bytes("{\"format\":\"<c\"}", "\0", 1, "[\"\"]");
    assert_unpacks_bytes("{\"format\":\"<4p\"}", "\2abc", 4, "[\"ab\"]");
    assert_unpacks_bytes("{\"format\":\"<0sB\"}", "A", 1, "[\"\",65]");
    assert_unpacks_bytes("{\"format\":\"<B2s\",\"fields\":[\"n\",\"text\"],\"repeat\":true}", "\1ab\2\xC3z", 6,
                         ".1.text: expected text in UTF-8, found the byte 0xc3");
}
END_TEST

START_TEST(an_empty_result_is_null_for_every_schema) {
    static const char *const schemas[] = {RECTANGLE,
                                          "\"utf8\"",
                                          "\"json\"",
                                          "\"jpeg\"",
                                          "\"bytes\"",
                                          NULL,
                                          "{\"format\":\"<B\",\"repeat\":true}",
                                          "{\"format\":\"<\"}"};
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        assert_unpacks(schemas[i], "", "null");
    }
}
END_TEST

START_TEST(results_that_do_not_fit_say_so) {
    assert_unpacks(RECTANGLE, "1234567", ": expected 8 bytes for the format \"<HHHH\", found 7");
    assert_unpacks(RECTANGLE, "1234567812345678", ": expected 8 bytes for the format \"<HHHH\", found 16");
    assert_unpacks("{\"format\":\"<H\",\"repeat\":true}", "123",
                   ": expected a multiple of 2 bytes for the format \"<H\", found 3");
    assert_unpacks("{\"format\":\"<\"}", "1", ": expected 0 bytes for the format \"<\", found 1");
    assert_unpacks("\"utf8\"", "ab\xED\xA0\x80", ": expected text in UTF-8, found the byte 0xed at offset 2");
    assert_unpacks("\"json\"", "[{\"payload\":\"a\"b\"}]",
                   ": expected JSON, found a fault at offset 15: a comma or } was expected");
    assert_unpacks("\"json\"", "{} {}", ": expected JSON, found a fault at offset 3: text after the end of the value");
}
END_TEST

START_TEST(texts_json_and_bytes_come_out_on_one_line) {
    assert_unpacks("\"utf8\"", "a\n\"\xC3\xA9", "\"a\\n\\\"\xC3\xA9\"");
    assert_unpacks("\"json\"", " [ 1 ,\r\n\t{\"a b\\\" \" : 9007199254740993 } ] \n",
                   "[1,{\"a b\\\" \":9007199254740993}]");
    assert_unpacks("\"jpeg\"", "foob", "\"Zm9vYg==\"");
    assert_unpacks(NULL, "foo", "\"Zm9v\"");
}
END_TEST

START_TEST(a_result_over_the_limit_of_the_text_is_too_large_and_the_text_has_failed) {
    static const char *const schemas[] = {"\"utf8\"", "\"bytes\"", "{\"format\":\"<B\",\"repeat\":true}"};
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct schema *schema = parse_good(schemas[i]);
        struct schema_error error;
        struct text_buffer text;
        text_buffer_init(&text, 20);
        text_buffer_append_string(&text, "before");
        ck_assert_int_eq(schema_unpack(schema, (const uint8_t *)"abcdefghijklmnopqrst", 20, &text, &error),
                         SCHEMA_TOO_LARGE);
        ck_assert_int_eq(text.state, TEXT_BUFFER_FULL);
        text_buffer_truncate(&text, 6);
        ck_assert_str_eq(text.text, "before");
        ck_assert_int_eq(schema_unpack(schema, (const uint8_t *)"ab", 2, &text, &error), SCHEMA_GOOD);
        text_buffer_clear(&text);
        schema_free(schema);
    }
}
END_TEST

START_TEST(schemas_that_are_none_are_refused_with_the_reason) {
    assert_refused("1", "args: expected a schema such as \"utf8\" or {\"format\": \"<HH\"}, found 1");
    assert_refused("\"utf-8\"",
                   "args: expected \"utf8\", \"json\", \"jpeg\", \"bytes\" or {\"format\": …}, found \"utf-8\"");
    assert_refused("{}", "args.format: expected a format string such as \"<HH\", found nothing");
    assert_refused("{\"format\":3}", "args.format: expected a format string such as \"<HH\", found 3");
    assert_refused("{\"fromat\":\"<H\"}",
                   "args.fromat: expected only format, fields, repeat and optional in a schema; did "
                   "you mean \"format\"?");
    assert_refused("{\"format\":\"HH\"}",
                   "args.format: expected a format that begins with its byte order, one of < > = !, "
                   "found \"HH\"; \"<HH\" is little-endian");
    assert_refused("{\"format\":\"@H\"}",
                   "args.format: expected a format that begins with its byte order, one of < > = !, "
                   "found \"@H\"; \"<H\" is little-endian");
    assert_refused("{\"format\":\"ab\"}",
                   "args.format: expected a format that begins with its byte order, one of < > = !, found \"ab\"");
    assert_refused("{\"format\":\"utf8\"}",
                   "args.format: expected a format string such as \"<HH\", found \"utf8\", which stands without "
                   "\"format\"");
    assert_refused("{\"format\":\"<H\",\"fields\":[0.1]}",
                   "args.fields.0: expected a name of 1 to 64 bytes, found 0.1");
    assert_refused("{\"format\":\"<HP\"}",
                   "args.format: expected format characters of x c b B ? h H i I l L q Q e f d s p, found \"P\"");
    assert_refused("{\"format\":\"<4 H\"}",
                   "args.format: expected format characters of x c b B ? h H i I l L q Q e f d s p, found \" \"");
    assert_refused("{\"format\":\"<H4\"}", "args.format: expected a format character after the count 4");
    assert_refused("{\"format\":\"<HH\",\"fields\":[\"x\"]}",
                   "args.fields: expected 2 names, one for each item of \"<HH\", found 1");
    assert_refused("{\"format\":\"<H\",\"fields\":\"x\"}", "args.fields: expected an array of names, found \"x\"");
    assert_refused("{\"format\":\"<HH\",\"fields\":[\"x\",7]}",
                   "args.fields.1: expected a name of 1 to 64 bytes, found 7");
    assert_refused("{\"format\":\"<HH\",\"fields\":[\"x\",\"x\"]}",
                   "args.fields.1: expected every name once, found \"x\" twice");
    assert_refused("{\"format\":\"<H\",\"repeat\":1}", "args.repeat: expected true or false, found 1");
    assert_refused("{\"format\":\"<H\",\"optional\":null}", "args.optional: expected true or false, found null");
    assert_refused("{\"format\":\"<0s\",\"repeat\":true}",
                   "args.repeat: expected a format of at least one byte to repeat, found \"<0s\"");
}
END_TEST

START_TEST(formats_have_limits) {
    assert_refused("{\"format\":\"<1048577s\"}",
                   "args.format: the count \"1048577s\" is over the limit of 1048576 bytes");
    assert_refused("{\"format\":\"<99999999999999999999999999s\"}",
                   "args.format: the count \"999999999999\" is over the limit of 1048576 bytes");
    assert_refused("{\"format\":\"<1048576sB\"}",
                   "args.format: expected a format of at most 1048576 bytes, found a larger one");
    assert_refused("{\"format\":\"<131073Q\"}",
                   "args.format: expected a format of at most 1048576 bytes, found a larger one");
    assert_refused("{\"format\":\"<65537B\"}", "args.format: expected a format of at most 65536 items, found more");
    schema_free(parse_good("{\"format\":\"<1048576s\"}"));
    schema_free(parse_good("{\"format\":\"<65536B\"}"));
    schema_free(parse_good("{\"format\":\"<1048576x\"}"));
}
END_TEST

START_TEST(a_schema_gives_its_own_text_back) {
    struct schema *schema = parse_good(" { \"format\" : \"<HHHH\" , \"fields\":[\"x\",\"y\",\"w\",\"h\"] } ");
    ck_assert_str_eq(schema_text(schema), RECTANGLE);
    ck_assert_str_eq(schema_text(NULL), "null");
    schema_free(schema);
    schema_free(NULL);
}
END_TEST

Suite *test_suite(void) {
    const TTest *const tests[] = {
        arguments_are_packed_by_position_by_field_and_as_a_scalar,
        repeated_records_are_packed_one_after_the_other,
        absent_arguments_are_no_bytes_and_an_error_where_some_are_needed,
        arguments_without_any_text_are_no_bytes,
        arguments_that_do_not_fit_are_told_what_was_expected,
        unknown_and_doubled_fields_are_refused_with_a_guess,
        a_very_long_value_is_cut_in_the_message_between_characters,
        integers_are_read_by_their_value,
        decimal_strings_carry_64_bits_and_nothing_else,
        texts_and_bytes_are_packed_from_strings,
        what_is_over_the_limit_is_too_large,
        results_are_unpacked_by_field_and_by_position,
        texts_in_records_lose_their_trailing_nuls_only,
        an_empty_result_is_null_for_every_schema,
        results_that_do_not_fit_say_so,
        texts_json_and_bytes_come_out_on_one_line,
        a_result_over_the_limit_of_the_text_is_too_large_and_the_text_has_failed,
        schemas_that_are_none_are_refused_with_the_reason,
        formats_have_limits,
        a_schema_gives_its_own_text_back,
    };
    Suite *suite = suite_create("schema");
    TCase *cases = tcase_create("schema");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
