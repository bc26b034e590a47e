/* SPDX-License-Identifier: MIT */
/* The functions of libgpiod 2 on the chips of fake_gpiod.h, which includes this. */
#ifndef FAKE_GPIOD_V2_H
#define FAKE_GPIOD_V2_H

/* All of these are made and freed by the caller; a leak is the address sanitizer's to find. */

struct gpiod_chip_info {
    const char *label;
};

struct gpiod_line_info {
    struct fake_line line;
};

struct gpiod_line_settings {
    enum gpiod_line_direction direction;
    enum gpiod_line_edge edge;
    enum gpiod_line_value value;
    bool is_active_low;
};

struct gpiod_line_config {
    unsigned offset;
    struct gpiod_line_settings settings;
};

struct gpiod_request_config {
    const char *consumer;
};

struct gpiod_line_request {
    struct gpiod_chip *chip;
    unsigned offset;
};

struct gpiod_edge_event_buffer {
    size_t capacity;
};

static inline void *fake_new(size_t size) {
    void *made = calloc(1, size);
    ck_assert_ptr_nonnull(made);
    return made;
}

void gpiod_chip_close(struct gpiod_chip *chip) {
    ck_assert_int_gt(chip->opened--, 0);
}

struct gpiod_chip_info *gpiod_chip_get_info(struct gpiod_chip *chip) {
    ck_assert_int_gt(chip->opened, 0);
    struct gpiod_chip_info *info = fake_new(sizeof *info);
    info->label = chip->label;
    return info;
}

const char *gpiod_chip_info_get_label(struct gpiod_chip_info *info) {
    return info->label;
}

size_t gpiod_chip_info_get_num_lines(struct gpiod_chip_info *info) {
    ck_assert_ptr_nonnull(info);
    return FAKE_LINES;
}

void gpiod_chip_info_free(struct gpiod_chip_info *info) {
    free(info);
}

struct gpiod_line_info *gpiod_chip_get_line_info(struct gpiod_chip *chip, unsigned int offset) {
    ck_assert_int_gt(chip->opened, 0);
    if (offset >= FAKE_LINES || chip->is_gone) {
        errno = chip->is_gone ? ENODEV : EINVAL;
        return NULL;
    }
    struct gpiod_line_info *info = fake_new(sizeof *info);
    info->line = chip->lines[offset];
    return info;
}

const char *gpiod_line_info_get_name(struct gpiod_line_info *info) {
    return info->line.name;
}

const char *gpiod_line_info_get_consumer(struct gpiod_line_info *info) {
    return info->line.consumer[0] != 0 ? info->line.consumer : NULL;
}

bool gpiod_line_info_is_used(struct gpiod_line_info *info) {
    return info->line.is_used;
}

void gpiod_line_info_free(struct gpiod_line_info *info) {
    free(info);
}

struct gpiod_line_settings *gpiod_line_settings_new(void) {
    return fake_new(sizeof(struct gpiod_line_settings));
}

int gpiod_line_settings_set_direction(struct gpiod_line_settings *settings, enum gpiod_line_direction direction) {
    settings->direction = direction;
    return 0;
}

int gpiod_line_settings_set_edge_detection(struct gpiod_line_settings *settings, enum gpiod_line_edge edge) {
    settings->edge = edge;
    return 0;
}

void gpiod_line_settings_set_active_low(struct gpiod_line_settings *settings, bool active_low) {
    settings->is_active_low = active_low;
}

int gpiod_line_settings_set_output_value(struct gpiod_line_settings *settings, enum gpiod_line_value value) {
    settings->value = value;
    return 0;
}

void gpiod_line_settings_free(struct gpiod_line_settings *settings) {
    free(settings);
}

struct gpiod_line_config *gpiod_line_config_new(void) {
    return fake_new(sizeof(struct gpiod_line_config));
}

int gpiod_line_config_add_line_settings(struct gpiod_line_config *config, const unsigned int *offsets,
                                        size_t num_offsets, struct gpiod_line_settings *settings) {
    ck_assert_uint_eq(num_offsets, 1);
    config->offset = offsets[0];
    config->settings = *settings;
    return 0;
}

void gpiod_line_config_free(struct gpiod_line_config *config) {
    free(config);
}

struct gpiod_request_config *gpiod_request_config_new(void) {
    return fake_new(sizeof(struct gpiod_request_config));
}

void gpiod_request_config_set_consumer(struct gpiod_request_config *config, const char *consumer) {
    config->consumer = consumer;
}

void gpiod_request_config_free(struct gpiod_request_config *config) {
    free(config);
}

struct gpiod_line_request *gpiod_chip_request_lines(struct gpiod_chip *chip, struct gpiod_request_config *req_cfg,
                                                    struct gpiod_line_config *line_cfg) {
    const struct gpiod_line_settings *settings = &line_cfg->settings;
    ck_assert_int_gt(chip->opened, 0);
    bool is_output = settings->direction == GPIOD_LINE_DIRECTION_OUTPUT;
    ck_assert(is_output || settings->direction == GPIOD_LINE_DIRECTION_INPUT);
    if (fake_line_request(chip, line_cfg->offset, req_cfg->consumer, settings->is_active_low, is_output,
                          settings->value == GPIOD_LINE_VALUE_ACTIVE, settings->edge == GPIOD_LINE_EDGE_BOTH) < 0) {
        return NULL;
    }
    struct gpiod_line_request *request = fake_new(sizeof *request);
    request->chip = chip;
    request->offset = line_cfg->offset;
    return request;
}

/* The line of a request, of which the caller names the offset once more. */
static inline struct fake_line *fake_line_of(struct gpiod_line_request *request, unsigned offset) {
    ck_assert_uint_eq(offset, request->offset);
    return &request->chip->lines[offset];
}

void gpiod_line_request_release(struct gpiod_line_request *request) {
    fake_line_release(fake_line_of(request, request->offset));
    free(request);
}

enum gpiod_line_value gpiod_line_request_get_value(struct gpiod_line_request *request, unsigned int offset) {
    return (enum gpiod_line_value)fake_line_get(request->chip, fake_line_of(request, offset));
}

int gpiod_line_request_set_value(struct gpiod_line_request *request, unsigned int offset, enum gpiod_line_value value) {
    return fake_line_set(request->chip, fake_line_of(request, offset), value == GPIOD_LINE_VALUE_ACTIVE);
}

int gpiod_line_request_get_fd(struct gpiod_line_request *request) {
    return fake_line_of(request, request->offset)->edges[0];
}

struct gpiod_edge_event_buffer *gpiod_edge_event_buffer_new(size_t capacity) {
    struct gpiod_edge_event_buffer *buffer = fake_new(sizeof *buffer);
    buffer->capacity = capacity;
    return buffer;
}

void gpiod_edge_event_buffer_free(struct gpiod_edge_event_buffer *buffer) {
    free(buffer);
}

int gpiod_line_request_read_edge_events(struct gpiod_line_request *request, struct gpiod_edge_event_buffer *buffer,
                                        size_t max_events) {
    ck_assert_uint_le(max_events, buffer->capacity);
    return fake_line_take_edges(request->chip, fake_line_of(request, request->offset), max_events);
}

#endif
