/* SPDX-License-Identifier: MIT */
/* What a camera tells of itself when it is plugged in. Numbers of USB are little-endian, as this machine's are. */

#include "acm_descriptors.h"

#include <linux/usb/cdc.h>
#include <linux/usb/ch9.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the descriptors below would need to be converted");

enum { INTERFACE_CONTROL, INTERFACE_DATA, INTERFACE_COUNT };
enum { STRING_LANGUAGES, STRING_MAKER, STRING_PRODUCT, STRING_SERIAL, STRING_COUNT };

#define LANGUAGE_ENGLISH    0x0409
#define BULK_PACKET_SIZE    512
#define MILLIAMPERES_IN_TWO 250

/* The kernel's own structure has two more members, which only audio devices use. */
struct endpoint {
    uint8_t length, type, address, attributes;
    uint16_t packet_size;
    uint8_t interval;
} __attribute__((packed));

#define ENDPOINT(number, kind, size, every)                                                                            \
    {                                                                                                                  \
        .length = USB_DT_ENDPOINT_SIZE, .type = USB_DT_ENDPOINT, .address = (number), .attributes = (kind),            \
        .packet_size = (size), .interval = (every),                                                                    \
    }

static const struct {
    struct usb_config_descriptor configuration;
    struct usb_interface_assoc_descriptor association;
    struct usb_interface_descriptor control;
    struct usb_cdc_header_desc header;
    struct usb_cdc_call_mgmt_descriptor calls;
    struct usb_cdc_acm_descriptor model;
    struct usb_cdc_union_desc interfaces;
    struct endpoint interrupt;
    struct usb_interface_descriptor data;
    struct endpoint to_camera, from_camera;
} __attribute__((packed)) camera = {
    .configuration =
        {
            .bLength = USB_DT_CONFIG_SIZE,
            .bDescriptorType = USB_DT_CONFIG,
            .wTotalLength = sizeof camera,
            .bNumInterfaces = INTERFACE_COUNT,
            .bConfigurationValue = 1,
            .bmAttributes = USB_CONFIG_ATT_ONE,
            .bMaxPower = MILLIAMPERES_IN_TWO,
        },
    .association =
        {
            .bLength = sizeof camera.association,
            .bDescriptorType = USB_DT_INTERFACE_ASSOCIATION,
            .bFirstInterface = INTERFACE_CONTROL,
            .bInterfaceCount = INTERFACE_COUNT,
            .bFunctionClass = USB_CLASS_COMM,
            .bFunctionSubClass = USB_CDC_SUBCLASS_ACM,
        },
    .control =
        {
            .bLength = USB_DT_INTERFACE_SIZE,
            .bDescriptorType = USB_DT_INTERFACE,
            .bInterfaceNumber = INTERFACE_CONTROL,
            .bNumEndpoints = 1,
            .bInterfaceClass = USB_CLASS_COMM,
            .bInterfaceSubClass = USB_CDC_SUBCLASS_ACM,
        },
    .header = {sizeof camera.header, USB_DT_CS_INTERFACE, USB_CDC_HEADER_TYPE, .bcdCDC = 0x0110},
    .calls = {sizeof camera.calls, USB_DT_CS_INTERFACE, USB_CDC_CALL_MANAGEMENT_TYPE, .bDataInterface = INTERFACE_DATA},
    .model = {sizeof camera.model, USB_DT_CS_INTERFACE, USB_CDC_ACM_TYPE, .bmCapabilities = USB_CDC_CAP_LINE},
    .interfaces = {sizeof camera.interfaces, USB_DT_CS_INTERFACE, USB_CDC_UNION_TYPE, INTERFACE_CONTROL,
                   INTERFACE_DATA},
    .interrupt = ENDPOINT(USB_DIR_IN | ACM_ENDPOINT_INTERRUPT, USB_ENDPOINT_XFER_INT, 8, 16),
    .data =
        {
            .bLength = USB_DT_INTERFACE_SIZE,
            .bDescriptorType = USB_DT_INTERFACE,
            .bInterfaceNumber = INTERFACE_DATA,
            .bNumEndpoints = 2,
            .bInterfaceClass = USB_CLASS_CDC_DATA,
        },
    .to_camera = ENDPOINT(USB_DIR_OUT | ACM_ENDPOINT_BULK, USB_ENDPOINT_XFER_BULK, BULK_PACKET_SIZE, 0),
    .from_camera = ENDPOINT(USB_DIR_IN | ACM_ENDPOINT_BULK, USB_ENDPOINT_XFER_BULK, BULK_PACKET_SIZE, 0),
};

_Static_assert(sizeof camera <= ACM_DESCRIPTOR_MAX, "the buffers are too small");

static size_t write_device(const struct acm_identity *identity, uint8_t *buffer) {
    const struct usb_device_descriptor device = {
        .bLength = USB_DT_DEVICE_SIZE,
        .bDescriptorType = USB_DT_DEVICE,
        .bcdUSB = 0x0200,
        .bDeviceClass = USB_CLASS_MISC, /* with the next two: its interfaces are grouped */
        .bDeviceSubClass = 2,
        .bDeviceProtocol = 1,
        .bMaxPacketSize0 = 64,
        .idVendor = identity->vendor,
        .idProduct = identity->product,
        .bcdDevice = 0x0200,
        .iManufacturer = STRING_MAKER,
        .iProduct = STRING_PRODUCT,
        .iSerialNumber = STRING_SERIAL,
        .bNumConfigurations = 1,
    };
    memcpy(buffer, &device, sizeof device);
    return sizeof device;
}

static size_t write_string(const struct acm_identity *identity, unsigned index, uint8_t *buffer) {
    const char *const texts[STRING_COUNT] = {NULL, "OpenMV", "OpenMV Virtual Comm Port", identity->serial};
    size_t length = 2;
    if (index == STRING_LANGUAGES) {
        buffer[length++] = LANGUAGE_ENGLISH & 0xff;
        buffer[length++] = LANGUAGE_ENGLISH >> 8;
    } else if (index < STRING_COUNT) {
        for (const char *letter = texts[index]; *letter != '\0'; letter++) {
            buffer[length++] = (uint8_t)*letter;
            buffer[length++] = 0;
        }
    } else {
        return 0;
    }
    buffer[0] = (uint8_t)length;
    buffer[1] = USB_DT_STRING;
    return length;
}

size_t acm_descriptor_write(const struct acm_identity *identity, unsigned type, unsigned index, uint8_t *buffer) {
    switch (type) {
    case USB_DT_DEVICE:
        return write_device(identity, buffer);
    case USB_DT_CONFIG:
        memcpy(buffer, &camera, sizeof camera);
        return sizeof camera;
    case USB_DT_STRING:
        return write_string(identity, index, buffer);
    default:
        return 0;
    }
}
