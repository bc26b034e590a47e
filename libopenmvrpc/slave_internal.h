/* SPDX-License-Identifier: MIT */
#ifndef SLAVE_INTERNAL_H
#define SLAVE_INTERNAL_H

/* What slave.c (the exchange), slave_callbacks.c (callbacks and their replies) and slave_session.c share. Not for
 * others. */

#include "buffer.h"
#include "packet.h"

/* Longest result, and most bytes of a cut-through transfer. */
#define SLAVE_RESULT_MAX ((size_t)4 << 20)

/* Longest text of a callback that raised: a traceback's last line is shorter. */
#define SLAVE_RAISED_MAX ((size_t)256)

struct omvrpc_reply {
    struct buffer result;
    struct buffer raw;
    size_t refused; /* bytes for which the result had no room: it is not whole then */
    int64_t delay_us;
    omvrpc_frame_source *source;
    void *source_context;
    char raised[SLAVE_RAISED_MAX];
    size_t raised_length; /* 0 where the callback did not raise */
};

enum slave_state {
    SLAVE_COMMAND,     /* waits for a command header */
    SLAVE_DATA,        /* waits for the command's data */
    SLAVE_RUNNING,     /* the callback computes */
    SLAVE_RESULT,      /* waits for the two polls */
    SLAVE_RAW,         /* sends a cut-through transfer */
    SLAVE_STREAM_OPEN, /* waits for a stream's reader */
    SLAVE_STREAM,      /* streams */
};

struct slave_callback;
struct slave_session;

struct omvrpc_slave {
    enum slave_state state;
    struct slave_callback *callbacks;
    struct slave_session *session; /* NULL for a stock slave */
    struct buffer input;
    struct buffer output;
    struct omvrpc_reply reply;
    uint32_t command;
    size_t data_length;
    bool header_sent;
    bool started; /* omvrpc_slave_next() has been called since the beginning or the last reset */
    int64_t forgot_us, now_us;
    int64_t until_us;
    uint32_t depth, credits;
    uint8_t expected_byte;
};

/* Makes the reply an untouched one. */
void slave_reply_clear(struct omvrpc_reply *reply);

/* Returns how many bytes of a text of UTF-8 fit into `most` without cutting a character. */
size_t slave_text_fit(const char *text, size_t length, size_t most);

/*
 * Runs the callback of that id. Of one that raised only that, its text and its delay are left in the reply. Returns
 * false where there is none.
 */
bool slave_callback_run(struct omvrpc_slave *slave, uint32_t command, const uint8_t *argument, size_t length,
                        struct omvrpc_reply *reply);

void slave_callbacks_free(struct omvrpc_slave *slave);

/* Forgets what a reset of the camera forgets. Both take NULL. */
void slave_session_forget(struct slave_session *session);
void slave_session_free(struct slave_session *session);

#endif
