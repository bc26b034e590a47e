/* SPDX-License-Identifier: MIT */
#ifndef USB_IDS_H
#define USB_IDS_H

/* The USB ids of the boards that openmvd knows. udev/60-openmvd.rules names the same cameras; a test compares. */

#include <stdbool.h>
#include <stddef.h>

struct usb_id {
    unsigned vendor, product; /* vendor is 0 in the row that ends a table */
};

/* OpenMV cameras, and Arduino boards with their firmware, while a script can talk through the port. */
extern const struct usb_id usb_camera_ids[];

/* The same boards in a bootloader: no script runs, and there is no port. */
extern const struct usb_id usb_bootloader_ids[];

/* Returns whether a table has an id. */
bool usb_id_is_in(const struct usb_id *table, unsigned vendor, unsigned product);

#endif
