/* SPDX-License-Identifier: MIT */
/* `stats`: counters and latencies, once or watched. All is shown as an outline, but the callbacks get a table. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "need.h"
#include "reasons.h"
#include "repeat.h"
#include "screen.h"
#include "value.h"
#include "verbs.h"

#define WATCH_MS   1000

#define NAME_WIDTH 16

/* How calls ended that did not end well, as `not_delivered 2  bad_result 1`; "-" where all did. */
static char *failures_to_cell(struct json_text callback) {
    struct json_text outcomes = {0};
    json_text_member(callback, "outcomes", &outcomes);
    char *cell = NULL;
    size_t length = 0;
    FILE *out = need_memory(open_memstream(&cell, &length));
    struct json_walk walk = json_walk_begin(outcomes);
    struct json_text name, count;
    const char *gap = "";
    while (json_walk_next(&walk, &name, &count)) {
        if (json_text_is(name, "\"ok\"")) {
            continue;
        }
        char *reason = value_to_line(name);
        char *number = value_to_line(count);
        fprintf(out, "%s%s %s", gap, reason, number);
        gap = "  ";
        free(reason);
        free(number);
    }
    fputs(*gap ? "" : "-", out);
    fclose(out);
    return need_memory(cell);
}

static void print_callbacks(struct json_text callbacks) {
    static const char *const quantiles[] = {"p50", "p90", "p99", "max"};
    static const char *const headings[] = {"CALLBACK", "CALLS", "P50 ms", "P90", "P99", "MAX", "FAILED"};
    enum { COLUMNS = sizeof headings / sizeof *headings };
    struct table *table = table_new(COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++) {
        table_add_text(table, headings[i], TONE_HEADING);
    }
    struct json_walk walk = json_walk_begin(callbacks);
    struct json_text name, callback;
    while (json_walk_next(&walk, &name, &callback)) {
        struct json_text latency = {0};
        json_text_member(callback, "latency_ms", &latency);
        table_add(table, value_member_to_line(callback, "name"), TONE_PLAIN);
        table_add(table, value_member_to_line(callback, "calls"), TONE_PLAIN);
        for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
            table_add(table, value_member_to_line(latency, quantiles[i]), TONE_PLAIN);
        }
        char *failures = failures_to_cell(callback);
        table_add(table, failures, strcmp(failures, "-") == 0 ? TONE_PLAIN : TONE_WARNING);
    }
    table_print(table, stdout, 2);
    table_free(table);
}

static void print_camera(struct json_text camera) {
    char *heading = value_member_to_line(camera, "name");
    screen_tone_begin(stdout, TONE_HEADING);
    fputs(heading, stdout);
    screen_tone_end(stdout, TONE_HEADING);
    putchar('\n');
    free(heading);

    struct json_walk walk = json_walk_begin(camera);
    struct json_text name, member;
    while (json_walk_next(&walk, &name, &member)) {
        if (json_text_is(name, "\"callbacks\"")) {
            print_callbacks(member);
        } else if (!json_text_is(name, "\"name\"")) {
            value_print_member(stdout, name, member, 2, NAME_WIDTH);
        }
    }
}

static void print_stats(struct json_text stats) {
    struct json_walk walk = json_walk_begin(stats);
    struct json_text name, member, index, camera;
    while (json_walk_next(&walk, &name, &member)) {
        if (!json_text_is(name, "\"cameras\"")) {
            value_print_member(stdout, name, member, 0, NAME_WIDTH);
            continue;
        }
        struct json_walk cameras = json_walk_begin(member);
        while (json_walk_next(&cameras, &index, &camera)) {
            print_camera(camera);
        }
    }
}

static int show_stats(const struct options *options, struct client *client) {
    struct reply reply;
    int code = ask_method(options, client, "stats", options->value[OPTION_CAMERA], CLIENT_INSTANT_MS, &reply);
    if (code == CTL_OK && options->value[OPTION_JSON]) {
        reply_print_json(&reply);
    } else if (code == CTL_OK) {
        print_stats(reply.result);
    }
    reply_free(&reply);
    return code;
}

int verb_run_stats(const struct options *options, struct client *client) {
    bool watching = options->value[OPTION_WATCH] || options->value[OPTION_EVERY] || options->value[OPTION_COUNT];
    bool endless = watching && !options->value[OPTION_COUNT];
    long every_ms = WATCH_MS;
    long count = 1;
    if (!options_time(options, OPTION_EVERY, "s", 1, &every_ms) || !options_count(options, OPTION_COUNT, &count)) {
        return CTL_USAGE;
    }
    bool json = options->value[OPTION_JSON] != NULL;
    bool overwrite = watching && !json && screen_is_terminal(stdout);
    struct beat beat = beat_begin(every_ms);
    int code = CTL_OK;
    for (long shown = 0; code == CTL_OK && (endless || shown < count); shown++) {
        if (shown > 0) {
            beat_wait(&beat);
            fputs(json || overwrite ? "" : "\n", stdout);
        }
        fputs(overwrite ? SCREEN_CLEAR : "", stdout);
        code = show_stats(options, client);
        fflush(stdout);
    }
    return code;
}
