/* SPDX-License-Identifier: MIT */
#ifndef NODE_ACCESS_H
#define NODE_ACCESS_H

/* Nodes below /dev that cannot be opened: who may, and what others there are. */

#include <stdbool.h>
#include <stddef.h>

/*
 * Explains an errno of opening a node by what is wrong with the node itself: it does not exist (`explain_missing` says what
 * would make it), this process may not open it, or it is not `what`, such as "an SPI device". Returns false where it is
 * none of these.
 */
bool node_explain(int error, const char *device, const char *what,
                  void (*explain_missing)(const char *device, char *reason, size_t size), char *reason, size_t size);

/* Writes which group's members may open a node, and what to do to be one. */
void node_explain_no_permission(const char *device, char *reason, size_t size);

/* Whether there is such a node, and whether this process may read and write it. */
bool node_is_there(const char *device);
bool node_is_open_to_us(const char *device);

/* Writes the nodes that fit a pattern of the shell, such as "/dev/spidev*", as "; there is /dev/spidev0.1"; nothing
 * where there are none. */
void node_list_others(const char *pattern, char *text, size_t size);

#endif
