/* SPDX-License-Identifier: MIT */
/* What is known of callbacks: the built-in ones, and the sets that add to them. */

#include "callback_at.h"
#include "openmvrpc.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

#define RECTANGLE "{\"format\":\"<HHHH\",\"fields\":[\"x\",\"y\",\"w\",\"h\"]}"
#define DIAL      "{\"format\":\"<H\",\"fields\":[\"dial\"]}"

static void count_fault(void *context, const struct schema_error *error) {
    char(*last)[600] = context;
    const size_t length = strlen(*last);
    schema_error_print(error, "entry", *last + length, 600 - length);
    strncat(*last, "|", 600 - strlen(*last) - 1);
}

static bool add(struct callback_set *set, const char *name, const char *entry, char faults[600]) {
    cJSON *json = cJSON_Parse(entry);
    faults[0] = '\0';
    const bool is_added = callback_set_add(set, name, json, CALLBACK_FROM_CONFIG, count_fault, (char(*)[600])faults);
    cJSON_Delete(json);
    return is_added;
}

START_TEST(the_well_known_callbacks_are_known_by_name_and_by_id) {
    static const struct {
        const char *name;
        const char *args;
        const char *result;
        bool is_repeatable;
        enum callback_schedule schedules;
    } known[] = {
        {"face_detection", "null", RECTANGLE, true, CALLBACK_SCHEDULES_NOTHING},
        {"person_detection", "null", "\"utf8\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"qrcode_detection", "null", "\"utf8\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"datamatrix_detection", "null", "\"utf8\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"barcode_detection", "null", "\"utf8\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"apriltag_detection", "null", "{\"format\":\"<HHHH\",\"fields\":[\"cx\",\"cy\",\"id\",\"rotation\"]}", true,
         CALLBACK_SCHEDULES_NOTHING},
        {"all_qrcode_detection", "null", "\"json\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"all_apriltag_detection", "null", "\"json\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"all_datamatrix_detection", "null", "\"json\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"all_barcode_detection", "null", "\"json\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"color_detection",
         "{\"format\":\"<bbbbbb\",\"fields\":[\"l_min\",\"l_max\",\"a_min\",\"a_max\",\"b_min\",\"b_max\"]}",
         "{\"format\":\"<HH\",\"fields\":[\"cx\",\"cy\"]}", true, CALLBACK_SCHEDULES_NOTHING},
        {"jpeg_snapshot", "null", "\"jpeg\"", true, CALLBACK_SCHEDULES_NOTHING},
        {"jpeg_image_snapshot", "\"utf8\"", "{\"format\":\"<I\",\"fields\":[\"size\"]}", true,
         CALLBACK_SCHEDULES_NOTHING},
        {"jpeg_image_read", "{\"format\":\"<II\",\"fields\":[\"offset\",\"size\"],\"optional\":true}", "\"bytes\"",
         false, CALLBACK_SCHEDULES_CUT_THROUGH},
        {"raw_image_snapshot", "{\"format\":\"<II\",\"fields\":[\"pixformat\",\"framesize\"]}",
         "{\"format\":\"<IIII\",\"fields\":[\"width\",\"height\",\"pixformat\",\"size\"]}", true,
         CALLBACK_SCHEDULES_NOTHING},
        {"raw_image_read", "{\"format\":\"<II\",\"fields\":[\"offset\",\"size\"],\"optional\":true}", "\"bytes\"",
         false, CALLBACK_SCHEDULES_CUT_THROUGH},
        {"jpeg_image_stream", "\"utf8\"", "null", false, CALLBACK_SCHEDULES_STREAM},
    };
    const size_t count = sizeof known / sizeof known[0];
    struct callback_set *set = callback_set_new(NULL);
    ck_assert_ptr_nonnull(set);
    for (size_t i = 0; i < count; i++) {
        const struct callback *callback = callback_find(set, known[i].name);
        ck_assert_msg(callback != NULL, "%s", known[i].name);
        ck_assert_str_eq(schema_text(callback->args), known[i].args);
        ck_assert_str_eq(schema_text(callback->result), known[i].result);
        ck_assert_int_eq(callback->is_repeatable, known[i].is_repeatable);
        ck_assert_int_eq(callback->schedules, known[i].schedules);
        ck_assert_int_eq(callback->origin, CALLBACK_BUILT_IN);
        ck_assert_ptr_nonnull(callback->doc);
        ck_assert_ptr_eq(callback_find_id(set, omvrpc_command_id(known[i].name, strlen(known[i].name))), callback);
        ck_assert_ptr_eq(callback_at(set, i), callback);
    }
    ck_assert_ptr_null(callback_at(set, count));
    ck_assert_ptr_null(callback_find(set, "no_such"));
    ck_assert_ptr_null(callback_find_id(set, 0));
    callback_set_free(set);
}
END_TEST

START_TEST(a_set_adds_to_and_overrides_the_one_behind_it) {
    char faults[600];
    struct callback_set *built_in = callback_set_new(NULL);
    struct callback_set *camera = callback_set_new(built_in);
    ck_assert(add(camera, "read_gauge",
                  "{\"args\":" DIAL ",\"result\":{\"format\":\"<f\",\"fields\":[\"bar\"]},\"repeatable\":true,"
                  "\"timeout_ms\":3000,\"doc\":\"d\"}",
                  faults));
    ck_assert(add(camera, "face_detection", "{\"result\":\"json\"}", faults));
    ck_assert_str_eq(faults, "");

    const struct callback *gauge = callback_find(camera, "read_gauge");
    ck_assert_ptr_nonnull(gauge);
    ck_assert_uint_eq(gauge->timeout_ms, 3000);
    ck_assert(gauge->is_repeatable);
    ck_assert_str_eq(schema_text(gauge->args), DIAL);
    ck_assert_str_eq(callback_origin_name(gauge->origin), "config");
    ck_assert_ptr_eq(callback_find_id(camera, gauge->command_id), gauge);
    ck_assert_ptr_null(callback_find(built_in, "read_gauge"));
    ck_assert_str_eq(schema_text(callback_find(camera, "face_detection")->result), "\"json\"");
    ck_assert_str_eq(schema_text(callback_find(built_in, "face_detection")->result), RECTANGLE);
    ck_assert_ptr_nonnull(callback_find(camera, "jpeg_snapshot"));

    size_t count = 0, faces = 0;
    for (const struct callback *callback; (callback = callback_at(camera, count)) != NULL; count++) {
        faces += strcmp(callback->name, "face_detection") == 0;
    }
    ck_assert_uint_eq(count, 18);
    ck_assert_uint_eq(faces, 1);

    ck_assert(add(camera, "read_gauge", "{\"result\":\"utf8\"}", faults));
    ck_assert_str_eq(schema_text(callback_find(camera, "read_gauge")->result), "\"utf8\"");
    callback_set_free(camera);
    callback_set_free(built_in);
}
END_TEST

START_TEST(every_fault_of_an_entry_is_told) {
    char faults[600];
    struct callback_set *set = callback_set_new(NULL);
    ck_assert(!add(set, "a",
                   "{\"args\":{\"format\":\"<H\",\"fields\":[1]},\"result\":7,\"repeatable\":0,\"timeout_ms\":0.5,"
                   "\"repeatble\":true}",
                   faults));
    ck_assert_str_eq(faults,
                     "entry.args.fields.0: expected a name of 1 to 64 bytes, found 1|"
                     "entry.result: expected a schema such as \"utf8\" or {\"format\": \"<HH\"}, found 7|"
                     "entry.repeatable: expected true or false, found 0|"
                     "entry.timeout_ms: expected milliseconds from 1 to 3600000, found 0.5|"
                     "entry.repeatble: expected only args, result, repeatable, schedules, timeout_ms and doc; did "
                     "you mean \"repeatable\"?|");
    ck_assert_ptr_null(callback_find(set, "a"));
    ck_assert(!add(set, "a", "{\"schedules\":\"streams\",\"doc\":1,\"args\":\"utf8\",\"args\":\"json\"}", faults));
    ck_assert_str_eq(faults, "entry.schedules: expected \"stream\" or \"cut_through\", found \"streams\"|"
                             "entry.doc: expected a sentence in quotes, found 1|"
                             "entry.args: expected every member once, found it twice|");
    ck_assert(!add(set, "a", "[]", faults));
    ck_assert_str_eq(faults, "entry: expected an object such as {\"result\": \"utf8\"}, found an array|");
    ck_assert(!add(set, "#1a2b3c4d", "{}", faults));
    ck_assert(!add(set, "", "{}", faults));
    ck_assert(!add(set, "a b", "{}", faults));
    ck_assert(!add(set, "\xC3\xA9", "{}", faults));
    ck_assert_str_eq(faults, "entry: expected a name of 1 to 64 visible ASCII characters without a # before them|");
    callback_set_free(set);
}
END_TEST

START_TEST(a_set_takes_so_many_callbacks_and_no_more) {
    char faults[600], name[16];
    struct callback_set *parent = callback_set_new(NULL);
    struct callback_set *set = callback_set_new(parent);
    for (size_t i = 0; i < CALLBACKS_MAX; i++) {
        snprintf(name, sizeof name, "c%zu", i);
        ck_assert(add(set, name, "{}", faults));
    }
    ck_assert(!add(set, "more", "{}", faults));
    ck_assert_str_eq(faults, "entry: expected at most 256 callbacks, found more|");
    ck_assert(add(set, "c7", "{\"doc\":\"again\"}", faults));
    callback_set_free(set);
    callback_set_free(parent);
}
END_TEST

static bool add_of(struct callback_set *set, const char *name, const char *entry, enum callback_origin origin) {
    char faults[600] = "";
    cJSON *json = cJSON_Parse(entry);
    const bool is_added = callback_set_add(set, name, json, origin, count_fault, (char(*)[600])faults);
    cJSON_Delete(json);
    return is_added;
}

START_TEST(a_configuration_goes_before_a_camera_and_that_before_what_is_built_in) {
    struct callback_set *config = callback_set_new(NULL);
    struct callback_set *camera = callback_set_new(config);
    ck_assert(add_of(config, "gauge", "{\"result\":\"utf8\"}", CALLBACK_FROM_CONFIG));
    ck_assert(add_of(camera, "gauge", "{\"result\":\"json\"}", CALLBACK_FROM_CAMERA));
    ck_assert(add_of(camera, "face_detection", "{\"result\":\"json\"}", CALLBACK_FROM_CAMERA));
    const struct callback *gauge = callback_find(camera, "gauge");
    ck_assert_int_eq(gauge->origin, CALLBACK_FROM_CONFIG);
    ck_assert_ptr_eq(callback_find_id(camera, gauge->command_id), gauge);
    const struct callback *face = callback_find(camera, "face_detection");
    ck_assert_int_eq(face->origin, CALLBACK_FROM_CAMERA);
    ck_assert_ptr_eq(callback_find_id(camera, face->command_id), face);
    size_t gauges = 0, faces = 0, count = 0;
    for (const struct callback *callback; (callback = callback_at(camera, count)) != NULL; count++) {
        gauges += callback == gauge;
        faces += callback == face;
    }
    ck_assert_uint_eq(gauges, 1);
    ck_assert_uint_eq(faces, 1);
    ck_assert_uint_eq(count, 18);
    callback_set_free(camera);
    callback_set_free(config);
}
END_TEST

START_TEST(what_a_camera_offers_is_all_it_has) {
    struct callback_set *config = callback_set_new(NULL);
    struct callback_set *camera = callback_set_new(config);
    const struct callback *face = callback_find(config, "face_detection");
    ck_assert(callback_set_offers(camera, face->command_id));
    ck_assert(callback_set_offer(camera, "gauge"));
    ck_assert(!callback_set_offers(camera, face->command_id));
    ck_assert(callback_set_offers(camera, omvrpc_command_id("gauge", 5)));
    ck_assert_ptr_null(callback_at(camera, 0));
    ck_assert(callback_set_offer(camera, "face_detection"));
    ck_assert_ptr_eq(callback_at(camera, 0), face);
    ck_assert_ptr_null(callback_at(camera, 1));
    /* The configuration itself knows of no camera. */
    ck_assert(callback_set_offers(config, omvrpc_command_id("gauge", 5)));
    callback_set_free(camera);
    callback_set_free(config);
}
END_TEST

START_TEST(nobody_says_that_a_camera_has_not_what_was_too_much_to_keep) {
    char name[16];
    struct callback_set *config = callback_set_new(NULL);
    struct callback_set *camera = callback_set_new(config);
    for (size_t i = 0; i < CALLBACKS_MAX; i++) {
        snprintf(name, sizeof name, "c%zu", i);
        ck_assert(callback_set_offer(camera, name));
    }
    ck_assert(!callback_set_offers(camera, omvrpc_command_id("more", 4)));
    ck_assert(!callback_set_offer(camera, "more"));
    ck_assert(callback_set_offers(camera, omvrpc_command_id("more", 4)));
    callback_set_free(camera);
    callback_set_free(config);
}
END_TEST

START_TEST(a_shared_set_lives_until_its_last_owner_has_freed_it) {
    struct callback_set *config = callback_set_new(NULL);
    struct callback_set *camera = callback_set_new(config);
    ck_assert(add_of(camera, "gauge", "{}", CALLBACK_FROM_CAMERA));
    ck_assert_ptr_eq(callback_set_share(camera), camera);
    callback_set_free(camera);
    ck_assert_str_eq(callback_find(camera, "gauge")->name, "gauge");
    callback_set_free(camera);
    callback_set_free(config);
}
END_TEST

START_TEST(callbacks_are_alike_where_they_take_and_give_the_same) {
    static const struct {
        const char *entry;
        bool is_like;
    } others[] = {
        {"{\"args\":" DIAL ",\"result\":\"utf8\"}", true},
        {"{\"args\":" DIAL ",\"result\":\"utf8\",\"doc\":\"d\",\"timeout_ms\":7,\"repeatable\":true}", true},
        {"{\"args\":" DIAL ",\"result\":\"json\"}", false},
        {"{\"args\":" DIAL "}", false},
        {"{\"result\":\"utf8\"}", false},
        {"{\"args\":{\"format\":\"<h\",\"fields\":[\"dial\"]},\"result\":\"utf8\"}", false},
        {"{\"args\":{\"format\":\"<H\",\"fields\":[\"dial\"],\"optional\":true},\"result\":\"utf8\"}", false},
        {"{\"args\":" DIAL ",\"result\":\"utf8\",\"schedules\":\"stream\"}", false},
    };
    struct callback_set *set = callback_set_new(NULL);
    ck_assert(add_of(set, "gauge", others[0].entry, CALLBACK_FROM_CAMERA));
    const struct callback *gauge = callback_find(set, "gauge");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert(add_of(set, "other", others[i].entry, CALLBACK_FROM_CAMERA));
        ck_assert_int_eq(callback_is_like(gauge, callback_find(set, "other")), others[i].is_like);
        ck_assert_int_eq(callback_is_like(callback_find(set, "other"), gauge), others[i].is_like);
    }
    ck_assert(!callback_is_like(gauge, NULL));
    ck_assert(!callback_is_like(NULL, gauge));
    ck_assert(callback_is_like(NULL, NULL));
    callback_set_free(set);
}
END_TEST

