/* SPDX-License-Identifier: MIT */
/* UTF-8, base64, hexadecimal, halves, and the growing text. */

#include "encoding.h"
#include "half_float.h"
#include "near_miss.h"
#include "text_buffer.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

static const struct {
    const char *bytes;
    const char *text;
} base64_pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xFB\xFF\xBF", "+/+/"},
};

START_TEST(base64_is_encoded_as_the_rfc_shows) {
    for (size_t i = 0; i < sizeof base64_pairs / sizeof base64_pairs[0]; i++) {
        char text[16];
        const size_t length = strlen(base64_pairs[i].bytes);
        const size_t wanted = strlen(base64_pairs[i].text);
        ck_assert_uint_eq(base64_encoded_length(length), wanted);
        base64_encode((const uint8_t *)base64_pairs[i].bytes, length, text);
        ck_assert_mem_eq(text, base64_pairs[i].text, wanted);
    }
}
END_TEST

START_TEST(base64_is_decoded_as_the_rfc_shows_also_in_place) {
    for (size_t i = 0; i < sizeof base64_pairs / sizeof base64_pairs[0]; i++) {
        char text[16];
        size_t length;
        strcpy(text, base64_pairs[i].text);
        ck_assert(base64_decode(text, strlen(text), (uint8_t *)text, &length));
        ck_assert_uint_eq(length, strlen(base64_pairs[i].bytes));
        ck_assert_mem_eq(text, base64_pairs[i].bytes, length);
    }
}
END_TEST

START_TEST(base64_that_no_encoder_writes_is_refused) {
    static const char *const bad[] = {"Z",      "Zg",           "Zg=",      "Zm8",      "Zm9v=",  "=",
                                      "==",     "====",         "Z===",     "Zh==",     "Zm9=",   "Zm 9v",
                                      "Zm9v\n", "Zm9v\n\n\n\n", "Zm-_",     "Zg==Zg==", "Zm9vZg", "Z=g=",
                                      "=Zg=",   "Zm9vZg=a",     "Zm9vZ===", "Zm9\xC3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[32];
        size_t length;
        ck_assert_msg(!base64_decode(bad[i], strlen(bad[i]), out, &length), "%s was accepted", bad[i]);
    }
}
END_TEST

START_TEST(base64_gives_every_length_back) {
    uint8_t bytes[200], back[200];
    char text[268];
    for (size_t length = 0; length <= sizeof bytes; length++) {
        size_t decoded;
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)(i * 37 + length * 11);
        }
        base64_encode(bytes, length, text);
        ck_assert(base64_decode(text, base64_encoded_length(length), back, &decoded));
        ck_assert_uint_eq(decoded, length);
        ck_assert_mem_eq(back, bytes, length);
    }
}
END_TEST

START_TEST(hex_goes_both_ways_and_takes_either_case) {
    static const uint8_t bytes[] = {0x00, 0x1A, 0xFF, 0x9c};
    char text[8];
    uint8_t back[4];
    size_t length;
    hex_encode(bytes, sizeof bytes, text);
    ck_assert_mem_eq(text, "001aff9c", 8);
    ck_assert(hex_decode("001AfF9c", 8, back, &length));
    ck_assert_uint_eq(length, 4);
    ck_assert_mem_eq(back, bytes, 4);
    ck_assert(hex_decode("", 0, back, &length));
    ck_assert_uint_eq(length, 0);
}
END_TEST

START_TEST(hex_with_a_half_byte_or_another_character_is_refused) {
    static const char *const bad[] = {"0", "001", "0g", "g0", "0x", " 00", "00 ", "0 0 ", "\xC3\xA9", "-1", "+1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[8];
        size_t length;
        ck_assert_msg(!hex_decode(bad[i], strlen(bad[i]), out, &length), "%s was accepted", bad[i]);
    }
}
END_TEST

START_TEST(every_code_point_is_encoded_to_utf8_and_recognised) {
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        uint8_t out[4];
        if (code_point == 0xD800) {
            code_point = 0xE000;
        }
        const size_t length = utf8_encode(code_point, out);
        const size_t wanted = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
        /* Not ck_assert: it costs a system call, and there are a million of these. */
        if (length != wanted || utf8_sequence_length(out, 4) != length ||
            (length > 1 && utf8_sequence_length(out, length - 1) != 0)) {
            ck_abort_msg("U+%04X", (unsigned)code_point);
        }
    }
}
END_TEST

