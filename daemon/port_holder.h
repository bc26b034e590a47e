/* SPDX-License-Identifier: MIT */
#ifndef PORT_HOLDER_H
#define PORT_HOLDER_H

/* Who else has a port open: for messages that name the one to close. */

#include <stdbool.h>
#include <stddef.h>

/*
 * Looks through /proc for processes other than this one that have the node open, or the one that a symbolic link leads to.
 * Writes their names and numbers, such as "screen (pid 4711), agetty (pid 512)", into `text`: as many as fit into `size`
 * bytes with NUL. Returns false where none was found: without root's rights only processes of the same user can be looked
 * into.
 */
bool port_holder_find(const char *device, char *text, size_t size);

#endif
