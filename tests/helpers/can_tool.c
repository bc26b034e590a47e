/* SPDX-License-Identifier: MIT */
/*
 * CAN links through the library, for a test in another language.
 *
 *     can_tool state INTERFACE              the kernel's facts: can|other up|down CONDITION BITRATE SAMPLE_POINT RESTART_MS
 *     can_tool serve INTERFACE ID           serving, and is a camera with the callbacks echo, and blob (u32: so many
 *                                           bytes), until the link fails
 *     can_tool call INTERFACE ID NAME N     NAME with the number N as its argument: OUTCOME LENGTH MICROSECONDS, for
 *                                           each line of input again. What is lost is asked for again for a minute: a
 *                                           busy machine holds programs up for longer than a camera pauses
 *
 * What fails is told on the standard error, with the name of its errno, and ends the program with 1.
 */

#include "openmvrpc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US INT64_C(60000000)

static int fail(const char *what, int error) {
    fprintf(stderr, "%s: %s\n", what, strerrorname_np(error));
    return EXIT_FAILURE;
}

static int say_state(const char *interface) {
    struct omvrpc_can_state state;
    int error = omvrpc_can_read_state(interface, &state);
    if (error != 0) {
        return fail("state", -error);
    }
    printf("%s %s %s %u %u %u\n", state.is_can ? "can" : "other", state.is_up ? "up" : "down",
           omvrpc_can_condition_name(state.condition), state.bit_rate, state.sample_point, state.restart_ms);
    return EXIT_SUCCESS;
}

static void echo(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    (void)context;
    omvrpc_reply_append(reply, argument, length);
}

static void blob(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    uint32_t size = 0;
    (void)context;
    memcpy(&size, argument, length < sizeof size ? length : sizeof size);
    for (uint32_t i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(i ^ i >> 8 ^ i >> 16);
        omvrpc_reply_append(reply, &byte, 1);
    }
}

/* Waits until the slave's step is due or something has come. */
static void wait_for(struct omvrpc_link *link, const struct omvrpc_step *step) {
    int64_t wait_us = step->until_us == INT64_MAX ? 1000000 : step->until_us - omvrpc_now_us();
    struct pollfd pollfd = {.fd = link->operations->descriptor(link), .events = POLLIN};
    (void)poll(&pollfd, 1, wait_us > 0 ? (int)(wait_us / 1000) + 1 : 0);
}

static int serve(struct omvrpc_link *link) {
    struct omvrpc_slave *slave = omvrpc_slave_new();
    int error = slave == NULL ? -ENOMEM : omvrpc_slave_register(slave, "echo", echo, NULL);
    error = error != 0 ? error : omvrpc_slave_register(slave, "blob", blob, NULL);
    puts("serving");
    (void)fflush(stdout);
    while (error == 0) {
        uint8_t buffer[4096];
        struct omvrpc_step step;
        ssize_t received = link->operations->receive(link, buffer, sizeof buffer), sent = 0;
        if (received > 0) {
            omvrpc_slave_received(slave, buffer, (size_t)received, omvrpc_now_us());
        }
        omvrpc_slave_next(slave, omvrpc_now_us(), &step);
        if (step.kind == OMVRPC_STEP_SEND) {
            sent = link->operations->send(link, step.data, step.length);
            omvrpc_slave_sent(slave, sent > 0 ? (size_t)sent : 0, omvrpc_now_us());
        }
        error = received < 0 ? (int)received : sent < 0 ? (int)sent : 0;
        if (error == 0 && received == 0 && sent == 0) {
            wait_for(link, &step);
        }
    }
    omvrpc_slave_free(slave);
    return fail("serve", -error);
}

static int call(struct omvrpc_link *link, const char *name, uint32_t number) {
    struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = (const uint8_t *)&number,
        .argument_length = sizeof number,
        .repeatable = true,
    };
    char line[16];
    int error = 0;
    struct omvrpc_master *master = omvrpc_master_new();
    do {
        struct omvrpc_result result;
        int64_t begun_us = omvrpc_now_us();
        request.deadline_us = begun_us + PATIENCE_US;
        error = master == NULL ? -ENOMEM : omvrpc_call_request(master, link, &request, &result);
        if (error == 0) {
            printf("%s %zu %lld\n", omvrpc_outcome_name(result.outcome), result.length,
                   (long long)(omvrpc_now_us() - begun_us));
            (void)fflush(stdout);
        }
    } while (error == 0 && fgets(line, sizeof line, stdin) != NULL);
    omvrpc_master_free(master);
    return error != 0 ? fail("call", -error) : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "state") == 0) {
        return say_state(argv[2]);
    }
    bool serves = argc == 4 && strcmp(argv[1], "serve") == 0;
    bool calls = argc == 6 && strcmp(argv[1], "call") == 0;
    if (!serves && !calls) {
        return fail("arguments", EINVAL);
    }
    const struct omvrpc_can_options options = {.interface = argv[2], .id = (uint32_t)strtoul(argv[3], NULL, 0)};
    struct omvrpc_link *link = omvrpc_can_open(&options);
    if (link == NULL) {
        return fail("open", errno);
    }
    int status = serves ? serve(link) : call(link, argv[4], (uint32_t)strtoul(argv[5], NULL, 0));
    omvrpc_link_close(link);
    return status;
}
