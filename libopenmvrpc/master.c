/* SPDX-License-Identifier: MIT */
/* The master: its life, its calls, and the way from one phase to the next. See master_internal.h for the whole. */

#include "master_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAYLOAD_LIMIT ((size_t)1 << 30)

/* Input beyond what the phase can use is noise; it is dropped from here on. */
#define INPUT_SLACK ((size_t)64 << 10)

/* What is clocked at most out of a camera that may be in the middle of a result; more takes longer than its patience. */
#define FEED_REST_MAX ((size_t)64 << 10)

/* The name of the reserved command, hashed once: omvrpc_command_id(OMVRPC_PROBE_NAME). A test compares. */
#define PROBE_COMMAND 0x40422c34u

static const char *const outcome_names[] = {
    [OMVRPC_DONE] = "done",
    [OMVRPC_NOT_DELIVERED] = "not_delivered",
    [OMVRPC_RESULT_UNKNOWN] = "result_unknown",
    [OMVRPC_TOO_LARGE] = "too_large",
};

static const char *const cause_names[] = {
    [OMVRPC_CAUSE_NONE] = "none",           [OMVRPC_CAUSE_TIMEOUT] = "timeout",
    [OMVRPC_CAUSE_SILENT] = "silent",       [OMVRPC_CAUSE_LOST] = "lost",
    [OMVRPC_CAUSE_DAMAGED] = "damaged",     [OMVRPC_CAUSE_LINK_GONE] = "link_gone",
    [OMVRPC_CAUSE_MEMORY] = "memory",       [OMVRPC_CAUSE_PACKET_LIMIT] = "packet_limit",
    [OMVRPC_CAUSE_NO_STREAM] = "no_stream",
};

const char *omvrpc_outcome_name(enum omvrpc_outcome outcome) {
    return outcome_names[outcome];
}

const char *omvrpc_cause_name(enum omvrpc_cause cause) {
    return cause_names[cause];
}

struct omvrpc_master *omvrpc_master_new(void) {
    struct omvrpc_master *master = calloc(1, sizeof *master);
    if (master != NULL) {
        master->max_payload = OMVRPC_MAX_PAYLOAD_DEFAULT;
    }
    return master;
}

void omvrpc_master_free(struct omvrpc_master *master) {
    if (master == NULL) {
        return;
    }
    free(master->command);
    buffer_free(&master->input);
    buffer_free(&master->kept);
    free(master);
}

void omvrpc_master_set_max_payload(struct omvrpc_master *master, size_t bytes) {
    master->max_payload = bytes < MAX_PAYLOAD_LIMIT ? bytes : MAX_PAYLOAD_LIMIT;
}

void flight_clear(struct flight *flight) {
    flight->count = 0;
}

void flight_add(struct flight *flight, int64_t now_us) {
    if (flight->count == 0) {
        flight->first_us = now_us;
    }
    flight->sent_us[flight->count % COPIES_UNDER_WAY] = now_us;
    flight->count++;
}

uint32_t flight_under_way(const struct flight *flight, int64_t since_us) {
    uint32_t known = flight->count < COPIES_UNDER_WAY ? flight->count : COPIES_UNDER_WAY;
    uint32_t under_way = 0;
    for (uint32_t i = 0; i < known; i++) {
        under_way += flight->sent_us[i] > since_us;
    }
    return under_way;
}

int64_t master_round_trip_timeout(const struct omvrpc_master *master) {
    if (master->info.transactions) {
        /* Nothing is under way on a link whose answers are read. */
        return ROUND_TRIP_MIN_US;
    }
    if (master->round_trip.samples == 0) {
        return master->info.pairs ? ROUND_TRIP_MAX_US : ROUND_TRIP_BUS_US;
    }
    int64_t timeout_us = master->round_trip.mean_us + 4 * master->round_trip.deviation_us;
    int64_t most_us = master->info.pairs ? ROUND_TRIP_MAX_US : ROUND_TRIP_BUS_US;
    if (timeout_us < ROUND_TRIP_MIN_US) {
        return ROUND_TRIP_MIN_US;
    }
    return timeout_us < most_us ? timeout_us : most_us;
}

