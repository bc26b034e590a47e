/* SPDX-License-Identifier: MIT */
#ifndef SLAVE_THREAD_H
#define SLAVE_THREAD_H

/*
 * The library's slave on a thread of its own, in real time, until its link is closed from the other end. Its clock goes
 * slowly: a master that a busy machine holds up for longer than a camera waits is another test's, in virtual time.
 */

#include "openmvrpc.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLAVE_THREAD_SLOWNESS 10

struct slave_thread {
    pthread_t thread;
    struct omvrpc_slave *slave;
    struct omvrpc_link *link;
    atomic_int deaf;    /* takes bytes and answers none */
    atomic_int hang_up; /* closes its end as soon as something comes */
    atomic_int executions;
    int64_t slow_us; /* how long `slow` takes, by a right clock: longer than any test waits, unless it says otherwise */
    uint8_t *big;
    size_t big_length;
    unsigned frame_number; /* of the stream */
    uint8_t frame[32768];
};

static inline int64_t slave_thread_now_us(void) {
    return omvrpc_now_us() / SLAVE_THREAD_SLOWNESS;
}

static inline void slave_thread_wait(struct slave_thread *host, const struct omvrpc_step *step) {
    int64_t wait_us = step->until_us == INT64_MAX ? 100000 : step->until_us * SLAVE_THREAD_SLOWNESS - omvrpc_now_us();
    if (wait_us <= 0) {
        return;
    }
    wait_us = wait_us < 100000 ? wait_us : 100000;
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)(wait_us * 1000)};
    struct pollfd pollfd = {.fd = host->link->operations->descriptor(host->link),
                            .events = step->kind == OMVRPC_STEP_SEND ? POLLIN | POLLOUT : POLLIN};
    (void)ppoll(&pollfd, 1, &timeout, NULL);
}

static inline void *slave_thread_run(void *context) {
    struct slave_thread *host = context;
    const struct omvrpc_link_operations *operations = host->link->operations;
    uint8_t buffer[4096];
    for (;;) {
        ssize_t received = operations->receive(host->link, buffer, sizeof buffer);
        if (received < 0 || (received > 0 && atomic_load(&host->hang_up))) {
            break;
        }
        if (received > 0 && !atomic_load(&host->deaf)) {
            omvrpc_slave_received(host->slave, buffer, (size_t)received, slave_thread_now_us());
        }
        struct omvrpc_step step;
        omvrpc_slave_next(host->slave, slave_thread_now_us(), &step);
        ssize_t sent = 0;
        if (step.kind == OMVRPC_STEP_SEND) {
            sent = operations->send(host->link, step.data, step.length);
            if (sent < 0) {
                break;
            }
            omvrpc_slave_sent(host->slave, (size_t)sent, slave_thread_now_us());
        }
        if (sent == 0 && received == 0) {
            slave_thread_wait(host, &step);
        }
    }
    omvrpc_link_close(host->link);
    host->link = NULL;
    return NULL;
}

static inline void slave_thread_echo(void *context, const uint8_t *argument, size_t length,
                                     struct omvrpc_reply *reply) {
    struct slave_thread *host = context;
    atomic_fetch_add(&host->executions, 1);
    omvrpc_reply_append(reply, argument, length);
}

static inline void slave_thread_slow(void *context, const uint8_t *argument, size_t length,
                                     struct omvrpc_reply *reply) {
    const struct slave_thread *host = context;
    slave_thread_echo(context, argument, length, reply);
    omvrpc_reply_delay(reply, host->slow_us / SLAVE_THREAD_SLOWNESS);
}

static inline void slave_thread_big(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct slave_thread *host = context;
    (void)argument, (void)length;
    omvrpc_reply_append(reply, host->big, host->big_length);
}

static inline void slave_thread_raw(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct slave_thread *host = context;
    (void)argument, (void)length;
    omvrpc_reply_put_bytes(reply, host->big, host->big_length);
}

/* Every frame is full of its number. */
static inline bool slave_thread_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length,
                                      int64_t *due_us) {
    struct slave_thread *host = context;
    (void)now_us, (void)due_us;
    memset(host->frame, (int)(host->frame_number++ & 0xff), sizeof host->frame);
    *data = host->frame;
    *length = sizeof host->frame;
    return true;
}

static inline void slave_thread_stream(void *context, const uint8_t *argument, size_t length,
                                       struct omvrpc_reply *reply) {
    struct slave_thread *host = context;
    (void)argument, (void)length;
    host->frame_number = 0;
    omvrpc_reply_stream(reply, slave_thread_frame, host);
}

/* Prepares the camera; it may be started several times, one after the other. */
static inline void slave_thread_init(struct slave_thread *host) {
    memset(host, 0, sizeof *host);
    host->slave = omvrpc_slave_new();
    ck_assert_ptr_nonnull(host->slave);
    host->slow_us = INT64_C(600000000);
    host->big_length = (size_t)1 << 20;
    host->big = malloc(host->big_length);
    ck_assert_ptr_nonnull(host->big);
    for (size_t i = 0; i < host->big_length; i++) {
        host->big[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
    }
    ck_assert_int_eq(omvrpc_slave_register(host->slave, "echo", slave_thread_echo, host), 0);
    ck_assert_int_eq(omvrpc_slave_register(host->slave, "slow", slave_thread_slow, host), 0);
    ck_assert_int_eq(omvrpc_slave_register(host->slave, "big", slave_thread_big, host), 0);
    ck_assert_int_eq(omvrpc_slave_register(host->slave, "raw", slave_thread_raw, host), 0);
    ck_assert_int_eq(omvrpc_slave_register(host->slave, "stream", slave_thread_stream, host), 0);
}

/* Starts it on its end of a link, which it closes at its end. Safe in any thread. */
static inline void slave_thread_start_on(struct slave_thread *host, struct omvrpc_link *link) {
    host->link = link;
    omvrpc_slave_reset(host->slave);
    if (pthread_create(&host->thread, NULL, slave_thread_run, host) != 0) {
        abort();
    }
}

/* Starts it on a new link and returns the master's end of that. Safe in any thread. */
static inline struct omvrpc_link *slave_thread_start(struct slave_thread *host) {
    struct omvrpc_link *ends[2];
    if (omvrpc_memory_open(ends) != 0) {
        return NULL;
    }
    slave_thread_start_on(host, ends[1]);
    return ends[0];
}

/* Waits for its end; the other end of the link must have been closed. */
static inline void slave_thread_join(struct slave_thread *host) {
    pthread_join(host->thread, NULL);
}

static inline void slave_thread_clear(struct slave_thread *host) {
    omvrpc_slave_free(host->slave);
    free(host->big);
}

#endif
