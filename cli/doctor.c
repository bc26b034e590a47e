/* SPDX-License-Identifier: MIT */
/* The table of steps, and what they share. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "need.h"
#include "reasons.h"

#define DEVICES "/dev/"

const struct doctor_step doctor_steps[] = {
    {"daemon", DOCTOR_ALL, doctor_look_daemon},
    {"camera", DOCTOR_ALL, doctor_look_camera},
    {"usb", DOCTOR_USB, doctor_look_usb},
    {"node", DOCTOR_USB | DOCTOR_SERIAL | DOCTOR_SPI | DOCTOR_I2C, doctor_look_node},
    {"rights", DOCTOR_USB | DOCTOR_SERIAL | DOCTOR_SPI | DOCTOR_I2C, doctor_look_rights},
    {"interface", DOCTOR_CAN, doctor_look_interface},
    {"lines", DOCTOR_USB | DOCTOR_SERIAL | DOCTOR_SPI | DOCTOR_I2C | DOCTOR_CAN, doctor_look_lines},
    {"console", DOCTOR_SERIAL, doctor_look_console},
    {"login", DOCTOR_SERIAL, doctor_look_login},
    {"holder", DOCTOR_USB | DOCTOR_SERIAL, doctor_look_holder},
    {"answer", DOCTOR_ALL, doctor_look_answer},
    {"modem_manager", DOCTOR_USB | DOCTOR_SERIAL, doctor_look_modem_manager},
    {"calls", DOCTOR_ALL, doctor_look_calls},
    {"round_trip", DOCTOR_ALL, doctor_look_round_trip},
    {"wire", DOCTOR_ALL, doctor_look_wire},
    {"describe", DOCTOR_ALL, doctor_look_describe},
    {NULL, 0, NULL},
};

void doctor_take_node(struct doctor *doctor, char *node) {
    free(doctor->node);
    free(doctor->tty);
    /* Behind a link, as /dev/serial0 is one, the kernel has another name for it. */
    char *real = realpath(node, NULL);
    const char *path = real ? real : node;
    doctor->node = node;
    doctor->tty = need_memory(strdup(strncmp(path, DEVICES, strlen(DEVICES)) == 0 ? path + strlen(DEVICES) : path));
    free(real);
}

static bool is_same_node(const char *one, const char *other) {
    char *one_real = realpath(one, NULL);
    char *other_real = realpath(other, NULL);
    bool same = one_real && other_real ? strcmp(one_real, other_real) == 0 : strcmp(one, other) == 0;
    free(one_real);
    free(other_real);
    return same;
}

static char *member_text(struct json_text row, const char *name) {
    struct json_text member;
    bool found = json_text_member(row, name, &member) && json_text_kind(member) != JSON_NULL;
    return found ? need_memory(json_text_decode(member, NULL)) : NULL;
}

char *doctor_camera_member(const struct doctor *doctor, const char *name) {
    return member_text(doctor->camera, name);
}

bool doctor_is_in_state(const struct doctor *doctor, const char *state) {
    char *text = doctor_camera_member(doctor, "state");
    bool is = text && strcmp(text, state) == 0;
    free(text);
    return is;
}

char *doctor_text(struct json_text object, const char *name) {
    char *text = member_text(object, name);
    return text ? text : need_memory(strdup(""));
}

/* Whether a row is the camera that is looked at: by its name, else by its port, else any. */
static bool is_meant(const struct doctor *doctor, struct json_text row) {
    const char *key = doctor->wanted ? "name" : "device";
    const char *wanted = doctor->wanted ? doctor->wanted : doctor->node;
    char *text = member_text(row, key);
    bool meant = !wanted || (text && (doctor->wanted ? strcmp(text, wanted) == 0 : is_same_node(text, wanted)));
    free(text);
    return meant;
}

bool doctor_ask_cameras(struct doctor *doctor) {
    struct json_text name;
    struct json_text row;
    reply_free(&doctor->cameras);
    doctor->camera = (struct json_text){0};
    int code = client_request(doctor->client, "cameras", NULL, CLIENT_INSTANT_MS, &doctor->cameras);
    struct json_walk walk = json_walk_begin(code == CTL_OK ? doctor->cameras.result : (struct json_text){0});
    while (json_walk_next(&walk, &name, &row)) {
        if (is_meant(doctor, row)) {
            doctor->camera = row;
            break;
        }
    }
    doctor->is_online = doctor_is_in_state(doctor, "online");
    return code == CTL_OK;
}

void doctor_clear(struct doctor *doctor) {
    reply_free(&doctor->cameras);
    free(doctor->name);
    free(doctor->node);
    free(doctor->tty);
}
