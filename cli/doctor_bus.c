/* SPDX-License-Identifier: MIT */
/* The doctor's steps about CAN interfaces and GPIO lines, by what the kernel tells of them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "need.h"

/* Whichever chip has the line, all of them belong to one group. */
#define ANY_CHIP "/dev/gpiochip0"

void doctor_look_interface(struct doctor *doctor, struct doctor_finding *finding) {
    char *interface = doctor_text(doctor->camera, "interface");
    struct omvrpc_can_state state;
    if (!*interface) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "the daemon does not tell the interface");
    } else {
        doctor_judge_interface(finding, interface, omvrpc_can_read_state(interface, &state), &state);
    }
    free(interface);
}

/* What the lines of a camera are, as "ready GPIO24, reset GPIO25"; the chip select is told by the link. */
static char *list_lines(const struct doctor *doctor) {
    char *link = doctor_text(doctor->camera, "link");
    char *ready = doctor_text(doctor->camera, "ready_line");
    char *reset = doctor_text(doctor->camera, "reset_line");
    const char *cs = strstr(link, ", cs ");
    char *list = need_text("%s%s%s%s%s%s%s", cs ? cs + strlen(", ") : "", cs && (*ready || *reset) ? ", " : "",
                           *ready ? "ready " : "", ready, *ready && *reset ? ", " : "", *reset ? "reset " : "", reset);
    free(reset);
    free(ready);
    free(link);
    return list;
}

void doctor_look_lines(struct doctor *doctor, struct doctor_finding *finding) {
    char *lines = list_lines(doctor);
    struct stat chip;
    if (!doctor->camera.length) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "only a daemon knows its GPIO lines");
    } else if (!*lines) {
        doctor_find(finding, DOCTOR_OK, NULL, "it needs no GPIO lines");
    } else if (stat(ANY_CHIP, &chip) < 0) {
        doctor_find(finding, DOCTOR_FAIL, "take the lines out of the configuration, or run it on the right machine",
                    "this machine has no GPIO chip, and the camera needs %s", lines);
    } else if (doctor_judge_rights(doctor, finding, ANY_CHIP, "gpio")) {
        doctor_find(finding, DOCTOR_OK, NULL, "%s; 'gpioinfo' shows who holds which", lines);
    }
    free(lines);
}
