/* SPDX-License-Identifier: MIT */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

/* What links on a non-blocking descriptor of bytes share: serial ports, ptys, sockets. Inside the library only. */

#include "openmvrpc.h"

struct descriptor_link {
    struct omvrpc_link link;
    int descriptor;
    bool is_terminal;
    bool is_exclusive; /* a terminal that this link keeps from others by TIOCEXCL */
    bool is_socket;
};

extern const struct omvrpc_link_operations descriptor_operations;

#endif
