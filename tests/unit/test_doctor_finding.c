/* SPDX-License-Identifier: MIT */
/* What the doctor says of CAN interfaces in every state that the kernel tells. */

#include "cli/doctor.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

static const struct omvrpc_can_state good = {
    .index = 3,
    .is_can = true,
    .is_up = true,
    .condition = OMVRPC_CAN_ERROR_ACTIVE,
    .bit_rate = 250000,
    .restart_ms = 100,
};

/* `cure` is a part of it, or NULL where there is to be none. */
static void expect(int error, const struct omvrpc_can_state *state, enum doctor_outcome outcome, const char *found,
                   const char *cure) {
    struct doctor_finding finding = {.found = NULL};
    doctor_judge_interface(&finding, "can0", error, state);
    ck_assert_int_eq(finding.outcome, outcome);
    ck_assert_msg(strstr(finding.found, found) != NULL, "it says: %s", finding.found);
    if (cure == NULL) {
        ck_assert_ptr_null(finding.cure);
    } else {
        ck_assert_msg(finding.cure != NULL && strstr(finding.cure, cure) != NULL, "its cure: %s",
                      finding.cure != NULL ? finding.cure : "none");
    }
    free(finding.found);
    free(finding.cure);
}

START_TEST(an_interface_that_is_well_is_told_with_its_rate) {
    struct omvrpc_can_state state = good;
    expect(0, &state, DOCTOR_OK, "can0 is up at 250000 bit/s, ERROR-ACTIVE", NULL);
    state.bit_rate = 500000;
    expect(0, &state, DOCTOR_OK, "at 500000 bit/s, ERROR-ACTIVE; the stock script has 250000 bit/s", NULL);
    state.bit_rate = 0;
    state.condition = OMVRPC_CAN_NO_CONTROLLER;
    expect(0, &state, DOCTOR_OK, "can0 is up", NULL);
}
END_TEST

START_TEST(an_interface_that_is_not_there_or_of_another_kind_fails) {
    struct omvrpc_can_state state = {.is_can = false};
    expect(-ENODEV, &state, DOCTOR_FAIL, "there is no interface can0", "mcp2515-can0");
    expect(0, &state, DOCTOR_FAIL, "can0 is no CAN interface", "\"interface\"");
    expect(-EPERM, &state, DOCTOR_SKIPPED, "Operation not permitted", NULL);
}
END_TEST

START_TEST(an_interface_that_is_down_is_set_up_as_its_kind_needs) {
    struct omvrpc_can_state state = good;
    state.is_up = false;
    state.condition = OMVRPC_CAN_STOPPED;
    expect(0, &state, DOCTOR_FAIL, "can0 is down", "sudo ip link set can0 up type can bitrate 250000");
    state.condition = OMVRPC_CAN_NO_CONTROLLER;
    expect(0, &state, DOCTOR_FAIL, "can0 is down", "sudo ip link set can0 up");
}
END_TEST

START_TEST(a_bus_with_errors_is_a_warning_and_bus_off_a_failure) {
    struct omvrpc_can_state state = good;
    state.condition = OMVRPC_CAN_ERROR_PASSIVE;
    state.send_error_count = 128;
    expect(0, &state, DOCTOR_WARN, "ERROR-PASSIVE, error counts 128 and 0", "120 Ohm");
    state.condition = OMVRPC_CAN_ERROR_WARNING;
    expect(0, &state, DOCTOR_WARN, "ERROR-WARNING", "same bit rate");
    state.condition = OMVRPC_CAN_BUS_OFF;
    expect(0, &state, DOCTOR_FAIL, "has left the bus after too many errors (BUS-OFF)", "bit rate");
    state.restart_ms = 0;
    expect(0, &state, DOCTOR_FAIL, "BUS-OFF", "sudo ip link set can0 type can restart");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("doctor_finding");
    TCase *interfaces = tcase_create("interfaces");
    suite_add_tcase(suite, interfaces);
    tcase_add_test(interfaces, an_interface_that_is_well_is_told_with_its_rate);
    tcase_add_test(interfaces, an_interface_that_is_not_there_or_of_another_kind_fails);
    tcase_add_test(interfaces, an_interface_that_is_down_is_set_up_as_its_kind_needs);
    tcase_add_test(interfaces, a_bus_with_errors_is_a_warning_and_bus_off_a_failure);
    return suite;
}