/* Decodes with no table and no ranges but the definition, as an independent judge. */
static bool is_utf8_by_definition(const uint8_t *bytes, size_t length) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t wanted = bytes[0] < 0x80       ? 1
                          : bytes[0] >> 5 == 6  ? 2
                          : bytes[0] >> 4 == 14 ? 3
                          : bytes[0] >> 3 == 30 ? 4
                                                : 0;
    if (wanted == 0 || wanted > length) {
        return false;
    }
    uint32_t code_point = wanted == 1 ? bytes[0] : bytes[0] & (0x7Fu >> wanted);
    for (size_t i = 1; i < wanted; i++) {
        if (bytes[i] >> 6 != 2) {
            return false;
        }
        code_point = code_point << 6 | (bytes[i] & 0x3Fu);
    }
    return code_point >= smallest[wanted] && code_point <= 0x10FFFF && !(code_point >= 0xD800 && code_point <= 0xDFFF);
}

START_TEST(every_sequence_of_three_bytes_is_judged_by_the_definition) {
    for (uint32_t all = 0; all < 1u << 24; all++) {
        const uint8_t bytes[] = {(uint8_t)(all >> 16), (uint8_t)(all >> 8), (uint8_t)all};
        if ((utf8_sequence_length(bytes, 3) > 0) != is_utf8_by_definition(bytes, 3)) {
            ck_abort_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
        }
    }
}
END_TEST

START_TEST(every_four_byte_lead_is_judged_by_the_definition) {
    for (uint32_t all = 0; all < 1u << 16; all++) {
        for (uint32_t last = 0x7F; last <= 0xC0; last += 0x41) {
            const uint8_t bytes[] = {(uint8_t)(0xF0 | all >> 12), (uint8_t)(all >> 4), (uint8_t)(0x80 | (all & 15)),
                                     (uint8_t)last};
            const uint8_t good_end[] = {bytes[0], bytes[1], bytes[2], 0x80};
            if ((utf8_sequence_length(bytes, 4) > 0) != is_utf8_by_definition(bytes, 4) ||
                (utf8_sequence_length(good_end, 4) > 0) != is_utf8_by_definition(good_end, 4)) {
                ck_abort_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
            }
        }
    }
}
END_TEST

START_TEST(the_valid_part_of_a_text_ends_before_the_first_bad_byte) {
    const uint8_t text[] = "a\xC3\xA9\xE2\x82";
    ck_assert_uint_eq(utf8_valid_length(text, 3), 3);
    ck_assert_uint_eq(utf8_valid_length(text, 5), 3);
    ck_assert_uint_eq(utf8_valid_length(text, 0), 0);
}
END_TEST

START_TEST(every_half_goes_to_a_double_and_back) {
    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
        const double value = half_float_to_double((uint16_t)bits);
        uint16_t back;
        ck_assert(half_float_from_double(value, &back));
        ck_assert_uint_eq(back, isnan(value) ? 0x7E00 : bits);
    }
}
END_TEST

START_TEST(a_half_rounds_to_even_and_refuses_what_is_too_large) {
    uint16_t bits = 0;
    ck_assert(half_float_from_double(2049, &bits));
    ck_assert_double_eq(half_float_to_double(bits), 2048);
    ck_assert(half_float_from_double(2051, &bits));
    ck_assert_double_eq(half_float_to_double(bits), 2052);
    ck_assert(half_float_from_double(nextafter(65520, 0), &bits));
    ck_assert_uint_eq(bits, 0x7BFF);
    bits = 0x1234;
    ck_assert(!half_float_from_double(65520, &bits));
    ck_assert(!half_float_from_double(-1e300, &bits));
    ck_assert_uint_eq(bits, 0x1234);
    ck_assert(half_float_from_double(-(double)INFINITY, &bits));
    ck_assert_uint_eq(bits, 0xFC00);
}
END_TEST

START_TEST(a_text_grows_to_its_limit_and_not_beyond) {
    struct text_buffer buffer;
    text_buffer_init(&buffer, 1000);
    for (int i = 0; i < 100; i++) {
        text_buffer_append_string(&buffer, "0123456789");
    }
    ck_assert_int_eq(buffer.state, TEXT_BUFFER_GOOD);
    ck_assert_uint_eq(strlen(buffer.text), 1000);
    text_buffer_append(&buffer, "x", 1);
    ck_assert_int_eq(buffer.state, TEXT_BUFFER_FULL);
    text_buffer_append(&buffer, "", 0);
    ck_assert_ptr_null(text_buffer_extend(&buffer, 0));
    ck_assert_uint_eq(buffer.length, 1000);
    ck_assert_uint_le(buffer.capacity, 1001);
    text_buffer_truncate(&buffer, 10);
    ck_assert_int_eq(buffer.state, TEXT_BUFFER_GOOD);
    ck_assert_str_eq(buffer.text, "0123456789");
    text_buffer_clear(&buffer);
}
END_TEST

