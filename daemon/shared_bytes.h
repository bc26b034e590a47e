/* SPDX-License-Identifier: MIT */
#ifndef SHARED_BYTES_H
#define SHARED_BYTES_H

/* Bytes that several owners read and none writes, such as a frame that goes to many clients. Of one thread at a time. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct shared_bytes {
    unsigned owners;
    size_t length;
    uint8_t data[];
};

/* Returns a copy with one owner, or NULL when memory is short. */
static inline struct shared_bytes *shared_bytes_new(const uint8_t *data, size_t length) {
    struct shared_bytes *bytes = malloc(sizeof *bytes + length);
    if (bytes != NULL) {
        bytes->owners = 1;
        bytes->length = length;
        if (length > 0) {
            memcpy(bytes->data, data, length);
        }
    }
    return bytes;
}

static inline struct shared_bytes *shared_bytes_share(struct shared_bytes *bytes) {
    bytes->owners++;
    return bytes;
}

/* Frees them with their last owner; NULL is allowed. */
static inline void shared_bytes_free(struct shared_bytes *bytes) {
    if (bytes != NULL && --bytes->owners == 0) {
        free(bytes);
    }
}

#endif