START_TEST(a_read_is_cut_through_only_without_arguments) {
    char faults[600];
    struct callback_set *set = callback_set_new(NULL);
    const struct callback *read = callback_find(set, "jpeg_image_read");
    ck_assert_int_eq(callback_schedules(read, 0), CALLBACK_SCHEDULES_CUT_THROUGH);
    ck_assert_int_eq(callback_schedules(read, 8), CALLBACK_SCHEDULES_NOTHING);
    ck_assert_int_eq(callback_schedules(callback_find(set, "jpeg_image_stream"), 5), CALLBACK_SCHEDULES_STREAM);
    ck_assert(add(set, "frame", "{\"args\":\"utf8\",\"schedules\":\"cut_through\"}", faults));
    ck_assert_int_eq(callback_schedules(callback_find(set, "frame"), 5), CALLBACK_SCHEDULES_CUT_THROUGH);
    ck_assert_str_eq(callback_schedule_name(CALLBACK_SCHEDULES_CUT_THROUGH), "cut_through");
    ck_assert_ptr_null(callback_schedule_name(CALLBACK_SCHEDULES_NOTHING));
    callback_set_free(set);
}
END_TEST

Suite *test_suite(void) {
    const TTest *const tests[] = {
        the_well_known_callbacks_are_known_by_name_and_by_id,
        a_set_adds_to_and_overrides_the_one_behind_it,
        every_fault_of_an_entry_is_told,
        a_set_takes_so_many_callbacks_and_no_more,
        a_configuration_goes_before_a_camera_and_that_before_what_is_built_in,
        what_a_camera_offers_is_all_it_has,
        nobody_says_that_a_camera_has_not_what_was_too_much_to_keep,
        a_shared_set_lives_until_its_last_owner_has_freed_it,
        callbacks_are_alike_where_they_take_and_give_the_same,
        a_read_is_cut_through_only_without_arguments,
    };
    Suite *suite = suite_create("callback_table");
    TCase *cases = tcase_create("callback_table");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
