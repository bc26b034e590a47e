/* SPDX-License-Identifier: MIT */
/* The callbacks that say what is seen. Seeing nothing is an empty result, as with the public camera scripts. */

#include "callbacks_internal.h"

#include <stdio.h>
#include <string.h>

/* The numbers of image.CODE128 and image.TAG36H11 in the firmware. */
#define FIRMWARE_CODE128  15
#define FIRMWARE_TAG36H11 16

static void append_u16(struct omvrpc_reply *reply, const int *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        omvrpc_reply_append(reply, (uint8_t[]){(uint8_t)values[i], (uint8_t)(values[i] >> 8)}, 2);
    }
}

static void append_text(struct omvrpc_reply *reply, const char *text) {
    omvrpc_reply_append(reply, text, strlen(text));
}

void sim_detect_face(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    const struct sim_box *box = &scene.colored[SIM_FACE].box;
    if (scene.colored[SIM_FACE].seen) {
        append_u16(call->reply, (int[]){box->x, box->y, box->width, box->height}, 4);
    }
}

void sim_detect_person(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    /* The labels of the network that the firmware brings. */
    append_text(call->reply, !scene.colored[SIM_PERSON].seen ? "no_person"
                             : scene.person_arriving         ? "unsure"
                                                             : "person");
}

void sim_detect_color(struct sim_call *call) {
    if (call->length != 6) {
        return;
    }
    int8_t thresholds[6];
    memcpy(thresholds, call->argument, sizeof thresholds);
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    int center[2];
    if (sim_scene_find_color(&scene, thresholds, &center[0], &center[1])) {
        append_u16(call->reply, center, 2);
    }
}

void sim_detect_code(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    if (scene.codes[call->choice].seen) {
        append_text(call->reply, scene.codes[call->choice].text);
    }
}

void sim_detect_tag(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    const struct sim_tag *tag = &scene.tag;
    if (tag->seen) {
        append_u16(call->reply, (int[]){tag->center_x, tag->center_y, tag->id, tag->rotation}, 4);
    }
}

/* Appends the list of one object as the firmware prints it: its rectangle, then what is particular to it. */
static void append_list(struct omvrpc_reply *reply, struct sim_box box, const char *particulars) {
    char text[512];
    snprintf(text, sizeof text, "[{\"x\":%d, \"y\":%d, \"w\":%d, \"h\":%d, %s}]", box.x, box.y, box.width, box.height,
             particulars);
    append_text(reply, text);
}

void sim_detect_all_codes(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    const struct sim_code *code = &scene.codes[call->choice];
    if (!code->seen) {
        return;
    }
    char text[320];
    switch ((enum sim_code_kind)call->choice) {
    case SIM_QRCODE:
        snprintf(text, sizeof text,
                 "\"payload\":\"%s\", \"version\":1, \"ecc_level\":1, \"mask\":2, \"data_type\":4, \"eci\":0",
                 code->text);
        break;
    case SIM_DATAMATRIX:
        snprintf(
            text, sizeof text,
            "\"payload\":\"%s\", \"rotation\":0.000000, \"rows\":12, \"columns\":12, \"capacity\":10, \"padding\":0",
            code->text);
        break;
    case SIM_BARCODE:
    case SIM_CODE_COUNT:
        snprintf(text, sizeof text, "\"payload\":\"%s\", \"type\":%d, \"rotation\":0.000000, \"quality\":40",
                 code->text, FIRMWARE_CODE128);
        break;
    }
    append_list(call->reply, code->box, text);
}

void sim_detect_all_tags(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    const struct sim_tag *tag = &scene.tag;
    if (!tag->seen) {
        return;
    }
    /* Lists give the rotation in radians. As integers, since a program's locale may print a comma for the point. */
    int microradians = (int)((int64_t)tag->rotation * 3141593 / 180);
    char text[320];
    snprintf(text, sizeof text,
             "\"id\":%d, \"family\":%d, \"cx\":%d, \"cy\":%d, \"rotation\":%d.%06d, \"decision_margin\":0.700000, "
             "\"hamming\":0, \"goodness\":0.000000",
             tag->id, FIRMWARE_TAG36H11, tag->center_x, tag->center_y, microradians / 1000000, microradians % 1000000);
    append_list(call->reply, sim_tag_box(tag), text);
}