START_TEST(a_text_that_never_fits_allocates_nothing) {
    struct text_buffer buffer;
    text_buffer_init(&buffer, 10);
    ck_assert_ptr_null(text_buffer_extend(&buffer, SIZE_MAX));
    ck_assert_ptr_null(buffer.text);
    ck_assert_int_eq(buffer.state, TEXT_BUFFER_FULL);
    text_buffer_clear(&buffer);
}
END_TEST

START_TEST(json_strings_are_escaped) {
    struct text_buffer buffer;
    text_buffer_init(&buffer, 1000);
    text_buffer_append_json_string(&buffer, "a\"\\\b\f\n\r\t\0\x1F/\x7F\xC3\xA9", 14);
    ck_assert_str_eq(buffer.text, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7F\xC3\xA9\"");
    text_buffer_truncate(&buffer, 0);
    text_buffer_append_json_string(&buffer, NULL, 0);
    ck_assert_str_eq(buffer.text, "\"\"");
    text_buffer_clear(&buffer);
}
END_TEST

START_TEST(a_slip_of_the_pen_is_forgiven_and_no_more) {
    static const char *const names[] = {"camera", "timeout_ms", NULL, "args", "x", ""};
    static const struct {
        const char *word;
        const char *meant;
    } cases[] = {
        {"camra", "camera"},
        {"acmera", "camera"},
        {"CAMERA", "camera"},
        {"cameras_", "camera"},
        {"timeoutms", "timeout_ms"},
        {"agrs", "args"},
        {"arg", "args"},
        {"arrgs", "args"},
        {"ags", "args"},
        {"gras", NULL},
        {"y", NULL},
        {"", NULL},
        {"data", NULL},
        {"caaa", NULL},
        {"time", NULL},
        {"atimeout", NULL},
        {"comarra", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = near_miss_find(cases[i].word, strlen(cases[i].word), names, sizeof names / sizeof names[0]);
        if (cases[i].meant == NULL) {
            ck_assert_msg(found == NULL, "%s was taken for %s", cases[i].word, found);
        } else {
            ck_assert_msg(found != NULL && strcmp(found, cases[i].meant) == 0, "%s was not recognised", cases[i].word);
        }
    }
}
END_TEST

START_TEST(a_very_long_word_is_near_nothing) {
    static char word[NEAR_MISS_WORD_MAX + 2];
    const char *const names[] = {word};
    memset(word, 'a', sizeof word - 1);
    ck_assert_ptr_null(near_miss_find(word, sizeof word - 1, names, 1));
    word[NEAR_MISS_WORD_MAX] = '\0';
    ck_assert_ptr_eq(near_miss_find(word, NEAR_MISS_WORD_MAX, names, 1), word);
}
END_TEST

Suite *test_suite(void) {
    const TTest *const tests[] = {
        base64_is_encoded_as_the_rfc_shows,
        base64_is_decoded_as_the_rfc_shows_also_in_place,
        base64_that_no_encoder_writes_is_refused,
        base64_gives_every_length_back,
        hex_goes_both_ways_and_takes_either_case,
        hex_with_a_half_byte_or_another_character_is_refused,
        every_code_point_is_encoded_to_utf8_and_recognised,
        every_sequence_of_three_bytes_is_judged_by_the_definition,
        every_four_byte_lead_is_judged_by_the_definition,
        the_valid_part_of_a_text_ends_before_the_first_bad_byte,
        every_half_goes_to_a_double_and_back,
        a_half_rounds_to_even_and_refuses_what_is_too_large,
        a_text_grows_to_its_limit_and_not_beyond,
        a_text_that_never_fits_allocates_nothing,
        json_strings_are_escaped,
        a_slip_of_the_pen_is_forgiven_and_no_more,
        a_very_long_word_is_near_nothing,
    };
    Suite *suite = suite_create("encoding");
    TCase *cases = tcase_create("encoding");
    tcase_set_timeout(cases, 60);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
