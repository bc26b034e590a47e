/* SPDX-License-Identifier: MIT */
#ifndef SERIAL_PORT_H
#define SERIAL_PORT_H

/* Opening a serial port, and saying what is wrong with one: what UARTs and USB cameras share. */

#include "openmvrpc.h"

#include <stddef.h>

/* As omvrpc_serial_open(); where that fails, writes what is wrong and what to do into `reason`. */
struct omvrpc_link *serial_port_open(const struct omvrpc_serial_options *options, char *reason, size_t size);

/* Writes that a camera on USB would take 921600 baud for its debug protocol. */
void serial_port_explain_debug_baud(const char *device, char *text, size_t size);

/*
 * Writes why nothing that is a camera answers: by what was heard instead, and by who else has the port open.
 * `description` names the link for people; `device` is its node, or NULL where that is not known.
 */
void serial_port_explain_silence(const char *description, const char *device, const uint8_t *heard, size_t length,
                                 char *reason, size_t size);

#endif