void master_measure(struct omvrpc_master *master, const struct flight *flight, int64_t now_us) {
    struct estimate *round_trip = &master->round_trip;
    int64_t last_us = flight->sent_us[(flight->count - 1) % COPIES_UNDER_WAY];
    int64_t before_us = flight->count > 1 ? flight->sent_us[(flight->count - 2) % COPIES_UNDER_WAY] : INT64_MIN / 2;
    int64_t longest_us = now_us - flight->first_us;
    if (last_us - before_us >= ROUND_TRIP_MAX_US) {
        estimate_add(round_trip, now_us - last_us);
    } else if (round_trip->samples == 0) {
        estimate_add(round_trip, longest_us < ROUND_TRIP_MAX_US ? longest_us : ROUND_TRIP_MAX_US);
    } else if (round_trip->mean_us > longest_us) {
        /* Whichever copy was answered, it took no longer than this. */
        round_trip->mean_us = longest_us;
        round_trip->deviation_us = longest_us / 2;
    }
    master->statistics.round_trip_us = round_trip->mean_us;
    master->statistics.round_trip_deviation_us = round_trip->deviation_us;
}

int64_t master_line_time(const struct omvrpc_master *master, size_t bytes) {
    return master->info.byte_rate == 0 ? 0 : (int64_t)bytes * 1000000 / master->info.byte_rate;
}

int64_t master_gap(struct omvrpc_master *master, size_t size) {
    /* Steps of the golden ratio cover an interval evenly without ever repeating (Weyl's sequence), here in units of
     * 1/1024. */
    int64_t share = ++master->gaps * 633 % 1024;
    size_t every = (master->info.receive_buffer - 1) / size;
    every = every < 1 ? 1 : every > BREATH_EVERY ? BREATH_EVERY : every;
    int64_t pause_us = GAP_US;
    bool buffer_is_small = master->info.receive_buffer < BREATH_EVERY * size;
    if (buffer_is_small && ++master->since_breath >= every) {
        master->since_breath = 0;
        pause_us = BREATH_US;
    }
    return master_line_time(master, size) + pause_us / 2 + share * pause_us / 1024;
}

uint32_t master_window(const struct omvrpc_master *master, size_t size) {
    int64_t by_time = 1 + master_round_trip_timeout(master) / (GAP_US + master_line_time(master, size));
    return by_time < COPIES_UNDER_WAY ? (uint32_t)by_time : COPIES_UNDER_WAY;
}

void master_expect(struct omvrpc_master *master, size_t answer) {
    int64_t patience_us = master->info.transactions
                              ? ANSWER_US
                              : ANSWER_CAN_US + master_round_trip_timeout(master) + master_line_time(master, answer);
    turn_expect(master, answer, patience_us, false);
}

void master_expect_data(struct omvrpc_master *master, size_t answer, size_t size) {
    int64_t looks_us = ANSWER_DATA_US + (int64_t)(size / ANSWER_BYTES);
    /* Until the first frame of it: others put the end off. The length may be a wrong one. */
    int64_t bus_us = ANSWER_CAN_US + 2 * master_round_trip_timeout(master);
    turn_expect(master, answer, master->info.transactions ? looks_us : looks_us + bus_us, true);
}

bool omvrpc_master_doubts_ready_line(const struct omvrpc_master *master) {
    return master->low_answers >= LOW_ANSWERS;
}

bool master_may_ask(const struct omvrpc_master *master, int64_t now_us) {
    return !master->has_ready_line || master->is_ready || omvrpc_master_doubts_ready_line(master) ||
           now_us >= master->asked_us + READY_US;
}

void master_asks(struct omvrpc_master *master, int64_t now_us) {
    master->asked_us = now_us;
    master->awaits_word = master->has_ready_line;
    master->asked_low = !master->is_ready;
}

void master_await_ready(const struct omvrpc_master *master, struct omvrpc_step *step) {
    master_receive(step, 0, master->asked_us + READY_US);
}

void master_send(struct omvrpc_master *master, const uint8_t *data, size_t length) {
    turn_clear(master);
    master->output = data;
    master->output_length = length;
    master->output_sent = 0;
}

