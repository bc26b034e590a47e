/* SPDX-License-Identifier: MIT */
/* Questions as the lines of JSON that the daemon reads. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

static void put_string(FILE *out, const char *text) {
    putc('"', out);
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\') {
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        } else {
            putc(*text, out);
        }
    }
    putc('"', out);
}

static void put_base64(FILE *out, const unsigned char *data, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < length; at += 3) {
        size_t count = length - at < 3 ? length - at : 3;
        unsigned bits = (unsigned)data[at] << 16 | (count > 1 ? (unsigned)data[at + 1] << 8 : 0) |
                        (count > 2 ? (unsigned)data[at + 2] : 0);
        for (size_t i = 0; i < 4; i++) {
            putc(i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=', out);
        }
    }
}

/* White space between tokens may hold line ends, which would cut the line in two. */
static void put_json(FILE *out, struct json_text json) {
    for (size_t i = 0; i < json.length; i++) {
        putc(json.start[i] == '\n' || json.start[i] == '\r' ? ' ' : json.start[i], out);
    }
}

/* Ends a text begun by open_memstream(); NULL when there was no memory for all of it. */
static char *finish_text(FILE *out, char **text) {
    bool whole = !ferror(out);
    if (fclose(out) != 0 || !whole) {
        free(*text);
        *text = NULL;
        errno = ENOMEM;
    }
    return *text;
}

char *question_params(const struct openmvd_question *question, bool subscribes) {
    struct json_text args = {0};
    bool about_camera = question->name || (subscribes && question->stream);
    if ((!about_camera && !(subscribes && question->events)) ||
        (question->args && !json_text_check(question->args, strlen(question->args), &args))) {
        errno = EINVAL;
        return NULL;
    }
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        {"camera", question->camera},
        {"name", question->name},
        {"stream", subscribes ? question->stream : NULL},
        {"priority", question->priority},
        {"reply", question->raw ? "raw" : NULL},
    };
    const struct {
        const char *name;
        int value;
    } numbers[] = {
        {"timeout_ms", question->timeout_ms},
        {"max_age_ms", question->max_age_ms},
        {"interval_ms", subscribes ? question->interval_ms : 0},
    };
    const struct {
        const char *name;
        bool value;
    } flags[] = {
        {"wait", question->wait && !subscribes},
        {"progress", question->progress && !subscribes},
        {"on_change", subscribes && question->on_change},
        {"events", subscribes && question->events},
    };

    char *params = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&params, &length);
    if (!out) {
        return NULL;
    }
    const char *before = "{";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].value) {
            fprintf(out, "%s\"%s\":", before, texts[i].name);
            put_string(out, texts[i].value);
            before = ",";
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].value != 0) {
            fprintf(out, "%s\"%s\":%d", before, numbers[i].name, numbers[i].value);
            before = ",";
        }
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (flags[i].value) {
            fprintf(out, "%s\"%s\":true", before, flags[i].name);
            before = ",";
        }
    }
    if (args.length) {
        fprintf(out, "%s\"args\":", before);
        put_json(out, args);
        before = ",";
    }
    if (question->data) {
        fprintf(out, "%s\"data\":\"", before);
        put_base64(out, question->data, question->data_length);
        putc('"', out);
    }
    putc('}', out);
    return finish_text(out, &params);
}

char *request_line(uint64_t number, const char *method, const char *params, size_t *length) {
    struct json_text checked = {0};
    if (params && !json_text_check(params, strlen(params), &checked)) {
        errno = EINVAL;
        return NULL;
    }
    char *line = NULL;
    FILE *out = open_memstream(&line, length);
    if (!out) {
        return NULL;
    }
    fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"method\":", number);
    put_string(out, method);
    if (params) {
        fputs(",\"params\":", out);
        put_json(out, checked);
    }
    fputs("}\n", out);
    return finish_text(out, &line);
}
