/* SPDX-License-Identifier: MIT */
/* Messages of USB/IP on a socket. See usbip.h. */

#include "usbip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ATTACH_FILE     "/sys/devices/platform/vhci_hcd.0/attach"
#define ATTACH_TRIES    1000
#define ATTACH_PAUSE_NS 20000000

/* Numbers of the protocol. */
#define COMMAND_SUBMIT    1U
#define COMMAND_UNLINK    2U
#define RETURN_SUBMIT     3U
#define RETURN_UNLINK     4U
#define DIRECTION_TO_HOST 1U
#define SPEED_HIGH        3
#define NO_ISOCHRONOUS    0xffffffffU

/* Each message begins with this much: five numbers that all have, and what depends on the command. */
#define MESSAGE_SIZE     48
#define AT_SEQUENCE      4
#define AT_DIRECTION     12
#define AT_ENDPOINT      16
#define AT_STATUS        20 /* of an answer */
#define AT_UNLINKS       20 /* of an unlink */
#define AT_ACTUAL_LENGTH 24 /* of an answer */
#define AT_LENGTH        24 /* of a request */
#define AT_ISOCHRONOUS   32
#define AT_SETUP         40

static uint32_t get(const uint8_t *message, size_t at) {
    uint32_t number;
    memcpy(&number, message + at, sizeof number);
    return ntohl(number);
}

static void put(uint8_t *message, size_t at, uint32_t number) {
    number = htonl(number);
    memcpy(message + at, &number, sizeof number);
}

static bool receive_all(int socket, void *buffer, size_t length) {
    return recv(socket, buffer, length, MSG_WAITALL) == (ssize_t)length;
}

/* A kernel that has gone shows in the next usbip_receive(). */
static void send_all(int socket, const uint8_t *data, size_t length) {
    while (length > 0) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        data += sent;
        length -= (size_t)sent;
    }
}

/* The kernel takes the descriptor of a socket of this process, and holds the socket from then on. */
static int hand_over(int socket, unsigned port) {
    char text[64];
    int length = snprintf(text, sizeof text, "%u %d %u %d", port, socket, port + 1, USB_SPEED_HIGH);
    for (int tries = 1;; tries++) {
        int attach = open(ATTACH_FILE, O_WRONLY | O_CLOEXEC);
        if (attach < 0) {
            return -errno;
        }
        int error = write(attach, text, (size_t)length) == length ? 0 : -errno;
        close(attach);
        if (error != -EBUSY || tries == ATTACH_TRIES) {
            return error;
        }
        nanosleep(&(struct timespec){.tv_nsec = ATTACH_PAUSE_NS}, NULL);
    }
}

int usbip_attach(unsigned port) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
        return -errno;
    }
    int error = hand_over(sockets[1], port);
    close(sockets[1]);
    if (error) {
        close(sockets[0]);
        return error;
    }
    return sockets[0];
}

static bool receive_data(int socket, struct usbip_request *request) {
    if (request->to_host || request->length == 0) {
        return true;
    }
    request->data = malloc(request->length);
    if (request->data != NULL && receive_all(socket, request->data, request->length)) {
        return true;
    }
    free(request->data);
    return false;
}

bool usbip_receive(int socket, struct usbip_request *request) {
    uint8_t message[MESSAGE_SIZE];
    if (!receive_all(socket, message, sizeof message)) {
        return false;
    }
    uint32_t command = get(message, 0);
    *request = (struct usbip_request){.sequence = get(message, AT_SEQUENCE), .is_unlink = command == COMMAND_UNLINK};
    if (request->is_unlink) {
        request->unlinks = get(message, AT_UNLINKS);
        return true;
    }
    request->endpoint = get(message, AT_ENDPOINT);
    request->to_host = get(message, AT_DIRECTION) == DIRECTION_TO_HOST;
    request->length = get(message, AT_LENGTH);
    memcpy(&request->setup, message + AT_SETUP, sizeof request->setup);
    return command == COMMAND_SUBMIT && request->length <= USBIP_DATA_MAX && receive_data(socket, request);
}

void usbip_complete(int socket, const struct usbip_request *request, int status, const void *data, size_t length) {
    uint8_t message[MESSAGE_SIZE] = {0};
    put(message, 0, RETURN_SUBMIT);
    put(message, AT_SEQUENCE, request->sequence);
    put(message, AT_STATUS, (uint32_t)status);
    put(message, AT_ACTUAL_LENGTH, (uint32_t)length);
    put(message, AT_ISOCHRONOUS, NO_ISOCHRONOUS);
    send_all(socket, message, sizeof message);
    if (data != NULL) {
        send_all(socket, data, length);
    }
}

void usbip_complete_unlink(int socket, const struct usbip_request *request, bool was_waiting) {
    uint8_t message[MESSAGE_SIZE] = {0};
    put(message, 0, RETURN_UNLINK);
    put(message, AT_SEQUENCE, request->sequence);
    put(message, AT_STATUS, was_waiting ? (uint32_t)-ECONNRESET : 0);
    send_all(socket, message, sizeof message);
}
