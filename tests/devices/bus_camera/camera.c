/* SPDX-License-Identifier: MIT */
#include "camera.h"

#include "can.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The stock script's loop: garbage is collected before each window, and a packet is checked. */
#define COLLECT_US     700
#define CHECK_LEAST_US 20
#define CHECK_MOST_US  200
#define ARM_LEAST_US   20
#define ARM_MOST_US    90

/* The mode of the stock slave: clock high when idle, bits taken at its first edge. */
#define MODE      2
#define MODE_MASK 3
#define FLOATING  CAMERA_BUS_FLOATING

static bool is_there(struct camera *camera) {
    return !camera->is_held_in_reset && !faults_draw(&camera->faults, FAULT_ABSENT);
}

/* What is clocked at the wrong edges comes a bit early or late. */
static void shift_bits(uint8_t *bytes, size_t length) {
    uint8_t carried = 1;
    for (size_t i = 0; i < length; i++) {
        uint8_t last = bytes[i] & 1;
        bytes[i] = (uint8_t)(bytes[i] >> 1 | carried << 7);
        carried = last;
    }
}

static void spoil_heard(struct camera *camera, uint8_t *bytes, size_t length) {
    if (faults_draw(&camera->faults, FAULT_DAMAGE)) {
        faults_turn_bit(&camera->faults, bytes, length);
    }
    if (faults_draw(&camera->faults, FAULT_CUT)) {
        memset(bytes + length / 2, FLOATING, length - length / 2);
    }
}

static int move_spi(struct camera *camera, struct soldered_message *transfer, int64_t at_us) {
    uint32_t length = transfer->head.length > 0 ? transfer->head.length : transfer->head.wanted;
    static uint8_t heard[CAMERA_BUS_LENGTH_MAX];
    memset(heard, FLOATING, length);
    if (is_there(camera)) {
        bool is_right = (transfer->head.mode & MODE_MASK) == MODE;
        if (!is_right) {
            shift_bits(transfer->bytes, transfer->head.length);
        }
        const uint8_t *out = transfer->head.length > 0 ? transfer->bytes : NULL;
        stock_slave_clock(camera->slave, out, heard, length, at_us, at_us);
        if (!is_right) {
            shift_bits(heard, length);
        }
        spoil_heard(camera, heard, length);
    }
    memcpy(transfer->bytes, heard, length);
    return 0;
}

static int move_i2c(struct camera *camera, struct soldered_message *transfer, int64_t at_us) {
    if (!is_there(camera)) {
        return -ENXIO;
    }
    bool reads = transfer->head.wanted > 0;
    size_t length = reads ? transfer->head.wanted : transfer->head.length;
    int status = stock_slave_message(camera->slave, reads, transfer->bytes, length, at_us, at_us);
    if (status == 0 && reads) {
        spoil_heard(camera, transfer->bytes, length);
    }
    return status;
}

static void take_transfer(struct camera *camera, struct soldered_message *transfer, int64_t at_us) {
    camera->transactions++;
    if (faults_draw(&camera->faults, FAULT_HANG)) {
        return;
    }
    int status = -EIO;
    if (!faults_draw(&camera->faults, FAULT_ERROR)) {
        if (faults_draw(&camera->faults, FAULT_NOISE)) {
            faults_turn_bit(&camera->faults, transfer->bytes, transfer->head.length);
        }
        bool is_spi = camera->options.kind == STOCK_SLAVE_SPI;
        status = (is_spi ? move_spi : move_i2c)(camera, transfer, at_us);
    }
    soldered_answer(camera->soldered, transfer, status);
}

/* Lines. */

static int drive_ready(struct camera *camera, bool is_ready) {
    if (camera->options.ready_line == NO_LINE || camera->soldered < 0 || is_ready == camera->says_ready) {
        return 0;
    }
    camera->says_ready = is_ready;
    return soldered_say(camera->soldered, CAMERA_BUS_DRIVE, (uint32_t)camera->options.ready_line, is_ready);
}

void camera_reset(struct camera *camera) {
    camera->resets++;
    /* A script that hung runs again. */
    camera->faults.permille[FAULT_ABSENT] = 0;
    if (scene_reset(camera->scene)) {
        stock_slave_reset(camera->slave, camera->now_us);
    }
    drive_ready(camera, false);
    puts("reset");
}

/* A reset lasts while its line is low; from then on the camera boots. */
static void take_reset(struct camera *camera, bool level) {
    if (!level) {
        drive_ready(camera, false);
    } else if (camera->is_held_in_reset) {
        camera_reset(camera);
    }
    camera->is_held_in_reset = !level;
}

static void take_line(struct camera *camera, const struct camera_bus_message *line, int64_t at_us) {
    if ((int)line->number == camera->options.reset_line) {
        take_reset(camera, line->value != 0);
    }
    if (camera->options.kind == STOCK_SLAVE_SPI && (int)line->number == camera->options.select_line) {
        stock_slave_select(camera->slave, line->value == 0, at_us);
    }
}

static int hear_controllers(struct camera *camera) {
    static struct soldered_message message;
    int got;
    while ((got = soldered_hear(camera->soldered, &message)) > 0) {
        camera->stood_still_us = (int64_t)(message.head.waited_ns / 1000);
        int64_t at_us = camera_time(camera, (int64_t)(message.head.time_ns / 1000));
        camera_live_until(camera, at_us);
        if (message.head.kind == CAMERA_BUS_TRANSFER) {
            take_transfer(camera, &message, at_us);
        } else if (message.head.kind == CAMERA_BUS_LINE) {
            take_line(camera, &message.head, at_us);
        }
        camera_live_until(camera, at_us);
    }
    return got;
}

