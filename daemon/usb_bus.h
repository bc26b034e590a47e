/* SPDX-License-Identifier: MIT */
#ifndef USB_BUS_H
#define USB_BUS_H

/* What libudev tells of USB devices and libserialport does not. It reads /sys, whether or not a udev runs. */

#include "usb_ids.h"

/*
 * Writes the kernel's name of the USB port that a serial port is plugged into, such as "1-1.2", into `path`, at most
 * `size` bytes with NUL. `node` is that of the serial port, such as "/dev/ttyACM0". Returns false where it has none.
 */
bool usb_bus_port_path(const char *node, char *path, size_t size);

/* Looks for a device with one of these ids. Returns false where there is none. */
bool usb_bus_find(const struct usb_id *ids, struct usb_id *found);

#endif
