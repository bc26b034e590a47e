/* SPDX-License-Identifier: MIT */
/* See notify.h. */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of the manager's socket; returns its size, or 0 where there is none of a kind that is known here. */
static socklen_t find_manager(struct sockaddr_un *address) {
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path != NULL ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address->sun_path || (path[0] != '/' && path[0] != '@')) {
        return 0;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length);
    if (path[0] == '@') {
        /* An abstract name begins with a NUL and ends without one. */
        address->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    return sizeof *address;
}

bool notify_send(const char *lines) {
    struct sockaddr_un address;
    socklen_t size = find_manager(&address);
    int fd = size > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return true;
    }
    ssize_t sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
    bool is_full = sent < 0 && (errno == EAGAIN || errno == ENOBUFS);
    close(fd);
    return !is_full;
}
