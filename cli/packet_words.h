/* SPDX-License-Identifier: MIT */
/* Packets in words, with what openmvctl knows beyond the library: the names behind command ids, and session calls. */
#ifndef OPENMVCTL_PACKET_WORDS_H
#define OPENMVCTL_PACKET_WORDS_H

#include <stdio.h>

#include "cutter.h"

/* What was said last, which tells what the packets that follow are about; begins as zeros. */
struct packet_context {
    uint32_t command;
};

/* Prints what a cutter has cut off the front of `data`, on one line without its end. */
void packet_words_print(FILE *out, struct packet_context *context, bool from_master, const uint8_t *data,
                        const struct cut *cut);

#endif
