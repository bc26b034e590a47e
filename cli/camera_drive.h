/* SPDX-License-Identifier: MIT */
/* A camera's drive as a folder: where it is mounted already, or mounted for as long as it is needed. */
#ifndef OPENMVCTL_CAMERA_DRIVE_H
#define OPENMVCTL_CAMERA_DRIVE_H

#include <stdbool.h>

struct camera_drive {
    char *folder; /* owned */
    char *node;   /* owned; "/dev/sda1" */
    bool read_only;
    enum { DRIVE_WAS_MOUNTED, DRIVE_MOUNTED_HERE, DRIVE_MOUNTED_BY_UDISKS } how;
};

/*
 * Gives the folder of the drive `name` ("sda1") with the device number `number` ("8:1"): the one it is mounted at; else
 * it is mounted, with mount(2) where that is allowed, or by udisksctl, which lets the user of a desktop do so.
 * `to_read` mounts it for reading only. False with a sentence in `problem` and the next step in `hint`, both to be
 * freed, when it cannot be mounted.
 */
bool camera_drive_open(struct camera_drive *drive, const char *name, const char *number, bool to_read, char **problem,
                       char **hint);

/*
 * Unmounts what camera_drive_open() mounted, and frees the drive's texts. False when that failed: then the drive is
 * still mounted, and its node is in `left`, to be freed.
 */
bool camera_drive_close(struct camera_drive *drive, char **left);

#endif
