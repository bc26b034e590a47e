/* SPDX-License-Identifier: MIT */
/* A master and a link driven to the end of a call on this thread. */

#include "openmvrpc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define RECEIVE_SIZE 4096

/* The most that is waited for a link that gives no descriptor to poll. */
#define UNPOLLABLE_US 500

static void wait_for(struct omvrpc_link *link, short events, int64_t until_us) {
    int64_t wait_us = until_us - omvrpc_now_us();
    int descriptor = link->operations->descriptor(link);
    if (descriptor < 0 && !link->info.transactions && wait_us > UNPOLLABLE_US) {
        wait_us = UNPOLLABLE_US;
    }
    if (wait_us <= 0) {
        return;
    }
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000 * 1000)};
    struct pollfd pollfd = {.fd = descriptor, .events = events};
    (void)ppoll(&pollfd, descriptor >= 0, &timeout, NULL);
}

/* Takes some of what the link has. Returns how much, or a negative errno. */
static ssize_t receive_some(struct omvrpc_master *master, struct omvrpc_link *link) {
    uint8_t buffer[RECEIVE_SIZE];
    ssize_t received = link->operations->receive(link, buffer, sizeof buffer);
    if (received > 0) {
        omvrpc_master_received(master, buffer, (size_t)received, omvrpc_now_us());
    }
    return received;
}

/* Makes the transaction of a step, or waits where there is none to make. Returns a negative errno when the link has
 * failed. */
static ssize_t transact(struct omvrpc_master *master, struct omvrpc_link *link, const struct omvrpc_step *step) {
    if (step->length == 0) {
        wait_for(link, POLLIN, step->until_us);
        return 0;
    }
    uint8_t *buffer = omvrpc_master_reserve(master, step->length);
    ssize_t received = buffer != NULL ? omvrpc_link_receive(link, step, buffer) : -ENOMEM;
    if (received >= 0) {
        omvrpc_master_received(master, buffer, (size_t)received, omvrpc_now_us());
    }
    return received;
}

/* Receives now or, if there is nothing, after a wait. Returns a negative errno when the link has failed. */
static ssize_t await_input(struct omvrpc_master *master, struct omvrpc_link *link, const struct omvrpc_step *step) {
    int64_t until_us = step->until_us;
    short events = step->kind == OMVRPC_STEP_SEND ? POLLIN | POLLOUT : POLLIN;
    if (link->info.transactions) {
        return transact(master, link, step);
    }
    ssize_t received = receive_some(master, link);
    if (received == 0) {
        wait_for(link, events, until_us);
        received = receive_some(master, link);
    }
    return received;
}

/* The link has failed: the call ends as it stands. Returns the error. */
static int fail(struct omvrpc_master *master, int error) {
    struct omvrpc_step step;
    omvrpc_master_link_gone(master, omvrpc_now_us());
    omvrpc_master_stop(master, omvrpc_now_us());
    omvrpc_master_next(master, omvrpc_now_us(), &step);
    return error;
}

/* Tells the master how the ready line stands, where there is one. Returns a negative errno when the link has failed. */
static ssize_t tell_ready(struct omvrpc_master *master, struct omvrpc_link *link) {
    int ready = link->operations->ready != NULL ? link->operations->ready(link) : 0;
    if (link->operations->ready != NULL && ready >= 0) {
        omvrpc_master_set_ready(master, ready > 0, omvrpc_now_us());
    }
    return ready < 0 ? ready : 0;
}

/* Runs the machine until the call has ended. Frames go to the handler, if there is one. */
static int drive(struct omvrpc_master *master, struct omvrpc_link *link, omvrpc_frame_handler *handler, void *context) {
    for (;;) {
        struct omvrpc_step step;
        ssize_t moved = tell_ready(master, link);
        if (moved < 0) {
            return fail(master, (int)moved);
        }
        omvrpc_master_next(master, omvrpc_now_us(), &step);
        switch (step.kind) {
        case OMVRPC_STEP_SEND:
            moved = link->operations->send(link, step.data, step.length);
            omvrpc_master_sent(master, moved > 0 ? (size_t)moved : 0, omvrpc_now_us());
            if (moved == 0 && !link->info.transactions) {
                moved = await_input(master, link, &step);
            }
            break;
        case OMVRPC_STEP_RECEIVE:
        case OMVRPC_STEP_IDLE:
            moved = await_input(master, link, &step);
            break;
        case OMVRPC_STEP_DISCARD:
            link->operations->discard(link);
            break;
        case OMVRPC_STEP_FRAME:
            if (handler != NULL && !handler(context, step.data, step.length)) {
                omvrpc_master_stop(master, omvrpc_now_us());
            }
            break;
        case OMVRPC_STEP_DONE:
            return 0;
        }
        if (moved < 0) {
            return fail(master, (int)moved);
        }
    }
}

int omvrpc_stream(struct omvrpc_master *master, struct omvrpc_link *link, const struct omvrpc_request *request,
                  omvrpc_frame_handler *handler, void *context, struct omvrpc_result *result) {
    /* Who does not look at what is returned looks at this. */
    *result = (struct omvrpc_result){.outcome = OMVRPC_NOT_DELIVERED};
    if (request->stream_depth == 0 && handler != NULL) {
        return -EINVAL;
    }
    if (!omvrpc_master_has_link(master)) {
        omvrpc_master_link_opened(master, &link->info, omvrpc_now_us());
    }
    int error = omvrpc_master_call(master, request, omvrpc_now_us());
    if (error == 0) {
        error = drive(master, link, handler, context);
        *result = *omvrpc_master_result(master);
    }
    return error;
}

int omvrpc_call_request(struct omvrpc_master *master, struct omvrpc_link *link, const struct omvrpc_request *request,
                        struct omvrpc_result *result) {
    return omvrpc_stream(master, link, request, NULL, NULL, result);
}

int omvrpc_call(struct omvrpc_master *master, struct omvrpc_link *link, const char *name, const void *argument,
                size_t argument_length, int timeout_ms, struct omvrpc_result *result) {
    const struct omvrpc_request request = {
        .command = omvrpc_command_id(name, strlen(name)),
        .argument = argument,
        .argument_length = argument_length,
        .deadline_us = omvrpc_now_us() + (int64_t)timeout_ms * 1000,
    };
    return omvrpc_call_request(master, link, &request, result);
}
