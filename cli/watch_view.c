/* SPDX-License-Identifier: MIT */
/* The forms in which events are shown: a live picture, lines, JSON. */
#include "watch_view.h"

#include <stdlib.h>
#include <string.h>

#include "need.h"
#include "options.h"
#include "repeat.h"
#include "screen.h"
#include "value.h"

/* A live picture is drawn no more often than this; eyes and slow terminals ask for no more. */
#define REFRESH_MS 100

/* How events are shown; what a form has no need for is NULL. */
struct watch_form {
    void (*begin)(struct watch_view *view);
    void (*show)(struct watch_view *view, const struct reply *event);
    void (*refresh)(struct watch_view *view);
    void (*end)(struct watch_view *view);
};

static struct json_text value_of(const struct reply *event) {
    static const char null[] = "null";
    struct json_text value;
    return json_text_member(event->result, "value", &value) ? value : (struct json_text){null, sizeof null - 1};
}

static bool find_error(const struct reply *event, struct json_text *error) {
    return json_text_member(event->result, "error", error) && json_text_kind(*error) == JSON_OBJECT;
}

static int64_t arrival_of(const struct watch_view *view, long number) {
    return view->arrivals_ms[number % WATCH_RATE_EVENTS];
}

/* Events a second; 0 where it cannot be told yet. */
static double rate_of(const struct watch_view *view) {
    long spans = view->count > WATCH_RATE_EVENTS ? WATCH_RATE_EVENTS - 1 : view->count - 1;
    int64_t time_ms = spans > 0 ? arrival_of(view, view->count) - arrival_of(view, view->count - spans) : 0;
    return time_ms > 0 ? (double)spans * 1000 / (double)time_ms : 0;
}

static void begin_live(struct watch_view *view) {
    (void)view;
    /* A picture is written at once, so that a terminal does not show a half one. */
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    fputs(SCREEN_HIDE_CURSOR, stdout);
}

static void draw_title(const struct watch_view *view) {
    const char *camera = view->options->value[OPTION_CAMERA];
    screen_tone_begin(stdout, TONE_HEADING);
    const char *word;
    for (int i = 0; (word = options_operand(view->options, i)); i++) {
        fputs(i > 0 ? " " : "", stdout);
        screen_put(stdout, word, strlen(word));
    }
    if (camera) {
        fputs(" on ", stdout);
        screen_put(stdout, camera, strlen(camera));
    }
    screen_tone_end(stdout, TONE_HEADING);
    fputs("\n\n", stdout);
}

static void draw_latest(const struct watch_view *view) {
    struct json_text value = value_of(&view->latest);
    struct json_text error;
    if (!view->latest.line) {
        puts("waiting for the first answer");
    } else if (find_error(&view->latest, &error)) {
        screen_tone_begin(stdout, TONE_BAD);
        reply_put_message(stdout, error);
        screen_tone_end(stdout, TONE_BAD);
        putchar('\n');
    } else if (json_text_count(value) > 0) {
        value_print_outline(stdout, value, 0);
    } else {
        value_print_answer(stdout, value);
    }
}

static void draw_numbers(const struct watch_view *view) {
    double rate = rate_of(view);
    putchar('\n');
    screen_tone_begin(stdout, TONE_FAINT);
    printf("answers %ld  missed %zu", view->count, view->dropped);
    if (rate > 0) {
        printf("  rate %.3g/s", rate);
    }
    if (view->count > 0) {
        printf("  age %.1f s", (double)(clock_now_ms() - arrival_of(view, view->count)) / 1000);
    }
    screen_tone_end(stdout, TONE_FAINT);
    putchar('\n');
}

static void draw(struct watch_view *view) {
    view->drawn_ms = clock_now_ms();
    fputs(SCREEN_CLEAR, stdout);
    draw_title(view);
    draw_latest(view);
    draw_numbers(view);
    fflush(stdout);
}

static void refresh_live(struct watch_view *view) {
    if (clock_now_ms() - view->drawn_ms >= REFRESH_MS) {
        draw(view);
    }
}

