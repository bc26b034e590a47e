/* SPDX-License-Identifier: MIT */
#include "can.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_US (INT64_C(1000000) * CAN_MAX_DLEN / CAN_BYTE_RATE)

/* So many frames may have become due while the program slept; what is older than that is later instead. */
#define BURST 16

/* How often an interface that is not there is looked for. */
#define RETRY_US INT64_C(50000)

struct can {
    char interface[IFNAMSIZ];
    canid_t id;
    int socket;
    int64_t retry_us, due_us;
    size_t first, length;
    struct can_frame *queue;
};

#define QUEUE_FRAMES (CAN_PACKET_MOST / CAN_MAX_DLEN)

struct can *can_new(const char *interface, unsigned id) {
    struct can *can = calloc(1, sizeof *can);
    if (can == NULL) {
        return NULL;
    }
    can->queue = malloc(QUEUE_FRAMES * sizeof *can->queue);
    if (can->queue == NULL) {
        free(can);
        return NULL;
    }
    strncpy(can->interface, interface, sizeof can->interface - 1);
    can->id = id & CAN_SFF_MASK;
    can->socket = -1;
    return can;
}

void can_free(struct can *can) {
    if (can != NULL) {
        if (can->socket >= 0) {
            close(can->socket);
        }
        free(can->queue);
        free(can);
    }
}

int can_descriptor(const struct can *can) {
    return can->socket;
}

void can_queue(struct can *can, const uint8_t *data, size_t length) {
    if ((length + CAN_MAX_DLEN - 1) / CAN_MAX_DLEN > QUEUE_FRAMES - can->length) {
        return;
    }
    for (size_t at = 0; at < length; at += CAN_MAX_DLEN) {
        size_t piece = length - at < CAN_MAX_DLEN ? length - at : CAN_MAX_DLEN;
        struct can_frame *frame = &can->queue[(can->first + can->length++) % QUEUE_FRAMES];
        *frame = (struct can_frame){.can_id = can->id, .can_dlc = (uint8_t)piece};
        memcpy(frame->data, data + at, piece);
    }
}

static bool open_socket(struct can *can) {
    int raw = socket(PF_CAN, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, CAN_RAW);
    struct can_filter filter = {.can_id = can->id, .can_mask = CAN_SFF_MASK | CAN_EFF_FLAG | CAN_RTR_FLAG};
    struct sockaddr_can address = {.can_family = AF_CAN, .can_ifindex = (int)if_nametoindex(can->interface)};
    if (raw < 0 || address.can_ifindex == 0 ||
        setsockopt(raw, SOL_CAN_RAW, CAN_RAW_FILTER, &filter, sizeof filter) < 0 ||
        bind(raw, (struct sockaddr *)&address, sizeof address) < 0) {
        if (raw >= 0) {
            close(raw);
        }
        return false;
    }
    can->socket = raw;
    return true;
}

/* What was to be sent is lost with the interface. */
static void lose(struct can *can, int64_t now_us) {
    close(can->socket);
    can->socket = -1;
    can->length = 0;
    can->retry_us = now_us + RETRY_US;
}

int64_t can_send_due(struct can *can, int64_t now_us) {
    if (can->socket < 0 && (now_us < can->retry_us || !open_socket(can))) {
        can->retry_us = now_us < can->retry_us ? can->retry_us : now_us + RETRY_US;
        return can->retry_us - now_us;
    }
    if (can->due_us < now_us - BURST * FRAME_US) {
        can->due_us = now_us - BURST * FRAME_US;
    }
    while (can->length > 0 && can->due_us <= now_us) {
        if (write(can->socket, &can->queue[can->first], sizeof *can->queue) < 0) {
            if (errno == ENODEV || errno == ENXIO) {
                lose(can, now_us);
                return RETRY_US;
            }
            can->length = errno == ENETDOWN ? 0 : can->length;
            return FRAME_US;
        }
        can->first = (can->first + 1) % QUEUE_FRAMES;
        can->length--;
        can->due_us += FRAME_US;
    }
    return can->length > 0 ? can->due_us - now_us : INT64_MAX;
}

ssize_t can_receive(struct can *can, uint8_t frame[8]) {
    struct can_frame got;
    for (;;) {
        ssize_t length = can->socket < 0 ? -1 : read(can->socket, &got, sizeof got);
        if (length == sizeof got) {
            memcpy(frame, got.data, got.can_dlc);
            return got.can_dlc;
        }
        if (length >= 0 || errno == EAGAIN || can->socket < 0) {
            return -1;
        }
        /* ENETDOWN is told once, and then the socket goes on when the interface does. */
        if (errno != ENETDOWN && errno != EINTR) {
            lose(can, 0);
        }
    }
}
