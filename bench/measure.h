/* SPDX-License-Identifier: MIT */
#ifndef MEASURE_H
#define MEASURE_H

/* One measurement each. All return a row for the report, which the caller owns, and end the program at a wrong answer.
 */

#include "asker.h"

#include <cjson/cJSON.h>

/* Calls of `echo` in a row for so many seconds. */
cJSON *measure_calls(struct asker *asker, const char *camera, double seconds);

/* `count` results of `blob`, of `size` bytes each. */
cJSON *measure_results(struct asker *asker, const char *camera, uint32_t size, unsigned count);

/* How late the answers of `sleep` are, `count` times, after the first ones from which a master learns its duration. */
cJSON *measure_callbacks(struct asker *asker, const char *camera, uint32_t duration_ms, unsigned count);

/* Frames of a streaming callback, by the library alone, for so many seconds. `what` names the stream in the row. */
cJSON *measure_stream(const char *device, const char *camera, const char *what, const char *callback,
                      const uint8_t *argument, size_t length, double seconds);

#endif
