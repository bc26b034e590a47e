/* SPDX-License-Identifier: MIT */
/*
 * A large result that is coming, on stderr: a bar with rate and time left on a terminal, where it is drawn over and over
 * and then wiped away; lines, one a second, anywhere else. A result that comes in a moment shows nothing.
 */
#ifndef OPENMVCTL_PROGRESS_BAR_H
#define OPENMVCTL_PROGRESS_BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client.h"
#include "options.h"

struct progress_bar {
    bool is_wanted;
    bool is_live;     /* on a terminal */
    bool is_shown;    /* something of this result has been */
    int64_t first_ms; /* when the first bytes were told of */
    size_t first;     /* and how many */
    int64_t told_ms;  /* the last line that is no bar */
    void (*title)(FILE *out, void *context);
    void *context; /* of `title` */
};

/*
 * Begins to listen to what the client is told. There is a bar on terminals unless --json was given, and with --progress
 * in any case. `title` prints what stands before the bar; NULL for nothing.
 */
void progress_bar_begin(struct progress_bar *bar, const struct options *options, struct client *client,
                        void (*title)(FILE *out, void *context), void *context);

/* The result is there, or will not come. */
void progress_bar_end(struct progress_bar *bar);

#endif
