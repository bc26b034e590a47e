/* SPDX-License-Identifier: MIT */
/*
 * Getting the result of a command that the camera has taken, or probably has.
 *
 * Polls begin when the answer is due, as learned from earlier calls, and thin out with the time waited. When an answer
 * is overdue there are two explanations, a callback that takes long and a result (or a camera) that was lost, and no
 * poll can tell them apart. A lone command header of the reserved name can: a camera that still has this call takes it
 * for noise, one that waits for commands acknowledges it. It carries no data, so nothing runs, and no empty result can
 * be mistaken for this call's.
 */

#include "master_internal.h"

/* Longest remains of a damaged packet in front of a good one: a result's header and an acknowledgement. */
#define NOISE_MAX 12

/* Lone headers in one round of asking: enough that one meets a time when the camera listens. */
#define LOST_COPIES 4

/* Polls that a camera on I2C took and did not answer, after which the call is probably lost: see settle.c. */
#define VAIN_POLLS 2

/* Between a result's header and its data the camera does nothing but send. */
#define DATA_US 3000

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Time after the beginning at which the result is due at the earliest. */
static int64_t due(const struct estimate *estimate) {
    return larger(0, estimate->mean_us - 2 * estimate->deviation_us - GAP_US / 2);
}

void fetch_begin(struct omvrpc_master *master, bool taken, int64_t now_us) {
    const struct estimate *estimate = durations_find(&master->durations, master->call_command, master->call_hash);
    struct fetching *fetching = &master->fetching;
    *fetching = (struct fetching){.begun_us = now_us, .next_us = now_us, .taken = taken, .input_us = now_us};
    master->phase = MASTER_FETCH;
    master->since_breath = 0;
    if (taken) {
        master->result.taken_us = now_us;
    }
    if (!taken) {
        /* An acknowledgement of the command itself must not be taken for an answer to the question. */
        fetching->next_lost_us = now_us + larger(LOST_US, 2 * master_round_trip_timeout(master));
    } else if (estimate == NULL) {
        fetching->next_lost_us = now_us + LOST_UNKNOWN_US;
    } else {
        fetching->next_us = now_us + due(estimate);
        fetching->next_lost_us =
            now_us + estimate->mean_us + smaller(8 * estimate->deviation_us, LOST_GAP_MAX_US) + LOST_US;
    }
}

/* Pause after a poll: short while the result is due, then longer and longer. */
static int64_t poll_pause(struct omvrpc_master *master, int64_t now_us) {
    const struct fetching *fetching = &master->fetching;
    int64_t round_trip_us = master_round_trip_timeout(master);
    const struct estimate *estimate = durations_find(&master->durations, master->call_command, master->call_hash);
    int64_t waited_us = now_us - fetching->begun_us;
    int64_t pause_us = smaller(waited_us / POLL_GROWTH, POLL_GAP_MAX_US);
    if (estimate != NULL && waited_us < estimate->mean_us + 4 * estimate->deviation_us + DENSE_US) {
        pause_us = estimate->deviation_us / 8;
    }
    if (fetching->burst > 0) {
        pause_us = 0;
    }
    pause_us = larger(pause_us, master_gap(master, 2 * PACKET_POLL_SIZE));
    if (master->request.schedules) {
        /* A spare poll would be read by what the callback schedules, so each must have been answered or lost before the
         * next. */
        pause_us = larger(pause_us, DATA_US + 2 * round_trip_us);
    }
    return pause_us;
}

static void send_poll(struct omvrpc_master *master, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    fetching->burst = fetching->burst > 0 ? fetching->burst - 1 : POLL_BURST - 1;
    flight_add(&fetching->flight, now_us);
    master_asks(master, now_us);
    master_send_polls(master, true, master->info.pairs);
    fetching->next_us = now_us + poll_pause(master, now_us);
}

