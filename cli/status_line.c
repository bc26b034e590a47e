/* SPDX-License-Identifier: MIT */
/* A line that is written over and over. See status_line.h. */
#include "status_line.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "need.h"
#include "screen.h"

int status_line_columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

FILE *status_line_begin(struct status_line *line) {
    *line = (struct status_line){0};
    line->out = need_memory(open_memstream(&line->text, &line->length));
    return line->out;
}

/* The length of what of a text fits into so many columns, counted as code points. */
static size_t fitting(const char *text, int columns) {
    size_t length = 0;
    for (; text[length]; length++) {
        bool begins = ((unsigned char)text[length] & 0xC0) != 0x80;
        if (begins && columns-- == 0) {
            break;
        }
    }
    return length;
}

void status_line_show(struct status_line *line) {
    need_memory(fclose(line->out) == 0 ? line->text : NULL);
    fprintf(stderr, SCREEN_CLEAR_LINE "%.*s", (int)fitting(line->text, status_line_columns()), line->text);
    fflush(stderr);
    free(line->text);
}

void status_line_clear(void) {
    fputs(SCREEN_CLEAR_LINE, stderr);
    fflush(stderr);
}
