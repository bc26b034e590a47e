/* SPDX-License-Identifier: MIT */
/* A callback's arguments, from the command line into the params of a request. */
#ifndef OPENMVCTL_ARGUMENTS_H
#define OPENMVCTL_ARGUMENTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct options;

/*
 * Adds "args", or "data" and "encoding", to `params` as the options and the operands behind the callback's name say; or
 * neither where there are none. False after telling on stderr what was wrong.
 */
bool arguments_add(cJSON *params, const struct options *options);

#endif