static void ask_whether_lost(struct omvrpc_master *master, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    if (fetching->lost_copies == 0) {
        fetching->lost_copies = LOST_COPIES;
    }
    master_asks(master, now_us);
    master_send_probe(master, true, false);
    fetching->lost_asked_us = now_us;
    fetching->lost_copies--;
    fetching->next_us = now_us + master_gap(master, PACKET_COMMAND_HEADER_SIZE);
    if (fetching->lost_copies == 0) {
        int64_t waited_us = now_us - fetching->begun_us;
        fetching->next_us += master_round_trip_timeout(master) + GAP_US;
        fetching->next_lost_us = fetching->next_us + larger(LOST_US, smaller(waited_us / LOST_GROWTH, LOST_GAP_MAX_US));
    }
}

/* Whether the input begins with the data whose header has come. */
static bool data_has_begun(const struct omvrpc_master *master) {
    return master->fetching.header_seen && buffer_length(&master->input) >= 2 &&
           get_u16(buffer_bytes(&master->input)) == OMVRPC_RESULT_DATA;
}

bool omvrpc_master_progress(const struct omvrpc_master *master, size_t *received, size_t *total) {
    if (master->phase != MASTER_FETCH || !data_has_begun(master)) {
        return false;
    }
    size_t data = buffer_length(&master->input) - sizeof(uint16_t); /* behind the magic */
    *total = master->fetching.length;
    *received = data < *total ? data : *total;
    return true;
}

static void complete(struct omvrpc_master *master, size_t length, int64_t now_us);
static void take_header(struct omvrpc_master *master, int64_t now_us);
static void take_ack(struct omvrpc_master *master, enum omvrpc_magic magic, int64_t now_us);

/* Takes what begins at the front of the input if it also ends with it. Returns false where nothing does. */
static bool take_fitting(struct omvrpc_master *master, size_t skipped, int64_t now_us) {
    const uint8_t *bytes = buffer_bytes(&master->input) + skipped;
    size_t size = buffer_length(&master->input) - skipped;
    enum omvrpc_magic magic = (enum omvrpc_magic)get_u16(bytes);
    if (magic == OMVRPC_RESULT_DATA && packet_is_valid(bytes, size, magic)) {
        buffer_consume(&master->input, skipped);
        complete(master, size - OMVRPC_PACKET_OVERHEAD, now_us);
        return true;
    }
    if (magic == OMVRPC_RESULT_HEADER && size >= PACKET_RESULT_HEADER_SIZE &&
        packet_is_valid(bytes, PACKET_RESULT_HEADER_SIZE, magic)) {
        size_t rest = size - PACKET_RESULT_HEADER_SIZE;
        bool with_data = rest == (size_t)get_u32(bytes + 2) + OMVRPC_PACKET_OVERHEAD;
        if (rest == 0 || with_data) {
            buffer_consume(&master->input, skipped);
            take_header(master, now_us);
            return true;
        }
    }
    if ((magic == OMVRPC_COMMAND_HEADER || magic == OMVRPC_COMMAND_DATA) && size == PACKET_ACK_SIZE &&
        packet_is_valid(bytes, size, magic)) {
        buffer_consume(&master->input, skipped);
        take_ack(master, magic, now_us);
        return true;
    }
    return false;
}

/*
 * Something came that is no expected packet, and then silence. It may be what is left of a packet that was damaged, with
 * the next one behind it. That one is recognised only where it ends with the input: searching for it byte by byte would
 * also find what a result merely quotes.
 */
static void take_from_noise(struct omvrpc_master *master, int64_t now_us) {
    master->fetching.noise = false;
    size_t size = buffer_length(&master->input);
    /* What begins as the data is the data, whole or not; nothing in it is a packet of its own. */
    size_t most = get_u16(buffer_bytes(&master->input)) == OMVRPC_RESULT_DATA ? 0 : NOISE_MAX;
    for (size_t skipped = 0; skipped + PACKET_ACK_SIZE <= size && skipped <= most; skipped++) {
        if (take_fitting(master, skipped, now_us)) {
            master->statistics.skipped_bytes += skipped;
            fetch_parse(master, now_us);
            return;
        }
    }
    master->statistics.skipped_bytes += size;
    buffer_clear(&master->input);
}

