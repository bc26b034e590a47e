/* SPDX-License-Identifier: MIT */
#ifndef HALF_FLOAT_H
#define HALF_FLOAT_H

/* IEEE 754 binary16, the "e" of Python's struct, which C has no portable type for. */

#include <stdbool.h>
#include <stdint.h>

/*
 * Rounds to the nearest half, ties to even. Returns false, *bits being untouched, where a finite value rounds to one
 * over the largest half, 65504. Infinities pass; every NaN becomes 0x7E00.
 */
bool half_float_from_double(double value, uint16_t *bits);

/* Exact for every half. */
double half_float_to_double(uint16_t bits);

#endif
