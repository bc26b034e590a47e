/* SPDX-License-Identifier: MIT */
/* Memory in a program that lives for one question: when there is none left, it says so and ends. */
#ifndef OPENMVCTL_NEED_H
#define OPENMVCTL_NEED_H

#include <stdarg.h>
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

/* Formatted text in memory that the caller frees. */
static inline __attribute__((format(printf, 1, 2))) char *need_text(const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return need_memory(length < 0 ? NULL : text);
}

#endif