void master_send_polls(struct omvrpc_master *master, bool header, bool data) {
    size_t size = 0;
    if (header) {
        size += packet_put(master->scratch, OMVRPC_RESULT_HEADER, NULL, 0);
    }
    if (data) {
        size += packet_put(master->scratch + size, OMVRPC_RESULT_DATA, NULL, 0);
    }
    master_send(master, master->scratch, size);
    master->statistics.polls++;
    if (!master->info.pairs && header) {
        master_expect(master, PACKET_RESULT_HEADER_SIZE);
    }
}

void master_send_probe(struct omvrpc_master *master, bool header, bool data) {
    size_t size = 0;
    if (header) {
        size += packet_put_command_header(master->scratch, PROBE_COMMAND, 0);
    }
    if (data) {
        size += packet_put(master->scratch + size, OMVRPC_COMMAND_DATA, NULL, 0);
    }
    master_send(master, master->scratch, size);
    if (!master->info.pairs) {
        turn_expect(master, 0, 0, false);
        master_expect(master, PACKET_ACK_SIZE);
    }
}

bool master_feed(struct omvrpc_master *master, size_t *left) {
    static const uint8_t zeros[256];
    size_t length = *left < sizeof zeros ? *left : sizeof zeros;
    *left -= length;
    if (length > 0) {
        master_send(master, zeros, length);
    }
    return length > 0;
}

bool master_is_sending(const struct omvrpc_master *master) {
    return master->output_sent < master->output_length;
}

void master_receive(struct omvrpc_step *step, size_t length, int64_t until_us) {
    step->kind = OMVRPC_STEP_RECEIVE;
    step->length = length;
    step->until_us = until_us;
}

bool master_input_is(const struct omvrpc_master *master, enum omvrpc_magic magic, size_t size) {
    return buffer_length(&master->input) >= size && packet_is_valid(buffer_bytes(&master->input), size, magic);
}

void master_heard(struct omvrpc_master *master) {
    master->silent_since_us = 0;
    if (master->awaits_word) {
        master->awaits_word = false;
        master->low_answers = master->asked_low ? master->low_answers + 1 : 0;
    }
}

void master_ready(struct omvrpc_master *master, int64_t now_us) {
    master->phase = MASTER_READY;
    if (master->busy) {
        deliver_begin(master, now_us);
    }
}

void master_end(struct omvrpc_master *master, enum omvrpc_outcome outcome, enum omvrpc_cause cause, int64_t now_us) {
    struct omvrpc_result *result = &master->result;
    result->outcome = outcome;
    result->cause = cause;
    result->ended_us = now_us;
    if (outcome != OMVRPC_DONE) {
        result->data = NULL;
        result->length = 0;
    }
    uint64_t *const counters[] = {
        [OMVRPC_DONE] = &master->statistics.done,
        [OMVRPC_NOT_DELIVERED] = &master->statistics.not_delivered,
        [OMVRPC_RESULT_UNKNOWN] = &master->statistics.result_unknown,
        [OMVRPC_TOO_LARGE] = &master->statistics.too_large,
    };
    ++*counters[outcome];
    master->busy = false;
    master->ended = true;
}

/* Bytes that the camera may be waiting for as the data of the command under way. */
static size_t swallowed(const struct omvrpc_master *master) {
    if (!master_feeds(master)) {
        return 0;
    }
    bool data_may_be_short =
        master->phase == MASTER_DELIVER || (master->phase == MASTER_FETCH && !master->fetching.taken);
    if (master->info.transactions && master->phase == MASTER_FETCH && master->fetching.header_seen) {
        /* It may be in the middle of the result, and armed to give the rest. */
        size_t rest = master->fetching.length + OMVRPC_PACKET_OVERHEAD;
        return rest < FEED_REST_MAX ? rest : FEED_REST_MAX;
    }
    return data_may_be_short && master->command_size > master->info.receive_buffer ? master->command_size : 0;
}

/* Whether the camera may have taken the call, in this attempt or an earlier one. */
static bool maybe_taken(const struct omvrpc_master *master) {
    switch (master->phase) {
    case MASTER_FETCH:
    case MASTER_RAW:
    case MASTER_STREAM:
        return true;
    case MASTER_DELIVER:
        return master->delivery.data_sent || master->delivered_once;
    case MASTER_CLOSED:
    case MASTER_SETTLE:
    case MASTER_READY:
        break;
    }
    return master->delivered_once;
}

