/* SPDX-License-Identifier: MIT */
/* A ring of what happened. */

#include "trace.h"

#include "openmvrpc.h"

#include <stdarg.h>
#include <string.h>

static struct trace_entry *next_entry(struct trace *trace, int64_t now_us, const char *what) {
    struct trace_entry *entry = &trace->entries[trace->count++ % TRACE_ENTRIES];
    entry->time_us = now_us;
    entry->what = what;
    entry->more = 0;
    return entry;
}

void trace_add(struct trace *trace, int64_t now_us, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(next_entry(trace, now_us, NULL)->text, TRACE_TEXT_SIZE, format, arguments);
    va_end(arguments);
}

static bool begins_packet(const uint8_t *data, size_t length) {
    static const uint16_t magics[] = {OMVRPC_COMMAND_HEADER, OMVRPC_COMMAND_DATA, OMVRPC_RESULT_HEADER,
                                      OMVRPC_RESULT_DATA,    OMVRPC_STREAM_OPEN,  OMVRPC_STREAM_FRAME};
    for (size_t i = 0; length >= 2 && i < sizeof magics / sizeof magics[0]; i++) {
        if (data[0] == (magics[i] & 0xff) && data[1] == magics[i] >> 8) {
            return true;
        }
    }
    return false;
}

void trace_add_bytes(struct trace *trace, int64_t now_us, const char *what, bool from_master, const uint8_t *data,
                     size_t length) {
    struct trace_entry *last = trace->count > 0 ? &trace->entries[(trace->count - 1) % TRACE_ENTRIES] : NULL;
    if (last != NULL && last->what == what && !begins_packet(data, length)) {
        last->more += length;
        return;
    }
    if (length > TRACE_BYTES) {
        /* Too long to keep, and rare. */
        char text[TRACE_TEXT_SIZE];
        omvrpc_describe(data, length, from_master, text, sizeof text);
        trace_add(trace, now_us, "%s %s (%zu bytes in all)", what, text, length);
        return;
    }
    struct trace_entry *entry = next_entry(trace, now_us, what);
    entry->from_master = from_master;
    entry->length = (uint8_t)length;
    memcpy(entry->bytes, data, length);
}

static void print_bytes(const struct trace_entry *entry, FILE *file) {
    char text[TRACE_TEXT_SIZE];
    size_t length;
    for (size_t at = 0; at < entry->length; at += length) {
        length = omvrpc_describe(entry->bytes + at, entry->length - at, entry->from_master, text, sizeof text);
        fprintf(file, "%12.3f ms  %s %s\n", (double)entry->time_us / 1000.0, entry->what, text);
    }
    if (entry->more > 0) {
        fprintf(file, "                 and %zu bytes more\n", entry->more);
    }
}

void trace_print(const struct trace *trace, FILE *file) {
    uint64_t first = trace->count > TRACE_ENTRIES ? trace->count - TRACE_ENTRIES : 0;
    for (uint64_t i = first; i < trace->count; i++) {
        const struct trace_entry *entry = &trace->entries[i % TRACE_ENTRIES];
        if (entry->what != NULL) {
            print_bytes(entry, file);
        } else {
            fprintf(file, "%12.3f ms  %s\n", (double)entry->time_us / 1000.0, entry->text);
        }
    }
}
