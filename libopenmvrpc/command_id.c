/* SPDX-License-Identifier: MIT */
/* How a callback is named on the wire. */

#include "openmvrpc.h"

uint32_t omvrpc_command_id(const char *name, size_t length) {
    uint32_t hash = 5381;
    for (size_t i = 0; i < length; i++) {
        hash = (hash * 33) ^ (uint8_t)name[i];
    }
    return hash;
}
