/* SPDX-License-Identifier: MIT */
#ifndef CUTTER_H
#define CUTTER_H

/*
 * Bytes that went one way, cut into packets. How long a packet of data is stands in the header before it, so a cutter
 * remembers the last one. What is no whole and undamaged packet is noise, up to where the next packet begins.
 */

#include "openmvrpc.h"

struct cutter {
    bool from_master;   /* which way; the rest is the cutter's own and begins as zeros */
    bool knows_length;  /* a header has told `data_length` */
    size_t data_length; /* payload of the packet of data that follows */
    size_t raw_left;    /* of a stream's frame, whose bytes have no packet around them */
};

enum cut_kind {
    CUT_PACKET,
    CUT_RAW,   /* bytes of a stream's frame */
    CUT_NOISE, /* damaged, incomplete or foreign */
    CUT_MORE,  /* more bytes are needed to tell; nothing is cut */
};

struct cut {
    enum cut_kind kind;
    enum omvrpc_magic magic; /* of a packet */
    const uint8_t *payload;  /* of a packet */
    size_t payload_length;
    size_t length; /* how many of the bytes this is, at least 1 but for CUT_MORE */
};

/*
 * Cuts the front off `length` bytes, at least one. `is_end` says that none will follow, so that the answer is never
 * CUT_MORE.
 */
void cutter_next(struct cutter *cutter, const uint8_t *data, size_t length, bool is_end, struct cut *cut);

#endif
