/* SPDX-License-Identifier: MIT */
#ifndef BUS_CAMERA_CAN_H
#define BUS_CAMERA_CAN_H

/*
 * The camera's CAN controller, on a genuine interface of the kernel. Frames leave it as fast as a bus of 500 kbit/s lets them,
 * because a virtual interface would drop what comes faster than its listeners read. Where the interface is down or gone it
 * is silent until that is back.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CAN_BYTE_RATE 30000 /* bytes a second, in frames of 8 */

/* The longest packet that is queued. */
#define CAN_PACKET_MOST ((size_t)1 << 20)

struct can;

/* Returns NULL where memory is short. */
struct can *can_new(const char *interface, unsigned id);
void can_free(struct can *can);

/* To be polled for input, or -1. */
int can_descriptor(const struct can *can);

/* Queues a packet, cut into frames; one that finds no room is lost. */
void can_queue(struct can *can, const uint8_t *data, size_t length);

/* Sends what is due. Returns the microseconds until more is, or until the interface is looked for again. */
int64_t can_send_due(struct can *can, int64_t now_us);

/* Returns the bytes of the next frame in `frame`, at most 8, or -1 where there is none now. */
ssize_t can_receive(struct can *can, uint8_t frame[8]);

#endif
