/* SPDX-License-Identifier: MIT */
/* A buffer that grows with what has to be there at once, and is moved together only when its end is reached. */
#include "inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "need.h"

#define FIRST_SIZE ((size_t)4096)

static void make_room(struct inbox *inbox) {
    if (inbox->start > 0) {
        memmove(inbox->room, inbox->room + inbox->start, inbox->length);
        inbox->start = 0;
    }
    if (inbox->length == inbox->size) {
        inbox->size = inbox->size ? inbox->size * 2 : FIRST_SIZE;
        inbox->room = need_memory(realloc(inbox->room, inbox->size));
    }
}

enum inbox_outcome inbox_fill(struct inbox *inbox, int descriptor, size_t limit) {
    if (inbox->start + inbox->length == inbox->size) {
        make_room(inbox);
    }
    size_t end = inbox->start + inbox->length;
    size_t space = inbox->size - end;
    size_t most = limit - inbox->length < space ? limit - inbox->length : space;
    ssize_t received = recv(descriptor, inbox->room + end, most, MSG_DONTWAIT);
    if (received > 0) {
        inbox->length += (size_t)received;
        return INBOX_FILLED;
    }
    return received < 0 && (errno == EAGAIN || errno == EINTR) ? INBOX_NOTHING : INBOX_CLOSED;
}

bool inbox_has_line(struct inbox *inbox, size_t *length) {
    const char *first = inbox->room + inbox->start;
    size_t unsearched = inbox->length - inbox->searched;
    const char *end = unsearched ? memchr(first + inbox->searched, '\n', unsearched) : NULL;
    inbox->searched = end ? (size_t)(end - first) : inbox->length;
    *length = inbox->searched;
    return end != NULL;
}

char *inbox_take(struct inbox *inbox, size_t length, size_t skipped) {
    char *taken = need_memory(malloc(length + 1));
    if (length > 0) {
        memcpy(taken, inbox->room + inbox->start, length);
    }
    taken[length] = 0;
    inbox->start += length + skipped;
    inbox->length -= length + skipped;
    inbox->searched = 0;
    return taken;
}

void inbox_clear(struct inbox *inbox) {
    free(inbox->room);
    *inbox = (struct inbox){0};
}
