/* SPDX-License-Identifier: MIT */
/* The tables of USB ids. */

#include "usb_ids.h"

const struct usb_id usb_camera_ids[] = {
    {0x1209, 0xabd1}, {0x37c5, 0x1202}, {0x37c5, 0x1203}, {0x37c5, 0x1204}, {0x37c5, 0x124a},
    {0x37c5, 0x1205}, {0x37c5, 0x1206}, {0x37c5, 0x1060}, {0x37c5, 0x16e3}, {0x2341, 0x045b},
    {0x2341, 0x045f}, {0x2341, 0x0466}, {0x2341, 0x015a}, {0x2341, 0x015e}, {0, 0},
};

/*
 * OpenMV's own are OMV_BOOT_PID in the boards/.../boot_config.h of github.com/openmv/openmv. Arduino's are those of its
 * board definitions and of MicroPython's deploy.md files. The last is the boot ROM that all STM32 chips share, so it may
 * be another board than a camera.
 */
const struct usb_id usb_bootloader_ids[] = {
    {0x37c5, 0x9202}, {0x37c5, 0x9203}, {0x37c5, 0x9204}, {0x37c5, 0x924a}, {0x37c5, 0x9205}, {0x37c5, 0x9206},
    {0x37c5, 0x96e3}, {0x2341, 0x035b}, {0x2341, 0x035f}, {0x2341, 0x0366}, {0x0483, 0xdf11}, {0, 0},
};

bool usb_id_is_in(const struct usb_id *table, unsigned vendor, unsigned product) {
    for (const struct usb_id *id = table; id->vendor != 0; id++) {
        if (id->vendor == vendor && id->product == product) {
            return true;
        }
    }
    return false;
}