static void end_live(struct watch_view *view) {
    draw(view);
    fputs(SCREEN_SHOW_CURSOR, stdout);
    fflush(stdout);
}

static void show_line(struct watch_view *view, const struct reply *event) {
    (void)view;
    struct json_text value = value_of(event);
    struct json_text error;
    if (find_error(event, &error)) {
        fputs("openmvctl: ", stderr);
        reply_put_message(stderr, error);
        fputc('\n', stderr);
    } else if (json_text_is(value, "null")) {
        puts("nothing seen");
    } else {
        char *line = value_to_line(value);
        puts(line);
        free(line);
    }
}

static void show_camera_line(struct watch_view *view, const struct reply *event) {
    (void)view;
    struct json_text value = value_of(event);
    struct json_text reason;
    char *camera = value_member_to_line(value, "camera");
    char *state = value_member_to_line(value, "state");
    printf("%s is %s", camera, state);
    if (json_text_member(value, "reason", &reason) && !json_text_is(reason, "null")) {
        char *why = value_to_line(reason);
        printf(": %s", why);
        free(why);
    }
    putchar('\n');
    free(camera);
    free(state);
}

static void show_json(struct watch_view *view, const struct reply *event) {
    (void)view;
    reply_print_json(event);
}

/*
 * On a terminal a live picture, else a line for each event; comings and goings are lines in any case, since each is
 * news for itself.
 */
static const struct watch_form live_form = {begin_live, NULL, refresh_live, end_live};
static const struct watch_form line_form = {NULL, show_line, NULL, NULL};
static const struct watch_form camera_line_form = {NULL, show_camera_line, NULL, NULL};
static const struct watch_form json_form = {NULL, show_json, NULL, NULL};

static const struct watch_form *choose_form(const struct options *options) {
    if (options->value[OPTION_JSON]) {
        return &json_form;
    }
    if (options->value[OPTION_EVENTS]) {
        return &camera_line_form;
    }
    return screen_is_terminal(stdout) ? &live_form : &line_form;
}

/* Where what was missed is not part of what is shown, it is told beside it. */
static void note_dropped(struct watch_view *view, const struct reply *event) {
    struct json_text member;
    size_t dropped = 0;
    if (!json_text_member(event->result, "dropped", &member) || !json_text_size(member, SIZE_MAX / 2, &dropped)) {
        return;
    }
    if (dropped > view->dropped && view->form != &live_form && view->form != &json_form) {
        fprintf(stderr, "openmvctl: %zu missed, for not being read in time\n", dropped - view->dropped);
    }
    view->dropped = dropped;
}

/* Cameras that come and go are told of all; --camera leaves one. */
static bool is_wanted(const struct options *options, const struct reply *event) {
    const char *wanted = options->value[OPTION_EVENTS] ? options->value[OPTION_CAMERA] : NULL;
    struct json_text camera;
    if (!wanted || !json_text_member(value_of(event), "camera", &camera)) {
        return true;
    }
    char *name = need_memory(json_text_decode(camera, NULL));
    bool same = strcmp(name, wanted) == 0;
    free(name);
    return same;
}

void watch_view_begin(struct watch_view *view) {
    view->form = choose_form(view->options);
    if (view->form->begin) {
        view->form->begin(view);
    }
}

void watch_view_take(struct watch_view *view, struct reply *event) {
    note_dropped(view, event);
    if (!is_wanted(view->options, event)) {
        reply_free(event);
        return;
    }
    view->count++;
    view->arrivals_ms[view->count % WATCH_RATE_EVENTS] = clock_now_ms();
    if (view->form->show) {
        view->form->show(view, event);
        fflush(stdout);
    }
    reply_free(&view->latest);
    view->latest = *event;
    *event = (struct reply){0};
}

void watch_view_refresh(struct watch_view *view) {
    if (view->form->refresh) {
        view->form->refresh(view);
    }
}

void watch_view_end(struct watch_view *view) {
    if (view->form->end) {
        view->form->end(view);
    }
    reply_free(&view->latest);
}
