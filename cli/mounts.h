/* SPDX-License-Identifier: MIT */
/* Where a drive is mounted, from the kernel's list of mounts. */
#ifndef OPENMVCTL_MOUNTS_H
#define OPENMVCTL_MOUNTS_H

#include <stdbool.h>

struct mount_place {
    char *folder; /* owned */
    bool read_only;
};

/*
 * Finds where the device with that number ("8:1") is mounted, as a whole, in a list of the form of
 * /proc/self/mountinfo. False when it is not, or when the list cannot be read; then nothing is to be freed.
 */
bool mounts_find(const char *list_path, const char *device_number, struct mount_place *place);

#endif
