/* SPDX-License-Identifier: MIT */
/* The table of errors, and how outcomes and errors look to a client. */

#include "encoding.h"
#include "error.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

static cJSON *to_json(const struct error *error) {
    struct text_buffer text;
    text_buffer_init(&text, 1 << 16);
    error_append_json(&text, error);
    ck_assert_int_eq(text.state, TEXT_BUFFER_GOOD);
    cJSON *json = cJSON_Parse(text.text);
    ck_assert_ptr_nonnull(json);
    text_buffer_clear(&text);
    return json;
}

static const char *data_string(const cJSON *json, const char *name) {
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, name));
}

START_TEST(every_reason_has_a_name_and_a_code_of_its_own) {
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        const struct error_row *row = error_row((enum error_reason)i);
        ck_assert_ptr_nonnull(row->name);
        ck_assert_int_lt(row->code, -32000);
        for (int j = ERROR_NONE + 1; j < i; j++) {
            ck_assert_int_ne(error_row((enum error_reason)j)->code, row->code);
            ck_assert_str_ne(error_row((enum error_reason)j)->name, row->name);
        }
    }
}
END_TEST

START_TEST(what_is_retryable_has_not_run) {
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        const struct error_row *row = error_row((enum error_reason)i);
        ck_assert(!row->retryable || row->executed == EXECUTED_NO);
    }
}
END_TEST

START_TEST(an_error_becomes_the_promised_object) {
    struct error error;
    error_set(&error, ERROR_RELEASED, "lent for %d s", 3);
    error.since_ms = 3000;
    cJSON *json = to_json(&error);
    ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(json, "code")->valueint, -32013);
    ck_assert_str_eq(cJSON_GetObjectItemCaseSensitive(json, "message")->valuestring, "lent for 3 s");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    ck_assert_str_eq(data_string(json, "reason"), "released");
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data, "retryable")));
    ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(data, "since_ms")->valueint, 3000);
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(data, "bytes"));
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(data, "cause"));
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_bad_result_carries_its_length_and_bytes) {
    struct error error;
    error_set(&error, ERROR_BAD_RESULT, "does not fit");
    error.bytes = (const uint8_t *)"foob";
    error.length = 4;
    cJSON *json = to_json(&error);
    ck_assert_str_eq(data_string(json, "bytes"), "Zm9vYg==");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(data, "length")->valueint, 4);
    cJSON_Delete(json);
}
END_TEST

static const struct {
    enum omvrpc_outcome outcome;
    enum omvrpc_cause cause;
    bool repeatable;
    enum error_reason reason;
    bool retryable;
    enum error_executed executed;
} outcomes[] = {
    {OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_TIMEOUT, false, ERROR_NOT_DELIVERED, true, EXECUTED_NO},
    {OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE, true, ERROR_NOT_DELIVERED, true, EXECUTED_NO},
    {OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_DAMAGED, false, ERROR_RESULT_UNKNOWN, false, EXECUTED_UNKNOWN},
    {OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST, true, ERROR_RESULT_UNKNOWN, true, EXECUTED_UNKNOWN},
    {OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE, false, ERROR_TOO_LARGE, false, EXECUTED_YES},
    {OMVRPC_TOO_LARGE, OMVRPC_CAUSE_PACKET_LIMIT, false, ERROR_TOO_LARGE, false, EXECUTED_YES},
    {OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_PACKET_LIMIT, false, ERROR_TOO_LARGE, false, EXECUTED_NO},
    {OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_NO_STREAM, false, ERROR_UNSUPPORTED, false, EXECUTED_YES},
};

START_TEST(outcomes_become_errors_that_promise_no_more) {
    struct error error;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        ck_assert(
            error_set_from_outcome(&error, outcomes[i].outcome, outcomes[i].cause, outcomes[i].repeatable, "arm"));
        ck_assert_int_eq(error.reason, outcomes[i].reason);
        ck_assert_int_eq(error.retryable, outcomes[i].retryable);
        ck_assert_int_eq(error.executed, outcomes[i].executed);
        ck_assert_ptr_nonnull(strstr(error.message, "\"arm\""));
        ck_assert_int_eq(error.cause != NULL, outcomes[i].cause != OMVRPC_CAUSE_NONE);
    }
    ck_assert(!error_set_from_outcome(&error, OMVRPC_DONE, OMVRPC_CAUSE_NONE, false, "arm"));
}
END_TEST

