/* SPDX-License-Identifier: MIT */
/*
 * A USB camera that is a program: virtual_usb PORT SEED
 *
 * PORT is one of the kernel's vhci-hcd, from 0 on, SEED the scene of the simulated camera. It begins unplugged and obeys
 * lines of its standard input until that ends:
 *
 *   id VVVV:PPPP                    USB ids, in hexadecimal, for the next time it is plugged in (1209:abd1)
 *   serial TEXT                     USB serial number, likewise
 *   persona camera|repl|silent      what answers; at once, as when a script ends (camera)
 *   plug, unplug
 *   unplug-after to|from BYTES      when so many more bytes have gone to the camera, or come from it
 *   count                           says how many have, since it was plugged in
 *
 * and says in lines of its standard output what is done and what the host does: `plugged`, `unplugged`,
 * `modem dtr=1 rts=1`, `baud 115200`, `count TO FROM`, `error ...`.
 */

#include "acm.h"
#include "persona.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct virtual_usb {
    struct acm_device device;
    struct persona *persona;
    char persona_name[16];
    unsigned port;
    char line[128]; /* of standard input, as far as it has come */
    size_t line_length;
};

static void unplug(struct virtual_usb *usb) {
    acm_unplug(&usb->device);
    persona_stop(usb->persona);
    puts("unplugged");
}

/* Each does what a command says, and returns whether that could be done. */

static bool start_persona(struct virtual_usb *usb) {
    int wire = persona_start(usb->persona, usb->persona_name);
    usb->device.wire = wire;
    return wire >= 0;
}

static bool obey_plug(struct virtual_usb *usb, const char *text) {
    (void)text;
    if (usb->device.socket >= 0 || !start_persona(usb)) {
        return false;
    }
    int error = acm_plug(&usb->device, usb->port);
    if (error) {
        persona_stop(usb->persona);
        printf("error cannot attach: %s\n", strerror(-error));
        return false;
    }
    puts("plugged");
    return true;
}

static bool obey_unplug(struct virtual_usb *usb, const char *text) {
    (void)text;
    if (usb->device.socket < 0) {
        return false;
    }
    unplug(usb);
    return true;
}

static bool obey_unplug_after(struct virtual_usb *usb, const char *text) {
    char direction[8];
    uint64_t bytes;
    if (usb->device.socket < 0 || sscanf(text, "%7s %" SCNu64, direction, &bytes) != 2) {
        return false;
    }
    bool to = strcmp(direction, "to") == 0;
    if (!to && strcmp(direction, "from") != 0) {
        return false;
    }
    acm_plan_cut(&usb->device, to ? ACM_TO_CAMERA : ACM_FROM_CAMERA, bytes);
    return true;
}

static bool obey_id(struct virtual_usb *usb, const char *text) {
    return sscanf(text, "%4" SCNx16 ":%4" SCNx16, &usb->device.identity.vendor, &usb->device.identity.product) == 2;
}

static bool obey_serial(struct virtual_usb *usb, const char *text) {
    char *serial = usb->device.identity.serial;
    size_t size = sizeof usb->device.identity.serial;
    return (size_t)snprintf(serial, size, "%s", text) < size;
}

static bool obey_persona(struct virtual_usb *usb, const char *text) {
    snprintf(usb->persona_name, sizeof usb->persona_name, "%s", text);
    if (usb->device.socket < 0) {
        return true;
    }
    persona_stop(usb->persona);
    return start_persona(usb);
}

static bool obey_count(struct virtual_usb *usb, const char *text) {
    (void)text;
    const uint64_t *passed = usb->device.passed;
    printf("count %" PRIu64 " %" PRIu64 "\n", passed[ACM_TO_CAMERA], passed[ACM_FROM_CAMERA]);
    return true;
}

static const struct {
    const char *name;
    bool (*obey)(struct virtual_usb *usb, const char *text);
} commands[] = {
    {"id", obey_id},       {"serial", obey_serial}, {"persona", obey_persona},
    {"plug", obey_plug},   {"unplug", obey_unplug}, {"unplug-after", obey_unplug_after},
    {"count", obey_count},
};

static void obey(struct virtual_usb *usb, const char *line) {
    size_t length = strcspn(line, " ");
    const char *text = line[length] == ' ' ? line + length + 1 : "";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strlen(commands[i].name) == length && strncmp(commands[i].name, line, length) == 0) {
            if (!commands[i].obey(usb, text)) {
                printf("error cannot: %s\n", line);
            }
            return;
        }
    }
    printf("error no such command: %s\n", line);
}

/* Obeys all whole lines. Returns false at the end of the input, or when a line has no end. */
static bool read_commands(struct virtual_usb *usb) {
    size_t room = sizeof usb->line - 1 - usb->line_length;
    ssize_t count = room > 0 ? read(STDIN_FILENO, usb->line + usb->line_length, room) : 0;
    if (count <= 0) {
        return count < 0 && errno == EINTR;
    }
    usb->line_length += (size_t)count;
    usb->line[usb->line_length] = '\0';
    char *begin = usb->line, *end;
    while ((end = strchr(begin, '\n')) != NULL) {
        *end = '\0';
        obey(usb, begin);
        begin = end + 1;
    }
    usb->line_length = strlen(begin);
    memmove(usb->line, begin, usb->line_length + 1);
    return true;
}

/* Takes a request of the kernel's and says what it has changed. Returns false when the device has been let go. */
static bool handle_request(struct virtual_usb *usb) {
    struct acm_device *device = &usb->device;
    uint32_t baud = acm_baud(device);
    bool has_dtr = device->has_dtr, has_rts = device->has_rts;
    if (!acm_handle_request(device)) {
        return false;
    }
    if (acm_baud(device) != baud) {
        printf("baud %" PRIu32 "\n", acm_baud(device));
    }
    if (device->has_dtr != has_dtr || device->has_rts != has_rts) {
        printf("modem dtr=%d rts=%d\n", device->has_dtr, device->has_rts);
    }
    return true;
}

static void run(struct virtual_usb *usb) {
    for (;;) {
        bool is_plugged = usb->device.socket >= 0;
        struct pollfd polled[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = usb->device.socket, .events = POLLIN},
            {.fd = is_plugged ? usb->device.wire : -1, .events = is_plugged ? acm_wire_events(&usb->device) : 0},
        };
        if (polled[2].events == 0) {
            /* A wire that was cut is ready at all times. */
            polled[2].fd = -1;
        }
        fflush(stdout);
        if (poll(polled, sizeof polled / sizeof polled[0], -1) < 0 && errno != EINTR) {
            return;
        }
        if (is_plugged && ((polled[1].revents != 0 && !handle_request(usb)) || !acm_move_bytes(&usb->device))) {
            unplug(usb);
        }
        if (polled[0].revents != 0 && !read_commands(usb)) {
            return;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: virtual_usb PORT SEED\n", stderr);
        return 2;
    }
    struct virtual_usb usb = {.persona_name = "camera", .port = (unsigned)strtoul(argv[1], NULL, 10)};
    acm_init(&usb.device, &(struct acm_identity){.vendor = 0x1209, .product = 0xabd1, .serial = "3157335A3334"});
    usb.persona = persona_new(strtoull(argv[2], NULL, 10));
    if (usb.persona == NULL) {
        fputs("virtual_usb: no memory\n", stderr);
        return EXIT_FAILURE;
    }
    run(&usb);
    acm_unplug(&usb.device);
    persona_free(usb.persona);
    return EXIT_SUCCESS;
}
