/* SPDX-License-Identifier: MIT */
#ifndef CONNECT_H
#define CONNECT_H

/* Connects to a Unix socket. Returns the descriptor, or -1 with errno. */
int connect_socket(const char *path);

#endif
