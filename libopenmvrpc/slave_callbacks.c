/* SPDX-License-Identifier: MIT */
/* Which callbacks a slave has, and what they say in reply. */

#include "slave_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of the name of what was raised; the message has the rest of SLAVE_RAISED_MAX. */
#define RAISED_NAME_MAX ((size_t)64)

struct slave_callback {
    struct slave_callback *next;
    uint32_t command;
    omvrpc_callback *run;
    void *context;
};

/* Appends within a limit. What a callback goes on with after a refusal is refused as well, so that there is no gap. */
static int append(struct buffer *buffer, const void *data, size_t length) {
    if (length > SLAVE_RESULT_MAX - buffer_length(buffer)) {
        return -EMSGSIZE;
    }
    return buffer_append(buffer, data, length) ? 0 : -ENOMEM;
}

int omvrpc_reply_append(struct omvrpc_reply *reply, const void *data, size_t length) {
    int error = reply->refused > 0 ? -EMSGSIZE : append(&reply->result, data, length);
    if (error != 0) {
        reply->refused += length;
    }
    return error;
}

void omvrpc_reply_delay(struct omvrpc_reply *reply, int64_t duration_us) {
    reply->delay_us = duration_us;
}

int omvrpc_reply_put_bytes(struct omvrpc_reply *reply, const void *data, size_t length) {
    return append(&reply->raw, data, length);
}

void omvrpc_reply_stream(struct omvrpc_reply *reply, omvrpc_frame_source *source, void *context) {
    reply->source = source;
    reply->source_context = context;
}

size_t slave_text_fit(const char *text, size_t length, size_t most) {
    if (length <= most) {
        return length;
    }
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80) {
        most--;
    }
    return most;
}

static void append_raised(struct omvrpc_reply *reply, const char *text, size_t most) {
    size_t length = slave_text_fit(text, strlen(text), most);
    memcpy(reply->raised + reply->raised_length, text, length);
    reply->raised_length += length;
}

void omvrpc_reply_raise(struct omvrpc_reply *reply, const char *name, const char *message) {
    reply->raised_length = 0;
    append_raised(reply, name, RAISED_NAME_MAX);
    reply->raised[reply->raised_length++] = ':';
    reply->raised[reply->raised_length++] = ' ';
    append_raised(reply, message, SLAVE_RAISED_MAX - reply->raised_length);
}

void slave_reply_clear(struct omvrpc_reply *reply) {
    buffer_shrink(&reply->result);
    buffer_shrink(&reply->raw);
    reply->refused = 0;
    reply->delay_us = 0;
    reply->source = NULL;
    reply->raised_length = 0;
}

static struct slave_callback *find(const struct omvrpc_slave *slave, uint32_t command) {
    struct slave_callback *callback = slave->callbacks;
    while (callback != NULL && callback->command != command) {
        callback = callback->next;
    }
    return callback;
}

int omvrpc_slave_register(struct omvrpc_slave *slave, const char *name, omvrpc_callback *run, void *context) {
    uint32_t command = omvrpc_command_id(name, strlen(name));
    struct slave_callback *callback = find(slave, command);
    if (callback == NULL) {
        callback = calloc(1, sizeof *callback);
        if (callback == NULL) {
            return -ENOMEM;
        }
        callback->command = command;
        callback->next = slave->callbacks;
        slave->callbacks = callback;
    }
    callback->run = run;
    callback->context = context;
    return 0;
}

bool slave_callback_run(struct omvrpc_slave *slave, uint32_t command, const uint8_t *argument, size_t length,
                        struct omvrpc_reply *reply) {
    const struct slave_callback *callback = find(slave, command);
    if (callback == NULL) {
        return false;
    }
    callback->run(callback->context, argument, length, reply);
    if (reply->raised_length > 0) {
        buffer_clear(&reply->result);
        buffer_clear(&reply->raw);
        reply->refused = 0;
        reply->source = NULL;
    }
    return true;
}

void slave_callbacks_free(struct omvrpc_slave *slave) {
    while (slave->callbacks != NULL) {
        struct slave_callback *next = slave->callbacks->next;
        free(slave->callbacks);
        slave->callbacks = next;
    }
}
