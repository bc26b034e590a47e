/* SPDX-License-Identifier: MIT */
/* What was received. See inbox.h. */
#include "inbox.h"

#include <stdlib.h>
#include <string.h>

char *inbox_reserve(struct inbox *inbox) {
    size_t held = inbox->end - inbox->start;
    if (held == 0 && inbox->room > 4 * INBOX_READ) {
        /* A large picture was here; the next answer may be small. */
        inbox_clear(inbox);
    }
    /* Moved only when that frees at least as much as is moved, so that many small lines cost no more than large ones. */
    if (inbox->start >= held && inbox->start > 0) {
        memcpy(inbox->bytes, inbox->bytes + inbox->start, held);
        inbox->scanned -= inbox->start;
        inbox->start = 0;
        inbox->end = held;
    }
    if (inbox->room - inbox->end < INBOX_READ) {
        size_t room = inbox->room * 2 > inbox->end + INBOX_READ ? inbox->room * 2 : inbox->end + INBOX_READ;
        char *bytes = realloc(inbox->bytes, room);
        if (!bytes) {
            return NULL;
        }
        inbox->bytes = bytes;
        inbox->room = room;
    }
    return inbox->bytes + inbox->end;
}

char *inbox_take_line(struct inbox *inbox, size_t *length) {
    size_t unseen = inbox->end - inbox->scanned;
    char *newline = unseen ? memchr(inbox->bytes + inbox->scanned, '\n', unseen) : NULL;
    if (!newline) {
        inbox->scanned = inbox->end;
        return NULL;
    }
    char *line = inbox->bytes + inbox->start;
    *length = (size_t)(newline - line);
    inbox->start += *length + 1;
    inbox->scanned = inbox->start;
    return line;
}

bool inbox_is_overlong(const struct inbox *inbox) {
    return inbox->end - inbox->start > INBOX_LINE_MAX;
}

const char *inbox_take_bytes(struct inbox *inbox, size_t count) {
    if (inbox->end - inbox->start < count) {
        return NULL;
    }
    const char *bytes = inbox->bytes + inbox->start;
    inbox->start += count;
    inbox->scanned = inbox->start;
    return bytes;
}

void inbox_clear(struct inbox *inbox) {
    free(inbox->bytes);
    *inbox = (struct inbox){0};
}
