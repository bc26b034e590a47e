/* SPDX-License-Identifier: MIT */
/* Callbacks of the simulator's own, for tests: none of them is known to a real camera. */

#include "callbacks_internal.h"

#include <stdlib.h>
#include <string.h>

#define SLEEP_MAX_MS 60000
#define BLOB_MAX     ((size_t)4 << 20)

void sim_test_echo(struct sim_call *call) {
    omvrpc_reply_append(call->reply, call->argument, call->length);
}

void sim_test_sleep(struct sim_call *call) {
    if (call->length != 4 || sim_get_u32(call->argument) > SLEEP_MAX_MS) {
        return;
    }
    omvrpc_reply_delay(call->reply, (int64_t)sim_get_u32(call->argument) * 1000);
    omvrpc_reply_append(call->reply, call->argument, call->length);
}

void sim_test_blob(struct sim_call *call) {
    if (call->length != 4 || sim_get_u32(call->argument) > BLOB_MAX) {
        return;
    }
    size_t size = sim_get_u32(call->argument);
    uint8_t *bytes = size > 0 ? malloc(size) : NULL;
    if (!bytes) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    }
    omvrpc_reply_append(call->reply, bytes, size);
    free(bytes);
}

void sim_test_counter(struct sim_call *call) {
    uint8_t count[4];
    sim_put_u32(count, ++call->camera->counter);
    omvrpc_reply_append(call->reply, count, sizeof count);
}

/* The argument is the text of an exception, as "ValueError: no dial 7", or only its message, or nothing. */
void sim_test_fail(struct sim_call *call) {
    char text[256] = {0};
    size_t length = call->length < sizeof text ? call->length : sizeof text - 1;
    memcpy(text, call->argument, length);
    char *separator = strstr(text, ": ");
    if (separator) {
        *separator = '\0';
        omvrpc_reply_raise(call->reply, text, separator + 2);
    } else {
        omvrpc_reply_raise(call->reply, "RuntimeError", *text ? text : "told to fail");
    }
}
