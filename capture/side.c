/* SPDX-License-Identifier: MIT */
/* A direction's bytes, put together and cut. See side.h. */

#include "side.h"

#include <stdlib.h>
#include <string.h>

bool side_init(struct side *side, const struct capture *capture, enum capture_kind kind) {
    size_t length = 0;
    *side = (struct side){.cutter.from_master = kind == CAPTURE_TO_CAMERA};
    for (size_t i = 0; i < capture->count; i++) {
        length += capture->entries[i].kind == kind ? capture->entries[i].length : 0;
    }
    side->bytes = malloc(length + 1);
    for (size_t i = 0; i < capture->count && side->bytes != NULL; i++) {
        const struct capture_entry *entry = &capture->entries[i];
        if (entry->kind == kind) {
            memcpy(side->bytes + side->length, entry->bytes, entry->length);
            side->length += entry->length;
        }
    }
    return side->bytes != NULL;
}

void side_clear(struct side *side) {
    free(side->bytes);
    side->bytes = NULL;
}

void side_pass(struct side *side, const struct capture_entry *entry) {
    side->passed += entry->length;
}

const uint8_t *side_next(struct side *side, struct cut *cut) {
    if (side->cut >= side->passed) {
        return NULL;
    }
    const uint8_t *data = side->bytes + side->cut;
    cutter_next(&side->cutter, data, side->length - side->cut, true, cut);
    side->cut += cut->length;
    return data;
}
