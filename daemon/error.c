/* SPDX-License-Identifier: MIT */
/* The table of errors, how the outcomes of calls map to it, and how an error looks in JSON. */
#include "error.h"

#include "encoding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* An exception's text is cut beyond this. */
enum { EXCEPTION_SHOWN_MAX = 300 };

static const struct error_row rows[ERROR_COUNT] = {
    [ERROR_NONE] = {"ok", 0, false, EXECUTED_YES},
    [ERROR_PARSE] = {"parse_error", -32700, false, EXECUTED_NO},
    [ERROR_INVALID_REQUEST] = {"invalid_request", -32600, false, EXECUTED_NO},
    [ERROR_NO_SUCH_METHOD] = {"no_such_method", -32601, false, EXECUTED_NO},
    [ERROR_INVALID_PARAMS] = {"invalid_params", -32602, false, EXECUTED_NO},
    [ERROR_INTERNAL] = {"internal", -32603, false, EXECUTED_UNKNOWN},
    [ERROR_CAMERA_OFFLINE] = {"camera_offline", -32001, true, EXECUTED_NO},
    [ERROR_NOT_DELIVERED] = {"not_delivered", -32002, true, EXECUTED_NO},
    [ERROR_RESULT_UNKNOWN] = {"result_unknown", -32003, false, EXECUTED_UNKNOWN},
    [ERROR_NO_SUCH_CAMERA] = {"no_such_camera", -32004, false, EXECUTED_NO},
    [ERROR_NO_SUCH_CALLBACK] = {"no_such_callback", -32005, false, EXECUTED_NO},
    [ERROR_BAD_RESULT] = {"bad_result", -32006, false, EXECUTED_YES},
    [ERROR_TOO_LARGE] = {"too_large", -32007, false, EXECUTED_NO},
    [ERROR_QUEUE_FULL] = {"queue_full", -32008, true, EXECUTED_NO},
    [ERROR_CANCELLED] = {"cancelled", -32009, false, EXECUTED_NO},
    [ERROR_FORBIDDEN] = {"forbidden", -32010, false, EXECUTED_NO},
    [ERROR_CALLBACK_FAILED] = {"callback_failed", -32011, false, EXECUTED_YES},
    [ERROR_UNSUPPORTED] = {"unsupported", -32012, false, EXECUTED_NO},
    [ERROR_RELEASED] = {"released", -32013, true, EXECUTED_NO},
    [ERROR_TOO_MANY_CLIENTS] = {"too_many_clients", -32014, true, EXECUTED_NO},
};

static const char *const executed_names[] = {
    [EXECUTED_NO] = "no", [EXECUTED_YES] = "yes", [EXECUTED_UNKNOWN] = "unknown"};

static const struct {
    enum error_reason reason;
    enum error_executed executed;
    const char *sentence;
} outcomes[] = {
    [OMVRPC_NOT_DELIVERED] = {ERROR_NOT_DELIVERED, EXECUTED_NO, "did not take the command"},
    [OMVRPC_RESULT_UNKNOWN] = {ERROR_RESULT_UNKNOWN, EXECUTED_UNKNOWN,
                               "may have run the callback, but its result was lost"},
    [OMVRPC_TOO_LARGE] = {ERROR_TOO_LARGE, EXECUTED_YES,
                          "ran the callback and its result is longer than limits.payload_bytes"},
};

static const char *const cause_sentences[] = {
    [OMVRPC_CAUSE_NONE] = "",
    [OMVRPC_CAUSE_TIMEOUT] = ": the deadline passed",
    [OMVRPC_CAUSE_SILENT] = ": it did not answer at all; its script may not be running",
    [OMVRPC_CAUSE_LOST] = (": it knows nothing of the call any more, so command or result were lost on the wire, or it "
                           "was reset meanwhile"),
    [OMVRPC_CAUSE_DAMAGED] = ": the result arrived damaged, and the camera keeps no copy",
    [OMVRPC_CAUSE_LINK_GONE] = ": the link failed under the call",
    [OMVRPC_CAUSE_MEMORY] = ": the daemon is out of memory",
    [OMVRPC_CAUSE_PACKET_LIMIT] = "",
    [OMVRPC_CAUSE_NO_STREAM] = "",
};

/* Sentences in place of those above, where a packet was longer than its link moves. */
static const char *const packet_limit_sentences[] = {
    [OMVRPC_NOT_DELIVERED] = "did not get the command: its argument is longer than a packet on this link may be, which "
                             "on I2C is the kernel's limit of 8192 bytes; send it in parts",
    [OMVRPC_RESULT_UNKNOWN] = "",
    [OMVRPC_TOO_LARGE] =
        "ran the callback and its result is longer than a packet on this link may be, which on I2C is "
        "the kernel's limit of 8192 bytes: let the camera run our omvrpc.py, which sends it in pieces, "
        "or read it through callbacks that take offset and size",
};

const struct error_row *error_row(enum error_reason reason) {
    return &rows[reason];
}

/* A message may quote what a client or a camera sent, and a precision may have cut that in the middle of a character.
 */
