/* SPDX-License-Identifier: MIT */
#ifndef CALLBACK_ENTRY_H
#define CALLBACK_ENTRY_H

/* One callback's description, read from JSON: the part of callback_table.h that knows the members of an entry. */

#include "callback_table.h"

/* Returns NULL, having reported every fault, where the name or the entry is not as callback_set_add() wants them. */
struct callback *callback_new(const char *name, const cJSON *entry, enum callback_origin origin, callback_fault *report,
                              void *context);

/* Whether an entry may have a member of that name. */
bool callback_entry_knows(const char *member);

void callback_free(struct callback *callback);

#endif
