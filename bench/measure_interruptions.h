/* SPDX-License-Identifier: MIT */
#ifndef MEASURE_INTERRUPTIONS_H
#define MEASURE_INTERRUPTIONS_H

#include "process.h"

#include <cjson/cJSON.h>

/*
 * A viewer of the simulated camera's stream, alone and then beside a client that makes ten calls a second of 2 ms. Returns
 * a row, which the caller owns: how many of the frames still come, and how long the calls wait.
 */
cJSON *measure_interruptions(const struct process *daemon, const char *camera, double seconds);

#endif
