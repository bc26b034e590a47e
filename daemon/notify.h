/* SPDX-License-Identifier: MIT */
#ifndef NOTIFY_H
#define NOTIFY_H

/* One notification to the service manager, as sd_notify() would send it, but for one thing: it never waits. */

#include <stdbool.h>

/*
 * Sends lines such as "READY=1" to the socket that $NOTIFY_SOCKET names. Returns false when the manager has not taken what
 * it was sent before, so that there is no room; then the same may be tried again later. Everything else, also that there is
 * no manager, or one that cannot be reached, is true: to try again would change nothing.
 */
bool notify_send(const char *lines);

#endif
