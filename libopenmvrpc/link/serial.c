/* SPDX-License-Identifier: MIT */
/* Serial ports: USB-VCP, UART, and ptys, which stand for both in tests. */

#include "descriptor.h"
#include "termios2.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define BAUD_DEFAULT 115200

/* Major numbers assigned for good, from the kernel's devices.txt. */
#define MAJOR_USB_ACM   166
#define MAJOR_PTY_FIRST 136
#define MAJOR_PTY_LAST  143

/* A start bit, eight of data, a stop bit. */
#define BITS_PER_BYTE 10

/* Receive buffers of the camera's drivers as shipped; a script may enlarge them, and nothing here then goes wrong. */
#define UART_RECEIVE_BUFFER 64
#define VCP_RECEIVE_BUFFER  1024

/* A driver may miss the rate by as much as a UART tolerates over ten bits; more than that only looks like a connection.
 */
static bool rate_is_near(uint32_t wanted, uint32_t got) {
    uint32_t difference = wanted > got ? wanted - got : got - wanted;
    return got != 0 && difference <= wanted / 33;
}

/* USB-serial chips hold bytes back for up to 16 ms unless told not to. Ports that know no such flag refuse, and that is
 * fine. */
static void ask_for_low_latency(int descriptor) {
    struct serial_struct settings;
    if (ioctl(descriptor, TIOCGSERIAL, &settings) == 0) {
        settings.flags |= (int)ASYNC_LOW_LATENCY;
        (void)ioctl(descriptor, TIOCSSERIAL, &settings);
    }
}

static int raise_dtr(int descriptor) {
    int bits = TIOCM_DTR | TIOCM_RTS;
    if (ioctl(descriptor, TIOCMBIS, &bits) == 0) {
        return 0;
    }
    /* A pty has no modem lines. */
    return errno == ENOTTY || errno == EINVAL ? 0 : -errno;
}

/* The kernel's driver of this node, by its major number; 0 if there is none. */
static unsigned driver_of(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISCHR(status.st_mode) ? major(status.st_rdev) : 0;
}

/* Two locks, since other software looks at either: TIOCEXCL does not keep root out, flock does not stop open(). */
static int lock(int descriptor) {
    if (flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    }
    return ioctl(descriptor, TIOCEXCL) < 0 ? -errno : 0;
}

static int set_up(int descriptor, const struct omvrpc_serial_options *options, uint32_t baud, bool usb) {
    int error = termios2_set_raw(descriptor, baud, options->rtscts);
    if (error != 0) {
        return error;
    }
    if (!usb && !rate_is_near(baud, termios2_baud(descriptor))) {
        return -EINVAL;
    }
    error = raise_dtr(descriptor);
    if (error != 0) {
        return error;
    }
    ask_for_low_latency(descriptor);
    return tcflush(descriptor, TCIOFLUSH) < 0 ? -errno : 0;
}

/* Whether it is a port that may be opened so, before anything of it is changed. */
static int check(int descriptor, uint32_t baud, bool usb) {
    if (!isatty(descriptor)) {
        return errno == EIO ? -EIO : -ENOTTY;
    }
    return usb && baud == OMVRPC_DEBUG_BAUD ? -EPROTO : 0;
}

struct omvrpc_link *omvrpc_serial_open(const struct omvrpc_serial_options *options) {
    uint32_t baud = options->baud != 0 ? options->baud : BAUD_DEFAULT;
    /* O_NONBLOCK: without it, open() of a UART waits for a carrier that no camera gives. */
    int descriptor = open(options->device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) {
        return NULL;
    }
    struct omvrpc_link *link = NULL;
    unsigned driver = driver_of(descriptor);
    bool usb = options->usb || driver == MAJOR_USB_ACM;
    bool pty = driver >= MAJOR_PTY_FIRST && driver <= MAJOR_PTY_LAST;
    int error = check(descriptor, baud, usb);
    error = error != 0 || options->shared ? error : lock(descriptor);
    bool is_exclusive = error == 0 && !options->shared;
    error = error != 0 ? error : set_up(descriptor, options, baud, usb);
    if (error == 0) {
        struct omvrpc_link_info info = {
            .pairs = true,
            /* A pty keeps whatever rate it is told and moves bytes at once. */
            .byte_rate = usb || pty ? 0 : baud / BITS_PER_BYTE,
            .receive_buffer = usb ? VCP_RECEIVE_BUFFER : UART_RECEIVE_BUFFER,
        };
        link = omvrpc_descriptor_open(descriptor, &info);
        error = link == NULL ? -errno : 0;
    }
    if (link != NULL) {
        ((struct descriptor_link *)link)->is_exclusive = is_exclusive;
        return link;
    }
    if (is_exclusive) {
        (void)ioctl(descriptor, TIOCNXCL);
    }
    close(descriptor);
    errno = -error;
    return NULL;
}
