/* SPDX-License-Identifier: MIT */
/* From the lines of a capture to calls and their answers. See script.h. */

#include "script.h"

#include "side.h"

#include <stdlib.h>
#include <string.h>

#define ACK_SIZE ((size_t)OMVRPC_PACKET_OVERHEAD)

/* The reading of a capture, as far as it has come. */
struct reading {
    struct sim_script *script;
    size_t answer_count;
    uint32_t command;      /* of the last command header */
    struct sim_call *call; /* under way, or NULL: none, or one that is left out */
    int64_t begun_us, polled_us;
    bool has_data, has_polled;
    unsigned session_line;
};

static uint32_t id_of(const char *name) {
    return omvrpc_command_id(name, strlen(name));
}

bool sim_script_leaves_out(uint32_t command) {
    return command == id_of(OMVRPC_PROBE_NAME) || command == id_of(OMVRPC_DESCRIBE_NAME) ||
           command == id_of(OMVRPC_CALL_NAME) || command == id_of(OMVRPC_READ_NAME);
}

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void begin_call(struct reading *reading, const struct capture_entry *entry) {
    struct sim_script *script = reading->script;
    reading->call = &script->calls[script->call_count++];
    *reading->call =
        (struct sim_call){.line = entry->line, .command = reading->command, .first_answer = reading->answer_count};
    reading->begun_us = entry->time_us;
    reading->has_data = false;
    reading->has_polled = false;
}

/* A copy of the command under way belongs to it; after a poll, the same command is another call. */
static void take_header(struct reading *reading, const struct capture_entry *entry, const struct cut *cut) {
    reading->command = get_u32(cut->payload);
    if (sim_script_leaves_out(reading->command)) {
        return; /* without data, it is only the question whether the camera waits for commands */
    }
    if (reading->call == NULL || reading->call->command != reading->command || reading->has_polled) {
        begin_call(reading, entry);
    }
}

/* The call with number 0 only asks whether the camera has the extensions, and one without them gives no answer. */
static bool is_in_session(const struct cut *cut) {
    struct omvrpc_envelope envelope;
    const uint8_t *argument;
    size_t length;
    return omvrpc_envelope_read(cut->payload, cut->payload_length, &envelope, &argument, &length) &&
           envelope.number != 0;
}

static void take_data(struct reading *reading, const struct capture_entry *entry, const struct cut *cut) {
    if (sim_script_leaves_out(reading->command)) {
        reading->call = NULL;
        if (reading->session_line == 0 && is_in_session(cut)) {
            reading->session_line = entry->line;
        }
    }
    if (reading->call == NULL) {
        return;
    }
    struct sim_call *call = reading->call;
    bool is_copy = call->argument != NULL && call->argument_length == cut->payload_length &&
                   memcmp(call->argument, cut->payload, cut->payload_length) == 0;
    if (call->argument != NULL && !is_copy) {
        begin_call(reading, entry);
        call = reading->call;
    }
    reading->has_data = true;
    call->argument = cut->payload;
    call->argument_length = cut->payload_length;
}

static void take_packet(struct reading *reading, const struct capture_entry *entry, const struct cut *cut) {
    switch (cut->magic) {
    case OMVRPC_COMMAND_HEADER:
        take_header(reading, entry, cut);
        break;
    case OMVRPC_COMMAND_DATA:
        take_data(reading, entry, cut);
        break;
    case OMVRPC_RESULT_HEADER:
    case OMVRPC_RESULT_DATA:
        if (!reading->has_polled) {
            reading->polled_us = entry->time_us;
        }
        reading->has_polled = true;
        break;
    case OMVRPC_STREAM_OPEN:
    case OMVRPC_STREAM_FRAME:
        break;
    }
}

static void add_answer(struct reading *reading, const struct capture_entry *entry, size_t offset, size_t length,
                       bool after_data) {
    reading->script->answers[reading->answer_count++] = (struct sim_answer){
        .bytes = entry->bytes + offset,
        .length = length,
        .after_data = after_data,
        .after_poll = reading->has_polled,
        .delay_us = entry->time_us - (reading->has_polled ? reading->polled_us : reading->begun_us),
    };
    reading->call->answer_count++;
}

/*
 * What came together may have been asked for one by one, by a host that sends header and data apart: the ack of the
 * header is an answer of its own.
 */
static void take_answer(struct reading *reading, const struct capture_entry *entry) {
    struct cutter cutter = {.from_master = false};
    struct cut cut;
    if (reading->call == NULL) {
        return;
    }
    cutter_next(&cutter, entry->bytes, entry->length, true, &cut);
    size_t ack = 0;
    if (!reading->has_polled && cut.kind == CUT_PACKET && cut.magic == OMVRPC_COMMAND_HEADER &&
        cut.length == ACK_SIZE) {
        ack = ACK_SIZE;
        add_answer(reading, entry, 0, ack, false);
    }
    if (entry->length > ack) {
        add_answer(reading, entry, ack, entry->length - ack, reading->has_data);
    }
}

static void read_entries(struct reading *reading, const struct capture *capture, struct side *side) {
    for (size_t i = 0; i < capture->count; i++) {
        const struct capture_entry *entry = &capture->entries[i];
        struct cut cut;
        if (entry->kind == CAPTURE_FROM_CAMERA) {
            take_answer(reading, entry);
        } else if (entry->kind == CAPTURE_TO_CAMERA) {
            side_pass(side, entry);
            while (side_next(side, &cut) != NULL) {
                if (cut.kind == CUT_PACKET) {
                    take_packet(reading, entry, &cut);
                }
            }
        }
    }
}

int sim_script_init(struct sim_script *script, const struct capture *capture, char *error, size_t size) {
    struct reading reading = {.script = script};
    struct side side;
    *script = (struct sim_script){.call_count = 0};
    if (!side_init(&side, capture, CAPTURE_TO_CAMERA)) {
        snprintf(error, size, "out of memory");
        return -1;
    }
    /* A call takes a packet of at least ACK_SIZE bytes, and a line is at most two answers. */
    script->arguments = side.bytes;
    script->calls = calloc(side.length / ACK_SIZE + 1, sizeof script->calls[0]);
    script->answers = calloc(capture->count * 2, sizeof script->answers[0]);
    if (script->calls == NULL || script->answers == NULL) {
        snprintf(error, size, "out of memory");
        sim_script_clear(script);
        return -1;
    }
    read_entries(&reading, capture, &side);
    if (reading.session_line > 0) {
        snprintf(error, size, "line %u: calls in a session cannot be played, for their numbers differ each time",
                 reading.session_line);
    } else if (script->call_count == 0) {
        snprintf(error, size, "there is no call in it");
    } else {
        return 0;
    }
    sim_script_clear(script);
    return -1;
}

void sim_script_clear(struct sim_script *script) {
    free(script->calls);
    free(script->answers);
    free(script->arguments);
    *script = (struct sim_script){.call_count = 0};
}
