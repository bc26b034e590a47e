/* SPDX-License-Identifier: MIT */
/* The doctor's steps about CAN interfaces and GPIO lines, by what the kernel shows under /sys and /dev. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "kernel_file.h"
#include "need.h"

#define NET "/sys/class/net"

/* From linux/if_arp.h and linux/if.h; what /sys has of an interface is the number of its kind, and its flags. */
#define KIND_CAN "280"
#define FLAG_UP  0x1UL

/* Whichever chip has the line, all of them belong to one group. */
#define ANY_CHIP "/dev/gpiochip0"

static bool is_up(const char *flags) {
    return (strtoul(flags, NULL, 16) & FLAG_UP) != 0;
}

void doctor_look_interface(struct doctor *doctor, struct doctor_finding *finding) {
    char kind[16], flags[16];
    char *interface = doctor_text(doctor->camera, "interface");
    char *folder = need_text(NET "/%s", interface);
    if (!*interface) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "the daemon does not tell the interface");
    } else if (!kernel_file_read_in(folder, "type", kind, sizeof kind)) {
        doctor_find(
            finding, DOCTOR_FAIL,
            "on a Raspberry Pi a controller and its overlay, such as mcp2515-can0; 'ip -br link' lists what there "
            "is",
            "there is no interface %s", interface);
    } else if (strcmp(kind, KIND_CAN) != 0) {
        doctor_find(finding, DOCTOR_FAIL, "look at \"interface\" in the daemon's configuration",
                    "%s is no CAN interface", interface);
    } else if (!kernel_file_read_in(folder, "flags", flags, sizeof flags) || !is_up(flags)) {
        char *cure =
            need_text("sudo ip link set %s up type can bitrate 250000 sample-point 0.750 restart-ms 100", interface);
        doctor_find(finding, DOCTOR_FAIL, cure, "%s is down", interface);
        free(cure);
    } else {
        doctor_find(finding, DOCTOR_OK, NULL, "%s is up; 'ip -details -statistics link show %s' counts its errors",
                    interface, interface);
    }
    free(folder);
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
