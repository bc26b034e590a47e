/* SPDX-License-Identifier: MIT */
#ifndef USBIP_H
#define USBIP_H

/*
 * The kernel's side of a USB device that is not there: its vhci-hcd driver is a host controller whose ports are sockets.
 * What the kernel wants of a device comes over the socket as requests (URBs), in the protocol of USB/IP, which the
 * kernel's documentation describes (Documentation/usb/usbip_protocol.rst). All here blocks only for the kernel.
 */

#include <linux/usb/ch9.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No driver on this bus asks for more at once: cdc-acm writes 10 KiB and reads 1 KiB. */
#define USBIP_DATA_MAX ((size_t)64 << 10)

struct usbip_request {
    uint32_t sequence;
    bool is_unlink; /* take the request numbered `unlinks` back; nothing below counts then */
    uint32_t unlinks;
    unsigned endpoint; /* 0 is control */
    bool to_host;
    uint32_t length;              /* bytes that come with it, or may be sent */
    struct usb_ctrlrequest setup; /* of a control request */
    uint8_t *data;                /* what came with it, the receiver's to free; NULL where nothing did */
};

/*
 * Plugs a high-speed device into a port of the controller, from 0 on; waits up to 5 s for a port that is still being
 * left. Returns the socket, or a negative errno.
 */
int usbip_attach(unsigned port);

/* Waits for a request. Returns false when the kernel has let go of the device, or talks nonsense. */
bool usbip_receive(int socket, struct usbip_request *request);

/* Completes a request: `status` is 0 or a negative errno. `data` are the `length` bytes for the host, or NULL, where
 * `length` tells how many the device has taken. */
void usbip_complete(int socket, const struct usbip_request *request, int status, const void *data, size_t length);

/* Answers an unlink: whether what it takes back was still waiting. */
void usbip_complete_unlink(int socket, const struct usbip_request *request, bool was_waiting);

#endif
