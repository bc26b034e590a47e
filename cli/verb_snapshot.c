/* SPDX-License-Identifier: MIT */
/* `snapshot`: a picture into a file, or a series of them. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "need.h"
#include "output_file.h"
#include "progress_bar.h"
#include "reasons.h"
#include "repeat.h"
#include "screen.h"
#include "status_line.h"
#include "value.h"
#include "verbs.h"

/* A wait shorter than this needs no progress. */
#define PROGRESS_AFTER_MS 500

struct series {
    const struct options *options;
    struct client *client;
    /* The ways to a picture: in one call, or held by the camera and then read. */
    cJSON *whole;
    cJSON *hold;
    cJSON *read;
    bool holds; /* the second way has led to a picture */
    long patience_ms;
    const char *pattern;
    bool endless;
    long count;
    long number; /* of the picture under way, from 1 */
    long saved;
    bool progress; /* a line on the terminal is being rewritten */
    struct progress_bar bar;
};

static void put_position(FILE *out, const struct series *series) {
    if (series->endless) {
        fprintf(out, "picture %ld", series->number);
    } else if (series->count > 1) {
        fprintf(out, "picture %ld of %ld", series->number, series->count);
    } else {
        fputs("picture", out);
    }
}

static void show_waiting(void *context, long waited_ms) {
    const struct series *series = context;
    if (waited_ms >= PROGRESS_AFTER_MS && !series->bar.is_shown) {
        struct status_line line;
        FILE *out = status_line_begin(&line);
        fputs("waiting for ", out);
        put_position(out, series);
        fprintf(out, ": %.1f s", (double)waited_ms / 1000);
        status_line_show(&line);
    }
}

static void put_title(FILE *out, void *context) {
    put_position(out, context);
    fputs(": ", out);
}

static void clear_progress(const struct series *series) {
    if (series->progress) {
        status_line_clear();
    }
}

/* For programs the result, for people a line; on a terminal the lines of a series are written over each other. */
static void tell_saved(const struct series *series, const char *name, const struct reply *reply) {
    if (series->options->value[OPTION_JSON]) {
        reply_print_json(reply);
        fflush(stdout);
        return;
    }
    bool over = series->progress && (series->endless || series->count > 1);
    bool to_stdout = strcmp(name, "-") == 0;
    if (to_stdout && !over) {
        return;
    }
    struct status_line line;
    FILE *out = over ? status_line_begin(&line) : stdout;
    if (over) {
        put_position(out, series);
        fputs(": ", out);
    }
    struct json_text member;
    double elapsed = 0;
    screen_put(out, name, strlen(name));
    fprintf(out, "  %zu bytes", reply->byte_count);
    /* A read of a held picture takes no time; that of the picture is how long ago it was begun. */
    const char *time = series->holds ? "age_ms" : "elapsed_ms";
    if (json_text_member(reply->result, time, &member) && json_text_double(member, &elapsed)) {
        fprintf(out, "  %.4g ms", elapsed);
    }
    if (over) {
        status_line_show(&line);
    } else {
        fputc('\n', out);
        fflush(out);
    }
}

static int save_picture(struct series *series, const struct reply *reply) {
    char *name = output_file_name(series->pattern, (unsigned)series->number);
    int code = output_file_write(name, reply->bytes, reply->byte_count) ? CTL_OK : CTL_FAILED;
    if (code == CTL_OK) {
        series->saved++;
        tell_saved(series, name, reply);
    }
    free(name);
    return code;
}

/*
 * A camera that has no such callback says so, or, if it is a stock one, gives nothing. One whose picture is longer than a
 * packet of its link has none either, as far as that goes: on I2C.
 */
static bool is_absent(const struct reply *reply) {
    struct json_text value;
    return reply_has_reason(reply, "no_such_callback") || reply_has_cause(reply, "packet_limit") ||
           (json_text_member(reply->result, "value", &value) && json_text_is(value, "null"));
}

static int ask_held_picture(const struct series *series, struct reply *reply) {
    int code = ask_call(series->client, series->hold, series->patience_ms, reply);
    if (code != CTL_OK || is_absent(reply)) {
        return code;
    }
    reply_free(reply);
    return ask_call(series->client, series->read, series->patience_ms, reply);
}

/* Cameras with a script that only transfers images have no jpeg_snapshot, and on I2C it may be of no use; where they have
 * neither, the first is told. */
