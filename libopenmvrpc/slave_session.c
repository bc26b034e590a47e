/* SPDX-License-Identifier: MIT */
/*
 * The camera's half of the extensions (docs/extensions.md): three callbacks, through which a master calls the others by
 * number. What a call ended with is kept until the master cannot ask for it any more, so that no lost reply makes a
 * callback run again.
 */

#include "slave_internal.h"
#include "slave_outcomes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX       ((uint32_t)1 << 20)
#define HELD_MAX        ((uint32_t)16)
#define DESCRIPTION_MAX ((size_t)1 << 20)

struct slave_session {
    char *description;
    size_t description_length;
    uint32_t piece;
    uint32_t id;     /* 0 where none is open */
    bool describing; /* the description may be read */
    struct slave_outcomes outcomes;
};

void slave_session_forget(struct slave_session *session) {
    if (session != NULL) {
        slave_outcomes_clear(&session->outcomes);
        session->id = 0;
        session->describing = false;
    }
}

void slave_session_free(struct slave_session *session) {
    if (session != NULL) {
        slave_outcomes_close(&session->outcomes);
        free(session->description);
        free(session);
    }
}

/* Where memory is short the result stays empty; the packet with it would find no memory either. */
static void respond(struct omvrpc_reply *reply, const struct omvrpc_session_reply *response) {
    size_t size = response->length + OMVRPC_ENVELOPE_SIZE;
    if (buffer_reserve(&reply->result, size)) {
        omvrpc_session_reply_write(response, reply->result.data + reply->result.end);
        reply->result.end += size;
    }
}

/* Responds without data. */
static void respond_status(struct omvrpc_reply *reply, const struct omvrpc_envelope *envelope, uint32_t offset,
                           enum omvrpc_status status) {
    respond(reply, &(struct omvrpc_session_reply){
                       .session = envelope->session, .number = envelope->number, .status = status, .offset = offset});
}

static size_t piece_size(const struct slave_session *session, const struct omvrpc_envelope *envelope) {
    return envelope->piece < session->piece ? envelope->piece : session->piece;
}

static void respond_piece(const struct slave_session *session, struct omvrpc_reply *reply,
                          const struct omvrpc_envelope *envelope, uint32_t offset, const void *bytes, size_t total) {
    size_t left = offset < total ? total - offset : 0;
    size_t piece = piece_size(session, envelope);
    respond(reply, &(struct omvrpc_session_reply){
                       .session = envelope->session,
                       .number = envelope->number,
                       .status = OMVRPC_STATUS_DONE,
                       .total = (uint32_t)total,
                       .offset = offset,
                       .data = left > 0 ? (const uint8_t *)bytes + offset : NULL,
                       .length = left < piece ? left : piece,
                   });
}

static void respond_outcome(struct slave_session *session, struct omvrpc_reply *reply,
                            const struct omvrpc_envelope *envelope, struct slave_outcome *outcome) {
    const char *data = (const char *)buffer_bytes(&outcome->data);
    size_t length = buffer_length(&outcome->data), piece = piece_size(session, envelope);
    if (outcome->status == OMVRPC_STATUS_DONE) {
        if (length > piece && !outcome->held) {
            slave_outcomes_hold(&session->outcomes, outcome);
        }
        respond_piece(session, reply, envelope, 0, data, length);
        return;
    }
    length = slave_text_fit(data, length, piece);
    respond(reply, &(struct omvrpc_session_reply){
                       .session = envelope->session,
                       .number = envelope->number,
                       .status = outcome->status,
                       .total = outcome->status == OMVRPC_STATUS_TOO_LARGE ? outcome->total : (uint32_t)length,
                       .data = (const uint8_t *)data,
                       .length = length,
                   });
}

static void respond_no_session(const struct omvrpc_slave *slave, struct omvrpc_reply *reply,
                               const struct omvrpc_envelope *envelope, uint32_t offset) {
    /* Where the milliseconds do not fit any more, the camera has been up for longer than any call takes. */
    int64_t age_ms = (slave->now_us - slave->forgot_us) / 1000;
    uint8_t age[4];
    put_u32(age, age_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)age_ms);
    size_t length = piece_size(slave->session, envelope) < sizeof age ? 0 : sizeof age;
    respond(reply, &(struct omvrpc_session_reply){
                       .session = envelope->session,
                       .number = envelope->number,
                       .status = OMVRPC_STATUS_NO_SESSION,
                       .total = (uint32_t)length,
                       .offset = offset,
                       .data = age,
                       .length = length,
                   });
}

static bool is_open(const struct slave_session *session, uint32_t id) {
    return id != 0 && id == session->id;
}

static omvrpc_callback describe, call_by_number, read_piece;

static const struct {
    const char *name;
    omvrpc_callback *callback;
} reserved[] = {
    {OMVRPC_DESCRIBE_NAME, describe},
    {OMVRPC_CALL_NAME, call_by_number},
    {OMVRPC_READ_NAME, read_piece},
};

#define RESERVED_COUNT (sizeof reserved / sizeof reserved[0])

