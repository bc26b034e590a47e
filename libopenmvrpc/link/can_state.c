/* SPDX-License-Identifier: MIT */
/* What the kernel knows of a CAN interface, by rtnetlink. */

#include "can.h"

#include <errno.h>
#include <linux/can/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An interface's description takes one or two of these kilobytes. */
#define ANSWER_SIZE 16384

/* The kernel answers at once. */
#define ANSWER_TIMEOUT_S 1

const char *omvrpc_can_condition_name(enum omvrpc_can_condition condition) {
    static const char *const names[] = {
        [OMVRPC_CAN_ERROR_ACTIVE] = "ERROR-ACTIVE",
        [OMVRPC_CAN_ERROR_WARNING] = "ERROR-WARNING",
        [OMVRPC_CAN_ERROR_PASSIVE] = "ERROR-PASSIVE",
        [OMVRPC_CAN_BUS_OFF] = "BUS-OFF",
        [OMVRPC_CAN_STOPPED] = "STOPPED",
        [OMVRPC_CAN_SLEEPING] = "SLEEPING",
        [OMVRPC_CAN_NO_CONTROLLER] = "UNKNOWN",
    };
    return names[condition];
}

/* Attributes one after another, as they stand in a message or inside another attribute. */
struct attributes {
    const uint8_t *data;
    size_t length;
};

/* Takes the next attribute. Returns false at the end, also where the bytes left are none. */
static bool take_attribute(struct attributes *attributes, unsigned *type, struct attributes *value) {
    struct rtattr header;
    if (attributes->length < sizeof header) {
        return false;
    }
    memcpy(&header, attributes->data, sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > attributes->length) {
        return false;
    }
    *type = header.rta_type & (unsigned)NLA_TYPE_MASK;
    *value = (struct attributes){attributes->data + sizeof header, header.rta_len - sizeof header};
    size_t step = RTA_ALIGN((size_t)header.rta_len);
    step = step < attributes->length ? step : attributes->length;
    attributes->data += step;
    attributes->length -= step;
    return true;
}

/* Looks for an attribute by its type; `found` is empty where there is none. */
static struct attributes find_attribute(struct attributes attributes, unsigned wanted) {
    struct attributes value;
    unsigned type;
    while (take_attribute(&attributes, &type, &value)) {
        if (type == wanted) {
            return value;
        }
    }
    return (struct attributes){NULL, 0};
}

/* Copies the beginning of a value of at least that size. Returns whether there is so much. */
static bool copy(struct attributes value, void *to, size_t size) {
    if (value.length < size) {
        return false;
    }
    memcpy(to, value.data, size);
    return true;
}

static void read_controller(struct attributes facts, struct omvrpc_can_state *state) {
    struct can_bittiming timing;
    struct can_berr_counter counters;
    uint32_t condition;
    if (copy(find_attribute(facts, IFLA_CAN_STATE), &condition, sizeof condition) && condition < CAN_STATE_MAX) {
        state->condition = (enum omvrpc_can_condition)condition;
    }
    if (copy(find_attribute(facts, IFLA_CAN_BITTIMING), &timing, sizeof timing)) {
        state->bit_rate = timing.bitrate;
        state->sample_point = timing.sample_point;
    }
    if (copy(find_attribute(facts, IFLA_CAN_BERR_COUNTER), &counters, sizeof counters)) {
        state->send_error_count = counters.txerr;
        state->receive_error_count = counters.rxerr;
    }
    (void)copy(find_attribute(facts, IFLA_CAN_RESTART_MS), &state->restart_ms, sizeof state->restart_ms);
}

int can_state_parse(const void *answer, size_t length, struct omvrpc_can_state *state) {
    struct nlmsghdr header;
    struct nlmsgerr error;
    struct ifinfomsg interface;
    struct attributes rest = {answer, length};
    *state = (struct omvrpc_can_state){.condition = OMVRPC_CAN_NO_CONTROLLER};
    if (!copy(rest, &header, sizeof header) || header.nlmsg_len > length || header.nlmsg_len < NLMSG_HDRLEN) {
        return -EBADMSG;
    }
    rest = (struct attributes){rest.data + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN};
    if (header.nlmsg_type == NLMSG_ERROR) {
        return copy(rest, &error, sizeof error.error) && error.error < 0 ? error.error : -EBADMSG;
    }
    if (header.nlmsg_type != RTM_NEWLINK || !copy(rest, &interface, sizeof interface)) {
        return -EBADMSG;
    }
    size_t head = NLMSG_ALIGN(sizeof interface);
    rest = (struct attributes){rest.data + head, rest.length - head};
    state->index = (unsigned)interface.ifi_index;
    state->is_can = interface.ifi_type == ARPHRD_CAN;
    state->is_up = (interface.ifi_flags & IFF_UP) != 0;
    struct attributes kind = find_attribute(rest, IFLA_LINKINFO);
    struct attributes name = find_attribute(kind, IFLA_INFO_KIND);
    if (state->is_can && name.length == sizeof "can" && memcmp(name.data, "can", sizeof "can") == 0) {
        read_controller(find_attribute(kind, IFLA_INFO_DATA), state);
    }
    return 0;
}

/* Asks for the interface of that name. Returns the length of the answer or a negative errno. */
static ssize_t ask(int descriptor, const char *interface, void *answer, size_t size) {
    struct request {
        struct nlmsghdr header;
        struct ifinfomsg interface;
        struct rtattr name_header;
        char name[RTA_ALIGN(IFNAMSIZ)];
    } request = {
        .header = {.nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
        .interface = {.ifi_family = AF_UNSPEC},
        .name_header = {.rta_len = (unsigned short)RTA_LENGTH(strlen(interface) + 1), .rta_type = IFLA_IFNAME},
    };
    memcpy(request.name, interface, strlen(interface) + 1);
    /* Exactly so much: the kernel's log tells of every byte that is left. */
    request.header.nlmsg_len = (uint32_t)(offsetof(struct request, name) + strlen(interface) + 1);
    const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 ||
        send(descriptor, &request, request.header.nlmsg_len, 0) < 0) {
        return -errno;
    }
    ssize_t length = recv(descriptor, answer, size, MSG_TRUNC);
    if (length < 0) {
        return -errno;
    }
    return (size_t)length > size ? -EMSGSIZE : length;
}

int omvrpc_can_read_state(const char *interface, struct omvrpc_can_state *state) {
    _Alignas(struct nlmsghdr) uint8_t answer[ANSWER_SIZE];
    size_t length = strlen(interface);
    if (length == 0 || length >= IFNAMSIZ || strpbrk(interface, "/: \t\r\n\v\f") != NULL) {
        return -EINVAL;
    }
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (descriptor < 0) {
        return -errno;
    }
    ssize_t got = ask(descriptor, interface, answer, sizeof answer);
    close(descriptor);
    return got < 0 ? (int)got : can_state_parse(answer, (size_t)got, state);
}
