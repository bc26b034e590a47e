/* SPDX-License-Identifier: MIT */
#ifndef SIDE_H
#define SIDE_H

/*
 * One direction of a capture, packet by packet. A packet may begin in one line and end in a later one, so all its bytes
 * are put together first; the owner then walks over the lines, and gets with each the packets that begin in it.
 */

#include "capture.h"
#include "cutter.h"

struct side {
    struct cutter cutter;
    uint8_t *bytes; /* of the whole direction */
    size_t length;
    size_t passed; /* bytes of the lines so far */
    size_t cut;    /* bytes of the packets so far; beyond `passed` while the last one goes on in later lines */
};

/* Gathers the bytes of one kind, CAPTURE_TO_CAMERA or CAPTURE_FROM_CAMERA. Returns false when memory is short. */
bool side_init(struct side *side, const struct capture *capture, enum capture_kind kind);
void side_clear(struct side *side);

/* Goes on by one line of bytes of this direction. */
void side_pass(struct side *side, const struct capture_entry *entry);

/* Cuts the next packet, or noise, that begins in the lines so far, and returns its bytes; NULL where there is none. */
const uint8_t *side_next(struct side *side, struct cut *cut);

#endif
