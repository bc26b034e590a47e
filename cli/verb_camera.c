/* SPDX-License-Identifier: MIT */
/* Verbs about cameras: `cameras`, `callbacks`, `release`, `acquire`, `reset`. */
#include <string.h>

#include "ask.h"
#include "need.h"
#include "reasons.h"
#include "screen.h"
#include "value.h"
#include "verbs.h"

/* `milliseconds` as people say it: 420 ms, 12 s, 5 min, 3 h 20 min, 4 d 2 h. */
static char *duration_to_text(double milliseconds) {
    char *text = NULL;
    long minutes = (long)(milliseconds / 60000);
    int length;
    if (milliseconds < 1000) {
        length = asprintf(&text, "%.0f ms", milliseconds);
    } else if (minutes < 2) {
        length = asprintf(&text, "%.0f s", milliseconds / 1000);
    } else if (minutes < 60) {
        length = asprintf(&text, "%ld min", minutes);
    } else if (minutes < 24 * 60) {
        length = asprintf(&text, "%ld h %ld min", minutes / 60, minutes % 60);
    } else {
        length = asprintf(&text, "%ld d %ld h", minutes / (24 * 60), minutes / 60 % 24);
    }
    return need_memory(length < 0 ? NULL : text);
}

static enum screen_tone state_tone(const char *state) {
    static const struct {
        const char *state;
        enum screen_tone tone;
    } tones[] = {
        {"online", TONE_GOOD}, {"connecting", TONE_WARNING}, {"released", TONE_WARNING}, {"offline", TONE_BAD}};
    for (size_t i = 0; i < sizeof tones / sizeof *tones; i++) {
        if (strcmp(tones[i].state, state) == 0) {
            return tones[i].tone;
        }
    }
    return TONE_PLAIN;
}

static void add_headings(struct table *table, const char *const *headings, size_t count) {
    for (size_t i = 0; i < count; i++) {
        table_add_text(table, headings[i], TONE_HEADING);
    }
}

static void print_cameras(struct json_text cameras) {
    static const char *const headings[] = {"CAMERA", "STATE", "FOR", "LINK", "FIRMWARE", "REASON"};
    struct table *table = table_new(6);
    add_headings(table, headings, 6);
    struct json_walk walk = json_walk_begin(cameras);
    struct json_text name, camera, since;
    while (json_walk_next(&walk, &name, &camera)) {
        double milliseconds = 0;
        bool known = json_text_member(camera, "since_ms", &since) && json_text_double(since, &milliseconds);
        char *state = value_member_to_line(camera, "state");
        enum screen_tone tone = state_tone(state);
        table_add(table, value_member_to_line(camera, "name"), TONE_PLAIN);
        table_add(table, state, tone);
        table_add(table, known ? duration_to_text(milliseconds) : need_memory(strdup("-")), TONE_PLAIN);
        table_add(table, value_member_to_line(camera, "link"), TONE_PLAIN);
        table_add(table, value_member_to_line(camera, "firmware"), TONE_PLAIN);
        table_add(table, value_member_to_line(camera, "reason"), TONE_PLAIN);
    }
    table_print(table, stdout, 0);
    table_free(table);
}

int verb_run_cameras(const struct options *options, struct client *client) {
    struct reply reply;
    int code = ask_method(options, client, "cameras", NULL, CLIENT_INSTANT_MS, &reply);
    if (code == CTL_OK && options->value[OPTION_JSON]) {
        reply_print_json(&reply);
    } else if (code == CTL_OK && json_text_count(reply.result) == 0) {
        puts("no cameras are configured");
    } else if (code == CTL_OK) {
        print_cameras(reply.result);
    }
    reply_free(&reply);
    return code;
}

/* A schema in few words: `x y w h (<HHHH)`, `text`, or "-" for none. */
static char *schema_to_cell(struct json_text callback, const char *which) {
    struct json_text schema, format, fields, name, field, flag;
    if (!json_text_member(callback, which, &schema) || json_text_kind(schema) != JSON_OBJECT ||
        !json_text_member(schema, "format", &format)) {
        return value_member_to_line(callback, which);
    }
    char *cell = NULL;
    size_t length = 0;
    FILE *out = need_memory(open_memstream(&cell, &length));
    char *code = value_to_line(format);
    bool named = json_text_member(schema, "fields", &fields);
    struct json_walk walk = json_walk_begin(named ? fields : (struct json_text){0});
    while (json_walk_next(&walk, &name, &field)) {
        char *text = value_to_line(field);
        fprintf(out, "%s ", text);
        free(text);
    }
    fprintf(out, json_text_count(named ? fields : (struct json_text){0}) ? "(%s)" : "%s", code);
    fputs(json_text_member(schema, "repeat", &flag) && json_text_is(flag, "true") ? ", repeated" : "", out);
    fputs(json_text_member(schema, "optional", &flag) && json_text_is(flag, "true") ? ", optional" : "", out);
    fclose(out);
    free(code);
    return need_memory(cell);
}

static void print_callbacks(struct json_text callbacks) {
    static const char *const headings[] = {"CALLBACK", "ARGUMENTS", "RESULT", "FROM"};
    struct table *table = table_new(4);
    add_headings(table, headings, 4);
    struct json_walk walk = json_walk_begin(callbacks);
    struct json_text name, callback;
    while (json_walk_next(&walk, &name, &callback)) {
        table_add(table, value_member_to_line(callback, "name"), TONE_PLAIN);
        table_add(table, schema_to_cell(callback, "args"), TONE_PLAIN);
        table_add(table, schema_to_cell(callback, "result"), TONE_PLAIN);
        table_add(table, value_member_to_line(callback, "origin"), TONE_PLAIN);
    }
    table_print(table, stdout, 0);
    table_free(table);
}

int verb_run_callbacks(const struct options *options, struct client *client) {
    struct reply reply;
    int code = ask_method(options, client, "callbacks", options->value[OPTION_CAMERA], CLIENT_INSTANT_MS, &reply);
    if (code == CTL_OK && options->value[OPTION_JSON]) {
        reply_print_json(&reply);
    } else if (code == CTL_OK) {
        print_callbacks(reply.result);
    }
    reply_free(&reply);
    return code;
}

/* One of the three that change who holds a camera's port. `sentence` says what is now true of the camera. */
static int change_camera(const struct options *options, struct client *client, const char *method,
                         const char *sentence) {
    const char *operand = options_operand(options, 0);
    const char *option = options->value[OPTION_CAMERA];
    const char *camera = operand ? operand : option;
    if (operand && option && strcmp(operand, option) != 0) {
        return usage_error(options, "two cameras are named: '%s' and '%s'", option, operand);
    }
    struct reply reply;
    int code = ask_method(options, client, method, camera, CLIENT_LINK_MS, &reply);
    if (code == CTL_OK && options->value[OPTION_JSON]) {
        reply_print_json(&reply);
    } else if (code == CTL_OK) {
        char *told = camera ? need_memory(strdup(camera)) : value_member_to_line(reply.result, "camera");
        printf("%s %s\n", strcmp(told, "-") == 0 ? "the camera" : told, sentence);
        free(told);
    }
    reply_free(&reply);
    return code;
}

int verb_run_release(const struct options *options, struct client *client) {
    return change_camera(options, client, "release", "is released: other software may open its port now");
}

int verb_run_acquire(const struct options *options, struct client *client) {
    return change_camera(options, client, "acquire", "is in the daemon's hands again");
}

int verb_run_reset(const struct options *options, struct client *client) {
    return change_camera(options, client, "reset", "was reset and is online again");
}
