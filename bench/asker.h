/* SPDX-License-Identifier: MIT */
#ifndef ASKER_H
#define ASKER_H

/* The ways of asking a camera that are compared: by the library alone, and through the daemon's socket. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest argument in bytes. */
enum { ASKER_ARGUMENT_MAX = 64 };

struct asker;

struct asker_operations {
    const char *name;
    bool (*ask)(struct asker *asker, const char *name, const uint8_t *argument, size_t length);
    void (*close)(struct asker *asker);
};

struct asker {
    const struct asker_operations *operations;
    const uint8_t *answer; /* of the last call that succeeded, valid until the next one */
    size_t answer_length;
};

/* Opens a port for calls by the library alone. The program ends where that fails. */
struct asker *asker_open_library(const char *device);

/* Connects to the socket of a daemon. The program ends where that fails. */
struct asker *asker_open_socket(const char *path);

/* Calls a callback. Returns whether it was answered; what fails says nothing of why. */
bool asker_ask(struct asker *asker, const char *name, const uint8_t *argument, size_t length);

void asker_close(struct asker *asker);

#endif
