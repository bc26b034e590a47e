/* SPDX-License-Identifier: MIT */
/* Lines of a capture, read strictly and written. See capture.h. */

#include "capture.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM ((size_t)256)

/* The mark behind the time, by kind. */
static const char marks[] = {[CAPTURE_EVENT] = '!', [CAPTURE_TO_CAMERA] = '>', [CAPTURE_FROM_CAMERA] = '<'};

static bool is_control(char character) {
    return (unsigned char)character < 0x20 || character == 0x7f;
}

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

/* Reads SECONDS.MICROSECONDS with the space behind it; returns the place behind that, or NULL. */
static const char *read_time(const char *at, const char *end, int64_t *time_us) {
    int64_t seconds = 0, microseconds = 0;
    int whole = 0, broken = 0;
    while (at < end && is_digit(*at) && whole < 6) {
        seconds = seconds * 10 + (*at++ - '0');
        whole++;
    }
    if (whole == 0 || at == end || *at++ != '.') {
        return NULL;
    }
    while (at < end && is_digit(*at) && broken < 6) {
        microseconds = microseconds * 10 + (*at++ - '0');
        broken++;
    }
    if (broken != 6 || at == end || *at++ != ' ') {
        return NULL;
    }
    *time_us = seconds * 1000000 + microseconds;
    return *time_us <= CAPTURE_TIME_MAX_US ? at : NULL;
}

static int digit_value(char digit) {
    static const char digits[] = "0123456789abcdef";
    char lower = digit >= 'A' && digit <= 'F' ? (char)(digit - 'A' + 'a') : digit;
    const char *found = memchr(digits, lower, sizeof digits - 1);
    return found != NULL ? (int)(found - digits) : -1;
}

/* Decodes hexadecimal digits over themselves. */
static bool decode(char *text, size_t length, struct capture_entry *entry) {
    uint8_t *out = (uint8_t *)text;
    if (length == 0 || length % 2 != 0 || length / 2 > CAPTURE_PIECE_MAX) {
        return false;
    }
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    entry->bytes = out;
    entry->length = length / 2;
    return true;
}

/* Reads one line, which is not empty. Returns NULL, or what is wrong with it. */
static const char *read_line(char *line, size_t length, struct capture_entry *entry) {
    for (size_t i = 0; i < length; i++) {
        if (is_control(line[i])) {
            return "there is a control character in the line";
        }
    }
    if (line[0] == '#') {
        entry->kind = CAPTURE_COMMENT;
        entry->bytes = (const uint8_t *)line;
        entry->length = length;
        return NULL;
    }
    int64_t before_us = entry->time_us;
    const char *end = line + length;
    const char *mark = read_time(line, end, &entry->time_us);
    if (mark == NULL) {
        return "expected a comment (#), or a time in seconds up to 86400 with six decimals, and a space";
    }
    if (entry->time_us < before_us) {
        return "the time is earlier than that of the line before";
    }
    if (end - mark < 3 || mark[1] != ' ') {
        return "expected >, < or !, a space, and something behind it";
    }
    char *rest = line + (mark - line) + 2;
    size_t left = (size_t)(end - rest);
    if (*mark == marks[CAPTURE_EVENT]) {
        entry->kind = CAPTURE_EVENT;
        entry->bytes = (const uint8_t *)rest;
        entry->length = left;
        return NULL;
    }
    if (*mark != marks[CAPTURE_TO_CAMERA] && *mark != marks[CAPTURE_FROM_CAMERA]) {
        return "expected > (to the camera), < (from it) or ! (an event) behind the time";
    }
    entry->kind = *mark == marks[CAPTURE_TO_CAMERA] ? CAPTURE_TO_CAMERA : CAPTURE_FROM_CAMERA;
    return decode(rest, left, entry) ? NULL : "expected 1 to 64 bytes as pairs of hexadecimal digits";
}

static bool append(struct capture *capture, size_t *room, const struct capture_entry *entry) {
    if (capture->count == *room) {
        size_t wanted = *room > 0 ? *room * 2 : FIRST_ROOM;
        struct capture_entry *entries = realloc(capture->entries, wanted * sizeof *entries);
        if (entries == NULL) {
            return false;
        }
        capture->entries = entries;
        *room = wanted;
    }
    capture->entries[capture->count++] = *entry;
    return true;
}

