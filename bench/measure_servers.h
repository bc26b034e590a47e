/* SPDX-License-Identifier: MIT */
#ifndef MEASURE_SERVERS_H
#define MEASURE_SERVERS_H

/* What the daemon costs as a server, beside one that does the least. Both return a row, which the caller owns. */

#include "process.h"

#include <cjson/cJSON.h>

/*
 * Pings of so many clients at the echo server and at the daemon, in turn, so that what else the machine does meets both.
 * The ratio is the median of those of the turns.
 */
cJSON *measure_pings(const struct process *echo, const struct process *daemon, unsigned clients, double seconds);

/* A stream for so many viewers; `ping_us` is what a ping costs the echo server. */
cJSON *measure_fan_out(const struct process *daemon, unsigned clients, double ping_us, double seconds);

#endif
