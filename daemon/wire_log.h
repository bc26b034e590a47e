/* SPDX-License-Identifier: MIT */
#ifndef WIRE_LOG_H
#define WIRE_LOG_H

/* The wire in the log, at its most talkative level: each packet a line. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As bus_opener.wire, and does nothing while nobody wants that in the log; `name` is the camera's. Called on the worker's
 * thread. */
void wire_log_write(const char *name, bool sent, const uint8_t *data, size_t length);

#endif
