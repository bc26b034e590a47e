/* SPDX-License-Identifier: MIT */
/* What a step has found, and what can be said without asking a daemon. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "need.h"

/* Of the stock script, in bits a second. */
#define STOCK_BIT_RATE 250000

void doctor_find(struct doctor_finding *finding, enum doctor_outcome outcome, const char *cure, const char *format,
                 ...) {
    va_list arguments;
    free(finding->found);
    free(finding->cure);
    va_start(arguments, format);
    int length = vasprintf(&finding->found, format, arguments);
    va_end(arguments);
    need_memory(length < 0 ? NULL : finding->found);
    finding->outcome = outcome;
    finding->cure = cure ? need_memory(strdup(cure)) : NULL;
}

static void judge_down(struct doctor_finding *finding, const char *interface, const struct omvrpc_can_state *state) {
    const char *timing = state->condition == OMVRPC_CAN_NO_CONTROLLER
                             ? ""
                             : " type can bitrate 250000 sample-point 0.750 restart-ms 100";
    char *cure = need_text("sudo ip link set %s up%s", interface, timing);
    doctor_find(finding, DOCTOR_FAIL, cure, "%s is down", interface);
    free(cure);
}

/* An interface that is up, by what its controller makes of the bus. */
static void judge_condition(struct doctor_finding *finding, const char *interface,
                            const struct omvrpc_can_state *state) {
    const char *condition = omvrpc_can_condition_name(state->condition);
    char *rate = state->bit_rate != 0 ? need_text(" at %u bit/s", state->bit_rate) : need_text("%s", "");
    char *restart = need_text("sudo ip link set %s type can restart", interface);
    switch (state->condition) {
    case OMVRPC_CAN_BUS_OFF:
        doctor_find(finding, DOCTOR_FAIL,
                    state->restart_ms == 0 ? restart : "the camera's bit rate, and 120 Ohm at both ends",
                    "%s has left the bus after too many errors (%s)%s", interface, condition, rate);
        break;
    case OMVRPC_CAN_ERROR_WARNING:
    case OMVRPC_CAN_ERROR_PASSIVE:
        doctor_find(
            finding, DOCTOR_WARN,
            "power the camera, start its script with the same bit rate, wire CANH and CANL by a transceiver, 120 "
            "Ohm at both ends",
            "%s is up%s, but nobody acknowledges what it sends, or it hears damage (%s, error counts %u and %u)",
            interface, rate, condition, state->send_error_count, state->receive_error_count);
        break;
    default:
        doctor_find(
            finding, DOCTOR_OK, NULL, "%s is up%s%s%s%s", interface, rate, *rate ? ", " : "", *rate ? condition : "",
            state->bit_rate != 0 && state->bit_rate != STOCK_BIT_RATE ? "; the stock script has 250000 bit/s" : "");
        break;
    }
    free(restart);
    free(rate);
}

void doctor_judge_interface(struct doctor_finding *finding, const char *interface, int error,
                            const struct omvrpc_can_state *state) {
    if (error == -ENODEV || error == -EINVAL) {
        doctor_find(
            finding, DOCTOR_FAIL,
            "on a Raspberry Pi a controller and its overlay, such as mcp2515-can0; 'ip -br link' lists what there "
            "is",
            "there is no interface %s", interface);
    } else if (error != 0) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "the kernel does not tell of %s: %s", interface, strerror(-error));
    } else if (!state->is_can) {
        doctor_find(finding, DOCTOR_FAIL, "look at \"interface\" in the daemon's configuration",
                    "%s is no CAN interface", interface);
    } else if (!state->is_up) {
        judge_down(finding, interface, state);
    } else {
        judge_condition(finding, interface, state);
    }
}
