/* SPDX-License-Identifier: MIT */
/* Requests of the kernel to a virtual camera, and its bytes. See acm.h. */

#include "acm.h"

#include "acm_descriptors.h"
#include "usbip.h"

#include <errno.h>
#include <linux/usb/ch9.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request that waits for bytes, or for room for its bytes. */
struct acm_waiting {
    TAILQ_ENTRY(acm_waiting) entry;
    struct usbip_request request;
    size_t taken; /* of its bytes, by the camera */
};

/* Bits of the request that sets the modem lines. */
enum { LINE_DTR = 1, LINE_RTS = 2 };

void acm_init(struct acm_device *device, const struct acm_identity *identity) {
    *device = (struct acm_device){.identity = *identity, .socket = -1, .wire = -1};
    TAILQ_INIT(&device->to_camera);
    TAILQ_INIT(&device->from_camera);
    TAILQ_INIT(&device->interrupts);
}

int acm_plug(struct acm_device *device, unsigned port) {
    int socket = usbip_attach(port);
    if (socket < 0) {
        return socket;
    }
    device->line_coding = (struct usb_cdc_line_coding){.dwDTERate = 9600, .bDataBits = 8};
    device->socket = socket;
    device->has_dtr = device->has_rts = false;
    device->passed[ACM_TO_CAMERA] = device->passed[ACM_FROM_CAMERA] = 0;
    return 0;
}

static void remove_waiting(struct acm_queue *queue, struct acm_waiting *waiting) {
    TAILQ_REMOVE(queue, waiting, entry);
    free(waiting->request.data);
    free(waiting);
}

static void empty_queue(struct acm_queue *queue) {
    struct acm_waiting *waiting;
    while ((waiting = TAILQ_FIRST(queue)) != NULL) {
        remove_waiting(queue, waiting);
    }
}

void acm_unplug(struct acm_device *device) {
    if (device->socket >= 0) {
        close(device->socket);
    }
    device->socket = -1;
    device->is_cut_planned = false;
    empty_queue(&device->to_camera);
    empty_queue(&device->from_camera);
    empty_queue(&device->interrupts);
}

void acm_plan_cut(struct acm_device *device, enum acm_direction direction, uint64_t bytes) {
    device->is_cut_planned = true;
    device->cut_direction = direction;
    device->cut_after = device->passed[direction] + bytes;
}

uint32_t acm_baud(const struct acm_device *device) {
    return device->line_coding.dwDTERate;
}

/* Both answer a control request: they return the length of what they have written into `answer`, or a negative errno. */

static int handle_standard(const struct acm_device *device, const struct usb_ctrlrequest *setup, uint8_t *answer) {
    switch (setup->bRequest) {
    case USB_REQ_GET_STATUS:
        memset(answer, 0, 2);
        return 2;
    case USB_REQ_GET_DESCRIPTOR: {
        size_t length = acm_descriptor_write(&device->identity, setup->wValue >> 8, setup->wValue & 0xff, answer);
        return length > 0 ? (int)length : -EPIPE;
    }
    case USB_REQ_CLEAR_FEATURE:
    case USB_REQ_SET_FEATURE:
    case USB_REQ_SET_CONFIGURATION:
    case USB_REQ_SET_INTERFACE:
        return 0;
    default:
        return -EPIPE;
    }
}

static int handle_class(struct acm_device *device, const struct usbip_request *request, uint8_t *answer) {
    switch (request->setup.bRequest) {
    case USB_CDC_REQ_SET_LINE_CODING:
        if (request->length != sizeof device->line_coding || request->data == NULL) {
            return -EPIPE;
        }
        memcpy(&device->line_coding, request->data, sizeof device->line_coding);
        return 0;
    case USB_CDC_REQ_GET_LINE_CODING:
        memcpy(answer, &device->line_coding, sizeof device->line_coding);
        return sizeof device->line_coding;
    case USB_CDC_REQ_SET_CONTROL_LINE_STATE:
        device->has_dtr = request->setup.wValue & LINE_DTR;
        device->has_rts = request->setup.wValue & LINE_RTS;
        return 0;
    case USB_CDC_REQ_SEND_BREAK:
        return 0;
    default:
        return -EPIPE;
    }
}

static void handle_control(struct acm_device *device, struct usbip_request *request) {
    uint8_t answer[ACM_DESCRIPTOR_MAX];
    bool is_class = (request->setup.bRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS;
    int length = is_class ? handle_class(device, request, answer) : handle_standard(device, &request->setup, answer);
    if (length < 0) {
        usbip_complete(device->socket, request, length, NULL, 0);
    } else if (request->to_host) {
        size_t asked = request->length;
        usbip_complete(device->socket, request, 0, answer, (size_t)length < asked ? (size_t)length : asked);
    } else {
        usbip_complete(device->socket, request, 0, NULL, request->length);
    }
    free(request->data);
}

static void handle_unlink(struct acm_device *device, const struct usbip_request *request) {
    struct acm_queue *const queues[] = {&device->to_camera, &device->from_camera, &device->interrupts};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        struct acm_waiting *waiting;
        TAILQ_FOREACH(waiting, queues[i], entry) {
            if (waiting->request.sequence == request->unlinks) {
                remove_waiting(queues[i], waiting);
                usbip_complete_unlink(device->socket, request, true);
                return;
            }
        }
    }
    usbip_complete_unlink(device->socket, request, false);
}