START_TEST(messages_stay_valid_text_where_they_are_cut) {
    char long_text[2 * ERROR_MESSAGE_SIZE + 1];
    struct error error;
    for (size_t i = 0; i < sizeof long_text - 1; i += 2) {
        memcpy(long_text + i, "\xC3\xA9", 2);
    }
    long_text[sizeof long_text - 1] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        error_set(&error, ERROR_INTERNAL, "%s%s", shift == 0 ? "" : "x", long_text);
        ck_assert_uint_eq(strlen(error.message), ERROR_MESSAGE_SIZE - 1);
        ck_assert_uint_eq(utf8_valid_length((const uint8_t *)error.message, strlen(error.message)),
                          strlen(error.message));
    }
    error_set(&error, ERROR_INTERNAL, "a\nb\x7f%s", "\xFF");
    ck_assert_str_eq(error.message, "a?b??");
}
END_TEST

static const struct {
    const char *text;
    size_t length;
    const char *name, *message;
} exceptions[] = {
    {"ValueError: no dial 7", 21, "ValueError", "no dial 7"},
    {"OSError", 7, "OSError", ""},
    {"", 0, "", ""},
    {"A: b: c", 7, "A", "b: c"},
    {": lost", 6, "", "lost"},
    {"Odd:one", 7, "Odd:one", ""},
    {"E: \"\\\n\x1b[31m", 11, "E", "\"\\??[31m"},
    {"E: \xff\xc3", 5, "E", "??"},
    {"E: a\0b", 6, "E", "a"},
};

START_TEST(an_exception_is_told_in_two_parts) {
    struct error error;
    error_set_raised(&error, "gauge", "arm", (const uint8_t *)exceptions[_i].text, exceptions[_i].length);
    ck_assert_int_eq(error.executed, EXECUTED_YES);
    ck_assert(!error.retryable);
    ck_assert_ptr_nonnull(strstr(error.message, "\"gauge\""));
    ck_assert_ptr_nonnull(strstr(error.message, "\"arm\""));
    cJSON *json = to_json(&error);
    const cJSON *exception =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "data"), "exception");
    ck_assert_str_eq(data_string(json, "reason"), "callback_failed");
    ck_assert_str_eq(data_string(json, "executed"), "yes");
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(exception, "name")), exceptions[_i].name);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(exception, "message")),
                     exceptions[_i].message);
    cJSON_Delete(json);
}
END_TEST

START_TEST(an_exception_without_an_end_is_cut) {
    static const size_t size = 1 << 16;
    uint8_t *text = malloc(size);
    struct error error;
    for (size_t i = 0; i < size; i++) {
        text[i] = i % 2 == 0 ? 0xC3 : 0xA9;
    }
    error_set_raised(&error, "gauge", "arm", text, size);
    cJSON *json = to_json(&error);
    const cJSON *exception =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "data"), "exception");
    ck_assert_uint_le(strlen(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(exception, "name"))), 300);
    cJSON_Delete(json);
    free(text);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, every_reason_has_a_name_and_a_code_of_its_own);
    tcase_add_test(tests, what_is_retryable_has_not_run);
    tcase_add_test(tests, an_error_becomes_the_promised_object);
    tcase_add_test(tests, a_bad_result_carries_its_length_and_bytes);
    tcase_add_test(tests, outcomes_become_errors_that_promise_no_more);
    tcase_add_test(tests, messages_stay_valid_text_where_they_are_cut);
    tcase_add_loop_test(tests, an_exception_is_told_in_two_parts, 0, sizeof exceptions / sizeof exceptions[0]);
    tcase_add_test(tests, an_exception_without_an_end_is_cut);
    suite_add_tcase(suite, tests);
    return suite;
}
