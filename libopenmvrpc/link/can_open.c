/* SPDX-License-Identifier: MIT */
/* Opens a CAN socket for one id. */

#include "can.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The kernel counts about 768 bytes for a frame that waits. Its least send buffer holds 6 of them: enough to bridge a
 * wait of this process, and less than an interface's queue of 10, so that a full one is waited for by poll(). They
 * cannot be taken back. The receive buffer is as large as the system allows: a result of 200 kB is 25,000 frames.
 */
#define SEND_BUFFER    1
#define RECEIVE_BUFFER (4 * 1024 * 1024)

/* What the state of an interface says against opening it. Returns 0 or a negative errno. */
static int judge(const struct omvrpc_can_state *state) {
    if (!state->is_can) {
        return -EPROTOTYPE;
    }
    if (!state->is_up) {
        return -ENETDOWN;
    }
    return state->condition == OMVRPC_CAN_BUS_OFF ? -ENOLINK : 0;
}

static int set_option(int descriptor, int level, int name, const void *value, socklen_t size) {
    return setsockopt(descriptor, level, name, value, size) < 0 ? -errno : 0;
}

/* Sets up a socket and binds it. Returns 0 or a negative errno. */
static int set_up(int descriptor, uint32_t id, unsigned index) {
    const struct can_filter filter = {.can_id = id, .can_mask = CAN_SFF_MASK | CAN_EFF_FLAG | CAN_RTR_FLAG};
    const can_err_mask_t errors = CAN_ERR_BUSOFF;
    /* Other programs on this interface, candump for one, see what is sent here; this socket does not. */
    static const int on = 1, off = 0, send_buffer = SEND_BUFFER, receive_buffer = RECEIVE_BUFFER;
    const struct {
        int level, name;
        const void *value;
        socklen_t size;
    } options[] = {
        {SOL_CAN_RAW, CAN_RAW_FILTER, &filter, sizeof filter},
        {SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &errors, sizeof errors},
        {SOL_CAN_RAW, CAN_RAW_LOOPBACK, &on, sizeof on},
        {SOL_CAN_RAW, CAN_RAW_RECV_OWN_MSGS, &off, sizeof off},
        {SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer},
        {SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer},
    };
    int error = 0;
    for (size_t i = 0; i < sizeof options / sizeof options[0] && error == 0; i++) {
        error = set_option(descriptor, options[i].level, options[i].name, options[i].value, options[i].size);
    }
    /* Beyond the system's limit with the right to that, which need not be there. */
    (void)set_option(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    const struct sockaddr_can address = {.can_family = AF_CAN, .can_ifindex = (int)index};
    if (error == 0 && bind(descriptor, (const struct sockaddr *)&address, sizeof address) < 0) {
        error = -errno;
    }
    /* An interface that has gone down meanwhile can be bound to, and leaves its word here. */
    int later = 0;
    socklen_t size = sizeof later;
    if (error == 0 && getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &later, &size) == 0) {
        error = -later;
    }
    return error;
}

struct omvrpc_link *omvrpc_can_open(const struct omvrpc_can_options *options) {
    struct omvrpc_can_state state;
    int error = options->id > CAN_SFF_MASK ? -EINVAL : omvrpc_can_read_state(options->interface, &state);
    error = error != 0 ? error : judge(&state);
    if (error != 0) {
        errno = -error;
        return NULL;
    }
    int descriptor = socket(AF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW);
    if (descriptor < 0) {
        return NULL;
    }
    struct omvrpc_link *link = NULL;
    struct ready ready = {.gpio = NULL};
    error = set_up(descriptor, options->id, state.index);
    error = error != 0 ? error : ready_open(&ready, options->ready);
    if (error == 0) {
        link = can_link_new(descriptor, options->id, state.bit_rate, &ready);
        error = link == NULL ? -errno : 0;
    }
    if (link == NULL) {
        ready_close(&ready);
        close(descriptor);
        errno = -error;
    }
    return link;
}
