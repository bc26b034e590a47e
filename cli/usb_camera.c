/* SPDX-License-Identifier: MIT */
/* Walking /sys: from USB devices to the ports and drives below them. */
#include "usb_camera.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/usb_ids.h"
#include "kernel_file.h"
#include "need.h"

static void copy_text(char target[USB_CAMERA_TEXT], const char *source) {
    size_t length = strnlen(source, USB_CAMERA_TEXT - 1);
    memcpy(target, source, length);
    target[length] = 0;
}

static unsigned read_id(const char *folder, const char *name) {
    char text[16];
    kernel_file_read_in(folder, name, text, sizeof text);
    return (unsigned)strtoul(text, NULL, 16);
}

static bool has_file(const char *folder, const char *name) {
    char *path = need_text("%s/%s", folder, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* Of several drives the one with a partition is meant, and of several partitions the first. */
static void take_drive(struct usb_camera *camera, const char *name, const char *folder) {
    size_t length = strlen(camera->drive);
    bool is_partition = has_file(folder, "partition");
    bool has_partition = length > 0 && camera->drive[length - 1] >= '0' && camera->drive[length - 1] <= '9';
    if (length > 0 && (is_partition == has_partition ? strcmp(name, camera->drive) > 0 : has_partition)) {
        return;
    }
    copy_text(camera->drive, name);
    kernel_file_read_in(folder, "dev", camera->drive_number, sizeof camera->drive_number);
}

static void take_tty(struct usb_camera *camera, const char *name, const char *folder) {
    (void)folder;
    if (camera->tty[0] == 0 || strcmp(name, camera->tty) < 0) {
        copy_text(camera->tty, name);
    }
}

/* Looks through one class of devices, "block" or "tty", for those whose real folder lies below the camera's. */
static void find_below(const char *sysfs, const char *class, const char *camera_folder, struct usb_camera *camera,
                       void (*take)(struct usb_camera *, const char *, const char *)) {
    char *class_folder = need_text("%s/class/%s", sysfs, class);
    size_t length = strlen(camera_folder);
    DIR *list = opendir(class_folder);
    for (struct dirent *entry = list ? readdir(list) : NULL; entry; entry = readdir(list)) {
        char *path = need_text("%s/%s", class_folder, entry->d_name);
        char *real = entry->d_name[0] == '.' ? NULL : realpath(path, NULL);
        if (real && strncmp(real, camera_folder, length) == 0 && real[length] == '/') {
            take(camera, entry->d_name, real);
        }
        free(real);
        free(path);
    }
    if (list) {
        closedir(list);
    }
    free(class_folder);
}

static bool read_camera(const char *sysfs, const char *port, struct usb_camera *camera) {
    char *path = need_text("%s/bus/usb/devices/%s", sysfs, port);
    char *folder = realpath(path, NULL);
    free(path);
    bool found = false;
    *camera = (struct usb_camera){0};
    if (folder && has_file(folder, "idVendor")) {
        camera->vendor = read_id(folder, "idVendor");
        camera->product = read_id(folder, "idProduct");
        camera->is_bootloader = usb_id_is_in(usb_bootloader_ids, camera->vendor, camera->product);
        found = camera->is_bootloader || usb_id_is_in(usb_camera_ids, camera->vendor, camera->product);
    }
    if (found) {
        copy_text(camera->port, port);
        kernel_file_read_in(folder, "serial", camera->serial, sizeof camera->serial);
        kernel_file_read_in(folder, "product", camera->name, sizeof camera->name);
        find_below(sysfs, "block", folder, camera, take_drive);
        find_below(sysfs, "tty", folder, camera, take_tty);
    }
    free(folder);
    return found;
}

static int compare_ports(const void *one, const void *other) {
    return strverscmp(((const struct usb_camera *)one)->port, ((const struct usb_camera *)other)->port);
}

size_t usb_cameras_find(const char *sysfs, struct usb_camera *cameras, size_t room) {
    char *folder = need_text("%s/bus/usb/devices", sysfs);
    size_t count = 0;
    DIR *list = opendir(folder);
    for (struct dirent *entry = list ? readdir(list) : NULL; entry && count < room; entry = readdir(list)) {
        if (entry->d_name[0] != '.' && read_camera(sysfs, entry->d_name, &cameras[count])) {
            count++;
        }
    }
    if (list) {
        closedir(list);
    }
    free(folder);
    qsort(cameras, count, sizeof *cameras, compare_ports);
    return count;
}
