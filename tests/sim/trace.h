/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_TRACE_H
#define SIMULATE_TRACE_H

/* The last few hundred things that happened, as text, for the report of a failure. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_LINES     600
#define TRACE_LINE_SIZE 112

struct trace {
    uint64_t count;
    char lines[TRACE_LINES][TRACE_LINE_SIZE];
};

void trace_add(struct trace *trace, int64_t now_us, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds packets as names: "-> command header, command data (3)". */
void trace_add_bytes(struct trace *trace, int64_t now_us, const char *what, const uint8_t *data, size_t length);

void trace_print(const struct trace *trace, FILE *file);

#endif
