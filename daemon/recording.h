/* SPDX-License-Identifier: MIT */
#ifndef RECORDING_H
#define RECORDING_H

/*
 * What goes over a camera's wire, written down as it goes, as the lines of a capture, up to a bound. The loop makes a
 * recording and lends it to the camera's worker, which fills it.
 */

#include "capture.h"
#include "text_buffer.h"

#include <stdbool.h>
#include <sys/queue.h>

/* Why a recording has ended by itself. */
enum recording_end { RECORDING_FULL, RECORDING_STOPPING, RECORDING_REMOVED };

struct recording {
    struct recording *next; /* of those that the worker has */
    int64_t begun_us;       /* on the clock of omvrpc_now_us() */
    struct text_buffer text;
    uint64_t bytes_sent, bytes_received;
    bool is_full; /* or memory is short: nothing is added any more */

    /* The loop's own. */
    TAILQ_ENTRY(recording) entry; /* of the camera's list */
    void (*ended)(struct recording *recording, enum recording_end why);
};

TAILQ_HEAD(recording_list, recording);

/* Makes an empty recording of at most `limit` bytes of text that begins now. */
void recording_init(struct recording *recording, size_t limit);

/* Frees the text. */
void recording_clear(struct recording *recording);

/* Adds an event, or bytes of any number. Returns false where that has filled the recording. */
bool recording_add(struct recording *recording, enum capture_kind kind, int64_t now_us, const void *bytes,
                   size_t length);

/* The same for each of those that the worker has, which begin with `first`. Returns whether that has filled any. */
bool recordings_add(struct recording *first, enum capture_kind kind, int64_t now_us, const void *bytes, size_t length);

/* Takes one out of them, if it is there. */
void recordings_remove(struct recording **first, const struct recording *recording);

/* Returns one that is full, or NULL. */
struct recording *recordings_find_full(struct recording *first);

#endif
