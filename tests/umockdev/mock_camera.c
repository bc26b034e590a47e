/* SPDX-License-Identifier: MIT */
/* The camera behind the mocked buses. See mock_camera.h. */

#include "mock_camera.h"

#include "packet.h"
#include "tests/sim/stock_slave.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOB_MOST ((size_t)256 << 10)

/* A stock camera waits for 2 ms. The machine that runs this may be busy for longer, which is not what is tested. */
#define WINDOW_MS 40

struct mock_camera {
    const struct mock_settings *settings;
    struct stock_slave *slave;
    bool is_spi;
    int64_t now_us; /* of the line, at most that of the clock */
    uint8_t small[32];
    uint8_t *blob;
    size_t frame_length;
    uint32_t executions;
    enum mock_fault ordered, fault;
    uint32_t ordered_count, fault_count;
    uint64_t ordered_result; /* of the count of results: that of the order itself */
};

struct callback {
    const char *name;
    void (*run)(struct mock_camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply);
};

static uint32_t number_at(const uint8_t *argument, size_t length, size_t index) {
    return length >= 4 * (index + 1) ? get_u32(argument + 4 * index) : 0;
}

static size_t fill_blob(struct mock_camera *camera, uint32_t length) {
    size_t size = length < BLOB_MOST ? length : BLOB_MOST;
    for (size_t i = 0; i < size; i++) {
        camera->blob[i] = (uint8_t)(i * 7 + length);
    }
    return size;
}

static void run_echo(struct mock_camera *camera, const uint8_t *argument, size_t length,
                     struct stock_slave_reply *reply) {
    (void)camera;
    reply->result = argument;
    reply->length = length;
}

static void run_blob(struct mock_camera *camera, const uint8_t *argument, size_t length,
                     struct stock_slave_reply *reply) {
    reply->length = fill_blob(camera, number_at(argument, length, 0));
    reply->result = camera->blob;
}

static void run_equal(struct mock_camera *camera, const uint8_t *argument, size_t length,
                      struct stock_slave_reply *reply) {
    run_blob(camera, argument, length, reply);
    memset(camera->blob, 0, reply->length);
}

static void run_picture(struct mock_camera *camera, const uint8_t *argument, size_t length,
                        struct stock_slave_reply *reply) {
    (void)argument, (void)length;
    reply->length = fill_blob(camera, MOCK_PICTURE);
    reply->result = camera->blob;
}

static void run_hold(struct mock_camera *camera, const uint8_t *argument, size_t length,
                     struct stock_slave_reply *reply) {
    run_picture(camera, argument, length, reply);
    put_u32(camera->small, (uint32_t)reply->length);
    reply->result = camera->small;
    reply->length = 4;
}

static void run_piece(struct mock_camera *camera, const uint8_t *argument, size_t length,
                      struct stock_slave_reply *reply) {
    size_t offset = number_at(argument, length, 0), size = number_at(argument, length, 1);
    offset = offset < MOCK_PICTURE ? offset : MOCK_PICTURE;
    size = size < MOCK_PICTURE - offset ? size : MOCK_PICTURE - offset;
    run_picture(camera, argument, length, reply);
    reply->result += offset;
    reply->length = size;
}

static void run_slow(struct mock_camera *camera, const uint8_t *argument, size_t length,
                     struct stock_slave_reply *reply) {
    run_echo(camera, argument, length, reply);
    reply->duration_us = (int64_t)number_at(argument, length, 0) * 1000;
}

static void run_raw(struct mock_camera *camera, const uint8_t *argument, size_t length,
                    struct stock_slave_reply *reply) {
    reply->raw_length = fill_blob(camera, number_at(argument, length, 0));
    reply->raw = camera->blob;
}

static bool give_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    const struct mock_camera *camera = context;
    *due_us = now_us;
    *data = camera->blob;
    *length = camera->frame_length;
    return true;
}

static void begin_stream(struct mock_camera *camera, uint32_t frame_length, struct stock_slave_reply *reply) {
    camera->frame_length = fill_blob(camera, frame_length);
    reply->source = give_frame;
    reply->source_context = camera;
}

static void run_stream(struct mock_camera *camera, const uint8_t *argument, size_t length,
                       struct stock_slave_reply *reply) {
    begin_stream(camera, number_at(argument, length, 0), reply);
}

static void run_image_stream(struct mock_camera *camera, const uint8_t *argument, size_t length,
                             struct stock_slave_reply *reply) {
    (void)argument, (void)length;
    begin_stream(camera, MOCK_FRAME, reply);
}

static void run_dark_raw(struct mock_camera *camera, const uint8_t *argument, size_t length,
                         struct stock_slave_reply *reply) {
    run_raw(camera, argument, length, reply);
    memset(camera->blob, 0, reply->raw_length);
}

static void run_dark_stream(struct mock_camera *camera, const uint8_t *argument, size_t length,
                            struct stock_slave_reply *reply) {
    run_stream(camera, argument, length, reply);
    memset(camera->blob, 0, camera->frame_length);
}

static void run_fault(struct mock_camera *camera, const uint8_t *argument, size_t length,
                      struct stock_slave_reply *reply) {
    (void)reply;
    camera->ordered = (enum mock_fault)number_at(argument, length, 0);
    camera->ordered_count = number_at(argument, length, 1);
    camera->ordered_result = stock_slave_counts(camera->slave)->results;
}