static int fail(struct capture *capture, struct capture_error *error, unsigned line, const char *message) {
    capture_clear(capture);
    *error = (struct capture_error){.line = line, .message = message};
    return -1;
}

/* Reads the text that `capture` holds already. */
static int parse_own_text(struct capture *capture, size_t length, struct capture_error *error) {
    struct capture_entry entry = {.time_us = 0};
    size_t room = 0;
    char *end = capture->text + length;
    for (char *line = capture->text; line < end;) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *next = newline != NULL ? newline + 1 : end;
        size_t line_length = (size_t)((newline != NULL ? newline : end) - line);
        if (line_length > 0 && line[line_length - 1] == '\r') {
            line_length--;
        }
        entry.line++;
        const char *wrong = NULL;
        if (entry.line > CAPTURE_LINES_MAX) {
            wrong = "there are more than 1048576 lines";
        } else if (line_length >= CAPTURE_LINE_MAX) {
            wrong = "the line is longer than 511 characters";
        } else if (entry.line == 1 &&
                   (line_length != strlen(CAPTURE_FIRST_LINE) || memcmp(line, CAPTURE_FIRST_LINE, line_length) != 0)) {
            wrong = "this is no capture: its first line has to be \"" CAPTURE_FIRST_LINE "\"";
        } else if (line_length > 0) {
            wrong = read_line(line, line_length, &entry);
        }
        if (wrong != NULL) {
            return fail(capture, error, entry.line, wrong);
        }
        if (line_length > 0 && !append(capture, &room, &entry)) {
            return fail(capture, error, 0, "out of memory");
        }
        line = next;
    }
    return capture->count > 0 ? 0 : fail(capture, error, 0, "the capture is empty");
}

int capture_parse(const char *text, size_t length, struct capture *capture, struct capture_error *error) {
    *capture = (struct capture){.entries = NULL};
    if (length > CAPTURE_FILE_MAX) {
        return fail(capture, error, 0, "the capture is longer than 16 MiB");
    }
    capture->text = malloc(length + 1);
    if (capture->text == NULL) {
        return fail(capture, error, 0, "out of memory");
    }
    memcpy(capture->text, text, length);
    return parse_own_text(capture, length, error);
}

int capture_read(FILE *file, struct capture *capture, struct capture_error *error) {
    size_t room = 0, length = 0;
    *capture = (struct capture){.entries = NULL};
    do {
        room = room > 0 ? room * 2 : (size_t)64 << 10;
        char *text = realloc(capture->text, room);
        if (text == NULL) {
            return fail(capture, error, 0, "out of memory");
        }
        capture->text = text;
        length += fread(text + length, 1, room - length, file);
    } while (length == room && room <= CAPTURE_FILE_MAX);
    if (ferror(file)) {
        return fail(capture, error, 0, "the file cannot be read");
    }
    if (length > CAPTURE_FILE_MAX) {
        return fail(capture, error, 0, "the capture is longer than 16 MiB");
    }
    return parse_own_text(capture, length, error);
}

void capture_clear(struct capture *capture) {
    free(capture->entries);
    free(capture->text);
    *capture = (struct capture){.entries = NULL};
}

size_t capture_write(enum capture_kind kind, int64_t time_us, const void *bytes, size_t length,
                     char line[CAPTURE_LINE_MAX]) {
    const uint8_t *at = bytes;
    size_t used = (size_t)snprintf(line, CAPTURE_LINE_MAX, "%" PRId64 ".%06" PRId64 " %c ", time_us / 1000000,
                                   time_us % 1000000, marks[kind]);
    for (size_t i = 0; i < length && used + 4 <= CAPTURE_LINE_MAX; i++) {
        if (kind == CAPTURE_EVENT) {
            line[used++] = at[i] < 0x20 || at[i] > 0x7e ? '?' : (char)at[i];
        } else {
            used += (size_t)snprintf(line + used, CAPTURE_LINE_MAX - used, "%02x", at[i]);
        }
    }
    line[used++] = '\n';
    line[used] = '\0';
    return used;
}
