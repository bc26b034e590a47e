/* SPDX-License-Identifier: MIT */
/* The doctor's first steps: is there a daemon, and which camera is meant. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "doctor.h"
#include "need.h"
#include "options.h"
#include "reasons.h"

void doctor_look_daemon(struct doctor *doctor, struct doctor_finding *finding) {
    struct reply reply = {0};
    int code = client_request(doctor->client, "version", NULL, CLIENT_INSTANT_MS, &reply);
    doctor->has_daemon = code == CTL_OK;
    if (doctor->has_daemon) {
        struct ucred peer;
        char *version = doctor_text(reply.result, "openmvd");
        doctor->daemon_pid = client_peer(doctor->client, &peer) ? peer.pid : 0;
        doctor_find(finding, DOCTOR_OK, NULL, "openmvd %s answers", version);
        free(version);
    } else {
        struct json_text data = {0};
        json_text_member(reply.error, "data", &data);
        char *message = doctor_text(reply.error, "message");
        char *hint = doctor_text(data, "hint");
        /* Who names a port may want to look at it before there is a daemon. */
        bool is_needed = !doctor->options->value[OPTION_DEVICE];
        doctor_find(finding, is_needed ? DOCTOR_FAIL : DOCTOR_SKIPPED, *hint ? hint : NULL, "%s", message);
        free(message);
        free(hint);
    }
    reply_free(&reply);
}

static unsigned link_of(const char *type) {
    static const struct {
        const char *type;
        unsigned link;
    } links[] = {
        {"usb", DOCTOR_USB}, {"serial", DOCTOR_SERIAL}, {"sim", DOCTOR_SIM},
        {"spi", DOCTOR_SPI}, {"i2c", DOCTOR_I2C},       {"can", DOCTOR_CAN},
    };
    for (size_t i = 0; type && i < sizeof links / sizeof *links; i++) {
        if (strcmp(links[i].type, type) == 0) {
            return links[i].link;
        }
    }
    return 0;
}

/* Names of all cameras, as `front, top`. */
static char *list_names(struct json_text cameras) {
    char *list = need_memory(strdup(""));
    struct json_walk walk = json_walk_begin(cameras);
    struct json_text name, row;
    while (json_walk_next(&walk, &name, &row)) {
        char *camera = doctor_text(row, "name");
        char *longer = need_text("%s%s%s", list, *list ? ", " : "", camera);
        free(camera);
        free(list);
        list = longer;
    }
    return list;
}

static void take_camera(struct doctor *doctor, struct doctor_finding *finding) {
    char *type = doctor_camera_member(doctor, "type");
    char *device = doctor_camera_member(doctor, "device");
    char *link = doctor_text(doctor->camera, "link");
    char *state = doctor_text(doctor->camera, "state");
    doctor->name = doctor_camera_member(doctor, "name");
    doctor->link = link_of(type);
    if (device && !doctor->node) {
        doctor_take_node(doctor, device);
        device = NULL;
    }
    doctor_find(finding, DOCTOR_OK, NULL, "\"%s\": %s, %s", doctor->name ? doctor->name : "", link, state);
    free(state);
    free(link);
    free(device);
    free(type);
}

/* With no camera of the daemon to look at, --device names the port, or else USB is looked at. */
static void do_without_camera(struct doctor *doctor, struct doctor_finding *finding) {
    bool is_spi = doctor->tty && strncmp(doctor->tty, "spidev", strlen("spidev")) == 0;
    bool is_i2c = doctor->tty && strncmp(doctor->tty, "i2c-", strlen("i2c-")) == 0;
    doctor->link = is_spi ? DOCTOR_SPI : is_i2c ? DOCTOR_I2C : doctor->node ? DOCTOR_SERIAL : DOCTOR_USB;
    if (doctor->node) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "no camera of a daemon is at %s; only the port is looked at",
                    doctor->node);
    } else {
        doctor_find(finding, DOCTOR_SKIPPED, "for a UART, say which: openmvctl doctor --device /dev/ttyAMA0",
                    "without a daemon nobody knows the camera's link; looking for one on USB");
    }
}

void doctor_look_camera(struct doctor *doctor, struct doctor_finding *finding) {
    if (doctor->options->value[OPTION_DEVICE]) {
        doctor_take_node(doctor, need_memory(strdup(doctor->options->value[OPTION_DEVICE])));
    }
    if (!doctor->has_daemon || !doctor_ask_cameras(doctor)) {
        do_without_camera(doctor, finding);
        return;
    }
    size_t count = json_text_count(doctor->cameras.result);
    char *names = list_names(doctor->cameras.result);
    bool is_ambiguous = !doctor->wanted && !doctor->node && count > 1;
    if (doctor->camera.length && !is_ambiguous) {
        take_camera(doctor, finding);
    } else if (doctor->node && !doctor->wanted) {
        do_without_camera(doctor, finding);
    } else if (count == 0) {
        doctor_find(finding, DOCTOR_FAIL, "name one in the daemon's configuration, under \"cameras\"",
                    "the daemon has no camera");
    } else {
        doctor->camera = (struct json_text){0};
        doctor_find(finding, DOCTOR_FAIL, "say which: openmvctl doctor CAMERA",
                    doctor->wanted ? "the daemon has no camera \"%s\"; there are: %s"
                                   : "there are several cameras%s: %s",
                    doctor->wanted ? doctor->wanted : "", names);
    }
    free(names);
}
