/* SPDX-License-Identifier: MIT */
/*
 * I2C by i2c-dev.
 *
 * A packet is one message of exactly its length. The camera acknowledges its address only while it is armed, for a message
 * in the direction that it is armed for; anything else is no error but a camera that is not ready.
 */

#include "ready.h"
#include "transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define RATE_DEFAULT 100000

/* A byte and its acknowledgement. */
#define BITS_PER_BYTE 9

/* Addresses that the bus keeps for itself lie below and above these. */
#define ADDRESS_FIRST 0x08
#define ADDRESS_LAST  0x77

/* What a camera may hold the clock within a message, beyond the time of its bytes. The kernel counts in steps of 10 ms. */
#define STRETCH_MS      100
#define TIMEOUT_STEP_MS 10

struct i2c_link {
    struct omvrpc_link link;
    struct transaction transaction;
    struct ready ready;
    int descriptor;
    uint16_t address;
    int64_t ended_us; /* when the last message was over */
};

static struct i2c_link *of(struct omvrpc_link *link) {
    return (struct i2c_link *)link;
}

/* The camera arms anew for each message. */
static void let_it_arm(const struct i2c_link *link) {
    int64_t until_us = link->ended_us + TRANSACTION_SETTLE_US;
    if (omvrpc_now_us() < until_us) {
        struct timespec until = {.tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000 * 1000)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
        }
    }
}

/* Returns 1, 0 when the camera did not take part, or a negative errno. */
static int transact(struct i2c_link *link, uint16_t flags, uint8_t *bytes, size_t length) {
    if (length > OMVRPC_I2C_MESSAGE_MAX) {
        return -EMSGSIZE;
    }
    struct i2c_msg message = {.addr = link->address, .flags = flags, .len = (uint16_t)length, .buf = bytes};
    struct i2c_rdwr_ioctl_data messages = {.msgs = &message, .nmsgs = 1};
    let_it_arm(link);
    int64_t begun_us = omvrpc_now_us();
    int result = ioctl(link->descriptor, I2C_RDWR, &messages);
    int error = errno;
    link->ended_us = omvrpc_now_us();
    if (result < 0 && (error == ENXIO || error == EREMOTEIO)) {
        /* It was not acknowledged, which takes a bus that works. */
        link->transaction = (struct transaction){0};
        return 0;
    }
    errno = error;
    return transaction_judge(&link->transaction, result, link->ended_us - begun_us);
}

static ssize_t i2c_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    /* The kernel's struct serves both directions, so its bytes are never const. */
    int made = transact(of(link), 0, (uint8_t *)(uintptr_t)data, length);
    return made > 0 ? (ssize_t)length : made;
}

static ssize_t i2c_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    int made = transact(of(link), I2C_M_RD, buffer, size);
    return made > 0 ? (ssize_t)size : made;
}

static void i2c_discard(struct omvrpc_link *link) {
    (void)link;
}

static int i2c_descriptor(struct omvrpc_link *link) {
    return ready_descriptor(&of(link)->ready);
}

static int i2c_ready(struct omvrpc_link *link) {
    return ready_is_up(&of(link)->ready);
}

static void i2c_close(struct omvrpc_link *of_link) {
    struct i2c_link *link = of(of_link);
    ready_close(&link->ready);
    if (link->descriptor >= 0) {
        close(link->descriptor);
    }
    free(link);
}

static const struct omvrpc_link_operations operations = {
    .type = "i2c",
    .send = i2c_send,
    .receive = i2c_receive,
    .discard = i2c_discard,
    .descriptor = i2c_descriptor,
    .close = i2c_close,
    .ready = i2c_ready,
};

/* The clock that the device tree gives the adapter of this node, or 0. A property's number is big-endian. */
static uint32_t read_rate(const char *device) {
    const char *name = strrchr(device, '/');
    char path[128];
    uint8_t bytes[4];
    snprintf(path, sizeof path, "/sys/class/i2c-dev/%s/device/of_node/clock-frequency",
             name != NULL ? name + 1 : device);
    FILE *file = fopen(path, "re");
    bool is_read = file != NULL && fread(bytes, 1, sizeof bytes, file) == sizeof bytes;
    if (file != NULL) {
        fclose(file);
    }
    return is_read ? (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3] : 0;
}

/*
 * Bounds what one message may take: the call cannot be interrupted, and drivers give up on long messages where they wait
 * for less. It holds for the adapter, whoever else uses it, and nothing tells what it was, so it cannot be put back. Of
 * what the adapter has like that, such as its retries, only this is needed.
 */
static void bound(int descriptor, uint32_t rate_hz) {
    unsigned long message_ms = (unsigned long)((uint64_t)OMVRPC_I2C_MESSAGE_MAX * BITS_PER_BYTE * 1000 / rate_hz);
    (void)ioctl(descriptor, I2C_TIMEOUT, (message_ms + STRETCH_MS) / TIMEOUT_STEP_MS + 1);
}

static int set_up(struct i2c_link *link, const struct omvrpc_i2c_options *options, uint32_t rate_hz) {
    unsigned long functions = 0;
    link->descriptor = open(options->device, O_RDWR | O_CLOEXEC);
    if (link->descriptor < 0) {
        return -errno;
    }
    if (ioctl(link->descriptor, I2C_FUNCS, &functions) < 0) {
        return -errno;
    }
    if ((functions & I2C_FUNC_I2C) == 0) {
        return -EOPNOTSUPP;
    }
    /* Messages carry the address themselves; this asks whether somebody has it. */
    if (ioctl(link->descriptor, I2C_SLAVE, (unsigned long)link->address) < 0) {
        return -errno;
    }
    bound(link->descriptor, rate_hz);
    return ready_open(&link->ready, options->ready);
}

struct omvrpc_link *omvrpc_i2c_open(const struct omvrpc_i2c_options *options) {
    if (options->address < ADDRESS_FIRST || options->address > ADDRESS_LAST) {
        errno = EINVAL;
        return NULL;
    }
    struct i2c_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    uint32_t rate_hz = options->rate_hz != 0 ? options->rate_hz : read_rate(options->device);
    rate_hz = rate_hz != 0 ? rate_hz : RATE_DEFAULT;
    link->descriptor = -1;
    link->address = options->address;
    link->link.operations = &operations;
    link->link.info = (struct omvrpc_link_info){
        .byte_rate = rate_hz / BITS_PER_BYTE,
        .receive_buffer = TRANSACTION_RECEIVE_BUFFER,
        .transactions = true,
        .acknowledges = true,
        .packet_max = OMVRPC_I2C_MESSAGE_MAX,
    };
    int error = set_up(link, options, rate_hz);
    if (error != 0) {
        i2c_close(&link->link);
        errno = -error;
        return NULL;
    }
    return &link->link;
}