void fetch_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct fetching *fetching = &master->fetching;
    if (fetching->noise) {
        if (now_us < fetching->input_us + NOISE_US) {
            master_receive(step, 0, fetching->input_us + NOISE_US);
        } else {
            take_from_noise(master, now_us);
        }
        return;
    }
    if (data_has_begun(master)) {
        if (now_us < fetching->input_us + STALL_US) {
            size_t missing = fetching->length + OMVRPC_PACKET_OVERHEAD - buffer_length(&master->input);
            master_receive(step, missing, fetching->input_us + STALL_US);
        } else {
            master->statistics.crc_errors++;
            master_lose(master, OMVRPC_CAUSE_DAMAGED, now_us);
        }
        return;
    }
    if (!master->info.pairs && fetching->header_seen) {
        /* The data did not come in its turn: the camera waits for a poll for its header again, or has nothing any more. */
        fetching->header_seen = false;
        fetching->next_lost_us = smaller(fetching->next_lost_us, now_us + LOST_US);
    }
    if (fetching->vain_polls >= VAIN_POLLS && fetching->lost_copies == 0) {
        /* It took them for something else, such as short commands. */
        fetching->vain_polls = 0;
        fetching->next_lost_us = now_us;
    }
    bool heard_nothing = !fetching->taken && master->delivery.header_ack_us == 0;
    if (heard_nothing && now_us - fetching->begun_us >= SILENT_US - COPIES_US) {
        master_lose(master, OMVRPC_CAUSE_SILENT, now_us);
        return;
    }
    if (now_us >= fetching->next_us && !master_may_ask(master, now_us)) {
        master_await_ready(master, step);
        return;
    }
    if (now_us >= fetching->next_us) {
        if (fetching->lost_copies > 0 || now_us >= fetching->next_lost_us) {
            ask_whether_lost(master, now_us);
            return;
        }
        int64_t since_us = now_us - master_round_trip_timeout(master);
        if (!master->info.pairs ||
            flight_under_way(&fetching->flight, since_us) < master_window(master, 2 * PACKET_POLL_SIZE)) {
            send_poll(master, now_us);
            return;
        }
        fetching->next_us = now_us + GAP_US;
    }
    master_receive(step, PACKET_RESULT_HEADER_SIZE, fetching->next_us);
}

void fetch_sent(struct omvrpc_master *master) {
    master->fetching.vain_polls += master->info.acknowledges && !master->fetching.header_seen;
}

/* Hands the result over: the packet at the front of the input holds `length` bytes of it. */
static void complete(struct omvrpc_master *master, size_t length, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    master_heard(master);
    master->last_result_us = now_us;
    if (fetching->taken) {
        int64_t through_us = fetching->header_us != 0 ? fetching->header_us : now_us;
        int64_t took_us = through_us - fetching->begun_us - master->round_trip.mean_us;
        durations_add(&master->durations, master->call_command, master->call_hash, larger(0, took_us));
    }
    if (master->request.stream_depth > 0 && master_is_sending(master)) {
        /* Half a poll is out, and would be taken for the beginning of the stream's opening. */
        master_lose(master, OMVRPC_CAUSE_LOST, now_us);
        return;
    }
    if (master->request.raw_length > 0 || master->request.stream_depth > 0) {
        buffer_consume(&master->input, length + OMVRPC_PACKET_OVERHEAD);
        if (master->request.raw_length > 0) {
            raw_begin(master, now_us);
        } else {
            stream_begin(master, now_us);
        }
        return;
    }
    struct buffer received = master->input;
    master->input = master->kept;
    master->kept = received;
    buffer_clear(&master->input);
    master->result.data = buffer_bytes(&master->kept) + 2;
    master->result.length = length;
    master_end(master, OMVRPC_DONE, OMVRPC_CAUSE_NONE, now_us);
    /* What is still to be sent, such as half a copy of the command, must not go out as part of the next call. */
    if (fetching->lost_asked_us != 0 || master_is_sending(master)) {
        settle_begin(master, 0, now_us);
    } else {
        master->phase = MASTER_READY;
    }
}

