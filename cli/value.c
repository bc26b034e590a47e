/* SPDX-License-Identifier: MIT */
/* How values are laid out for people. Numbers keep the digits they came with. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#include "need.h"
#include "screen.h"

/* Records longer than this are set out one member a line. */
#define LINE_WIDTH 100

/* More text than this on a terminal is most likely a picture in base64, which nobody wants to scroll through. */
#define TERMINAL_TEXT_LIMIT 4096

static void put_scalar(FILE *out, struct json_text value) {
    if (json_text_is(value, "null")) {
        fputc('-', out);
        return;
    }
    size_t length = 0;
    char *text = need_memory(json_text_decode(value, &length));
    screen_put(out, text, length);
    free(text);
}

/* True for an object or list with nothing nested in it. */
static bool is_flat(struct json_text value) {
    struct json_walk walk = json_walk_begin(value);
    struct json_text name;
    struct json_text member;
    while (json_walk_next(&walk, &name, &member)) {
        if (!json_text_is_scalar(member)) {
            return false;
        }
    }
    return !json_text_is_scalar(value);
}

static void put_flat(FILE *out, struct json_text value) {
    struct json_walk walk = json_walk_begin(value);
    struct json_text name;
    struct json_text member;
    const char *gap = "";
    while (json_walk_next(&walk, &name, &member)) {
        fputs(gap, out);
        if (walk.object) {
            put_scalar(out, name);
            fputc(' ', out);
        }
        put_scalar(out, member);
        gap = "  ";
    }
    if (!*gap) {
        fputs("(none)", out);
    }
}

static char *scalar_to_cell(struct json_text value) {
    char *line = NULL;
    size_t length = 0;
    FILE *out = need_memory(open_memstream(&line, &length));
    put_scalar(out, value);
    fclose(out);
    return need_memory(line);
}

char *value_to_line(struct json_text value) {
    char *line = NULL;
    size_t length = 0;
    FILE *out = need_memory(open_memstream(&line, &length));
    if (json_text_is_scalar(value)) {
        put_scalar(out, value);
    } else if (is_flat(value)) {
        put_flat(out, value);
    } else {
        screen_put(out, value.start, value.length);
    }
    fclose(out);
    return need_memory(line);
}

char *value_member_to_line(struct json_text object, const char *name) {
    struct json_text member;
    return json_text_member(object, name, &member) ? value_to_line(member) : need_memory(strdup("-"));
}

static bool same_names(struct json_text one, struct json_text other) {
    struct json_walk one_walk = json_walk_begin(one);
    struct json_walk other_walk = json_walk_begin(other);
    struct json_text one_name, other_name, member;
    for (;;) {
        bool one_more = json_walk_next(&one_walk, &one_name, &member);
        bool other_more = json_walk_next(&other_walk, &other_name, &member);
        if (!one_more || !other_more) {
            return one_more == other_more;
        }
        if (one_name.length != other_name.length || memcmp(one_name.start, other_name.start, one_name.length) != 0) {
            return false;
        }
    }
}

/* A list of flat records with the same members is a table; an object only of two or more, since one is a line. */
static bool is_table(struct json_text value) {
    struct json_walk walk = json_walk_begin(value);
    struct json_text name, first, next;
    size_t rows = 1;
    if (!json_walk_next(&walk, &name, &first) || json_text_kind(first) != JSON_OBJECT || json_text_count(first) == 0 ||
        !is_flat(first)) {
        return false;
    }
    while (json_walk_next(&walk, &name, &next)) {
        rows++;
        if (json_text_kind(next) != JSON_OBJECT || !is_flat(next) || !same_names(first, next)) {
            return false;
        }
    }
    return rows > 1 || !walk.object;
}

/* The rows of an object are headed by their own names. */
static void print_table(FILE *out, struct json_text value, int indent) {
    struct json_walk rows = json_walk_begin(value);
    struct json_text row_name, row, name, member;
    struct table *table = NULL;
    while (json_walk_next(&rows, &row_name, &row)) {
        if (!table) {
            table = table_new(json_text_count(row) + (rows.object ? 1 : 0));
            if (rows.object) {
                table_add_text(table, "", TONE_PLAIN);
            }
            for (struct json_walk walk = json_walk_begin(row); json_walk_next(&walk, &name, &member);) {
                table_add(table, scalar_to_cell(name), TONE_HEADING);
            }
        }
        if (rows.object) {
            table_add(table, scalar_to_cell(row_name), TONE_HEADING);
        }
        for (struct json_walk walk = json_walk_begin(row); json_walk_next(&walk, &name, &member);) {
            table_add(table, scalar_to_cell(member), TONE_PLAIN);
        }
    }
    table_print(table, out, indent);
    table_free(table);
}

static size_t widest_name(struct json_text value) {
    struct json_walk walk = json_walk_begin(value);
    struct json_text name, member;
    size_t widest = 0;
    while (walk.object && json_walk_next(&walk, &name, &member)) {
        size_t width = name.length - 2;
        widest = width > widest && width < 32 ? width : widest;
    }
    return widest;
}

void value_print_member(FILE *out, struct json_text name, struct json_text member, int indent, size_t widest) {
    char *heading = name.length ? scalar_to_cell(name) : need_memory(strdup("-"));
    char *line = value_to_line(member);
    bool fits = json_text_is_scalar(member) || (is_flat(member) && screen_width(line) <= LINE_WIDTH);
    size_t width = screen_width(heading);
    enum screen_tone tone = fits ? TONE_PLAIN : TONE_HEADING;
    fprintf(out, "%*s", indent, "");
    screen_tone_begin(out, tone);
    fputs(heading, out);
    screen_tone_end(out, tone);
    if (fits) {
        fprintf(out, "%*s%s\n", (int)(width < widest ? widest - width : 0) + 2, "", line);
    } else {
        fputc('\n', out);
        value_print_outline(out, member, indent + 2);
    }
    free(line);
    free(heading);
}

void value_print_outline(FILE *out, struct json_text value, int indent) {
    if (is_table(value)) {
        print_table(out, value, indent);
        return;
    }
    size_t widest = widest_name(value);
    struct json_walk walk = json_walk_begin(value);
    struct json_text name, member;
    while (json_walk_next(&walk, &name, &member)) {
        value_print_member(out, name, member, indent, widest);
    }
}

void value_print(FILE *out, struct json_text value) {
    bool outline = !json_text_is_scalar(value) && (!is_flat(value) || is_table(value));
    if (outline) {
        value_print_outline(out, value, 0);
        return;
    }
    char *line = value_to_line(value);
    fprintf(out, "%s\n", line);
    free(line);
}

void value_print_answer(FILE *out, struct json_text value) {
    if (json_text_is(value, "null")) {
        fputs("nothing seen\n", out);
    } else if (json_text_kind(value) == JSON_STRING && value.length > TERMINAL_TEXT_LIMIT && screen_is_terminal(out)) {
        fprintf(out, "a text of %zu characters; 'openmvctl call --out FILE' writes the bytes it stands for\n",
                value.length - 2);
    } else {
        value_print(out, value);
    }
}
