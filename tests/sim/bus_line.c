/* SPDX-License-Identifier: MIT */
/*
 * Transactions of the host with a camera on SPI or I2C. The camera lives through each, and so does the time; what the two
 * wires of other links suffer by chance, packets suffer here.
 */

#include "world_internal.h"

#include "libopenmvrpc/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Before the clock, so that the camera can arm. */
#define SETTLE_US 100

/* A long packet from nobody is given up after so many bytes, as the link does. */
#define LOOK_SIZE 64

/* With the controller's own chip select only one that takes several messages. */
#define MESSAGE_SIZE 4096

/* How long the adapter's driver waits for a clock that is held low. */
#define DRIVER_TIMEOUT_US 300000

/* Of a line that nobody drives. */
#define IDLE_BYTE 0xff

static void never_send(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    (void)context, (void)data, (void)length, (void)now_us;
    abort();
}

static void live_until(struct world *world, int64_t time_us) {
    world->camera_us = model_step(&world->model, time_us, never_send, world);
}

static bool is_spi(const struct world *world) {
    return world->model.kind == MODEL_STOCK_SPI || world->model.kind == MODEL_EXTENDED_SPI;
}

static int64_t line_time(const struct world *world, size_t length) {
    return 1 + (int64_t)length * 1000000 / world->to_camera.options.byte_rate;
}

static bool is_all_equal(const uint8_t *bytes, size_t length) {
    return length > 1 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* How many bytes of a packet are clocked before it is known that nobody is there. */
static size_t look_size(const struct world *world, size_t length) {
    size_t blind = world->has_own_select ? MESSAGE_SIZE : LOOK_SIZE;
    return length > blind ? LOOK_SIZE : length;
}

/* One course over SPI. Returns how many bytes were clocked. */
static size_t clock_spi(struct world *world, const uint8_t *out, uint8_t *in, size_t length, int64_t begin_us) {
    struct stock_slave *port = world->model.stock;
    size_t look = in != NULL ? look_size(world, length) : length;
    int64_t look_us = begin_us + line_time(world, look), end_us = begin_us + line_time(world, length);
    live_until(world, world->now_us);
    stock_slave_select(port, true, world->now_us);
    live_until(world, begin_us);
    stock_slave_clock(port, out, in, look, begin_us, look_us);
    live_until(world, look_us);
    if (look < length && !is_all_equal(in, look)) {
        stock_slave_clock(port, NULL, in + look, length - look, look_us, end_us);
        look = length;
    }
    stock_slave_select(port, false, begin_us + line_time(world, look));
    return look;
}

static void end(struct world *world, int64_t end_us) {
    live_until(world, end_us);
    world->line_us = end_us;
    world->late_us = end_us - world->now_us;
}

static bool is_reachable(const struct world *world) {
    return world->faults.plugged && !world->faults.silenced;
}

/* A packet to the camera, in bytes that may be changed. Returns whether it was moved as far as the host can tell. */
static bool put(struct world *world, uint8_t *packet, size_t length) {
    int64_t begin_us = world->now_us + SETTLE_US;
    struct wire_fate fate = wire_hit(&world->to_camera, packet, length);
    bool arrives = is_reachable(world) && !fate.dropped && !fate.twice;
    if (is_spi(world)) {
        if (arrives) {
            clock_spi(world, packet, NULL, length, begin_us);
        }
        end(world, begin_us + line_time(world, length));
        return true;
    }
    live_until(world, begin_us);
    size_t moved = fate.cut ? length / 2 : length;
    int64_t end_us = begin_us + line_time(world, moved);
    bool taken =
        arrives && moved > 0 && stock_slave_message(world->model.stock, false, packet, moved, begin_us, end_us) == 0;
    end(world, taken ? end_us : begin_us + 20);
    return taken && !fate.cut;
}

ssize_t bus_line_send(struct world *world, const uint8_t *data, size_t length) {
    uint8_t *packet = malloc(length);
    if (packet == NULL) {
        abort();
    }
    memcpy(packet, data, length);
    bool moved = put(world, packet, length);
    trace_add_bytes(&world->trace, world->now_us, moved ? "host sends" : "host sends in vain", true, data, length);
    free(packet);
    return moved ? (ssize_t)length : 0;
}

/* Fetches a packet. Returns whether anybody has answered. */
static bool get(struct world *world, uint8_t *buffer, size_t size) {
    int64_t begin_us = world->now_us + SETTLE_US;
    size_t moved = size;
    memset(buffer, IDLE_BYTE, size);
    if (!is_reachable(world)) {
        end(world, begin_us + (is_spi(world) ? line_time(world, look_size(world, size)) : 20));
        return false;
    }
    int status = 0;
    if (is_spi(world)) {
        moved = clock_spi(world, NULL, buffer, size, begin_us);
    } else {
        live_until(world, begin_us);
        status =
            stock_slave_message(world->model.stock, true, buffer, size, begin_us, begin_us + line_time(world, size));
    }
    if (status == -ETIMEDOUT) {
        /* The camera holds the clock until its window is over, or the driver gives up. */
        end(world, earlier(world->camera_us, begin_us + DRIVER_TIMEOUT_US));
        return false;
    }
    end(world, status == 0 ? begin_us + line_time(world, moved) : begin_us + 20);
    if (status != 0 || (is_spi(world) && is_all_equal(buffer, moved))) {
        return false;
    }
    note_answer(world, buffer, size);
    struct wire_fate fate = wire_hit(&world->to_host, buffer, size);
    if (fate.cut) {
        memset(buffer + size / 2, IDLE_BYTE, size - size / 2);
    }
    return !fate.dropped && !fate.twice;
}

ssize_t bus_line_receive(struct world *world, uint8_t *buffer, size_t size) {
    bool answered = get(world, buffer, size);
    trace_add_bytes(&world->trace, world->now_us, answered ? "host reads" : "host reads in vain", false, buffer, size);
    return answered ? (ssize_t)size : 0;
}