static void hear_frames(struct camera *camera) {
    uint8_t frame[8];
    ssize_t length;
    while ((length = can_receive(camera->can, frame)) >= 0) {
        camera->transactions++;
        int64_t at_us = camera_time(camera, omvrpc_now_us());
        camera_live_until(camera, at_us);
        if (is_there(camera)) {
            if (faults_draw(&camera->faults, FAULT_NOISE)) {
                faults_turn_bit(&camera->faults, frame, (size_t)length);
            }
            stock_slave_deliver(camera->slave, frame, (size_t)length, at_us);
        }
        camera_live_until(camera, at_us);
    }
}

int camera_hear(struct camera *camera) {
    if (camera->can != NULL) {
        hear_frames(camera);
    }
    return camera->soldered >= 0 ? hear_controllers(camera) : 0;
}

int64_t camera_send_due(struct camera *camera) {
    return camera->can != NULL ? can_send_due(camera->can, omvrpc_now_us()) : INT64_MAX;
}

/* Time. */

int64_t camera_time(const struct camera *camera, int64_t real_us) {
    int64_t time_us = real_us - camera->stood_still_us;
    return time_us > camera->now_us ? time_us : camera->now_us;
}

static void send_frames(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    (void)now_us;
    struct camera *camera = context;
    static uint8_t spoilt[CAN_PACKET_MOST];
    if (length > sizeof spoilt || faults_draw(&camera->faults, FAULT_ABSENT)) {
        return;
    }
    memcpy(spoilt, data, length);
    if (faults_draw(&camera->faults, FAULT_DAMAGE)) {
        faults_turn_bit(&camera->faults, spoilt, length);
    }
    can_queue(camera->can, spoilt, faults_draw(&camera->faults, FAULT_CUT) ? length / 2 : length);
}

int64_t camera_live_until(struct camera *camera, int64_t now_us) {
    camera->now_us = now_us;
    if (camera->is_held_in_reset) {
        return INT64_MAX;
    }
    scene_set_time(camera->scene, now_us);
    int64_t next_us = stock_slave_step(camera->slave, now_us, send_frames, camera);
    drive_ready(camera, stock_slave_is_ready(camera->slave));
    return next_us;
}

int64_t camera_live(struct camera *camera, int64_t real_us) {
    int64_t next_us = camera_live_until(camera, camera_time(camera, real_us));
    int64_t now_us = camera_time(camera, omvrpc_now_us());
    return next_us == INT64_MAX ? INT64_MAX : next_us < now_us ? 0 : next_us - now_us;
}

/* Setting up. */

static int solder(struct camera *camera) {
    const struct camera_options *options = &camera->options;
    camera->soldered = soldered_open();
    if (camera->soldered < 0) {
        return camera->soldered;
    }
    /* The pull-ups of its board come before what they keep from being seen low. */
    const struct {
        bool is_wanted;
        enum camera_bus_kind kind;
        int number, value;
    } words[] = {
        {options->reset_line != NO_LINE, CAMERA_BUS_DRIVE, options->reset_line, 1},
        {options->reset_line != NO_LINE, CAMERA_BUS_WATCH, options->reset_line, 0},
        {options->ready_line != NO_LINE, CAMERA_BUS_DRIVE, options->ready_line, 0},
        {options->kind == STOCK_SLAVE_SPI, CAMERA_BUS_DRIVE, options->select_line, 1},
        {options->kind == STOCK_SLAVE_SPI, CAMERA_BUS_ATTACH_SPI, options->select_line, 0},
        {options->kind == STOCK_SLAVE_I2C, CAMERA_BUS_ATTACH_I2C, (int)options->address, 0},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        int error = words[i].is_wanted
                        ? soldered_say(camera->soldered, words[i].kind, (uint32_t)words[i].number, words[i].value)
                        : 0;
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int camera_open(struct camera *camera, const struct camera_options *options) {
    *camera = (struct camera){.options = *options, .soldered = -1, .faults.random = options->seed};
    bool has_lines = options->ready_line != NO_LINE || options->reset_line != NO_LINE;
    camera->scene = scene_new(options->seed, options->extensions);
    camera->slave = stock_slave_new(&(struct stock_slave_options){
        .kind = options->kind,
        .seed = options->seed,
        .callback = scene_run_callback,
        .context = camera->scene,
        .gc = {COLLECT_US, COLLECT_US},
        .packet = {CHECK_LEAST_US, CHECK_MOST_US},
        .arm = {ARM_LEAST_US, ARM_MOST_US},
        .short_window_ms = options->window_ms,
        .byte_rate = options->kind == STOCK_SLAVE_CAN ? CAN_BYTE_RATE : 0,
        .boot_us = options->boot_us,
        .tick_phase_us = (uint32_t)(options->seed % 1000),
    });
    if (camera->scene == NULL || camera->slave == NULL) {
        return -ENOMEM;
    }
    camera_live(camera, omvrpc_now_us());
    int error = options->kind != STOCK_SLAVE_CAN || has_lines ? solder(camera) : 0;
    if (error == 0 && options->kind == STOCK_SLAVE_CAN) {
        camera->can = can_new(options->interface, options->id);
        error = camera->can != NULL ? 0 : -ENOMEM;
    }
    return error;
}

void camera_close(struct camera *camera) {
    if (camera->soldered >= 0) {
        close(camera->soldered);
    }
    can_free(camera->can);
    stock_slave_free(camera->slave);
    scene_free(camera->scene);
}
