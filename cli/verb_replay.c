/* SPDX-License-Identifier: MIT */
/* `replay`: a capture, shown packet by packet. Needs no daemon. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "capture.h"
#include "need.h"
#include "options.h"
#include "packet_words.h"
#include "reasons.h"
#include "screen.h"
#include "verbs.h"

/* One direction of the wire. A packet may begin in one line of the capture and end in a later one, so all the bytes
 * are put together first, and cut as far as the lines have come. */
struct side {
    bool to_camera;
    const char *arrow;
    struct cutter cutter;
    uint8_t *bytes;
    size_t length;
    size_t passed; /* in the lines so far */
    size_t cut;    /* in the packets so far; beyond `passed` where the last one goes on in later lines */
    size_t packets;
    size_t damaged; /* bytes in no packet */
};

struct replay {
    bool quiet;
    struct side sides[2];
    struct packet_context context;
    int64_t shown_us; /* time of the line shown last */
    int64_t last_us, silence_us;
    unsigned silence_line;
};

static struct side *side_of(struct replay *replay, const struct capture_entry *entry) {
    return &replay->sides[entry->kind == CAPTURE_TO_CAMERA ? 0 : 1];
}

static bool is_bytes(const struct capture_entry *entry) {
    return entry->kind == CAPTURE_TO_CAMERA || entry->kind == CAPTURE_FROM_CAMERA;
}

static void gather(struct replay *replay, const struct capture *capture) {
    size_t lengths[2] = {0, 0};
    for (size_t i = 0; i < capture->count; i++) {
        const struct capture_entry *entry = &capture->entries[i];
        lengths[entry->kind == CAPTURE_TO_CAMERA ? 0 : 1] += is_bytes(entry) ? entry->length : 0;
    }
    for (size_t i = 0; i < 2; i++) {
        replay->sides[i] = (struct side){.to_camera = i == 0, .arrow = i == 0 ? "->" : "<-"};
        replay->sides[i].cutter.from_master = i == 0;
        replay->sides[i].bytes = need_memory(malloc(lengths[i] + 1));
    }
    for (size_t i = 0; i < capture->count; i++) {
        const struct capture_entry *entry = &capture->entries[i];
        if (is_bytes(entry)) {
            struct side *side = side_of(replay, entry);
            memcpy(side->bytes + side->length, entry->bytes, entry->length);
            side->length += entry->length;
        }
    }
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
    struct side *side = side_of(replay, entry);
    if (entry->time_us - replay->last_us > replay->silence_us) {
        replay->silence_us = entry->time_us - replay->last_us;
        replay->silence_line = entry->line;
    }
    replay->last_us = entry->time_us;
    side->passed += entry->length;
    while (side->cut < side->passed) {
        const uint8_t *data = side->bytes + side->cut;
        struct cut cut;
        cutter_next(&side->cutter, data, side->length - side->cut, true, &cut);
        side->cut += cut.length;
        side->packets += cut.kind == CUT_PACKET;
        side->damaged += cut.kind == CUT_NOISE ? cut.length : 0;
        if (!replay->quiet) {
            print_time(replay, entry, side->arrow);
            packet_words_print(stdout, &replay->context, side->to_camera, data, &cut);
            putchar('\n');
        }
    }
}

static void print_summary(const struct replay *replay) {
    static const char *const names[] = {"to the camera", "from the camera"};
    putchar('\n');
    for (size_t i = 0; i < 2; i++) {
        const struct side *side = &replay->sides[i];
        printf("%-16s %zu bytes, %zu packets, %zu bytes in no whole packet\n", names[i], side->length, side->packets,
               side->damaged);
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
        cJSON *side = need_memory(cJSON_AddObjectToObject(result, names[i]));
        cJSON_AddNumberToObject(side, "bytes", (double)replay->sides[i].length);
        cJSON_AddNumberToObject(side, "packets", (double)replay->sides[i].packets);
        cJSON_AddNumberToObject(side, "bytes_in_no_packet", (double)replay->sides[i].damaged);
    }
    char *text = need_memory(cJSON_PrintUnformatted(result));
    puts(text);
    cJSON_free(text);
    cJSON_Delete(result);
}

static void show(const struct options *options, const struct capture *capture) {
    struct replay replay = {.quiet = options->value[OPTION_JSON] != NULL};
    gather(&replay, capture);
    for (size_t i = 0; i < capture->count; i++) {
        if (is_bytes(&capture->entries[i])) {
            show_bytes(&replay, &capture->entries[i]);
        } else {
            show_text(&replay, &capture->entries[i]);
        }
    }
    (replay.quiet ? print_json : print_summary)(&replay);
    free(replay.sides[0].bytes);
    free(replay.sides[1].bytes);
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
