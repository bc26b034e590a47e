/* SPDX-License-Identifier: MIT */
#ifndef BUS_CAMERA_SOLDERED_H
#define BUS_CAMERA_SOLDERED_H

/* A program's connection to the controllers; see ../module/camera_bus.h for what is said there. */

#include "tests/devices/module/camera_bus.h"

#include <stdbool.h>
#include <stdint.h>

/* A message and the bytes behind it. */
struct soldered_message {
    struct camera_bus_message head;
    uint8_t bytes[CAMERA_BUS_LENGTH_MAX];
};

/* Returns a non-blocking descriptor, or a negative errno. */
int soldered_open(void);

/* Says a message without bytes. Returns 0 or a negative errno. */
int soldered_say(int descriptor, enum camera_bus_kind kind, uint32_t number, int32_t value);

/* Returns 1 with the next message, 0 where there is none now, or a negative errno. */
int soldered_hear(int descriptor, struct soldered_message *message);

/* Answers a transfer with a status and as many of the bytes as the host wants. True unless the host has given up. */
bool soldered_answer(int descriptor, struct soldered_message *transfer, int32_t status);

#endif
