/* SPDX-License-Identifier: MIT */
/* The bar of a large result. See progress_bar.h. */
#include "progress_bar.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "repeat.h"
#include "screen.h"

/* Columns of the bar, and of what stands around it at most. */
#define BAR_MOST   30
#define BAR_AROUND 56

/* Between two lines where there is no terminal. */
#define LINE_MS 1000

/* A rate of less than this time says nothing yet. */
#define RATE_AFTER_MS 200

static int bar_columns(void) {
    struct winsize size;
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    int room = columns - BAR_AROUND;
    return room > BAR_MOST ? BAR_MOST : room < 0 ? 0 : room;
}

static void draw_bar(double part) {
    int columns = bar_columns();
    int full = (int)(part * columns);
    if (columns > 2) {
        putc('[', stderr);
        for (int i = 0; i < columns; i++) {
            putc(i < full ? '#' : '.', stderr);
        }
        fputs("] ", stderr);
    }
}

/* As 40 s, 3 min 20 s or 2 h 5 min. */
static void put_time_left(double seconds) {
    unsigned left = seconds < 359999 ? (unsigned)(seconds + 0.5) : 359999;
    if (left >= 3600) {
        fprintf(stderr, "%u h %u min", left / 3600, left / 60 % 60);
    } else if (left >= 60) {
        fprintf(stderr, "%u min %u s", left / 60, left % 60);
    } else {
        fprintf(stderr, "%u s", left);
    }
    fputs(" left", stderr);
}

static void put_state(const struct progress_bar *bar, int64_t now_ms, size_t bytes, size_t total) {
    double seconds = (double)(now_ms - bar->first_ms) / 1000;
    fprintf(stderr, "%3d %%  ", (int)(100.0 * (double)bytes / (double)total));
    screen_put_size(stderr, (double)bytes);
    fputs(" of ", stderr);
    screen_put_size(stderr, (double)total);
    if (seconds * 1000 >= RATE_AFTER_MS && bytes > bar->first) {
        double rate = (double)(bytes - bar->first) / seconds;
        fputs(", ", stderr);
        screen_put_size(stderr, rate);
        fputs("/s, ", stderr);
        put_time_left((double)(total - bytes) / rate);
    }
}

static void show(void *context, size_t bytes, size_t total) {
    struct progress_bar *bar = context;
    int64_t now_ms = clock_now_ms();
    if (!bar->is_shown || bytes < bar->first) {
        bar->first_ms = now_ms;
        bar->first = bytes;
    }
    bool is_time = bar->is_live || !bar->is_shown || bytes == total || now_ms - bar->told_ms >= LINE_MS;
    /* What is all there at the first word needs no bar. */
    if (!is_time || (!bar->is_shown && bytes == total)) {
        return;
    }
    bar->is_shown = true;
    bar->told_ms = now_ms;
    fputs(bar->is_live ? SCREEN_CLEAR_LINE : "", stderr);
    if (bar->title) {
        bar->title(bar->context);
    }
    if (bar->is_live) {
        draw_bar((double)bytes / (double)total);
    }
    put_state(bar, now_ms, bytes, total);
    fputs(bar->is_live ? "" : "\n", stderr);
    fflush(stderr);
}

void progress_bar_begin(struct progress_bar *bar, const struct options *options, struct client *client,
                        void (*title)(void *context), void *context) {
    *bar = (struct progress_bar){.is_live = screen_is_terminal(stderr), .title = title, .context = context};
    bar->is_wanted = options->value[OPTION_PROGRESS] || (bar->is_live && !options->value[OPTION_JSON]);
    if (bar->is_wanted) {
        client_set_progress(client, show, bar);
    }
}

void progress_bar_end(struct progress_bar *bar) {
    if (bar->is_live && bar->is_shown) {
        fputs(SCREEN_CLEAR_LINE, stderr);
        fflush(stderr);
    }
    bar->is_shown = false;
}
