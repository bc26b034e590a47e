/* SPDX-License-Identifier: MIT */
/* Looking at USB devices through libudev. */

#include "usb_bus.h"

#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool usb_bus_port_path(const char *node, char *path, size_t size) {
    const char *slash = strrchr(node, '/');
    struct udev *udev = udev_new();
    struct udev_device *port =
        udev != NULL ? udev_device_new_from_subsystem_sysname(udev, "tty", slash != NULL ? slash + 1 : node) : NULL;
    struct udev_device *device =
        port != NULL ? udev_device_get_parent_with_subsystem_devtype(port, "usb", "usb_device") : NULL;
    const char *name = device != NULL ? udev_device_get_sysname(device) : NULL;
    if (name != NULL) {
        snprintf(path, size, "%s", name);
    }
    udev_device_unref(port);
    udev_unref(udev);
    return name != NULL;
}

static unsigned read_id(struct udev_device *device, const char *attribute) {
    const char *text = udev_device_get_sysattr_value(device, attribute);
    return text != NULL ? (unsigned)strtoul(text, NULL, 16) : 0;
}

static bool find_among(struct udev *udev, struct udev_enumerate *devices, const struct usb_id *ids,
                       struct usb_id *found) {
    struct udev_list_entry *entry;
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(devices)) {
        struct udev_device *device = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
        if (device == NULL) {
            continue;
        }
        *found = (struct usb_id){read_id(device, "idVendor"), read_id(device, "idProduct")};
        udev_device_unref(device);
        if (usb_id_is_in(ids, found->vendor, found->product)) {
            return true;
        }
    }
    return false;
}

bool usb_bus_find(const struct usb_id *ids, struct usb_id *found) {
    struct udev *udev = udev_new();
    struct udev_enumerate *devices = udev != NULL ? udev_enumerate_new(udev) : NULL;
    bool is_there = devices != NULL && udev_enumerate_add_match_subsystem(devices, "usb") >= 0 &&
                    udev_enumerate_add_match_property(devices, "DEVTYPE", "usb_device") >= 0 &&
                    udev_enumerate_scan_devices(devices) >= 0 && find_among(udev, devices, ids, found);
    udev_enumerate_unref(devices);
    udev_unref(udev);
    return is_there;
}
