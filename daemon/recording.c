/* SPDX-License-Identifier: MIT */
/* Lines of a capture, collected. See recording.h. */
#include "recording.h"

#include "openmvrpc.h"

void recording_init(struct recording *recording, size_t limit) {
    *recording = (struct recording){.begun_us = omvrpc_now_us()};
    text_buffer_init(&recording->text, limit);
}

void recording_clear(struct recording *recording) {
    text_buffer_clear(&recording->text);
}

bool recording_add(struct recording *recording, enum capture_kind kind, int64_t now_us, const void *bytes,
                   size_t length) {
    const uint8_t *at = bytes;
    /* The worker's turn may have begun before the recording did. */
    int64_t time_us = now_us > recording->begun_us ? now_us - recording->begun_us : 0;
    uint64_t *count = kind == CAPTURE_TO_CAMERA ? &recording->bytes_sent : &recording->bytes_received;
    while (length > 0) {
        char line[CAPTURE_LINE_MAX];
        size_t piece = kind == CAPTURE_EVENT || length < CAPTURE_PIECE_MAX ? length : CAPTURE_PIECE_MAX;
        text_buffer_append(&recording->text, line, capture_write(kind, time_us, at, piece, line));
        if (recording->text.state != TEXT_BUFFER_GOOD) {
            recording->is_full = true;
            return false;
        }
        *count += kind == CAPTURE_EVENT ? 0 : piece;
        at += piece;
        length -= piece;
    }
    return true;
}

bool recordings_add(struct recording *first, enum capture_kind kind, int64_t now_us, const void *bytes, size_t length) {
    bool is_any_full = false;
    for (struct recording *recording = first; recording != NULL; recording = recording->next) {
        if (!recording->is_full && !recording_add(recording, kind, now_us, bytes, length)) {
            is_any_full = true;
        }
    }
    return is_any_full;
}

void recordings_remove(struct recording **first, const struct recording *recording) {
    struct recording **link = first;
    while (*link != NULL && *link != recording) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = recording->next;
    }
}

struct recording *recordings_find_full(struct recording *first) {
    struct recording *recording = first;
    while (recording != NULL && !recording->is_full) {
        recording = recording->next;
    }
    return recording;
}
