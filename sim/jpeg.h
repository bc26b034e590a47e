/* SPDX-License-Identifier: MIT */
#ifndef SIM_JPEG_H
#define SIM_JPEG_H

/* Compresses pictures by libjpeg into a buffer of a fixed size. Never exits or prints, which libjpeg does unless told
 * otherwise. */

#include <stddef.h>
#include <stdint.h>

/*
 * Compresses `width` by `height` pixels (1 to 4096 each) of one (grey) or three bytes (red, green, blue), rows without
 * gaps. `quality` is 1 to 100. Returns 0 and sets `length`; -EMSGSIZE when `capacity` bytes are too few, -ENOMEM, or
 * -EINVAL for arguments out of range.
 */
int sim_jpeg_encode(const uint8_t *pixels, int width, int height, int components, int quality, uint8_t *output,
                    size_t capacity, size_t *length);

#endif
