/* SPDX-License-Identifier: MIT */
/* `replay`: a capture, shown packet by packet. Needs no daemon. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "need.h"
#include "options.h"
#include "packet_words.h"
#include "reasons.h"
#include "screen.h"
#include "side.h"
#include "verbs.h"

struct direction {
    struct side side;
    const char *arrow;
    size_t packets;
    size_t damaged; /* bytes in no packet */
};

struct replay {
    bool quiet;
    struct direction directions[2]; /* to the camera, from it */
    struct packet_context context;
    int64_t shown_us; /* time of the line shown last */
    int64_t last_us, silence_us;
    unsigned silence_line;
};

static bool is_bytes(const struct capture_entry *entry) {
    return entry->kind == CAPTURE_TO_CAMERA || entry->kind == CAPTURE_FROM_CAMERA;
}

static void print_time(struct replay *replay, const struct capture_entry *entry, const char *arrow) {
    printf("%12.6f %+11.3f ms  %s ", (double)entry->time_us / 1e6, (double)(entry->time_us - replay->shown_us) / 1e3,
           arrow);
    replay->shown_us = entry->time_us;
}

static void show_text(struct replay *replay, const struct capture_entry *entry) {
    if (replay->quiet) {
        return;
    }
    if (entry->kind == CAPTURE_EVENT) {
        print_time(replay, entry, "! ");
    }
    screen_put(stdout, (const char *)entry->bytes, entry->length);
    putchar('\n');
}

/* Shows the packets that begin in a line of bytes. */
static void show_bytes(struct replay *replay, const struct capture_entry *entry) {
    bool to_camera = entry->kind == CAPTURE_TO_CAMERA;
    struct direction *direction = &replay->directions[to_camera ? 0 : 1];
    struct cut cut;
    const uint8_t *data;
    if (entry->time_us - replay->last_us > replay->silence_us) {
        replay->silence_us = entry->time_us - replay->last_us;
        replay->silence_line = entry->line;
    }
    replay->last_us = entry->time_us;
    side_pass(&direction->side, entry);
    while ((data = side_next(&direction->side, &cut)) != NULL) {
        direction->packets += cut.kind == CUT_PACKET;
        direction->damaged += cut.kind == CUT_NOISE ? cut.length : 0;
        if (!replay->quiet) {
            print_time(replay, entry, direction->arrow);
            packet_words_print(stdout, &replay->context, to_camera, data, &cut);
            putchar('\n');
        }
    }
}

static void print_summary(const struct replay *replay) {
    static const char *const names[] = {"to the camera", "from the camera"};
    putchar('\n');
    for (size_t i = 0; i < 2; i++) {
        const struct direction *direction = &replay->directions[i];
        printf("%-16s %zu bytes, %zu packets, %zu bytes in no whole packet\n", names[i], direction->side.length,
               direction->packets, direction->damaged);
    }
    printf("%-16s %.3f s, longest silence %.3f s before line %u\n", "time", (double)replay->last_us / 1e6,
           (double)replay->silence_us / 1e6, replay->silence_line);
}

static void print_json(const struct replay *replay) {
    static const char *const names[] = {"to_camera", "from_camera"};
    cJSON *result = need_memory(cJSON_CreateObject());
    cJSON_AddNumberToObject(result, "duration_ms", (double)replay->last_us / 1e3);
    cJSON_AddNumberToObject(result, "longest_silence_ms", (double)replay->silence_us / 1e3);
    for (size_t i = 0; i < 2; i++) {
        const struct direction *direction = &replay->directions[i];
        cJSON *counts = need_memory(cJSON_AddObjectToObject(result, names[i]));
        cJSON_AddNumberToObject(counts, "bytes", (double)direction->side.length);
        cJSON_AddNumberToObject(counts, "packets", (double)direction->packets);
        cJSON_AddNumberToObject(counts, "bytes_in_no_packet", (double)direction->damaged);
    }
    char *text = need_memory(cJSON_PrintUnformatted(result));
    puts(text);
    cJSON_free(text);
    cJSON_Delete(result);
}

static void show(const struct options *options, const struct capture *capture) {
    struct replay replay = {.quiet = options->value[OPTION_JSON] != NULL};
    replay.directions[0].arrow = "->";
    replay.directions[1].arrow = "<-";
    bool has_memory = side_init(&replay.directions[0].side, capture, CAPTURE_TO_CAMERA) &&
                      side_init(&replay.directions[1].side, capture, CAPTURE_FROM_CAMERA);
    need_memory(has_memory ? replay.directions : NULL);
    for (size_t i = 0; i < capture->count; i++) {
        if (is_bytes(&capture->entries[i])) {
            show_bytes(&replay, &capture->entries[i]);
        } else {
            show_text(&replay, &capture->entries[i]);
        }
    }
    (replay.quiet ? print_json : print_summary)(&replay);
    side_clear(&replay.directions[0].side);
    side_clear(&replay.directions[1].side);
}

int verb_run_replay(const struct options *options, struct client *client) {
    (void)client;
    const char *path = options_operand(options, 0);
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "r");
    if (!file) {
        fprintf(stderr, "openmvctl: cannot open %s: %s\n", path, strerror(errno));
        return CTL_FAILED;
    }
    struct capture capture;
    struct capture_error error;
    int failed = capture_read(file, &capture, &error);
    if (!is_stdin) {
        fclose(file);
    }
    if (failed && error.line > 0) {
        fprintf(stderr, "openmvctl: %s, line %u: %s\n", path, error.line, error.message);
    } else if (failed) {
        fprintf(stderr, "openmvctl: %s: %s\n", path, error.message);
    } else {
        show(options, &capture);
        capture_clear(&capture);
    }
    return failed ? CTL_FAILED : CTL_OK;
}
