/* SPDX-License-Identifier: MIT */
#ifndef HOTPLUG_H
#define HOTPLUG_H

/*
 * Being told that a device has appeared, on the loop. No device is touched here: whoever is told looks for it.
 *
 * Serial ports are announced by udev, once it has set their permissions and made its links; where no udev runs, by the
 * kernel itself. The folders of nodes that a configuration names are watched as well, since a node may be a link that
 * something else makes.
 */

#include <event2/event.h>
#include <stddef.h>

struct hotplug;

/*
 * Begins to watch. `appeared` is called when a serial port has appeared or changed, or one of the `count` paths in `nodes`,
 * which are copied. Announcements only save time, so what cannot be watched is logged and left out. Returns NULL only
 * where memory is short.
 */
struct hotplug *hotplug_new(struct event_base *base, const char *const *nodes, size_t count,
                            void (*appeared)(void *context), void *context);
void hotplug_free(struct hotplug *hotplug);

#endif