/* Ends the call as it stands, and settles if something of it is on the line. */
static void abandon(struct omvrpc_master *master, enum omvrpc_cause cause, int64_t now_us) {
    bool untouched =
        master->phase == MASTER_DELIVER && master->delivery.flight.count == 0 && !master_is_sending(master);
    master_end(master, maybe_taken(master) ? OMVRPC_RESULT_UNKNOWN : OMVRPC_NOT_DELIVERED, cause, now_us);
    if (untouched) {
        master->phase = MASTER_READY;
    } else if (master->phase != MASTER_CLOSED && master->phase != MASTER_SETTLE) {
        settle_begin(master, swallowed(master), now_us);
    }
}

bool master_has_time(const struct omvrpc_master *master, size_t size, int64_t now_us) {
    return !master->info.transactions || now_us + master_line_time(master, size) <= master->request.deadline_us;
}

void master_time_out(struct omvrpc_master *master, int64_t now_us) {
    abandon(master, OMVRPC_CAUSE_TIMEOUT, now_us);
}

void master_lose(struct omvrpc_master *master, enum omvrpc_cause cause, int64_t now_us) {
    size_t feed = swallowed(master);
    bool again = master->request.repeatable && now_us < master->request.deadline_us;
    master->delivered_once = true;
    if (again) {
        master->statistics.repeated_calls++;
    } else {
        master_end(master, OMVRPC_RESULT_UNKNOWN, cause, now_us);
    }
    settle_begin(master, feed, now_us);
}

void omvrpc_master_link_opened(struct omvrpc_master *master, const struct omvrpc_link_info *info, int64_t now_us) {
    bool same_line = master->info.pairs == info->pairs && master->info.byte_rate == info->byte_rate &&
                     master->info.receive_buffer == info->receive_buffer;
    if (!same_line) {
        master->round_trip = (struct estimate){0};
    }
    master->info = *info;
    master->has_ready_line = master->awaits_word = false;
    master->low_answers = 0;
    master->turn = (struct turn){.answer = 0};
    settle_begin(master, 0, now_us);
}

void omvrpc_master_link_gone(struct omvrpc_master *master, int64_t now_us) {
    if (master->busy) {
        bool taken = maybe_taken(master);
        if (master->request.repeatable && master->request.stream_depth == 0) {
            master->delivered_once = taken;
        } else {
            master_end(master, taken ? OMVRPC_RESULT_UNKNOWN : OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_LINK_GONE, now_us);
        }
    }
    master->phase = MASTER_CLOSED;
    master->output_length = master->output_sent = 0;
    turn_clear(master);
    master->silent_since_us = 0;
    buffer_clear(&master->input);
}

bool omvrpc_master_has_link(const struct omvrpc_master *master) {
    return master->phase != MASTER_CLOSED;
}

bool omvrpc_master_is_settled(const struct omvrpc_master *master) {
    return master->phase != MASTER_CLOSED && master->phase != MASTER_SETTLE;
}

int64_t omvrpc_master_silent_since(const struct omvrpc_master *master) {
    return master->silent_since_us;
}

bool omvrpc_master_is_busy(const struct omvrpc_master *master) {
    return master->busy || master->ended;
}

/* Lays out the command's two packets back to back. */
static int pack_command(struct omvrpc_master *master, const struct omvrpc_request *request) {
    size_t size = PACKET_COMMAND_HEADER_SIZE + OMVRPC_PACKET_OVERHEAD + request->argument_length;
    uint8_t *command = malloc(size);
    if (command == NULL) {
        return -ENOMEM;
    }
    size_t used = packet_put_command_header(command, request->command, (uint32_t)request->argument_length);
    packet_put(command + used, OMVRPC_COMMAND_DATA, request->argument, request->argument_length);
    free(master->command);
    master->command = command;
    master->command_size = size;
    return 0;
}

/* What durations are learned under. Calls and reads of a session are never the same twice: what they mean stands
 * inside. */
