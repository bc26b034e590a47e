/* SPDX-License-Identifier: MIT */
/*
 * Any text as a capture. What is read has the bounds of the form, its bytes are cut to the last one in either
 * direction, and what a script makes of it stays within it.
 */

#include "side.h"
#include "sim/script.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void check_entries(const struct capture *capture) {
    int64_t time_us = 0;
    for (size_t i = 0; i < capture->count; i++) {
        const struct capture_entry *entry = &capture->entries[i];
        bool is_bytes = entry->kind == CAPTURE_TO_CAMERA || entry->kind == CAPTURE_FROM_CAMERA;
        require(entry->time_us >= time_us && entry->time_us <= CAPTURE_TIME_MAX_US);
        require(entry->length > 0 && entry->length < CAPTURE_LINE_MAX);
        require(!is_bytes || entry->length <= CAPTURE_PIECE_MAX);
        time_us = entry->time_us;
    }
}

static void cut_side(const struct capture *capture, enum capture_kind kind) {
    struct side side;
    struct cut cut;
    size_t sum = 0;
    require(side_init(&side, capture, kind));
    for (size_t i = 0; i < capture->count; i++) {
        if (capture->entries[i].kind == kind) {
            side_pass(&side, &capture->entries[i]);
            for (const uint8_t *bytes; (bytes = side_next(&side, &cut)) != NULL;) {
                char text[64];
                require(bytes == side.bytes + sum && cut.length > 0);
                omvrpc_describe(bytes, cut.length, side.cutter.from_master, text, sizeof text);
                sum += cut.length;
            }
        }
    }
    require(sum == side.length);
    side_clear(&side);
}

static void check_script(const struct capture *capture) {
    struct sim_script script;
    char error[160];
    size_t answers = 0;
    if (sim_script_init(&script, capture, error, sizeof error) != 0) {
        require(error[0] != '\0');
        return;
    }
    for (size_t i = 0; i < script.call_count; i++) {
        require(script.calls[i].first_answer == answers);
        for (size_t k = 0; k < script.calls[i].answer_count; k++) {
            const struct sim_answer *answer = &script.answers[answers++];
            require(answer->delay_us >= 0 && answer->length > 0);
        }
    }
    require(answers <= 2 * capture->count);
    sim_script_clear(&script);
}

/* Without the first line, hardly an input would get further. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct capture capture;
    struct capture_error error;
    size_t first = strlen(CAPTURE_FIRST_LINE "\n");
    char *text = malloc(first + size);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, CAPTURE_FIRST_LINE "\n", first);
    memcpy(text + first, data, size);
    if (capture_parse(text, first + size, &capture, &error) == 0) {
        check_entries(&capture);
        cut_side(&capture, CAPTURE_TO_CAMERA);
        cut_side(&capture, CAPTURE_FROM_CAMERA);
        check_script(&capture);
        capture_clear(&capture);
    } else {
        require(error.message != NULL);
    }
    free(text);
    return 0;
}
