/* SPDX-License-Identifier: MIT */
/* A ring of text lines. */

#include "trace.h"

#include "libopenmvrpc/packet.h"

#include <stdarg.h>

static char *next_line(struct trace *trace, int64_t now_us, size_t *used) {
    char *line = trace->lines[trace->count++ % TRACE_LINES];
    *used = (size_t)snprintf(line, TRACE_LINE_SIZE, "%12.3f ms  ", (double)now_us / 1000.0);
    return line;
}

void trace_add(struct trace *trace, int64_t now_us, const char *format, ...) {
    size_t used;
    char *line = next_line(trace, now_us, &used);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, TRACE_LINE_SIZE - used, format, arguments);
    va_end(arguments);
}

static const char *name_of(uint16_t magic) {
    switch (magic) {
    case OMVRPC_COMMAND_HEADER:
        return "command header";
    case OMVRPC_COMMAND_DATA:
        return "command data";
    case OMVRPC_RESULT_HEADER:
        return "result header";
    case OMVRPC_RESULT_DATA:
        return "result data";
    case OMVRPC_STREAM_OPEN:
        return "stream open";
    case OMVRPC_STREAM_FRAME:
        return "stream frame";
    }
    return "bytes";
}

void trace_add_bytes(struct trace *trace, int64_t now_us, const char *what, const uint8_t *data, size_t length) {
    uint16_t magic = length >= 2 ? get_u16(data) : 0;
    trace_add(trace, now_us, "%s %s (%zu bytes)", what, name_of(magic), length);
}

void trace_print(const struct trace *trace, FILE *file) {
    uint64_t first = trace->count > TRACE_LINES ? trace->count - TRACE_LINES : 0;
    for (uint64_t i = first; i < trace->count; i++) {
        fprintf(file, "%s\n", trace->lines[i % TRACE_LINES]);
    }
}
