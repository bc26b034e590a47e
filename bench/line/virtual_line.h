/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_LINE_H
#define VIRTUAL_LINE_H

/*
 * A line whose own time is virtual, under link code whose time is real.
 *
 * The system calls of a link (open, ioctl, read, write, send, recv, poll, sleeping, the clock) are bound to functions of
 * virtual_line.c when the program is linked. Behind them is a camera: the model of the stock slave, which takes no time of
 * its own. Bytes take the time that the line's rate gives them, and the clock jumps by it; what the host does in between
 * takes what it takes, and so does waking up.
 */

#include "tests/sim/stock_slave.h"

#include <stdint.h>

enum line_kind { LINE_UART, LINE_CAN, LINE_I2C, LINE_SPI, LINE_KINDS };

/* What a line has seen since line_begin(). Microseconds. */
struct line_times {
    double total_us;
    double line_us;   /* bytes of all packets on the line, either way */
    double settle_us; /* pauses that the protocol asks for, so that the camera can arm */
    unsigned transfers;
};

/* Puts a line and a camera behind the system calls; ends the program where memory is short. */
void line_open(enum line_kind kind, uint32_t bits_per_second, stock_slave_callback *callback, void *context);
void line_close(void);

/* A descriptor that stands for the line where a link is not opened by name. */
int line_descriptor(void);

/* The time that so many bytes take on it, in frames of its own. */
double line_time_us(size_t bytes);

void line_begin(void);
struct line_times line_end(void);

#endif
