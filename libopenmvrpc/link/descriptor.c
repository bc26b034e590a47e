/* SPDX-License-Identifier: MIT */
/* A link over any descriptor that carries bytes both ways, and the pair of them that stays inside one process. */

#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* Enough for what a line buffers; more than that is a peer that writes without end, and is left to the next receive. */
#define DISCARD_MAX ((size_t)1 << 20)

static struct descriptor_link *of(struct omvrpc_link *link) {
    return (struct descriptor_link *)link;
}

static ssize_t descriptor_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    /* A peer that has gone is an error to report, not a signal to die of. Terminals send none. */
    ssize_t sent = of(link)->is_socket ? send(of(link)->descriptor, data, length, MSG_NOSIGNAL)
                                       : write(of(link)->descriptor, data, length);
    if (sent >= 0) {
        return sent;
    }
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static ssize_t descriptor_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    ssize_t received = read(of(link)->descriptor, buffer, size);
    if (received > 0) {
        return received;
    }
    if (received == 0) {
        return -EPIPE;
    }
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void descriptor_discard(struct omvrpc_link *link) {
    if (of(link)->is_terminal) {
        tcflush(of(link)->descriptor, TCIOFLUSH);
    }
    uint8_t buffer[512];
    size_t discarded = 0;
    ssize_t received;
    while (discarded < DISCARD_MAX && (received = read(of(link)->descriptor, buffer, sizeof buffer)) > 0) {
        discarded += (size_t)received;
    }
}

static int descriptor_descriptor(struct omvrpc_link *link) {
    return of(link)->descriptor;
}

static void descriptor_close(struct omvrpc_link *link) {
    if (of(link)->is_terminal) {
        /* close() of a terminal waits up to 30 s for output that nobody takes. */
        tcflush(of(link)->descriptor, TCIOFLUSH);
    }
    if (of(link)->is_exclusive) {
        /* It belongs to the terminal, which outlives this descriptor where another is open. */
        (void)ioctl(of(link)->descriptor, TIOCNXCL);
    }
    close(of(link)->descriptor);
    free(link);
}

const struct omvrpc_link_operations descriptor_operations = {
    .type = "descriptor",
    .send = descriptor_send,
    .receive = descriptor_receive,
    .discard = descriptor_discard,
    .descriptor = descriptor_descriptor,
    .close = descriptor_close,
};

struct omvrpc_link *omvrpc_descriptor_open(int descriptor, const struct omvrpc_link_info *info) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
        return NULL;
    }
    struct descriptor_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    link->link.operations = &descriptor_operations;
    link->link.info = *info;
    link->descriptor = descriptor;
    link->is_terminal = isatty(descriptor) != 0;
    int type;
    socklen_t size = sizeof type;
    link->is_socket = getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    return &link->link;
}

int omvrpc_memory_open(struct omvrpc_link *ends[2]) {
    static const struct omvrpc_link_info info = {.pairs = true, .byte_rate = 0, .receive_buffer = 1024};
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
        return -errno;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = omvrpc_descriptor_open(sockets[i], &info);
        if (ends[i] == NULL) {
            int error = errno;
            if (i == 1) {
                omvrpc_link_close(ends[0]);
            } else {
                close(sockets[0]);
            }
            close(sockets[1]);
            return -error;
        }
    }
    return 0;
}
