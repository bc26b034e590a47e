/* SPDX-License-Identifier: MIT */
#ifndef METHOD_H
#define METHOD_H

/*
 * What clients can ask for. A method is a row and a file in methods/; a new one touches its own file and
 * method_table.c. Help, documentation and the check of parameters come from these rows.
 */

#include "params.h"
#include "request.h"

struct method {
    const char *name;
    /* Answers the request, now or later, exactly once. The params are checked, and good until the handler returns. */
    void (*handle)(struct request *request, const struct params *params);
    const struct param *params; /* ended by a row without a name */
    const char *doc;
};

extern const struct method method_acquire, method_call, method_callbacks, method_cameras, method_cancel, method_ping,
    method_release, method_reset, method_stats, method_subscribe, method_trace, method_unsubscribe, method_version;

/* All methods, ended by NULL. */
extern const struct method *const methods[];

/* Returns the method of a name given as a JSON string, or NULL with *error filled. */
const struct method *method_find(struct json_span name, struct error *error);

/*
 * Whether a method has a camera's callback called, which is what a parameter "name" says everywhere. Its handler asks
 * access_check_callback() when it knows which.
 */
bool method_names_callback(const struct method *method);

/* The table of a method without parameters. */
extern const struct param params_none[];

#endif
