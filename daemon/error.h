/* SPDX-License-Identifier: MIT */
#ifndef ERROR_H
#define ERROR_H

/*
 * What a client can be told when a request fails: one enum, end to end, with one table of names, JSON-RPC codes and
 * what they promise. An error owns nothing, so it may be made on the stack and thrown away.
 */

#include "openmvrpc.h"
#include "text_buffer.h"

enum error_reason {
    ERROR_NONE,
    ERROR_PARSE,
    ERROR_INVALID_REQUEST,
    ERROR_NO_SUCH_METHOD,
    ERROR_INVALID_PARAMS,
    ERROR_INTERNAL,
    ERROR_CAMERA_OFFLINE,
    ERROR_NOT_DELIVERED,
    ERROR_RESULT_UNKNOWN,
    ERROR_NO_SUCH_CAMERA,
    ERROR_NO_SUCH_CALLBACK,
    ERROR_BAD_RESULT,
    ERROR_TOO_LARGE,
    ERROR_QUEUE_FULL,
    ERROR_CANCELLED,
    ERROR_FORBIDDEN,
    ERROR_CALLBACK_FAILED,
    ERROR_UNSUPPORTED,
    ERROR_RELEASED,
    ERROR_TOO_MANY_CLIENTS,
    ERROR_COUNT,
};

/* Whether the callback has run on the camera. */
enum error_executed { EXECUTED_NO, EXECUTED_YES, EXECUTED_UNKNOWN };

struct error_row {
    const char *name;
    int code;
    bool retryable; /* the very same request may be sent again, without harm and with some hope */
    enum error_executed executed;
};

/* Returns the row of a reason; of ERROR_NONE, one that says "ok". */
const struct error_row *error_row(enum error_reason reason);

/* Longest message, with its NUL; what is longer is cut. */
#define ERROR_MESSAGE_SIZE 512

struct error {
    enum error_reason reason;
    bool retryable;
    enum error_executed executed;
    const char *cause;    /* one static word such as "timeout", or NULL */
    int64_t since_ms;     /* of ERROR_RELEASED: for how long already; -1 elsewhere */
    const uint8_t *bytes; /* of ERROR_BAD_RESULT and ERROR_CALLBACK_FAILED: what the camera gave; borrowed, or NULL */
    size_t length;        /* of what it gave, 0 elsewhere */
    char message[ERROR_MESSAGE_SIZE]; /* always valid UTF-8 */
};

/* Fills an error from its row and a message. Bytes of the message that are not UTF-8, and control characters, become
 * '?'. */
void error_set(struct error *error, enum error_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4), nonnull(3)));

/* Fills an error for what is not begun any more because the daemon stops. */
void error_set_stopping(struct error *error);

/* That a callback which should stream was run, and no frame came. */
void error_set_no_stream(struct error *error, const char *camera);

/* Fills an error for a request that was not begun because memory is short. */
void error_set_out_of_memory(struct error *error);

/*
 * Fills an error from how a job ended; `camera` is its name. Returns false, the error being meaningless, for
 * OMVRPC_DONE. `repeatable` says that running the callback twice does no harm, which makes a lost result retryable.
 */
bool error_set_from_outcome(struct error *error, enum omvrpc_outcome outcome, enum omvrpc_cause cause, bool repeatable,
                            const char *camera);

/*
 * Fills an error from an exception on the camera: its text, "Name: message", of any bytes, which are borrowed. `name` is
 * the callback's.
 */
void error_set_raised(struct error *error, const char *name, const char *camera, const uint8_t *text, size_t length);

/* Drops what a camera gave that is no good, for where there is no room for it: its length is told all the same. */
void error_drop_bytes(struct error *error);

/* Appends the error as the JSON object that stands under "error" in a reply. */
void error_append_json(struct text_buffer *text, const struct error *error);

#endif
