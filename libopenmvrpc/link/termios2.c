/* SPDX-License-Identifier: MIT */
/* Setting any line rate on Linux. */

#include "termios2.h"

#include <asm/termbits.h>
#include <errno.h>
#include <sys/ioctl.h>

int termios2_set_raw(int descriptor, uint32_t baud, int rtscts) {
    struct termios2 settings;
    if (ioctl(descriptor, TCGETS2, &settings) < 0) {
        return -errno;
    }
    settings.c_iflag = 0;
    settings.c_oflag = 0;
    settings.c_lflag = 0;
    /* HUPCL stays off: lowering DTR at close makes some boards stop, and the next opening would find them gone. */
    settings.c_cflag = CS8 | CREAD | CLOCAL | BOTHER | (BOTHER << IBSHIFT) | (rtscts ? CRTSCTS : 0);
    settings.c_ispeed = baud;
    settings.c_ospeed = baud;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    return ioctl(descriptor, TCSETS2, &settings) < 0 ? -errno : 0;
}

uint32_t termios2_baud(int descriptor) {
    struct termios2 settings;
    return ioctl(descriptor, TCGETS2, &settings) < 0 ? 0 : settings.c_ospeed;
}
