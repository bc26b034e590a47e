/* SPDX-License-Identifier: MIT */
/* The OpenMV cameras on this machine's USB, as the kernel lists them under /sys: what they are called, and which port
 * and which drive of theirs this machine made. */
#ifndef OPENMVCTL_USB_CAMERA_H
#define OPENMVCTL_USB_CAMERA_H

#include <stdbool.h>
#include <stddef.h>

enum { USB_CAMERA_TEXT = 128, USB_CAMERAS_MOST = 32 };

struct usb_camera {
    bool is_bootloader; /* waits for a firmware there, and runs no script */
    unsigned vendor, product;
    char port[USB_CAMERA_TEXT];         /* the way to it through hubs, as "1-1.2" */
    char serial[USB_CAMERA_TEXT];       /* empty where it has none */
    char name[USB_CAMERA_TEXT];         /* as the camera calls itself */
    char tty[USB_CAMERA_TEXT];          /* "ttyACM0", or empty */
    char drive[USB_CAMERA_TEXT];        /* "sda1", or "sda" where the drive has no partitions; empty without a drive */
    char drive_number[USB_CAMERA_TEXT]; /* "8:1", its device number as in /proc/self/mountinfo */
};

/*
 * Lists cameras and those in a bootloader, in the order of their ports. `sysfs` is the root, "/sys" on a real machine.
 * Returns how many were found, at most `room`.
 */
size_t usb_cameras_find(const char *sysfs, struct usb_camera *cameras, size_t room);

#endif