static void run_bus(struct mock_camera *camera, const uint8_t *argument, size_t length,
                    struct stock_slave_reply *reply) {
    (void)argument, (void)length;
    const struct mock_settings *settings = camera->settings;
    const uint32_t numbers[] = {settings->mode,    settings->speed_hz, settings->bits,
                                settings->timeout, settings->retries,  camera->executions};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        put_u32(camera->small + 4 * i, numbers[i]);
    }
    reply->result = camera->small;
    reply->length = sizeof numbers;
}

static const struct callback callbacks[] = {
    {"echo", run_echo},
    {"blob", run_blob},
    {"equal", run_equal},
    {"raw", run_raw},
    {"bus", run_bus},
    {"slow", run_slow},
    {"jpeg_snapshot", run_picture},
    {"jpeg_image_snapshot", run_hold},
    {"jpeg_image_read", run_piece},
    {"stream", run_stream},
    {"jpeg_image_stream", run_image_stream},
    {"dark_raw", run_dark_raw},
    {"dark_stream", run_dark_stream},
    {"fault", run_fault},
};

static void run(void *context, uint32_t command, const uint8_t *argument, size_t length,
                struct stock_slave_reply *reply) {
    struct mock_camera *camera = context;
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
        if (omvrpc_command_id(callbacks[i].name, strlen(callbacks[i].name)) == command) {
            camera->executions++;
            callbacks[i].run(camera, argument, length, reply);
        }
    }
}

static void never_send(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    (void)context, (void)data, (void)length, (void)now_us;
    abort();
}

struct mock_camera *mock_camera_new(bool is_spi, const struct mock_settings *settings) {
    struct mock_camera *camera = calloc(1, sizeof *camera);
    if (camera == NULL) {
        return NULL;
    }
    const struct stock_slave_options options = {
        .kind = is_spi ? STOCK_SLAVE_SPI : STOCK_SLAVE_I2C,
        .seed = 1,
        .callback = run,
        .context = camera,
        .gc = {200, 700},
        .packet = {20, 100},
        .arm = {20, 60},
        .short_window_ms = WINDOW_MS,
    };
    camera->settings = settings;
    camera->is_spi = is_spi;
    camera->blob = malloc(BLOB_MOST);
    camera->slave = stock_slave_new(&options);
    if (camera->slave == NULL || camera->blob == NULL) {
        mock_camera_free(camera);
        return NULL;
    }
    camera->now_us = omvrpc_now_us();
    stock_slave_step(camera->slave, camera->now_us, never_send, NULL);
    return camera;
}

void mock_camera_free(struct mock_camera *camera) {
    if (camera != NULL) {
        stock_slave_free(camera->slave);
        free(camera->blob);
        free(camera);
    }
}

/* The camera lives until now, or until a time of the line that has come by then. */
static void live_until(struct mock_camera *camera, int64_t time_us) {
    int64_t wait_us = time_us - omvrpc_now_us();
    if (wait_us > 0) {
        struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000 * 1000)};
        nanosleep(&wait, NULL);
    }
    camera->now_us = time_us;
    stock_slave_step(camera->slave, time_us, never_send, NULL);
}

static void catch_up(struct mock_camera *camera) {
    int64_t now_us = omvrpc_now_us();
    live_until(camera, now_us > camera->now_us ? now_us : camera->now_us);
}

enum mock_fault mock_camera_fault(struct mock_camera *camera) {
    size_t left;
    catch_up(camera);
    bool is_fetched = stock_slave_counts(camera->slave)->results > camera->ordered_result &&
                      stock_slave_armed(camera->slave, &left) == STOCK_SLAVE_TAKES;
    if (camera->ordered != MOCK_NO_FAULT && is_fetched) {
        camera->fault = camera->ordered;
        camera->fault_count = camera->ordered_count;
        camera->ordered = MOCK_NO_FAULT;
    }
    if (camera->fault_count == 0) {
        return MOCK_NO_FAULT;
    }
    camera->fault_count--;
    return camera->fault;
}

void mock_camera_select(struct mock_camera *camera, bool selected) {
    catch_up(camera);
    stock_slave_select(camera->slave, selected, camera->now_us);
}

void mock_camera_pause(struct mock_camera *camera, int64_t pause_us) {
    live_until(camera, camera->now_us + pause_us);
}

static int64_t line_time(const struct mock_camera *camera, size_t length) {
    return camera->is_spi ? (int64_t)length * 8 * 1000000 / (camera->settings->speed_hz + 1)
                          : (int64_t)length * 9 * 1000000 / MOCK_RATE_HZ;
}

void mock_camera_clock(struct mock_camera *camera, const uint8_t *out, uint8_t *in, size_t length) {
    int64_t begin_us = camera->now_us;
    int64_t end_us = begin_us + line_time(camera, length);
    stock_slave_clock(camera->slave, out, in, length, begin_us, end_us);
    live_until(camera, end_us);
}

int mock_camera_message(struct mock_camera *camera, bool reads, uint8_t *data, size_t length) {
    catch_up(camera);
    int64_t end_us = camera->now_us + line_time(camera, length);
    int status = stock_slave_message(camera->slave, reads, data, length, camera->now_us, end_us);
    if (status == 0) {
        live_until(camera, end_us);
    }
    return status;
}