static void identify(struct omvrpc_master *master, const struct omvrpc_request *request) {
    static const char call_name[] = OMVRPC_CALL_NAME, read_name[] = OMVRPC_READ_NAME;
    bool is_call = request->command == omvrpc_command_id(call_name, sizeof call_name - 1);
    bool is_read = request->command == omvrpc_command_id(read_name, sizeof read_name - 1);
    struct omvrpc_envelope envelope;
    const uint8_t *data = request->argument;
    size_t length = request->argument_length;
    bool is_sealed = (is_call || is_read) && omvrpc_envelope_read(data, length, &envelope, &data, &length);
    master->call_command = is_sealed && is_call ? envelope.target : request->command;
    master->call_hash = master->call_command ^ omvrpc_command_id((const char *)data, length);
}

int omvrpc_master_call(struct omvrpc_master *master, const struct omvrpc_request *request, int64_t now_us) {
    if (omvrpc_master_is_busy(master)) {
        return -EBUSY;
    }
    if (request->argument_length > master->max_payload) {
        return -EMSGSIZE;
    }
    if (request->stream_depth > 255 || request->raw_length > master->max_payload) {
        return -EINVAL;
    }
    int error = pack_command(master, request);
    if (error != 0) {
        return error;
    }
    identify(master, request);
    master->request = *request;
    master->request.schedules |= request->raw_length > 0 || request->stream_depth > 0;
    master->result = (struct omvrpc_result){0};
    buffer_shrink(&master->kept);
    master->streaming = (struct streaming){0};
    master->delivered_once = false;
    master->busy = true;
    master->statistics.calls++;
    if (master->phase == MASTER_READY) {
        deliver_begin(master, now_us);
    }
    return 0;
}

void omvrpc_master_stop(struct omvrpc_master *master, int64_t now_us) {
    if (!master->busy) {
        return;
    }
    if (master->phase == MASTER_STREAM) {
        stream_stop(master, now_us);
    } else if (master->phase == MASTER_CLOSED) {
        abandon(master, OMVRPC_CAUSE_LINK_GONE, now_us);
    } else {
        abandon(master, master->phase == MASTER_SETTLE ? OMVRPC_CAUSE_SILENT : OMVRPC_CAUSE_TIMEOUT, now_us);
    }
}

const struct omvrpc_result *omvrpc_master_result(const struct omvrpc_master *master) {
    return &master->result;
}

const struct omvrpc_statistics *omvrpc_master_statistics(const struct omvrpc_master *master) {
    return &master->statistics;
}

static void parse(struct omvrpc_master *master, int64_t now_us) {
    enum master_phase phase;
    do {
        phase = master->phase;
        switch (phase) {
        case MASTER_DELIVER:
            deliver_parse(master, now_us);
            break;
        case MASTER_FETCH:
            fetch_parse(master, now_us);
            break;
        case MASTER_RAW:
            raw_parse(master, now_us);
            break;
        case MASTER_STREAM:
            stream_parse(master, now_us);
            break;
        case MASTER_SETTLE:
            settle_parse(master, now_us);
            break;
        case MASTER_CLOSED:
        case MASTER_READY:
            master->statistics.skipped_bytes += buffer_length(&master->input);
            buffer_clear(&master->input);
            break;
        }
    } while (phase != master->phase);
}

uint8_t *omvrpc_master_reserve(struct omvrpc_master *master, size_t length) {
    return buffer_reserve(&master->input, length) ? master->input.data + master->input.end : NULL;
}

void omvrpc_master_set_ready(struct omvrpc_master *master, bool is_ready, int64_t now_us) {
    bool rises = is_ready && !master->is_ready;
    /* A link without a line says yes all the time. */
    master->has_ready_line = master->has_ready_line || !is_ready;
    master->is_ready = is_ready;
    if (rises) {
        master->delivery.next_us = now_us;
        master->fetching.next_us = now_us;
        master->settling.next_us = now_us;
    }
}

