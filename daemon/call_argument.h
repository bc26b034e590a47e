/* SPDX-License-Identifier: MIT */
#ifndef CALL_ARGUMENT_H
#define CALL_ARGUMENT_H

/* What a client asks for, as a command id and argument bytes. Each returns false, with *error filled, where what the
 * client gave is wrong. */

#include "bus.h"
#include "call_value.h"
#include "callback_table.h"
#include "camera.h"
#include "params.h"

/*
 * Reads a callback's name, or a command id as "#1a2b3c4d" for one whose name nobody knows. *callback is NULL where
 * nothing is known of it. The error is also given for what the camera is known not to have, and for the reserved
 * callbacks that the daemon itself calls through.
 */
bool call_read_name(const char *name, const struct callback_set *set, uint32_t *command,
                    const struct callback **callback, struct error *error);

/* As call_read_name(), for a camera of which it is not known yet what it has. */
bool call_read_command(const char *name, const struct callback_set *set, uint32_t *command,
                       const struct callback **callback, struct error *error);

/* Whether a name or its command id is reserved for the extensions, which are called as they are. */
bool call_is_reserved(uint32_t command);

/*
 * Fills the job's argument from "args", packed by the callback's schema (NULL: unknown), or from "data" with "encoding".
 * `limit` is the longest in bytes.
 */
bool call_read_argument(const struct params *params, const struct callback *callback, size_t limit, struct job *job,
                        struct error *error);

/*
 * Fills a job with what is to be called, by all that is known of the camera now: name, argument, flags, and a deadline
 * from `since_us` on by "timeout_ms" or the schema. *set is what was bound before, or NULL, and becomes a share of the
 * set that *callback is of; the caller frees it.
 */
bool call_bind(struct job *job, const char *name, struct camera *camera, const struct params *params, size_t limit,
               int64_t since_us, struct callback_set **set, const struct callback **callback, struct error *error);

/* When neither the request nor the schema says how long a call may take. */
enum { CALL_TIMEOUT_DEFAULT_MS = 10000 };

/* An answer may be asked for that is up to a day old. */
enum { CALL_MAX_AGE_MAX_MS = 86400000 };

/* How long a call may take where the request says nothing, in microseconds; the callback may be NULL. */
int64_t call_usual_timeout_us(const struct callback *callback);

/* The deadline alone, for a callback that may be NULL. */
int64_t call_deadline(const struct params *params, const struct callback *callback, int64_t since_us);

enum call_encoding { CALL_DATA_BASE64, CALL_DATA_HEX, CALL_DATA_UTF8 };

/* The rows of parameters that the methods which call have in common, for their tables. */
#define CALL_ARGS_PARAM                                                                                                \
    { .name = "args", .type = PARAM_ANY, .doc = "arguments, packed by the callback's schema" }
#define CALL_DATA_PARAM                                                                                                \
    { .name = "data", .type = PARAM_STRING, .doc = "instead of args: the argument's bytes" }
#define CALL_ENCODING_PARAM                                                                                            \
    {                                                                                                                  \
        .name = "encoding", .type = PARAM_CHOICE,                                                                      \
        .choices = {[CALL_DATA_BASE64] = "base64", [CALL_DATA_HEX] = "hex", [CALL_DATA_UTF8] = "utf8"},                \
        .doc = "how data is written; base64 unless said"                                                               \
    }
#define CALL_TIMEOUT_PARAM                                                                                             \
    {                                                                                                                  \
        .name = "timeout_ms", .type = PARAM_INTEGER, .minimum = 1, .maximum = CALLBACK_TIMEOUT_MAX_MS,                 \
        .doc = "deadline of each call; 10000 unless the schema says otherwise"                                         \
    }
#define CALL_MAX_AGE_PARAM                                                                                             \
    {                                                                                                                  \
        .name = "max_age_ms", .type = PARAM_INTEGER, .minimum = 0, .maximum = CALL_MAX_AGE_MAX_MS,                     \
        .doc = "an answer up to this old would do, whoever asked for it"                                               \
    }
#define CALL_PRIORITY_PARAM                                                                                            \
    {                                                                                                                  \
        .name = "priority", .type = PARAM_CHOICE,                                                                      \
        .choices = {[QUEUE_HIGH] = "high", [QUEUE_NORMAL] = "normal", [QUEUE_LOW] = "low"},                            \
        .doc = "normal unless said"                                                                                    \
    }
#define CALL_REPLY_PARAM                                                                                               \
    {                                                                                                                  \
        .name = "reply", .type = PARAM_CHOICE,                                                                         \
        .choices = {[REPLY_BASE64] = "base64", [REPLY_HEX] = "hex", [REPLY_RAW] = "raw"},                              \
        .doc = "the form of the values, instead of the schema's"                                                       \
    }
#define CALL_PROGRESS_PARAM                                                                                            \
    { .name = "progress", .type = PARAM_BOOLEAN, .doc = "tell how much of a result has come while it comes" }
#define CALL_WAIT_PARAM                                                                                                \
    { .name = "wait", .type = PARAM_BOOLEAN, .doc = "wait for a camera that is offline as well" }

#endif
