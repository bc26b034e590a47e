/* SPDX-License-Identifier: MIT */
/*
 * GPIO chips that are tables, below the functions of libgpiod that the library uses: a test program that includes this
 * has them instead of the library's. Which of the two APIs they are is that of the installed header; the chips and what
 * is asked of them are the same for both.
 */
#ifndef FAKE_GPIOD_H
#define FAKE_GPIOD_H

#include "fake_folder.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAKE_CHIPS     4
#define FAKE_LINES     4
#define FAKE_NAME_SIZE 32

struct fake_line {
    const char *name; /* NULL: none */
    char consumer[FAKE_NAME_SIZE];
    bool is_used, is_output, is_active_low;
    bool is_high; /* the level, whatever that means */
    int edges[2]; /* a pipe with a byte an edge; -1 where nobody asked for edges */
};

static struct gpiod_chip {
    const char *node; /* NULL: there is no such chip */
    const char *label;
    struct fake_line lines[FAKE_LINES];
    int open_error; /* 0, or why opening it fails */
    bool is_gone;
    int edges_error; /* 0, or why its lines tell no edges */
    int opened;      /* times that it is open now */
} fake_chips[FAKE_CHIPS];

static struct fake_folder fake_nodes;

/* Two chips, with a name that both have, one that a chip has twice, and a line that somebody holds. */
static inline void fake_gpiod_make(void) {
    static const struct {
        const char *node, *label, *names[FAKE_LINES];
    } chips[] = {
        {"gpiochip0", "fake-small", {"-", "-", "SHARED", "FAN"}},
        {"gpiochip10", "fake-large", {"GPIO24", "GPIO25", "SHARED", NULL}},
    };
    memset(fake_chips, 0, sizeof fake_chips);
    fake_folder_make(&fake_nodes);
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        fake_chips[i].node = chips[i].node;
        fake_chips[i].label = chips[i].label;
        for (size_t k = 0; k < FAKE_LINES; k++) {
            fake_chips[i].lines[k] = (struct fake_line){.name = chips[i].names[k], .edges = {-1, -1}};
        }
        fake_folder_write(&fake_nodes, chips[i].node, "");
    }
    fake_folder_write(&fake_nodes, "null", "");
    fake_chips[0].lines[3].is_used = true;
    strcpy(fake_chips[0].lines[3].consumer, "pwm-fan");
}

/* Ends a test, in which every chip that was opened has to have been closed, and every line given back. */
static inline void fake_gpiod_remove(void) {
    for (size_t i = 0; i < FAKE_CHIPS; i++) {
        ck_assert_int_eq(fake_chips[i].opened, 0);
        for (size_t k = 0; k < FAKE_LINES; k++) {
            ck_assert(!fake_chips[i].lines[k].is_used || (i == 0 && k == 3));
        }
    }
    fake_folder_remove(&fake_nodes);
}

/* The level changes from outside. */
static inline void fake_line_drive(struct fake_line *line, bool is_high) {
    if (line->is_high != is_high && line->edges[1] >= 0) {
        ck_assert_int_eq(write(line->edges[1], "", 1), 1);
    }
    line->is_high = is_high;
}

/* What all calls on a line come down to. Each returns 0, or -1 with errno set. */

static inline int fake_line_request(struct gpiod_chip *chip, unsigned offset, const char *consumer, bool is_active_low,
                                    bool is_output, bool is_active, bool with_edges) {
    ck_assert_uint_lt(offset, FAKE_LINES);
    struct fake_line *line = &chip->lines[offset];
    if (chip->is_gone || line->is_used || (with_edges && chip->edges_error != 0)) {
        errno = chip->is_gone ? ENODEV : line->is_used ? EBUSY : chip->edges_error;
        return -1;
    }
    ck_assert_uint_lt(strlen(consumer), FAKE_NAME_SIZE);
    strcpy(line->consumer, consumer);
    line->is_used = true;
    line->is_output = is_output;
    line->is_active_low = is_active_low;
    if (is_output) {
        line->is_high = is_active != is_active_low;
    }
    if (with_edges) {
        ck_assert_int_eq(pipe(line->edges), 0);
    }
    return 0;
}

static inline void fake_line_release(struct fake_line *line) {
    if (line->edges[0] >= 0) {
        close(line->edges[0]);
        close(line->edges[1]);
    }
    line->edges[0] = line->edges[1] = -1;
    line->is_used = false;
    line->consumer[0] = 0;
}

static inline int fake_line_get(const struct gpiod_chip *chip, const struct fake_line *line) {
    ck_assert(line->is_used);
    errno = ENODEV;
    return chip->is_gone ? -1 : line->is_high != line->is_active_low;
}

static inline int fake_line_set(const struct gpiod_chip *chip, struct fake_line *line, bool is_active) {
    ck_assert(line->is_used);
    if (chip->is_gone || !line->is_output) {
        errno = chip->is_gone ? ENODEV : EPERM;
        return -1;
    }
    line->is_high = is_active != line->is_active_low;
    return 0;
}

/* Returns how many edges there were, up to `most`; -1 without any, or where they cannot be read. */
static inline int fake_line_take_edges(const struct gpiod_chip *chip, const struct fake_line *line, size_t most) {
    char bytes[64];
    ck_assert_uint_le(most, sizeof bytes);
    if (chip->is_gone) {
        errno = ENODEV;
        return -1;
    }
    /* A caller that has not made it non-blocking would wait here for ever. */
    ck_assert_int_ne(fcntl(line->edges[0], F_GETFL) & O_NONBLOCK, 0);
    return (int)read(line->edges[0], bytes, most);
}

struct gpiod_chip *gpiod_chip_open(const char *path) {
    const char *node = strrchr(path, '/') + 1;
    for (size_t i = 0; i < FAKE_CHIPS; i++) {
        struct gpiod_chip *chip = &fake_chips[i];
        if (chip->node != NULL && strcmp(chip->node, node) == 0) {
            errno = chip->open_error;
            chip->opened += chip->open_error == 0;
            return chip->open_error == 0 ? chip : NULL;
        }
    }
    errno = ENOTTY;
    return NULL;
}

#ifdef GPIOD_LINE_BULK_MAX_LINES
#include "fake_gpiod_v1.h"
#else
#include "fake_gpiod_v2.h"
#endif

#endif
