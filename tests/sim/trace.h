/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_TRACE_H
#define SIMULATE_TRACE_H

/* The last few hundred things that happened, for the report of a failure. They become text only when it is printed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_ENTRIES   600
#define TRACE_TEXT_SIZE 112
#define TRACE_BYTES     40

struct trace_entry {
    int64_t time_us;
    const char *what; /* NULL for text */
    bool from_master;
    uint8_t length; /* of bytes */
    size_t more;    /* bytes that followed and begin no packet */
    union {
        char text[TRACE_TEXT_SIZE];
        uint8_t bytes[TRACE_BYTES];
    };
};

struct trace {
    uint64_t count;
    struct trace_entry entries[TRACE_ENTRIES];
};

void trace_add(struct trace *trace, int64_t now_us, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds packets that went over the wire; `what` is kept by reference. */
void trace_add_bytes(struct trace *trace, int64_t now_us, const char *what, bool from_master, const uint8_t *data,
                     size_t length);

void trace_print(const struct trace *trace, FILE *file);

#endif
