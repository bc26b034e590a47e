/* SPDX-License-Identifier: MIT */
/* Two ways of asking a camera. See asker.h. */

#include "asker.h"

#include "connect.h"
#include "openmvrpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 10000 };

/* A reply's line, and the largest result behind it. */
#define INPUT_SIZE ((size_t)1 << 21)

static void fail(const char *what) {
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void *allocate(size_t size) {
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fail("memory");
    }
    return memory;
}

/* By the library alone. */

struct library_asker {
    struct asker asker;
    struct omvrpc_link *link;
    struct omvrpc_master *master;
};

static bool ask_library(struct asker *asker, const char *name, const uint8_t *argument, size_t length) {
    struct library_asker *library = (struct library_asker *)asker;
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = length,
        .deadline_us = omvrpc_now_us() + (int64_t)TIMEOUT_MS * 1000,
        .repeatable = strcmp(name, "sleep") != 0,
    };
    struct omvrpc_result result;
    if (omvrpc_call_request(library->master, library->link, &request, &result) != 0 || result.outcome != OMVRPC_DONE) {
        return false;
    }
    asker->answer = result.data;
    asker->answer_length = result.length;
    return true;
}

static void close_library(struct asker *asker) {
    struct library_asker *library = (struct library_asker *)asker;
    omvrpc_link_close(library->link);
    omvrpc_master_free(library->master);
    free(library);
    prctl(PR_SET_TIMERSLACK, 0UL);
}

struct asker *asker_open_library(const char *device) {
    static const struct asker_operations operations = {"library", ask_library, close_library};
    struct library_asker *library = allocate(sizeof *library);
    library->asker.operations = &operations;
    library->link = omvrpc_serial_open(&(struct omvrpc_serial_options){.device = device, .baud = 115200});
    library->master = omvrpc_master_new();
    if (library->link == NULL || library->master == NULL) {
        fail(device);
    }
    /* As the daemon's workers do, so that both wait equally well. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    return &library->asker;
}

/* Through the socket. */

struct socket_asker {
    struct asker asker;
    int fd;
    unsigned id;
    size_t length;
    char input[INPUT_SIZE];
};

/* Reads until `enough` bytes have come, or, where that is 0, a whole line. Returns false at the end. */
static bool read_input(struct socket_asker *socket_asker, size_t enough) {
    while (enough > 0 ? socket_asker->length < enough
                      : memchr(socket_asker->input, '\n', socket_asker->length) == NULL) {
        if (enough > INPUT_SIZE || socket_asker->length == INPUT_SIZE) {
            return false;
        }
        ssize_t got =
            recv(socket_asker->fd, socket_asker->input + socket_asker->length, INPUT_SIZE - socket_asker->length, 0);
        if (got <= 0) {
            return false;
        }
        socket_asker->length += (size_t)got;
    }
    return true;
}

/* Takes a reply as `"reply":"raw"` has it: a line that says how many bytes follow, and those. */
static bool read_reply(struct socket_asker *socket_asker) {
    static const char raw[] = "\"value\":{\"raw\":";
    socket_asker->length = 0;
    if (!read_input(socket_asker, 0)) {
        fail("the daemon has closed the connection");
    }
    char *end = memchr(socket_asker->input, '\n', socket_asker->length);
    *end = '\0';
    const char *value = strstr(socket_asker->input, raw);
    size_t line_length = (size_t)(end - socket_asker->input) + 1;
    socket_asker->asker.answer = (uint8_t *)socket_asker->input + line_length;
    socket_asker->asker.answer_length = value != NULL ? strtoul(value + strlen(raw), NULL, 10) : 0;
    if (value == NULL) {
        return strstr(socket_asker->input, "\"value\":null") != NULL;
    }
    return read_input(socket_asker, line_length + socket_asker->asker.answer_length);
}

static bool ask_socket(struct asker *asker, const char *name, const uint8_t *argument, size_t length) {
    struct socket_asker *socket_asker = (struct socket_asker *)asker;
    char hex[2 * ASKER_ARGUMENT_MAX + 1] = "", line[512];
    for (size_t i = 0; i < length; i++) {
        snprintf(hex + 2 * i, 3, "%02x", argument[i]);
    }
    int size = snprintf(line, sizeof line,
                        "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"call\",\"params\":{\"name\":\"%s\","
                        "\"data\":\"%s\",\"encoding\":\"hex\",\"reply\":\"raw\",\"timeout_ms\":%d}}\n",
                        ++socket_asker->id, name, hex, TIMEOUT_MS);
    if (send(socket_asker->fd, line, (size_t)size, MSG_NOSIGNAL) != size) {
        fail("the daemon's socket");
    }
    return read_reply(socket_asker);
}

static void close_socket(struct asker *asker) {
    struct socket_asker *socket_asker = (struct socket_asker *)asker;
    close(socket_asker->fd);
    free(socket_asker);
}

struct asker *asker_open_socket(const char *path) {
    static const struct asker_operations operations = {"socket", ask_socket, close_socket};
    struct socket_asker *socket_asker = allocate(sizeof *socket_asker);
    socket_asker->asker.operations = &operations;
    socket_asker->fd = connect_socket(path);
    if (socket_asker->fd < 0) {
        fail(path);
    }
    return &socket_asker->asker;
}

/* Both. */

bool asker_ask(struct asker *asker, const char *name, const uint8_t *argument, size_t length) {
    asker->answer = NULL;
    asker->answer_length = 0;
    return length <= ASKER_ARGUMENT_MAX && asker->operations->ask(asker, name, argument, length);
}

void asker_close(struct asker *asker) {
    asker->operations->close(asker);
}
