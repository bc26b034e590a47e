/* SPDX-License-Identifier: MIT */
#ifndef SIM_LINE_H
#define SIM_LINE_H

/*
 * One direction of a wire with faults: packets go in whole, bytes come out when they are due. Knows nothing of
 * descriptors and reads no clock.
 *
 * Bytes keep their order, as on every wire: what is behind a late packet is late as well. Damage is 1 to 3 bits within
 * a burst of 16, which CRC-16 always finds. Faults come in the order stall, delay, drop, cut, damage, double; one
 * packet can have several.
 */

#include "faults.h"

#include <stdbool.h>

struct sim_line;

/* `direction` keeps the two lines of a wire from having the same faults. Returns NULL when memory is short. */
struct sim_line *sim_line_new(const struct sim_faults *faults, unsigned direction);
void sim_line_free(struct sim_line *line);

/* Puts a packet in, copied. Returns 0 or -ENOMEM, which loses it. Its length is at least 1. */
int sim_line_put(struct sim_line *line, const uint8_t *data, size_t length, int64_t now_us);

/* Returns the bytes that have arrived by now and sets their number, 0 when there are none. Valid until the next call.
 */
const uint8_t *sim_line_arrived(struct sim_line *line, int64_t now_us, size_t *length);

/* Takes so many of the bytes that sim_line_arrived() showed off the line. */
void sim_line_take(struct sim_line *line, size_t length);

/* Returns when the next bytes arrive, which may be in the past, or INT64_MAX when the line is empty. */
int64_t sim_line_due(const struct sim_line *line);

/* Returns how many bytes are on the line, arrived ones included. The owner puts no more in than it wants to hold. */
size_t sim_line_pending(const struct sim_line *line);

/* Empties the line. */
void sim_line_clear(struct sim_line *line);

#endif
