/* SPDX-License-Identifier: MIT */
/* Safe text, tones and tables for terminals. */
#include "screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "need.h"

#define COLUMN_LIMIT 32

struct cell {
    char *text;
    enum screen_tone tone;
};

struct table {
    size_t columns;
    size_t count;
    size_t room;
    struct cell *cells;
};

/* The length of the UTF-8 sequence at `text` (RFC 3629: no surrogates, no overlong forms), or 0. */
static size_t read_utf8(const unsigned char *text, size_t length, uint32_t *code_point) {
    if (text[0] < 0x80) {
        *code_point = text[0];
        return 1;
    }
    size_t size = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (text[0] < 0xC2 || text[0] > 0xF4 || size > length) {
        return 0;
    }
    uint32_t sum = text[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
        sum = sum << 6 | (text[i] & 0x3F);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (sum < least[size] || sum > 0x10FFFF || (sum >= 0xD800 && sum <= 0xDFFF)) {
        return 0;
    }
    *code_point = sum;
    return size;
}

/* Line and paragraph separators and the marks that turn the direction of writing can forge what a line seems to say. */
static bool is_harmful(uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) || code_point == 0x61C ||
           (code_point >= 0x200E && code_point <= 0x200F) || (code_point >= 0x2028 && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0xFEFF;
}

void screen_put(FILE *out, const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t at = 0; at < length;) {
        uint32_t code_point = 0;
        size_t size = read_utf8(bytes + at, length - at, &code_point);
        if (size == 0) {
            fprintf(out, "\\x%02x", bytes[at]);
            size = 1;
        } else if (code_point == '\n' || code_point == '\r' || code_point == '\t') {
            fputs(code_point == '\n' ? "\\n" : code_point == '\r' ? "\\r" : "\\t", out);
        } else if (is_harmful(code_point)) {
            fprintf(out, "\\u%04x", (unsigned)code_point);
        } else {
            fwrite(bytes + at, 1, size, out);
        }
        at += size;
    }
}

void screen_put_json(FILE *out, const char *text, size_t length) {
    if (!screen_is_terminal(out)) {
        fwrite(text, 1, length, out);
        return;
    }
    size_t start = 0;
    for (size_t at = 0; at <= length; at++) {
        if (at == length || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
            screen_put(out, text + start, at - start);
            fputs(at < length ? " " : "", out);
            start = at + 1;
        }
    }
}

void screen_put_size(FILE *out, double bytes) {
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    size_t unit = 0;
    double number = bytes / 1000;
    for (; number >= 10000 && unit + 1 < sizeof units / sizeof *units; unit++) {
        number /= 1000;
    }
    fprintf(out, "%.1f %s", number, units[unit]);
}

bool screen_is_terminal(FILE *out) {
    const char *kind = getenv("TERM");
    int descriptor = fileno(out);
    return descriptor >= 0 && isatty(descriptor) && (!kind || strcmp(kind, "dumb") != 0);
}

static bool has_colours(FILE *out) {
    const char *refused = getenv("NO_COLOR");
    return (!refused || !*refused) && screen_is_terminal(out);
}

void screen_tone_begin(FILE *out, enum screen_tone tone) {
    static const char *const codes[] = {NULL, "1", "2", "32", "33", "31"};
    if (tone != TONE_PLAIN && has_colours(out)) {
        fprintf(out, "\033[%sm", codes[tone]);
    }
}

void screen_tone_end(FILE *out, enum screen_tone tone) {
    if (tone != TONE_PLAIN && has_colours(out)) {
        fputs("\033[0m", out);
    }
}

size_t screen_width(const char *text) {
    size_t width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

struct table *table_new(size_t columns) {
    struct table *table = need_memory(calloc(1, sizeof *table));
    table->columns = columns < COLUMN_LIMIT ? columns : COLUMN_LIMIT;
    return table;
}

void table_add(struct table *table, char *cell, enum screen_tone tone) {
    if (table->count == table->room) {
        table->room = table->room ? table->room * 2 : 64;
        table->cells = need_memory(realloc(table->cells, table->room * sizeof *table->cells));
    }
    table->cells[table->count++] = (struct cell){cell, tone};
}

void table_add_text(struct table *table, const char *cell, enum screen_tone tone) {
    table_add(table, need_memory(strdup(cell)), tone);
}

void table_print(const struct table *table, FILE *out, int indent) {
    size_t widths[COLUMN_LIMIT] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t width = screen_width(table->cells[i].text);
        size_t *widest = &widths[i % table->columns];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;
        const struct cell *cell = &table->cells[i];
        fprintf(out, "%*s", column == 0 ? indent : 0, "");
        screen_tone_begin(out, cell->tone);
        fputs(cell->text, out);
        screen_tone_end(out, cell->tone);
        fprintf(out, "%*s", last ? 0 : (int)(widths[column] + 2 - screen_width(cell->text)), "");
        if (last) {
            fputc('\n', out);
        }
    }
}

void table_free(struct table *table) {
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    free(table);
}
