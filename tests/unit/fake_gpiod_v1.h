/* SPDX-License-Identifier: MIT */
/* The functions of libgpiod 1 on the chips of fake_gpiod.h, which includes this. */
#ifndef FAKE_GPIOD_V1_H
#define FAKE_GPIOD_V1_H

/* A line is known by the chip that it was got from, and its place there. */
struct gpiod_line {
    struct gpiod_chip *chip;
    unsigned offset;
    bool is_requested;
};

static struct gpiod_line fake_handles[FAKE_CHIPS][FAKE_LINES];

static inline struct fake_line *fake_line_of(const struct gpiod_line *line) {
    return &line->chip->lines[line->offset];
}

/* All who have opened a chip share its lines here, so that the last of them gives back what was requested. */
void gpiod_chip_close(struct gpiod_chip *chip) {
    ck_assert_int_gt(chip->opened--, 0);
    for (unsigned i = 0; i < FAKE_LINES && chip->opened == 0; i++) {
        struct gpiod_line *line = &fake_handles[chip - fake_chips][i];
        if (line->is_requested) {
            fake_line_release(fake_line_of(line));
        }
        *line = (struct gpiod_line){.chip = NULL};
    }
}

const char *gpiod_chip_label(struct gpiod_chip *chip) {
    return chip->label;
}

unsigned int gpiod_chip_num_lines(struct gpiod_chip *chip) {
    ck_assert_int_gt(chip->opened, 0);
    return FAKE_LINES;
}

struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned int offset) {
    ck_assert_int_gt(chip->opened, 0);
    if (offset >= FAKE_LINES || chip->is_gone) {
        errno = chip->is_gone ? ENODEV : EINVAL;
        return NULL;
    }
    struct gpiod_line *line = &fake_handles[chip - fake_chips][offset];
    line->chip = chip;
    line->offset = offset;
    return line;
}

const char *gpiod_line_name(struct gpiod_line *line) {
    return fake_line_of(line)->name;
}

const char *gpiod_line_consumer(struct gpiod_line *line) {
    return fake_line_of(line)->consumer[0] != 0 ? fake_line_of(line)->consumer : NULL;
}

bool gpiod_line_is_used(struct gpiod_line *line) {
    return fake_line_of(line)->is_used;
}

int gpiod_line_request(struct gpiod_line *line, const struct gpiod_line_request_config *config, int default_val) {
    bool is_output = config->request_type == GPIOD_LINE_REQUEST_DIRECTION_OUTPUT;
    ck_assert(is_output || config->request_type == GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES);
    int error = fake_line_request(line->chip, line->offset, config->consumer,
                                  (config->flags & GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW) != 0, is_output,
                                  default_val != 0, !is_output);
    line->is_requested |= error == 0;
    return error;
}

int gpiod_line_get_value(struct gpiod_line *line) {
    return fake_line_get(line->chip, fake_line_of(line));
}

int gpiod_line_set_value(struct gpiod_line *line, int value) {
    return fake_line_set(line->chip, fake_line_of(line), value != 0);
}

int gpiod_line_event_get_fd(struct gpiod_line *line) {
    return fake_line_of(line)->edges[0];
}

int gpiod_line_event_read_multiple(struct gpiod_line *line, struct gpiod_line_event *events, unsigned int num_events) {
    memset(events, 0, num_events * sizeof *events);
    return fake_line_take_edges(line->chip, fake_line_of(line), num_events);
}

#endif
