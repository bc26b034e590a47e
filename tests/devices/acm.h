/* SPDX-License-Identifier: MIT */
#ifndef ACM_H
#define ACM_H

/*
 * A USB device of the class CDC-ACM, as a camera is: a serial port made of descriptors, a few control requests, and two
 * bulk endpoints. What goes over these is carried to and from a wire, a socket at whose other end the camera is.
 *
 * Like the cameras, it sends nothing while the host has not raised DTR, and takes a line rate of 921600 for the debug
 * protocol of its makers, in which the wire is not asked at all.
 */

#include <linux/usb/cdc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define ACM_DEBUG_BAUD 921600

struct acm_identity {
    uint16_t vendor, product;
    char serial[32];
};

/* Directions of bytes. */
enum acm_direction { ACM_TO_CAMERA, ACM_FROM_CAMERA };

TAILQ_HEAD(acm_queue, acm_waiting);

struct acm_device {
    struct acm_identity identity;
    int socket; /* to the kernel, or -1 when unplugged */
    int wire;   /* to the camera; the owner's, set before plugging it in */
    struct usb_cdc_line_coding line_coding;
    bool has_dtr, has_rts;
    struct acm_queue to_camera, from_camera, interrupts; /* requests that wait to be completed */
    uint64_t passed[2];                                  /* bytes, by direction, since it was plugged in */
    bool is_cut_planned;
    enum acm_direction cut_direction;
    uint64_t cut_after; /* a number of `passed` */
};

/* Prepares one that is unplugged. */
void acm_init(struct acm_device *device, const struct acm_identity *identity);

/* Into port `port` of the kernel's controller. Returns 0 or a negative errno. */
int acm_plug(struct acm_device *device, unsigned port);

/* Pulls it out, whatever is under way. The wire is left alone. */
void acm_unplug(struct acm_device *device);

/* To be pulled out as soon as so many more bytes have passed in a direction; 0: when the next one would. */
void acm_plan_cut(struct acm_device *device, enum acm_direction direction, uint64_t bytes);

/* The rate the host has set, in bits a second. */
uint32_t acm_baud(const struct acm_device *device);

/* Takes one request from the kernel, which has to have one. Returns false when the kernel has let go of the device. */
bool acm_handle_request(struct acm_device *device);

/* Which way bytes could move if the wire were ready, as events for poll(). */
short acm_wire_events(const struct acm_device *device);

/* Moves bytes as far as they go. Returns false when the planned cut is due. */
bool acm_move_bytes(struct acm_device *device);

#endif
