/* SPDX-License-Identifier: MIT */
#ifndef PARAMS_H
#define PARAMS_H

/* The parameters of methods: what each accepts, as tables, and the check of what a client gave against them. */

#include "error.h"
#include "json_scan.h"

#include <stdbool.h>
#include <stdint.h>

enum param_type {
    PARAM_ANY,
    PARAM_STRING,
    PARAM_BOOLEAN,
    PARAM_INTEGER, /* from `minimum` to `maximum` */
    PARAM_CHOICE,  /* one of `choices` */
    PARAM_ID,      /* as the id of a request: a string, a number or null */
};

/* The most choices of one parameter, and the most parameters of one method. */
enum { PARAM_CHOICES_MAX = 4, PARAMS_MAX = 16 };

struct param {
    const char *name; /* NULL ends a table */
    enum param_type type;
    bool is_required;
    int64_t minimum, maximum;
    const char *choices[PARAM_CHOICES_MAX];
    const char *doc;
};

/* A method's parameters as given; they point into the request's line and are good until its handler returns. */
struct params {
    const struct param *table;
    struct json_span object;             /* as it came; `text` is NULL where there was none */
    struct json_span values[PARAMS_MAX]; /* in the table's order; `text` is NULL for what was not given */
};

/*
 * Reads `object` (whose `text` is NULL where the request had no params) against a table. Returns false, with *error
 * filled, where it does not fit; after true, each value given has the type of its row.
 */
bool params_read(const struct param *table, struct json_span object, struct params *params, struct error *error);

/* The value given for a parameter; its `text` is NULL where none was given. */
struct json_span params_get(const struct params *params, const char *name);

/* The decoded string, malloc'ed and NUL-terminated; NULL where the parameter is absent or memory is short. */
char *params_copy_string(const struct params *params, const char *name);

/* The value of what was given, or the `fallback`. A choice is its place in `choices`. */
int64_t params_integer(const struct params *params, const char *name, int64_t fallback);
bool params_boolean(const struct params *params, const char *name, bool fallback);
int params_choice(const struct params *params, const char *name, int fallback);

/* Decodes any JSON string into malloc'ed, NUL-terminated memory; NULL when memory is short. */
char *json_string_copy(struct json_span value);

#endif
