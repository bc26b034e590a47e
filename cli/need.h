/* SPDX-License-Identifier: MIT */
/* Memory in a program that lives for one question: when there is none left, it says so and ends. */
#ifndef OPENMVCTL_NEED_H
#define OPENMVCTL_NEED_H

#include <stdio.h>
#include <stdlib.h>

/* Hands `pointer` through, or ends the program where an allocation gave NULL. */
static inline void *need_memory(void *pointer) {
    if (!pointer) {
        fputs("openmvctl: out of memory\n", stderr);
        exit(1);
    }
    return pointer;
}

#endif
