/* SPDX-License-Identifier: MIT */
/*
 * The callbacks that hand over pictures: whole, in pieces of a held one, raw behind the result (cut-through), or as a
 * stream. Each snapshot stays until the next one, as in a camera's frame buffer.
 */

#include "callbacks_internal.h"

void sim_take_snapshot(struct sim_call *call) {
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    struct sim_image image = {0};
    if (sim_image_take_jpeg(&image, &scene, sim_image_default()) == 0) {
        omvrpc_reply_append(call->reply, image.data, image.length);
    }
    sim_image_clear(&image);
}

void sim_hold_jpeg(struct sim_call *call) {
    struct sim_image_choice choice;
    if (!sim_image_choose_by_name(&choice, (const char *)call->argument, call->length)) {
        return;
    }
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    struct sim_image *held = &call->camera->held[SIM_HELD_JPEG];
    if (sim_image_take_jpeg(held, &scene, choice) < 0) {
        return;
    }
    uint8_t size[4];
    sim_put_u32(size, (uint32_t)held->length);
    omvrpc_reply_append(call->reply, size, sizeof size);
}

void sim_hold_raw(struct sim_call *call) {
    struct sim_image_choice choice;
    if (call->length != 8 ||
        !sim_image_choose_by_constant(&choice, sim_get_u32(call->argument), sim_get_u32(call->argument + 4))) {
        return;
    }
    struct sim_scene scene;
    sim_callbacks_look(call->camera, &scene);
    struct sim_image *held = &call->camera->held[SIM_HELD_RAW];
    if (sim_image_take_raw(held, &scene, choice) < 0) {
        return;
    }
    uint8_t header[16];
    sim_put_u32(header, (uint32_t)choice.size->width);
    sim_put_u32(header + 4, (uint32_t)choice.size->height);
    sim_put_u32(header + 8, choice.format->constant);
    sim_put_u32(header + 12, (uint32_t)held->length);
    omvrpc_reply_append(call->reply, header, sizeof header);
}

void sim_read_held(struct sim_call *call) {
    const struct sim_image *held = &call->camera->held[call->choice];
    if (held->length == 0) {
        return;
    }
    if (call->length == 0) {
        omvrpc_reply_put_bytes(call->reply, held->data, held->length);
        return;
    }
    if (call->length != 8) {
        return;
    }
    size_t offset = sim_get_u32(call->argument), size = sim_get_u32(call->argument + 4);
    if (offset >= held->length) {
        return;
    }
    /* What reaches over the end is cut there, as Python's slices are, with which cameras do this. */
    if (size > held->length - offset) {
        size = held->length - offset;
    }
    omvrpc_reply_append(call->reply, held->data + offset, size);
}

static bool next_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    struct sim_callbacks *camera = context;
    struct sim_stream *stream = &camera->stream;
    *due_us = stream->due_us;
    if (now_us < stream->due_us) {
        return true;
    }
    sim_callbacks_set_time(camera, now_us);
    struct sim_scene scene;
    sim_callbacks_look(camera, &scene);
    if (sim_image_take_jpeg(&stream->frame, &scene, stream->choice) < 0) {
        return false;
    }
    /* A sensor keeps its step, also while no stream is open. What nobody has taken when the next frame is there is lost. */
    int64_t interval_us = 1000000 / camera->behaviour.frames_per_second;
    int64_t begun_us = stream->due_us > 0 ? stream->due_us : now_us;
    stream->due_us = now_us + interval_us - (now_us - begun_us) % interval_us;
    *data = stream->frame.data;
    *length = stream->frame.length;
    return true;
}

void sim_begin_stream(struct sim_call *call) {
    struct sim_stream *stream = &call->camera->stream;
    if (!sim_image_choose_by_name(&stream->choice, (const char *)call->argument, call->length)) {
        return;
    }
    omvrpc_reply_stream(call->reply, next_frame, call->camera);
}