static void take_header(struct omvrpc_master *master, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    size_t length = get_u32(buffer_bytes(&master->input) + 2);
    buffer_consume(&master->input, PACKET_RESULT_HEADER_SIZE);
    master_heard(master);
    bool fits_link = master->info.packet_max == 0 || length + OMVRPC_PACKET_OVERHEAD <= master->info.packet_max;
    if (length > master->max_payload || !fits_link) {
        enum omvrpc_cause cause = length > master->max_payload ? OMVRPC_CAUSE_NONE : OMVRPC_CAUSE_PACKET_LIMIT;
        master_end(master, OMVRPC_TOO_LARGE, cause, now_us);
        settle_begin(master, 0, now_us);
        return;
    }
    if (!buffer_reserve(&master->input, length + OMVRPC_PACKET_OVERHEAD)) {
        master_end(master, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY, now_us);
        settle_begin(master, 0, now_us);
        return;
    }
    fetching->header_seen = true;
    fetching->vain_polls = 0;
    fetching->header_us = now_us;
    fetching->length = length;
    fetching->next_us = now_us + larger(DATA_US, master_round_trip_timeout(master));
    /* The result exists, so the data comes now, or with the next poll, or it has been lost. */
    fetching->next_lost_us = smaller(fetching->next_lost_us, now_us + LOST_US);
    if (!master->info.pairs) {
        size_t size = length + OMVRPC_PACKET_OVERHEAD;
        if (!master_has_time(master, size, now_us)) {
            master_time_out(master, now_us);
            return;
        }
        master_send_polls(master, false, true);
        master_expect_data(master, size, size);
        fetching->next_us = now_us;
        fetching->next_lost_us =
            now_us + LOST_US + (master->info.transactions ? 0 : 2 * master_line_time(master, size));
    }
}

static void take_data(struct omvrpc_master *master, int64_t now_us) {
    size_t size = master->fetching.length + OMVRPC_PACKET_OVERHEAD;
    if (master_input_is(master, OMVRPC_RESULT_DATA, size)) {
        complete(master, master->fetching.length, now_us);
    } else {
        master->statistics.crc_errors++;
        master_lose(master, OMVRPC_CAUSE_DAMAGED, now_us);
    }
}

/* Takes an acknowledgement that comes late, or that answers the question whether this call is lost. */
static void take_ack(struct omvrpc_master *master, enum omvrpc_magic magic, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    buffer_consume(&master->input, PACKET_ACK_SIZE);
    master_heard(master);
    if (magic == OMVRPC_COMMAND_DATA) {
        if (!fetching->taken) {
            fetching->taken = true;
            master->result.taken_us = now_us;
        }
    } else if (fetching->lost_asked_us != 0) {
        master_lose(master, OMVRPC_CAUSE_LOST, now_us);
    }
}

/* Whether the input begins with what a camera may say to this call, or to one that it has forgotten. */
static bool is_expected(uint16_t magic, bool header_seen) {
    return magic == OMVRPC_RESULT_HEADER || magic == OMVRPC_COMMAND_HEADER || magic == OMVRPC_COMMAND_DATA ||
           (magic == OMVRPC_RESULT_DATA && header_seen);
}

void fetch_parse(struct omvrpc_master *master, int64_t now_us) {
    const struct buffer *input = &master->input;
    struct fetching *fetching = &master->fetching;
    while (master->phase == MASTER_FETCH && !fetching->noise && buffer_length(input) >= 2) {
        uint16_t magic = get_u16(buffer_bytes(input));
        size_t size = magic == OMVRPC_RESULT_HEADER ? PACKET_RESULT_HEADER_SIZE : PACKET_ACK_SIZE;
        if (magic == OMVRPC_RESULT_DATA && fetching->header_seen) {
            if (buffer_length(input) < fetching->length + OMVRPC_PACKET_OVERHEAD) {
                return;
            }
            take_data(master, now_us);
        } else if (is_expected(magic, fetching->header_seen) && buffer_length(input) < size) {
            return;
        } else if (is_expected(magic, fetching->header_seen) &&
                   packet_is_valid(buffer_bytes(input), size, (enum omvrpc_magic)magic)) {
            if (magic == OMVRPC_RESULT_HEADER) {
                take_header(master, now_us);
            } else {
                take_ack(master, (enum omvrpc_magic)magic, now_us);
            }
        } else if (fetching->header_seen && !master->info.transactions) {
            /* Only the data follows its header, so this is the data, damaged. */
            master->statistics.crc_errors++;
            master_lose(master, OMVRPC_CAUSE_DAMAGED, now_us);
        } else {
            fetching->noise = true;
        }
    }
}
