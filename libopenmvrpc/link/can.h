/* SPDX-License-Identifier: MIT */
#ifndef CAN_H
#define CAN_H

/* The parts of the CAN link, inside the library only: a link on a socket that is open, and the kernel's facts as bytes. */

#include "openmvrpc.h"
#include "ready.h"

/*
 * Makes a link on a descriptor that moves one struct can_frame a read and a write: a bound CAN socket, or a pair of
 * packet sockets. Takes descriptor and ready line over; where it fails they are the caller's still. Returns NULL with
 * errno set then. `bit_rate` of 0 means the stock script's.
 */
struct omvrpc_link *can_link_new(int descriptor, uint32_t id, uint32_t bit_rate, const struct ready *ready);

/* Reads a kernel's answer to a request for one interface. Returns 0 or a negative errno, -EBADMSG for one that is none.
 */
int can_state_parse(const void *answer, size_t length, struct omvrpc_can_state *state);

#endif
