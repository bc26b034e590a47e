/* SPDX-License-Identifier: MIT */
/* The loop that moves bytes between a descriptor, the two lines of the wire and the slave. */

#include "camera.h"

#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * LINE_LIMIT bounds what each line holds: at that many bytes the camera reads no more, and computes no more until its
 * answers have left, as a program does that writes to a full port. One packet may go beyond it.
 *
 * READ_SIZE is less than what the slave holds without having parsed it (64 KiB).
 *
 * STALL_LIMIT_US is the stock slave's send timeout. When the peer takes nothing for so long, nobody is listening, and
 * what waits for it is dropped.
 */
#define LINE_LIMIT     ((size_t)64 << 10)
#define READ_SIZE      ((size_t)16 << 10)
#define STALL_LIMIT_US 1000000

struct sim_camera {
    struct omvrpc_slave *slave;
    struct sim_callbacks *callbacks;
    struct sim_line *incoming, *outgoing;
    int64_t blocked_since_us; /* when the descriptor first refused output, or 0 */
    uint8_t buffer[READ_SIZE];
};

/* Returned inside this file when the other end is closed, which is no error. */
#define PEER_GONE 1

struct sim_options sim_options_default(void) {
    return (struct sim_options){
        .behaviour = {.seed = 1, .frames_per_second = 30, .duration_us = SIM_DURATION_BELIEVABLE},
    };
}

struct sim_camera *sim_camera_new(const struct sim_options *options) {
    struct sim_camera *camera = calloc(1, sizeof *camera);
    if (!camera) {
        return NULL;
    }
    camera->callbacks = sim_callbacks_new(&options->behaviour);
    camera->slave = omvrpc_slave_new();
    camera->incoming = sim_line_new(&options->faults, 0);
    camera->outgoing = sim_line_new(&options->faults, 1);
    if (!camera->callbacks || !camera->slave || !camera->incoming || !camera->outgoing ||
        sim_callbacks_register(camera->callbacks, camera->slave) < 0) {
        sim_camera_free(camera);
        return NULL;
    }
    return camera;
}

void sim_camera_free(struct sim_camera *camera) {
    if (!camera) {
        return;
    }
    omvrpc_slave_free(camera->slave);
    sim_callbacks_free(camera->callbacks);
    sim_line_free(camera->incoming);
    sim_line_free(camera->outgoing);
    free(camera);
}

static bool has_room(const struct sim_line *line) {
    return sim_line_pending(line) < LINE_LIMIT;
}

/* A pty's master reports EIO, a socket ECONNRESET or EPIPE, when its other end is closed. */
static bool says_peer_gone(int error) {
    return error == EIO || error == ECONNRESET || error == EPIPE;
}

