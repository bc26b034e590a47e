/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_HEALING_H
#define CONFIG_HEALING_H

/* The section "healing" of a configuration, and the key of that name of a camera. */

#include "config_reader.h"
#include "healing.h"

/* Reads what is said; what is not stays 0. */
void config_read_healing(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         struct healing *healing);

#endif