static bool is_reserved(uint32_t command) {
    for (size_t i = 0; i < RESERVED_COUNT; i++) {
        if (omvrpc_command_id(reserved[i].name, strlen(reserved[i].name)) == command) {
            return true;
        }
    }
    return false;
}

/* Runs a callback in the reply of the call around it, and takes its result out again: what is left there is its delay
 * and what it has scheduled. */
static void run(struct omvrpc_slave *slave, struct omvrpc_reply *reply, uint32_t command, const uint8_t *argument,
                size_t length, struct slave_outcome *outcome) {
    if (is_reserved(command) || !slave_callback_run(slave, command, argument, length, reply)) {
        outcome->status = OMVRPC_STATUS_NO_SUCH_CALLBACK;
    } else if (reply->raised_length > 0) {
        outcome->status = OMVRPC_STATUS_RAISED;
        (void)buffer_append(&outcome->data, reply->raised, reply->raised_length);
        outcome->total = (uint32_t)reply->raised_length;
        reply->raised_length = 0;
    } else if (reply->refused > 0) {
        size_t total = buffer_length(&reply->result) + reply->refused;
        outcome->status = OMVRPC_STATUS_TOO_LARGE;
        outcome->total = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
        buffer_shrink(&reply->result);
        reply->refused = 0;
    } else {
        outcome->status = OMVRPC_STATUS_DONE;
        outcome->data = reply->result;
        reply->result = (struct buffer){0};
    }
}

static void call_by_number(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct omvrpc_slave *slave = context;
    struct slave_session *session = slave->session;
    struct omvrpc_envelope call = {0};
    if (!omvrpc_envelope_read(argument, length, &call, &argument, &length)) {
        respond_status(reply, &call, 0, OMVRPC_STATUS_DAMAGED);
        return;
    }
    if (call.number == 0 && call.session != 0 && !is_open(session, call.session)) {
        slave_session_forget(session);
        session->id = call.session;
        slave->forgot_us = slave->now_us;
    }
    if (!is_open(session, call.session)) {
        respond_no_session(slave, reply, &call, 0);
        return;
    }
    slave_outcomes_release(&session->outcomes, call.released);
    if (call.number == 0) {
        session->describing = true;
        respond_piece(session, reply, &call, 0, session->description, session->description_length);
        return;
    }
    struct slave_outcome *outcome = slave_outcomes_find(&session->outcomes, call.number);
    if (call.number > session->outcomes.last) {
        session->describing = false;
        outcome = slave_outcomes_add(&session->outcomes, call.number);
        run(slave, reply, call.target, argument, length, outcome);
    }
    if (outcome != NULL) {
        respond_outcome(session, reply, &call, outcome);
    } else {
        respond_status(reply, &call, 0, OMVRPC_STATUS_FORGOTTEN);
    }
}

static void read_piece(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    struct omvrpc_slave *slave = context;
    struct slave_session *session = slave->session;
    struct omvrpc_envelope read = {0};
    if (length != OMVRPC_ENVELOPE_SIZE || !omvrpc_envelope_read(argument, length, &read, &argument, &length)) {
        respond_status(reply, &read, 0, OMVRPC_STATUS_DAMAGED);
        return;
    }
    uint32_t offset = read.target;
    if (!is_open(session, read.session)) {
        respond_no_session(slave, reply, &read, offset);
        return;
    }
    slave_outcomes_release(&session->outcomes, read.released);
    if (read.number == 0 && session->describing) {
        respond_piece(session, reply, &read, offset, session->description, session->description_length);
        return;
    }
    const struct slave_outcome *outcome = slave_outcomes_find(&session->outcomes, read.number);
    if (outcome != NULL && outcome->held) {
        respond_piece(session, reply, &read, offset, buffer_bytes(&outcome->data), buffer_length(&outcome->data));
    } else {
        respond_status(reply, &read, offset, OMVRPC_STATUS_FORGOTTEN);
    }
}

static void describe(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *reply) {
    const struct omvrpc_slave *slave = context;
    (void)argument, (void)length;
    (void)omvrpc_reply_append(reply, slave->session->description, slave->session->description_length);
}

static struct slave_session *session_new(const struct omvrpc_extension_options *options) {
    struct slave_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->description = strdup(options->description);
    if (session->description == NULL || !slave_outcomes_open(&session->outcomes, options->held)) {
        free(session->description);
        free(session);
        return NULL;
    }
    session->description_length = strlen(options->description);
    session->piece = options->piece;
    return session;
}

int omvrpc_slave_offer_extensions(struct omvrpc_slave *slave, const struct omvrpc_extension_options *options) {
    if (options->description == NULL || strlen(options->description) > DESCRIPTION_MAX || options->piece < 1 ||
        options->piece > PIECE_MAX || options->held < 1 || options->held > HELD_MAX) {
        return -EINVAL;
    }
    struct slave_session *session = session_new(options);
    if (session == NULL) {
        return -ENOMEM;
    }
    /* The callbacks need a session, also when memory ends between one of them and the next. */
    slave_session_free(slave->session);
    slave->session = session;
    for (size_t i = 0; i < RESERVED_COUNT; i++) {
        int error = omvrpc_slave_register(slave, reserved[i].name, reserved[i].callback, slave);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}
