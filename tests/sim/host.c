/* SPDX-License-Identifier: MIT */
/* The host of a simulated world: its bus, and the line as it sees it. */

#include "world_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of a frame on CAN. */
#define FRAME 8

struct world_link {
    struct omvrpc_link link;
    struct world *world;
};

static ssize_t link_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    struct world *world = ((struct world_link *)link)->world;
    if (!world->faults.plugged) {
        return -EIO;
    }
    trace_add_bytes(&world->trace, world->now_us, "host sends", true, data, length);
    if (world->faults.silenced) {
        return (ssize_t)length;
    }
    return (ssize_t)wire_send(&world->to_camera, data, length, world->now_us);
}

static ssize_t link_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    struct world *world = ((struct world_link *)link)->world;
    if (!world->faults.plugged) {
        return -EIO;
    }
    size_t received = 0;
    struct wire_piece *piece;
    while ((piece = wire_peek(&world->to_host, world->now_us)) != NULL && received < size) {
        size_t part = piece->length < size - received ? piece->length : size - received;
        memcpy(buffer + received, piece->data, part);
        received += part;
        wire_consume(&world->to_host, part);
    }
    if (received > 0) {
        trace_add_bytes(&world->trace, world->now_us, "host receives", false, buffer, received);
    }
    return (ssize_t)received;
}

/* CAN: whole frames, as far as the camera's controller can keep them. */
static ssize_t can_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    struct world *world = ((struct world_link *)link)->world;
    size_t sent = 0;
    if (!world->faults.plugged) {
        return -EIO;
    }
    trace_add_bytes(&world->trace, world->now_us, "host sends", true, data, length);
    while (sent < length && world->to_host.free_us <= world->now_us) {
        size_t frame = length - sent < FRAME ? length - sent : FRAME;
        if (world->to_camera.bytes + frame > world->to_camera.options.capacity) {
            return (ssize_t)sent;
        }
        if (!world->faults.silenced) {
            wire_send(&world->to_camera, data + sent, frame, world->now_us);
        }
        sent += frame;
    }
    if (sent < length) {
        collide(world, world->now_us);
    }
    return (ssize_t)length;
}

static ssize_t bus_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    return bus_line_send(((struct world_link *)link)->world, data, length);
}

static ssize_t bus_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    return bus_line_receive(((struct world_link *)link)->world, buffer, size);
}

static int bus_ready(struct omvrpc_link *link) {
    struct world *world = ((struct world_link *)link)->world;
    world->was_ready = line_is_ready(world);
    return world->was_ready;
}

bool line_is_ready(const struct world *world) {
    return !world->has_ready_line || stock_slave_is_ready(world->model.stock);
}

static void link_discard(struct omvrpc_link *link) {
    struct world *world = ((struct world_link *)link)->world;
    trace_add(&world->trace, world->now_us, "host discards");
    wire_discard_unsent(&world->to_camera, world->now_us);
    while (wire_peek(&world->to_host, world->now_us) != NULL) {
        wire_consume(&world->to_host, wire_peek(&world->to_host, world->now_us)->length);
    }
}

static int link_descriptor(struct omvrpc_link *link) {
    (void)link;
    return -1;
}

static void link_close(struct omvrpc_link *link) {
    ((struct world_link *)link)->world->link = NULL;
    free(link);
}

static const struct omvrpc_link_operations operations = {
    .type = "simulated",
    .send = link_send,
    .receive = link_receive,
    .discard = link_discard,
    .descriptor = link_descriptor,
    .close = link_close,
};

static const struct omvrpc_link_operations can_operations = {
    .type = "simulated CAN",
    .send = can_send,
    .receive = link_receive,
    .discard = link_discard,
    .descriptor = link_descriptor,
    .close = link_close,
};

static const struct omvrpc_link_operations bus_operations = {
    .type = "simulated bus",
    .send = bus_send,
    .receive = bus_receive,
    .discard = link_discard,
    .descriptor = link_descriptor,
    .close = link_close,
    .ready = bus_ready,
};