static bool is_transient(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int read_input(struct sim_camera *camera, int descriptor, int64_t now_us) {
    ssize_t count = read(descriptor, camera->buffer, sizeof camera->buffer);
    if (count == 0) {
        return PEER_GONE;
    }
    if (count > 0) {
        /* A packet for which there is no memory is a lost one, which every master survives. */
        (void)sim_line_put(camera->incoming, camera->buffer, (size_t)count, now_us);
        return 0;
    }
    return is_transient(errno) ? 0 : says_peer_gone(errno) ? PEER_GONE : -errno;
}

/* Without SIGPIPE where it can be had: only sockets raise it here, and a program that uses this may not expect it. */
static ssize_t send_bytes(int descriptor, const uint8_t *bytes, size_t length) {
    ssize_t count = send(descriptor, bytes, length, MSG_NOSIGNAL);
    return count < 0 && errno == ENOTSOCK ? write(descriptor, bytes, length) : count;
}

static int write_output(struct sim_camera *camera, int descriptor, int64_t now_us) {
    size_t length;
    const uint8_t *bytes;
    while ((bytes = sim_line_arrived(camera->outgoing, now_us, &length)), length > 0) {
        ssize_t count = send_bytes(descriptor, bytes, length);
        if (count > 0) {
            camera->blocked_since_us = 0;
            sim_line_take(camera->outgoing, (size_t)count);
            continue;
        }
        if (count < 0 && !is_transient(errno)) {
            return says_peer_gone(errno) ? PEER_GONE : -errno;
        }
        if (camera->blocked_since_us == 0) {
            camera->blocked_since_us = now_us;
        }
        if (now_us - camera->blocked_since_us < STALL_LIMIT_US) {
            return 0;
        }
        camera->blocked_since_us = 0;
        sim_line_clear(camera->outgoing);
    }
    return 0;
}

/* Lets the slave say all it has to say now. Returns when it wants to be asked again. */
static int64_t step_slave(struct sim_camera *camera, int64_t now_us) {
    struct omvrpc_step step;
    while (has_room(camera->outgoing)) {
        omvrpc_slave_next(camera->slave, now_us, &step);
        if (step.kind != OMVRPC_STEP_SEND) {
            return step.until_us;
        }
        /* Lost without memory, as above. */
        (void)sim_line_put(camera->outgoing, step.data, step.length, now_us);
        omvrpc_slave_sent(camera->slave, step.length, now_us);
    }
    return INT64_MAX;
}

/* Gives the slave what has arrived, a piece at a time so that it parses one before the next. Returns as step_slave().
 */
static int64_t feed_slave(struct sim_camera *camera, int64_t now_us) {
    sim_callbacks_set_time(camera->callbacks, now_us);
    int64_t again_us = step_slave(camera, now_us);
    size_t length;
    const uint8_t *bytes;
    while (has_room(camera->outgoing) && ((bytes = sim_line_arrived(camera->incoming, now_us, &length)), length > 0)) {
        omvrpc_slave_received(camera->slave, bytes, length, now_us);
        sim_line_take(camera->incoming, length);
        again_us = step_slave(camera, now_us);
    }
    return again_us;
}

/* Returns when output that has been blocked is to be given up, or when the next is due. */
static int64_t output_due(const struct sim_camera *camera) {
    return camera->blocked_since_us != 0 ? camera->blocked_since_us + STALL_LIMIT_US : sim_line_due(camera->outgoing);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int wait_until(struct pollfd *polled, nfds_t count, int64_t until_us) {
    int64_t wait_us = until_us == INT64_MAX ? 0 : until_us - omvrpc_now_us();
    wait_us = wait_us < 0 ? 0 : earlier(wait_us, INT64_C(3600) * 1000000);
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000 * 1000)};
    if (ppoll(polled, count, until_us == INT64_MAX ? NULL : &wait, NULL) < 0 && errno != EINTR) {
        return -errno;
    }
    return 0;
}

/* Does all that can be done now. Sets when to be called again if nothing comes before. */
static int work(struct sim_camera *camera, int descriptor, int64_t *until_us) {
    int64_t now_us = omvrpc_now_us();
    bool was_full;
    do {
        *until_us = feed_slave(camera, now_us);
        was_full = !has_room(camera->outgoing);
        int error = write_output(camera, descriptor, now_us);
        if (error) {
            return error;
        }
    } while (was_full && has_room(camera->outgoing));
    *until_us = earlier(*until_us, output_due(camera));
    if (has_room(camera->outgoing)) {
        *until_us = earlier(*until_us, sim_line_due(camera->incoming));
    }
    return 0;
}

static int run(struct sim_camera *camera, int descriptor, int stop_descriptor) {
    for (;;) {
        int64_t until_us;
        int error = work(camera, descriptor, &until_us);
        if (error) {
            return error;
        }
        bool listens = has_room(camera->incoming);
        struct pollfd polled[] = {
            {.fd = descriptor,
             .events = (short)((listens ? POLLIN : 0) | (camera->blocked_since_us != 0 ? POLLOUT : 0))},
            {.fd = stop_descriptor, .events = POLLIN},
        };
        error = wait_until(polled, 2, until_us);
        if (error) {
            return error;
        }
        if (polled[1].revents) {
            return 0;
        }
        if (polled[0].revents & POLLNVAL) {
            return -EBADF;
        }
        if (polled[0].revents & POLLIN) {
            error = read_input(camera, descriptor, omvrpc_now_us());
        } else if (polled[0].revents & (POLLHUP | POLLERR)) {
            error = PEER_GONE;
        }
        if (error) {
            return error;
        }
    }
}

int sim_camera_run(struct sim_camera *camera, int descriptor, int stop_descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    omvrpc_slave_reset(camera->slave);
    sim_line_clear(camera->incoming);
    sim_line_clear(camera->outgoing);
    camera->blocked_since_us = 0;
    int result = run(camera, descriptor, stop_descriptor);
    return result == PEER_GONE ? 0 : result;
}