/* Returns the queue of an endpoint, or NULL where there is no such endpoint. */
static struct acm_queue *queue_of(struct acm_device *device, const struct usbip_request *request) {
    if (request->endpoint == ACM_ENDPOINT_BULK) {
        return request->to_host ? &device->from_camera : &device->to_camera;
    }
    return request->endpoint == ACM_ENDPOINT_INTERRUPT && request->to_host ? &device->interrupts : NULL;
}

bool acm_handle_request(struct acm_device *device) {
    struct usbip_request request;
    if (!usbip_receive(device->socket, &request)) {
        return false;
    }
    if (request.is_unlink) {
        handle_unlink(device, &request);
        return true;
    }
    if (request.endpoint == 0) {
        handle_control(device, &request);
        return true;
    }
    struct acm_queue *queue = queue_of(device, &request);
    struct acm_waiting *waiting = queue != NULL ? calloc(1, sizeof *waiting) : NULL;
    if (waiting == NULL) {
        usbip_complete(device->socket, &request, -EPIPE, NULL, 0);
        free(request.data);
        return true;
    }
    waiting->request = request;
    TAILQ_INSERT_TAIL(queue, waiting, entry);
    return true;
}

static bool is_in_debug_mode(const struct acm_device *device) {
    return acm_baud(device) == ACM_DEBUG_BAUD;
}

static bool may_send(const struct acm_device *device) {
    return device->has_dtr && !is_in_debug_mode(device) && !TAILQ_EMPTY(&device->from_camera);
}

short acm_wire_events(const struct acm_device *device) {
    return (short)((may_send(device) ? POLLIN : 0) | (!TAILQ_EMPTY(&device->to_camera) ? POLLOUT : 0));
}

/* How many of `length` bytes may pass before the planned cut. */
static size_t allowed(const struct acm_device *device, enum acm_direction direction, size_t length) {
    if (!device->is_cut_planned || device->cut_direction != direction) {
        return length;
    }
    uint64_t left = device->cut_after - device->passed[direction];
    return left < length ? (size_t)left : length;
}

static bool is_cut_due(const struct acm_device *device, enum acm_direction direction) {
    return device->is_cut_planned && device->cut_direction == direction &&
           device->passed[direction] == device->cut_after;
}

static bool move_to_camera(struct acm_device *device) {
    struct acm_waiting *waiting;
    while ((waiting = TAILQ_FIRST(&device->to_camera)) != NULL) {
        const struct usbip_request *request = &waiting->request;
        size_t length = allowed(device, ACM_TO_CAMERA, request->length - waiting->taken);
        ssize_t sent = (ssize_t)length;
        if (!is_in_debug_mode(device) && length > 0) {
            sent = send(device->wire, request->data + waiting->taken, length, MSG_NOSIGNAL);
        }
        if (sent > 0) {
            waiting->taken += (size_t)sent;
            device->passed[ACM_TO_CAMERA] += (uint64_t)sent;
        }
        if (is_cut_due(device, ACM_TO_CAMERA)) {
            return false;
        }
        if (waiting->taken < request->length) {
            return true;
        }
        usbip_complete(device->socket, request, 0, NULL, request->length);
        remove_waiting(&device->to_camera, waiting);
    }
    return true;
}

static bool move_from_camera(struct acm_device *device) {
    uint8_t bytes[USBIP_DATA_MAX];
    while (may_send(device)) {
        struct acm_waiting *waiting = TAILQ_FIRST(&device->from_camera);
        /* One byte is looked for even where none may pass, since that is what a cut after none waits for. */
        size_t length = allowed(device, ACM_FROM_CAMERA, waiting->request.length);
        ssize_t count = recv(device->wire, bytes, length > 0 ? length : 1, length > 0 ? 0 : MSG_PEEK);
        if (count <= 0) {
            return true;
        }
        if (length > 0) {
            device->passed[ACM_FROM_CAMERA] += (uint64_t)count;
            usbip_complete(device->socket, &waiting->request, 0, bytes, (size_t)count);
            remove_waiting(&device->from_camera, waiting);
        }
        if (is_cut_due(device, ACM_FROM_CAMERA)) {
            return false;
        }
    }
    return true;
}

bool acm_move_bytes(struct acm_device *device) {
    return move_to_camera(device) && move_from_camera(device);
}
