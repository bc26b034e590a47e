/* SPDX-License-Identifier: MIT */
#ifndef TERMIOS2_H
#define TERMIOS2_H

/* The kernel's termios2 in a file of its own: its header cannot be included together with the C library's termios.h. */

#include <stdint.h>

/* Makes the terminal raw, 8N1, at any rate that its driver can set. Returns 0 or a negative errno. */
int termios2_set_raw(int descriptor, uint32_t baud, int rtscts);

/* Returns the rate that the driver has really set, or 0. */
uint32_t termios2_baud(int descriptor);

#endif
