/* SPDX-License-Identifier: MIT */
#include "soldered.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int soldered_open(void) {
    int descriptor = open(CAMERA_BUS_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int soldered_say(int descriptor, enum camera_bus_kind kind, uint32_t number, int32_t value) {
    struct camera_bus_message message = {.kind = kind, .number = number, .value = value};
    return write(descriptor, &message, sizeof message) < 0 ? -errno : 0;
}

int soldered_hear(int descriptor, struct soldered_message *message) {
    ssize_t got = read(descriptor, message, sizeof *message);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    return 1;
}

bool soldered_answer(int descriptor, struct soldered_message *transfer, int32_t status) {
    transfer->head.kind = CAMERA_BUS_ANSWER;
    transfer->head.value = status;
    transfer->head.length = status == 0 ? transfer->head.wanted : 0;
    return write(descriptor, transfer, sizeof transfer->head + transfer->head.length) >= 0;
}
