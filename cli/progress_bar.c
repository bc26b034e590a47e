/* SPDX-License-Identifier: MIT */
/* The bar of a large result. See progress_bar.h. */
#include "progress_bar.h"

#include <stdio.h>

#include "repeat.h"
#include "screen.h"
#include "status_line.h"

/* Columns of the bar, and of what stands around it at most. */
#define BAR_MOST   30
#define BAR_AROUND 56

/* Between two lines where there is no terminal. */
#define LINE_MS 1000

/* A rate of less than this time says nothing yet. */
#define RATE_AFTER_MS 200

static void draw_bar(FILE *out, double part) {
    int room = status_line_columns() - BAR_AROUND;
    int columns = room > BAR_MOST ? BAR_MOST : room;
    int full = (int)(part * columns);
    if (columns > 2) {
        putc('[', out);
        for (int i = 0; i < columns; i++) {
            putc(i < full ? '#' : '.', out);
        }
        fputs("] ", out);
    }
}

/* As 40 s, 3 min 20 s or 2 h 5 min. */
static void put_time_left(FILE *out, double seconds) {
    unsigned left = seconds < 359999 ? (unsigned)(seconds + 0.5) : 359999;
    if (left >= 3600) {
        fprintf(out, "%u h %u min", left / 3600, left / 60 % 60);
    } else if (left >= 60) {
        fprintf(out, "%u min %u s", left / 60, left % 60);
    } else {
        fprintf(out, "%u s", left);
    }
    fputs(" left", out);
}

static void put_state(FILE *out, const struct progress_bar *bar, int64_t now_ms, size_t bytes, size_t total) {
    double seconds = (double)(now_ms - bar->first_ms) / 1000;
    fprintf(out, "%3d %%  ", (int)(100.0 * (double)bytes / (double)total));
    screen_put_size(out, (double)bytes);
    fputs(" of ", out);
    screen_put_size(out, (double)total);
    if (seconds * 1000 >= RATE_AFTER_MS && bytes > bar->first) {
        double rate = (double)(bytes - bar->first) / seconds;
        fputs(", ", out);
        screen_put_size(out, rate);
        fputs("/s, ", out);
        put_time_left(out, (double)(total - bytes) / rate);
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
    struct status_line line;
    FILE *out = bar->is_live ? status_line_begin(&line) : stderr;
    if (bar->title) {
        bar->title(out, bar->context);
    }
    if (bar->is_live) {
        draw_bar(out, (double)bytes / (double)total);
    }
    put_state(out, bar, now_ms, bytes, total);
    if (bar->is_live) {
        status_line_show(&line);
    } else {
        fputc('\n', stderr);
    }
}

void progress_bar_begin(struct progress_bar *bar, const struct options *options, struct client *client,
                        void (*title)(FILE *out, void *context), void *context) {
    *bar = (struct progress_bar){.is_live = screen_is_terminal(stderr), .title = title, .context = context};
    bar->is_wanted = options->value[OPTION_PROGRESS] || (bar->is_live && !options->value[OPTION_JSON]);
    if (bar->is_wanted) {
        client_set_progress(client, show, bar);
    }
}

void progress_bar_end(struct progress_bar *bar) {
    if (bar->is_live && bar->is_shown) {
        status_line_clear();
    }
    bar->is_shown = false;
}
