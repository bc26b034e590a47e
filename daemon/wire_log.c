/* SPDX-License-Identifier: MIT */
/* See wire_log.h. */
#include "wire_log.h"

#include "log.h"
#include "openmvrpc.h"

void wire_log_write(const char *name, bool sent, const uint8_t *data, size_t length) {
    char text[160];
    while (length > 0 && log_wants(LOG_SUBSYSTEM_BUS, LOG_LEVEL_WIRE)) {
        size_t described = omvrpc_describe(data, length, sent, text, sizeof text);
        log_write(LOG_SUBSYSTEM_BUS, LOG_LEVEL_WIRE, "%s %s %s", name, sent ? "->" : "<-", text);
        data += described;
        length -= described;
    }
}
