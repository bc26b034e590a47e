/* SPDX-License-Identifier: MIT */
/* Ctrl-C as a wish to come to an end in order. */
#ifndef OPENMVCTL_INTERRUPT_H
#define OPENMVCTL_INTERRUPT_H

#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM only sets a mark; a second one ends this program. */
void interrupt_catch(void);

/* Whether one has come. */
bool interrupt_came(void);

#endif