static int ask_picture(struct series *series, struct reply *reply) {
    if (series->holds) {
        return ask_held_picture(series, reply);
    }
    int code = ask_call(series->client, series->whole, series->patience_ms, reply);
    if (is_absent(reply)) {
        struct reply held;
        int held_code = ask_held_picture(series, &held);
        series->holds = held_code == CTL_OK && held.bytes;
        if (is_absent(&held)) {
            reply_free(&held);
        } else {
            reply_free(reply);
            *reply = held;
            code = held_code;
        }
    }
    return code;
}

/* `over` is set when it makes no sense to go on. */
static int take_picture(struct series *series, bool *over) {
    struct reply reply;
    int code = ask_picture(series, &reply);
    progress_bar_end(&series->bar);
    if (code == CTL_OK && !reply.bytes) {
        reply_fail(&reply, "bad_result", "yes", "is the camera's script one that takes pictures?",
                   "the camera gave no picture");
        code = CTL_FAILED;
    }
    clear_progress(series);
    if (code == CTL_OK) {
        code = save_picture(series, &reply);
        *over = code != CTL_OK;
    } else {
        reply_report_failure(&reply, series->options->value[OPTION_JSON] != NULL);
        *over = code == CTL_REFUSED || series->saved == 0 || !series->options->value[OPTION_EVERY];
    }
    reply_free(&reply);
    return code;
}

static int take_series(struct series *series, long every_ms) {
    struct beat beat = beat_begin(every_ms);
    int worst = CTL_OK;
    bool over = false;
    for (series->number = 1; !over && (series->endless || series->number <= series->count); series->number++) {
        if (series->number > 1) {
            beat_wait(&beat);
        }
        int code = take_picture(series, &over);
        worst = code != CTL_OK ? code : worst;
    }
    if (series->progress && series->count > 1) {
        fprintf(stderr, "\n%ld of %ld pictures saved\n", series->saved, series->count);
    }
    return worst;
}

/* False after telling on stderr what was wrong with an option. */
static bool build_params(struct series *series) {
    const struct options *options = series->options;
    series->whole = ask_call_params(options, "jpeg_snapshot", "raw", &series->patience_ms);
    if (!series->whole) {
        return false;
    }
    series->hold = need_memory(cJSON_Duplicate(series->whole, true));
    cJSON_ReplaceItemInObject(series->hold, "name", need_memory(cJSON_CreateString("jpeg_image_snapshot")));
    cJSON_AddStringToObject(series->hold, "args", "sensor.RGB565,sensor.QVGA");
    cJSON_DeleteItemFromObject(series->hold, "reply");
    /* What another's picture was like says nothing of the one that is held for this connection. */
    cJSON_DeleteItemFromObject(series->hold, "max_age_ms");
    series->read = need_memory(cJSON_Duplicate(series->whole, true));
    cJSON_ReplaceItemInObject(series->read, "name", need_memory(cJSON_CreateString("jpeg_image_read")));
    cJSON_DeleteItemFromObject(series->read, "max_age_ms");
    return true;
}

int verb_run_snapshot(const struct options *options, struct client *client) {
    struct series series = {.options = options, .client = client, .count = 1};
    long every_ms = 0;
    bool several = options->value[OPTION_EVERY] || options->value[OPTION_COUNT];
    const char *file = options_operand(options, 0);
    series.pattern = file ? file : several ? "snapshot-%03d.jpg" : "snapshot.jpg";
    series.endless = options->value[OPTION_EVERY] && !options->value[OPTION_COUNT];
    if (!options_time(options, OPTION_EVERY, "s", 1, &every_ms) ||
        !options_count(options, OPTION_COUNT, &series.count)) {
        return CTL_USAGE;
    }
    char *first = output_file_name(series.pattern, 1);
    bool to_stdout = first && strcmp(first, "-") == 0;
    free(first);
    if (!first) {
        return usage_error(options, OUTPUT_FILE_NO_NAME, series.pattern);
    }
    if (to_stdout && options->value[OPTION_JSON]) {
        return usage_error(options, "pictures and --json cannot share standard output");
    }
    if (to_stdout && screen_is_terminal(stdout)) {
        return usage_error(options, "a picture would upset the terminal: name a file, or redirect");
    }
    if (!build_params(&series)) {
        return CTL_USAGE;
    }
    series.progress = screen_is_terminal(stderr) && !options->value[OPTION_JSON];
    if (series.progress) {
        client_set_tick(client, show_waiting, &series);
    }
    progress_bar_begin(&series.bar, options, client, put_title, &series);
    if (series.bar.is_wanted) {
        cJSON_AddTrueToObject(series.whole, "progress");
        cJSON_AddTrueToObject(series.hold, "progress");
    }
    int code = take_series(&series, every_ms);
    cJSON_Delete(series.whole);
    cJSON_Delete(series.hold);
    cJSON_Delete(series.read);
    return code;
}
