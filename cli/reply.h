/* SPDX-License-Identifier: MIT */
/*
 * What came of a request: the daemon's line, or an error in the same shape that this program made because no daemon
 * could be reached, the connection broke, or the answer was not to be understood. So errors are told in one way.
 */
#ifndef OPENMVCTL_REPLY_H
#define OPENMVCTL_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "json_text.h"

struct reply {
    char *line;              /* owned; the views below lie in it */
    struct json_text result; /* empty when it failed */
    struct json_text error;  /* empty when it succeeded */
    char *bytes;             /* owned; of a raw reply, else NULL */
    size_t byte_count;
};

void reply_free(struct reply *reply);

/*
 * Makes `reply` a failure of this side. `reason` is one of the table in reasons.c, `executed` is "no" or "unknown",
 * `hint` the next step or NULL. The message is formatted.
 */
void reply_fail(struct reply *reply, const char *reason, const char *executed, const char *hint, const char *format,
                ...) __attribute__((format(printf, 5, 6)));

/* The exit code that goes with the reply. */
int reply_exit_code(const struct reply *reply);

/* Whether it is an error with that reason. */
bool reply_has_reason(const struct reply *reply, const char *reason);

/* The same of the error's cause. */
bool reply_has_cause(const struct reply *reply, const char *cause);

/*
 * Tells people of a failure on stderr, with the next step where there is one; with `json`, programs on stdout with the
 * error object on one line. Returns the exit code.
 */
int reply_report_failure(const struct reply *reply, bool json);

/* Prints an error object's message. */
void reply_put_message(FILE *out, struct json_text error);

/* Prints the result on one line of JSON, every digit as it came. */
void reply_print_json(const struct reply *reply);

/* Whether an event is the last of its subscription, which the daemon has ended; its error says why. */
bool reply_has_ended(const struct reply *event);

#endif
