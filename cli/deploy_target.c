/* SPDX-License-Identifier: MIT */
/* Choosing the camera whose drive is meant, and saying what to do where there is none. */
#include "deploy_target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "need.h"
#include "options.h"
#include "reply.h"

#define SYSFS "/sys"

/* Sorts the cameras that match to the front; returns how many those are. */
static size_t keep_matching(struct usb_camera *cameras, size_t count, const char *serial) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!cameras[i].is_bootloader && (!serial || strcmp(cameras[i].serial, serial) == 0)) {
            cameras[kept++] = cameras[i];
        }
    }
    return kept;
}

static bool has_bootloader(const struct usb_camera *cameras, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (cameras[i].is_bootloader) {
            return true;
        }
    }
    return false;
}

static void fail_without_camera(const char *serial, bool bootloader, struct reply *failure) {
    reply_fail(failure, "no_drive", "no",
               bootloader ? "a board is in its bootloader, where it has no drive: press its reset button, wait 5 s"
                          : "plug it in with a cable that carries data, and look for it with lsusb;\n"
                            "where its drive is elsewhere, name the folder: openmvctl deploy --drive FOLDER",
               serial ? "no OpenMV camera with USB serial number %s is plugged in"
                      : "no OpenMV camera is plugged in by USB%s",
               serial ? serial : "");
}

static void fail_with_several(const struct usb_camera *cameras, size_t count, struct reply *failure) {
    char *hint = need_memory(strdup("choose one:"));
    for (size_t i = 0; i < count; i++) {
        char *longer = need_text("%s\n  --serial %s   (%s, USB port %s)", hint, cameras[i].serial, cameras[i].name,
                                 cameras[i].port);
        free(hint);
        hint = longer;
    }
    reply_fail(failure, "no_drive", "no", hint, "%zu cameras are plugged in", count);
    free(hint);
}

static void fail_without_drive(const struct usb_camera *camera, const char *firmware, struct reply *failure) {
    const char *port = camera->tty[0] ? camera->tty : "ttyACM0";
    char *hint = need_text("this board, or its firmware, offers none by USB; copy the *.py of\n"
                           "  %s\n"
                           "with the OpenMV IDE, or while the camera runs no script of openmvd:\n"
                           "  openmvctl release; mpremote connect /dev/%s fs cp %s/*.py :",
                           firmware, port, firmware);
    reply_fail(failure, "no_drive", "no", hint, "the camera \"%s\"%s%s (USB port %s) has no drive", camera->name,
               camera->serial[0] ? " " : "", camera->serial, camera->port);
    free(hint);
}

static bool open_camera(struct deploy_target *target, const struct options *options, const char *firmware,
                        struct reply *failure) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    const char *serial = options->value[OPTION_SERIAL];
    size_t count = usb_cameras_find(SYSFS, cameras, USB_CAMERAS_MOST);
    bool bootloader = has_bootloader(cameras, count);
    count = keep_matching(cameras, count, serial);
    if (count == 0) {
        fail_without_camera(serial, bootloader, failure);
        return false;
    }
    if (count > 1) {
        fail_with_several(cameras, count, failure);
        return false;
    }
    target->camera = cameras[0];
    if (!target->camera.drive[0]) {
        fail_without_drive(&target->camera, firmware, failure);
        return false;
    }
    char *problem;
    char *hint;
    bool to_read = options->value[OPTION_DRY_RUN] != NULL;
    if (!camera_drive_open(&target->drive, target->camera.drive, target->camera.drive_number, to_read, &problem,
                           &hint)) {
        reply_fail(failure, "no_drive", "no", hint, "%s", problem);
        free(problem);
        free(hint);
        return false;
    }
    target->folder = target->drive.folder;
    target->read_only = target->drive.read_only && !to_read;
    target->mounted = true;
    return true;
}

static bool open_folder(struct deploy_target *target, const char *folder, struct reply *failure) {
    struct stat status;
    if (stat(folder, &status) < 0 || !S_ISDIR(status.st_mode)) {
        reply_fail(failure, "no_drive", "no", "name the folder where the camera's drive is mounted; 'lsblk' lists them",
                   "%s is no folder", folder);
        return false;
    }
    target->folder = folder;
    return true;
}

bool deploy_target_open(struct deploy_target *target, const struct options *options, const char *firmware,
                        struct reply *failure) {
    *target = (struct deploy_target){0};
    const char *folder = options->value[OPTION_DRIVE];
    return folder ? open_folder(target, folder, failure) : open_camera(target, options, firmware, failure);
}

bool deploy_target_close(struct deploy_target *target, char **left) {
    *left = NULL;
    return !target->mounted || camera_drive_close(&target->drive, left);
}
