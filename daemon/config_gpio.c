/* SPDX-License-Identifier: MIT */
/* Lines by name, or by chip and offset. */

#include "config_gpio.h"

#include <string.h>

/* A camera's reset pin has to be low for some microseconds; a transistor or a long wire in between wants more. */
enum { PULSE_MS_DEFAULT = 50, PULSE_MS_MAX = 5000 };

/* The most lines of one chip that any driver has. */
enum { OFFSET_MAX = 4095 };

static void check_line(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                       const struct gpio_settings *settings) {
    bool has_offset = cJSON_GetObjectItemCaseSensitive(value, "offset") != NULL;
    if (cJSON_GetObjectItemCaseSensitive(value, "line") == NULL &&
        (cJSON_GetObjectItemCaseSensitive(value, "chip") == NULL || !has_offset)) {
        config_mistake(reader, place, "expected \"line\", a name such as \"GPIO25\", or \"chip\" and \"offset\"");
    } else if (settings->line != NULL && has_offset) {
        config_mistake(reader, place, "found \"line\" and \"offset\", expected one of them");
    }
}

/* Reads an object of a line; `pulse_ms` is NULL where there is no such key. */
static void read_line(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      struct gpio_settings *settings, uint32_t *pulse_ms) {
    static const char *const known[] = {"line", "chip", "offset", "active_low", "pulse_ms"};
    const size_t known_count = sizeof known / sizeof *known - (pulse_ms == NULL);
    if (!cJSON_IsObject(value)) {
        config_unexpected(reader, place, "a line such as {\"line\": \"GPIO25\"}");
        return;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        size_t number;
        if (strcmp(item->string, "line") == 0) {
            config_read_string(reader, &item_place, item, &settings->line);
        } else if (strcmp(item->string, "chip") == 0) {
            config_read_string(reader, &item_place, item, &settings->chip);
        } else if (strcmp(item->string, "active_low") == 0) {
            config_read_boolean(reader, &item_place, item, &settings->active_low);
        } else if (strcmp(item->string, "offset") == 0) {
            if (config_read_integer(reader, &item_place, item, 0, OFFSET_MAX, &number)) {
                settings->offset = (uint32_t)number;
            }
        } else if (pulse_ms != NULL && strcmp(item->string, "pulse_ms") == 0) {
            if (config_read_integer(reader, &item_place, item, 1, PULSE_MS_MAX, &number)) {
                *pulse_ms = (uint32_t)number;
            }
        } else {
            config_unknown(reader, &item_place, "key of a line", known, known_count);
        }
    }
    check_line(reader, place, value, settings);
}

void config_read_gpio(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      struct gpio_settings *settings) {
    read_line(reader, place, value, settings, NULL);
}

void config_read_reset(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                       struct reset_settings *reset) {
    reset->pulse_ms = PULSE_MS_DEFAULT;
    /* A camera's RST pin resets it while it is low. */
    reset->line.active_low = true;
    read_line(reader, place, value, &reset->line, &reset->pulse_ms);
}