void omvrpc_master_received(struct omvrpc_master *master, const uint8_t *data, size_t length, int64_t now_us) {
    if (!master->info.pairs) {
        turn_received(master, length, now_us);
    }
    if (length == 0) {
        if (master->info.transactions && master->phase == MASTER_STREAM) {
            stream_missed(master, now_us);
        }
        return;
    }
    master->statistics.bytes_received += length;
    if (buffer_length(&master->input) + length > master->max_payload + INPUT_SLACK) {
        if (master->phase == MASTER_STREAM) {
            /* Nothing would show that bytes are missing from a frame. */
            master->streaming.broken = true;
            return;
        }
        buffer_clear(&master->input);
    }
    if (!buffer_append(&master->input, data, length)) {
        /* Memory is short and the bytes are lost, which a checksum shows in every phase but one. */
        master->streaming.broken = true;
    }
    master->fetching.input_us = now_us;
    master->settling.input_us = now_us;
    master->streaming.input_us = now_us;
    parse(master, now_us);
    bool is_raw = master->phase == MASTER_RAW || master->phase == MASTER_STREAM;
    if (master->info.transactions && !is_raw && buffer_length(&master->input) > 0) {
        /* A transaction is a packet or it is none. */
        master->statistics.crc_errors++;
        master->statistics.skipped_bytes += buffer_length(&master->input);
        master->delivery.noise = master->fetching.noise = false;
        buffer_clear(&master->input);
    }
    if (!master->info.pairs && !master_is_sending(master) && buffer_length(&master->input) == 0) {
        turn_clear(master);
    }
}

void omvrpc_master_sent(struct omvrpc_master *master, size_t length, int64_t now_us) {
    master->output_sent += length;
    master->statistics.bytes_sent += length;
    if (!master->info.pairs && !turn_sent(master, length, now_us) && master->phase == MASTER_DELIVER) {
        deliver_refused(master, now_us);
    }
    if (length > 0 && !master_is_sending(master) && master->phase == MASTER_DELIVER) {
        deliver_sent(master, now_us);
    } else if (length > 0 && master->phase == MASTER_STREAM) {
        stream_sent(master, now_us);
    } else if (length > 0 && master->phase == MASTER_FETCH) {
        fetch_sent(master);
    } else if (length > 0 && master->phase == MASTER_SETTLE) {
        settle_sent(master);
    }
}

static void phase_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    switch (master->phase) {
    case MASTER_DELIVER:
        deliver_next(master, now_us, step);
        break;
    case MASTER_FETCH:
        fetch_next(master, now_us, step);
        break;
    case MASTER_RAW:
        raw_next(master, now_us, step);
        break;
    case MASTER_STREAM:
        stream_next(master, now_us, step);
        break;
    case MASTER_SETTLE:
        settle_next(master, now_us, step);
        break;
    case MASTER_CLOSED:
    case MASTER_READY:
        break;
    }
}

void omvrpc_master_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    if (master->busy && now_us >= master->request.deadline_us) {
        if (master->phase == MASTER_STREAM) {
            stream_stop(master, now_us);
        } else {
            abandon(master, OMVRPC_CAUSE_TIMEOUT, now_us);
        }
    }
    *step = (struct omvrpc_step){.kind = OMVRPC_STEP_IDLE, .until_us = INT64_MAX};
    /* A phase that has nothing to ask for has queued output or begun another phase, so this ends after a few turns. */
    for (;;) {
        if (master->ended) {
            master->ended = false;
            step->kind = OMVRPC_STEP_DONE;
            return;
        }
        if (master->discard) {
            master->discard = false;
            step->kind = OMVRPC_STEP_DISCARD;
            return;
        }
        if (!master->info.pairs && turn_next(master, now_us, step)) {
            break;
        }
        if (master_is_sending(master)) {
            step->kind = OMVRPC_STEP_SEND;
            step->data = master->output + master->output_sent;
            step->length = master->output_length - master->output_sent;
            step->until_us = now_us + POLL_GAP_MAX_US;
            if (master->busy && master->request.deadline_us > now_us && master->request.deadline_us < step->until_us) {
                step->until_us = master->request.deadline_us;
            }
            return;
        }
        phase_next(master, now_us, step);
        if (step->kind != OMVRPC_STEP_IDLE) {
            if (master->info.transactions && step->kind == OMVRPC_STEP_RECEIVE && !step->raw &&
                master->phase != MASTER_STREAM) {
                /* Whatever is awaited, it is not read outside of a turn. */
                step->length = 0;
            }
            break;
        }
        if (master->phase == MASTER_READY || master->phase == MASTER_CLOSED) {
            if (master->ended) {
                continue;
            }
            break;
        }
    }
    if (master->busy && now_us < master->request.deadline_us && step->until_us > master->request.deadline_us) {
        step->until_us = master->request.deadline_us;
    }
}
