/* SPDX-License-Identifier: MIT */
/* What the verbs share when they ask the daemon: common params, deadlines, and the telling of failures. */
#ifndef OPENMVCTL_ASK_H
#define OPENMVCTL_ASK_H

#include <cjson/cJSON.h>

#include "client.h"
#include "options.h"

/*
 * The params of a "call" or "subscribe": camera, name (NULL for none), reply form (NULL to leave it to the schema), and what --timeout, --max-age,
 * --priority and --wait say. `patience_ms` becomes the time to wait for the reply. The caller deletes the result; NULL
 * after telling on stderr what was wrong with an option.
 */
cJSON *ask_call_params(const struct options *options, const char *name, const char *form, long *patience_ms);

/* Sends "call" with those params. Failures are not told yet. Returns the exit code. */
int ask_call(struct client *client, const cJSON *params, long patience_ms, struct reply *reply);

/* Sends "subscribe" with those params; client_next_event then gives the events. A failure is told. Returns the exit code. */
int ask_subscribe(const struct options *options, struct client *client, const cJSON *params);

/* Adds the time an option names, in whole milliseconds, where it is given. False after telling what was wrong. */
bool ask_add_milliseconds(cJSON *params, const struct options *options, enum option_id id, const char *unit, long least,
                          const char *name, long *milliseconds);

/*
 * Sends a method with no params but perhaps a camera (NULL for none) and what --for says, waiting for --timeout, or `patience_ms`. A
 * failure is told. Returns the exit code.
 */
int ask_method(const struct options *options, struct client *client, const char *method, const char *camera,
               long patience_ms, struct reply *reply);

#endif
