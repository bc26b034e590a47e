/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_ACCESS_H
#define CONFIG_ACCESS_H

/* The section "access" of a configuration: rules such as
 *
 *     {"deny": ["reset", "call:configure"], "group": "video"}
 */

#include "config.h"
#include "config_reader.h"

/* Reads the section into the configuration, which then owns the rules. */
void config_read_access(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        struct config *config);

#endif
