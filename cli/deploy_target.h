/* SPDX-License-Identifier: MIT */
/* The folder that `deploy` writes to: the one named, or the drive of the one camera that is meant. */
#ifndef OPENMVCTL_DEPLOY_TARGET_H
#define OPENMVCTL_DEPLOY_TARGET_H

#include <stdbool.h>

#include "camera_drive.h"
#include "usb_camera.h"

struct options;
struct reply;

struct deploy_target {
    const char *folder;
    bool read_only;
    bool mounted; /* the drive was found and, if need be, mounted; else the folder was named by the user */
    struct usb_camera camera;
    struct camera_drive drive;
};

/*
 * Finds the folder as --drive or --serial say; with neither there must be one camera. `firmware` is the folder with the
 * camera's files, for the hints. False with `failure` filled in. Close it again in any case where it returned true.
 */
bool deploy_target_open(struct deploy_target *target, const struct options *options, const char *firmware,
                        struct reply *failure);

/* False when the drive could not be unmounted; then its node is in `left`, to be freed. */
bool deploy_target_close(struct deploy_target *target, char **left);

#endif