static void make_printable(char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_sequence_length((const uint8_t *)text, left);
        if (length == 0 || (length == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f))) {
            *text = '?';
            length = 1;
        }
        text += length;
        left -= length;
    }
}

void error_set(struct error *error, enum error_reason reason, const char *format, ...) {
    *error = (struct error){
        .reason = reason, .retryable = rows[reason].retryable, .executed = rows[reason].executed, .since_ms = -1};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    make_printable(error->message);
}

void error_set_stopping(struct error *error) {
    error_set(error, ERROR_NOT_DELIVERED, "the daemon is stopping");
    error->cause = "stopping";
}

void error_set_out_of_memory(struct error *error) {
    error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
    error->executed = EXECUTED_NO;
}

void error_set_no_stream(struct error *error, const char *camera) {
    error_set(
        error, ERROR_UNSUPPORTED,
        "camera \"%s\" answered, but the callback began no stream: it may refuse its arguments, or the camera's script "
        "lacks it",
        camera);
    error->executed = EXECUTED_YES;
    error->cause = omvrpc_cause_name(OMVRPC_CAUSE_NO_STREAM);
}

bool error_set_from_outcome(struct error *error, enum omvrpc_outcome outcome, enum omvrpc_cause cause, bool repeatable,
                            const char *camera) {
    if (outcome == OMVRPC_DONE) {
        return false;
    }
    if (cause == OMVRPC_CAUSE_NO_STREAM) {
        error_set_no_stream(error, camera);
        return true;
    }
    bool is_limit = cause == OMVRPC_CAUSE_PACKET_LIMIT;
    error_set(error, is_limit ? ERROR_TOO_LARGE : outcomes[outcome].reason, "camera \"%s\" %s%s", camera,
              is_limit ? packet_limit_sentences[outcome] : outcomes[outcome].sentence, cause_sentences[cause]);
    error->executed = outcomes[outcome].executed;
    if (outcome == OMVRPC_RESULT_UNKNOWN) {
        error->retryable = repeatable;
    }
    if (cause != OMVRPC_CAUSE_NONE) {
        error->cause = omvrpc_cause_name(cause);
    }
    return true;
}

void error_set_raised(struct error *error, const char *name, const char *camera, const uint8_t *text, size_t length) {
    int shown = length < EXCEPTION_SHOWN_MAX ? (int)length : EXCEPTION_SHOWN_MAX;
    error_set(error, ERROR_CALLBACK_FAILED, "callback \"%s\" raised on camera \"%s\": %.*s", name, camera, shown,
              shown > 0 ? (const char *)text : "");
    error->bytes = text;
    error->length = length;
}

void error_drop_bytes(struct error *error) {
    /* An exception's text is short, and all that there is to tell. */
    if (error->reason != ERROR_CALLBACK_FAILED) {
        error->bytes = NULL;
    }
}

static void append_format(struct text_buffer *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append_format(struct text_buffer *text, const char *format, ...) {
    char piece[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    text_buffer_append_string(text, piece);
}

/* "Name: message" in two parts. */
static void append_exception(struct text_buffer *text, const struct error *error) {
    char copy[EXCEPTION_SHOWN_MAX + 1];
    size_t length = error->length < EXCEPTION_SHOWN_MAX ? error->length : EXCEPTION_SHOWN_MAX;
    if (length > 0) {
        memcpy(copy, error->bytes, length);
    }
    copy[length] = '\0';
    make_printable(copy);
    char *message = strstr(copy, ": ");
    size_t name_length = message != NULL ? (size_t)(message - copy) : strlen(copy);
    message = message != NULL ? message + 2 : copy + name_length;
    text_buffer_append_string(text, ",\"exception\":{\"name\":");
    text_buffer_append_json_string(text, copy, name_length);
    text_buffer_append_string(text, ",\"message\":");
    text_buffer_append_json_string(text, message, strlen(message));
    text_buffer_append_string(text, "}");
}

void error_append_json(struct text_buffer *text, const struct error *error) {
    append_format(text, "{\"code\":%d,\"message\":", rows[error->reason].code);
    text_buffer_append_json_string(text, error->message, strlen(error->message));
    append_format(text, ",\"data\":{\"reason\":\"%s\",\"retryable\":%s,\"executed\":\"%s\"", rows[error->reason].name,
                  error->retryable ? "true" : "false", executed_names[error->executed]);
    if (error->cause != NULL) {
        append_format(text, ",\"cause\":\"%s\"", error->cause);
    }
    if (error->since_ms >= 0) {
        append_format(text, ",\"since_ms\":%" PRId64, error->since_ms);
    }
    if (error->reason == ERROR_CALLBACK_FAILED) {
        append_exception(text, error);
    } else if (error->length > 0) {
        append_format(text, ",\"length\":%zu", error->length);
    }
    if (error->reason != ERROR_CALLBACK_FAILED && error->bytes != NULL) {
        text_buffer_append_string(text, ",\"bytes\":\"");
        char *place = text_buffer_extend(text, base64_encoded_length(error->length));
        if (place != NULL) {
            base64_encode(error->bytes, error->length, place);
        }
        text_buffer_append_string(text, "\"");
    }
    text_buffer_append_string(text, "}}");
}
