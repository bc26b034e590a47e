/* SPDX-License-Identifier: MIT */
/* Reading the times of healing, by their table. */

#include "config_healing.h"

#include <string.h>

enum { ROWS_MAX = 16 };

static const struct healing_row *find_row(const char *key) {
    for (const struct healing_row *row = healing_rows; row->key != NULL; row++) {
        if (strcmp(row->key, key) == 0) {
            return row;
        }
    }
    return NULL;
}

void config_read_healing(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         struct healing *healing) {
    const char *known[ROWS_MAX];
    size_t count = 0;
    if (!config_read_object(reader, place, value)) {
        return;
    }
    for (const struct healing_row *row = healing_rows; row->key != NULL && count < ROWS_MAX; row++) {
        known[count++] = row->key;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        const struct healing_row *row = find_row(item->string);
        size_t milliseconds;
        if (row == NULL) {
            config_unknown(reader, &item_place, "key", known, count);
        } else if (config_read_integer(reader, &item_place, item, row->minimum, row->maximum, &milliseconds)) {
            *healing_place(healing, row) = milliseconds > 0 ? (uint32_t)milliseconds : HEALING_NEVER;
        }
    }
    if (healing->retry_max_ms != 0 && healing->retry_min_ms > healing->retry_max_ms) {
        config_mistake(reader, place, "retry_min_ms (%u) is more than retry_max_ms (%u)", healing->retry_min_ms,
                       healing->retry_max_ms);
    }
}