/* What such a link says of itself. */
static struct omvrpc_link_info info_of(const struct world *world) {
    enum model_kind kind = world->model.kind;
    bool is_i2c = kind == MODEL_STOCK_I2C || kind == MODEL_EXTENDED_I2C;
    bool transacts = model_kind_transacts(kind);
    return (struct omvrpc_link_info){
        .pairs = !transacts && !model_kind_is_can(kind),
        .byte_rate = world->to_camera.options.byte_rate,
        .receive_buffer = kind == MODEL_STOCK_UART || transacts ? 64
                          : model_kind_is_can(kind)             ? 24
                                                                : HOST_BUFFER,
        .transactions = transacts,
        .acknowledges = is_i2c,
        .packet_max = is_i2c ? OMVRPC_I2C_MESSAGE_MAX : 0,
    };
}

static struct omvrpc_link *open_link(void *context, char *reason, size_t size) {
    struct world *world = context;
    bool transacts = model_kind_transacts(world->model.kind);
    if (!world->faults.plugged && !transacts) {
        snprintf(reason, size, "unplugged");
        return NULL;
    }
    struct world_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        abort();
    }
    link->link.operations = transacts                              ? &bus_operations
                            : model_kind_is_can(world->model.kind) ? &can_operations
                                                                   : &operations;
    link->link.info = info_of(world);
    link->world = world;
    world->link = link;
    return &link->link;
}

static void job_ended(void *context, struct job *job) {
    struct world *world = context;
    world->caller->take_job(world, job);
}

static void state_changed(void *context, size_t camera, enum camera_state state, const char *reason, int64_t now_us) {
    struct world *world = context;
    (void)camera;
    trace_add(&world->trace, now_us, "camera is %s: %s", camera_state_name(state), reason);
    world->caller->change_state(world, state);
}

void host_set_up(struct world *world) {
    const struct bus_events events = {.job_ended = job_ended, .state_changed = state_changed, .context = world};
    const struct bus_opener opener = {.open = open_link, .context = world, .description = "the simulated line"};
    struct bus_camera *camera = bus_camera_new(&opener, OMVRPC_MAX_PAYLOAD_DEFAULT);
    world->bus = bus_new(&events);
    if (world->bus == NULL || camera == NULL) {
        abort();
    }
    bus_add(world->bus, 0, camera, 0);
}

void host_play(struct world *world) {
    if (world->now_us >= world->caller->next_us(world)) {
        world->caller->play(world);
    }
    /* Waking up takes its time. */
    world->host_us = bus_step(world->bus, world->now_us);
    if (world->host_us != INT64_MAX) {
        world->host_us += random_range(&world->random, 0, 60);
    }
}

/* Whether there is room on the line for what waits to be sent. */
static bool has_room(const struct world *world) {
    return bus_wants_output(world->bus, 0) && world->to_camera.bytes < world->to_camera.options.capacity;
}

bool host_is_due(const struct world *world) {
    bool input = world->link != NULL && wire_next(&world->to_host) <= world->now_us;
    bool call = world->now_us >= world->caller->next_us(world);
    bool transacts = model_kind_transacts(world->model.kind);
    bool lost = world->link != NULL && !world->faults.plugged && !transacts;
    bool risen = world->link != NULL && world->has_ready_line && !world->was_ready && line_is_ready(world);
    return world->now_us >= world->faults.preempted_until_us &&
           (world->now_us >= world->host_us || input || call || lost || risen || has_room(world));
}

int64_t host_next_us(const struct world *world) {
    int64_t host_us = earlier(world->host_us, world->caller->next_us(world));
    if (world->link != NULL) {
        host_us = earlier(host_us, wire_next(&world->to_host));
    }
    if (has_room(world)) {
        host_us = earlier(host_us, world->now_us);
    }
    return host_us > world->faults.preempted_until_us ? host_us : world->faults.preempted_until_us;
}
