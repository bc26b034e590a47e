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

/* Silence behind a result whose header was lost, after which the packet must be complete. */
#define HEADLESS_US 3000

/* So many such packets are looked at in one call: each costs a CRC over all that was received. */
#define HEADLESS_MAX 32

/* Lone headers in one round of asking: enough that one meets a time when the camera listens. */
#define LOST_COPIES 4

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
    const struct estimate *estimate = durations_find(&master->durations, master->request.command, master->call_hash);
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
    const struct estimate *estimate = durations_find(&master->durations, master->request.command, master->call_hash);
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
    master_send_polls(master, true, master->info.pairs);
    fetching->next_us = now_us + poll_pause(master, now_us);
}

static void ask_whether_lost(struct omvrpc_master *master, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    if (fetching->lost_copies == 0) {
        fetching->lost_copies = LOST_COPIES;
    }
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

/* Whether the input begins with what can only be the result's data. */
static bool data_has_begun(const struct omvrpc_master *master) {
    return buffer_length(&master->input) >= 2 && get_u16(buffer_bytes(&master->input)) == OMVRPC_RESULT_DATA;
}

static void complete(struct omvrpc_master *master, size_t length, int64_t now_us);

/*
 * The result's header was lost and its data was not. A packet that fills the input to its last byte, with silence
 * behind it, is whole if its CRC says so; anything else is skipped.
 */
static void take_headless(struct omvrpc_master *master, int64_t now_us) {
    if (++master->fetching.headless > HEADLESS_MAX) {
        master->statistics.skipped_bytes += buffer_length(&master->input);
        buffer_clear(&master->input);
        return;
    }
    size_t size = buffer_length(&master->input);
    if (size <= master->max_payload + OMVRPC_PACKET_OVERHEAD && master_input_is(master, OMVRPC_RESULT_DATA, size)) {
        complete(master, size - OMVRPC_PACKET_OVERHEAD, now_us);
        return;
    }
    master_skip_byte(master);
    fetch_parse(master, now_us);
}

void fetch_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct fetching *fetching = &master->fetching;
    if (data_has_begun(master)) {
        int64_t patience_us = fetching->header_seen ? STALL_US : larger(HEADLESS_US, master_round_trip_timeout(master));
        if (now_us < fetching->input_us + patience_us) {
            size_t missing = fetching->length + OMVRPC_PACKET_OVERHEAD - buffer_length(&master->input);
            master_receive(step, fetching->header_seen ? missing : 0, fetching->input_us + patience_us);
        } else if (fetching->header_seen) {
            master->statistics.crc_errors++;
            master_lose(master, OMVRPC_CAUSE_DAMAGED, now_us);
        } else {
            take_headless(master, now_us);
        }
        return;
    }
    bool heard_nothing = !fetching->taken && master->delivery.header_ack_us == 0;
    if (heard_nothing && now_us - fetching->begun_us >= SILENT_US - COPIES_US) {
        master_lose(master, OMVRPC_CAUSE_SILENT, now_us);
        return;
    }
    if (now_us >= fetching->next_us) {
        if (fetching->lost_copies > 0 || now_us >= fetching->next_lost_us) {
            ask_whether_lost(master, now_us);
            return;
        }
        int64_t since_us = now_us - master_round_trip_timeout(master);
        if (flight_under_way(&fetching->flight, since_us) < master_window(master, 2 * PACKET_POLL_SIZE)) {
            send_poll(master, now_us);
            return;
        }
        fetching->next_us = now_us + GAP_US;
    }
    bool awaits_data = fetching->header_seen && !master->info.pairs;
    master_receive(step, awaits_data ? fetching->length + OMVRPC_PACKET_OVERHEAD : PACKET_RESULT_HEADER_SIZE,
                   fetching->next_us);
}

/* Hands the result over: the packet at the front of the input holds `length` bytes of it. */
static void complete(struct omvrpc_master *master, size_t length, int64_t now_us) {
    struct fetching *fetching = &master->fetching;
    master_heard(master);
    master->last_result_us = now_us;
    if (fetching->taken) {
        int64_t took_us = now_us - fetching->begun_us - master->round_trip.mean_us;
        durations_add(&master->durations, master->request.command, master->call_hash, larger(0, took_us));
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
    if (fetching->lost_asked_us != 0) {
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
    if (length > master->max_payload) {
        master_end(master, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_NONE, now_us);
        settle_begin(master, 0, now_us);
        return;
    }
    if (!buffer_reserve(&master->input, length + OMVRPC_PACKET_OVERHEAD)) {
        master_end(master, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY, now_us);
        settle_begin(master, 0, now_us);
        return;
    }
    fetching->header_seen = true;
    fetching->length = length;
    fetching->next_us = now_us + larger(DATA_US, master_round_trip_timeout(master));
    /* The result exists, so the data comes now, or with the next poll, or it has been lost. */
    fetching->next_lost_us = smaller(fetching->next_lost_us, now_us + LOST_US);
    if (!master->info.pairs) {
        master_send_polls(master, false, true);
        fetching->next_us += master_line_time(master, length + OMVRPC_PACKET_OVERHEAD) + STALL_US;
        fetching->next_lost_us = fetching->next_us + LOST_US;
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

void fetch_parse(struct omvrpc_master *master, int64_t now_us) {
    const struct buffer *input = &master->input;
    while (master->phase == MASTER_FETCH && buffer_length(input) >= 2) {
        uint16_t magic = get_u16(buffer_bytes(input));
        size_t size = magic == OMVRPC_RESULT_HEADER ? PACKET_RESULT_HEADER_SIZE : PACKET_ACK_SIZE;
        if (magic == OMVRPC_RESULT_DATA) {
            if (!master->fetching.header_seen ||
                buffer_length(input) < master->fetching.length + OMVRPC_PACKET_OVERHEAD) {
                return;
            }
            take_data(master, now_us);
        } else if (magic != OMVRPC_RESULT_HEADER && magic != OMVRPC_COMMAND_HEADER && magic != OMVRPC_COMMAND_DATA) {
            master_skip_byte(master);
        } else if (buffer_length(input) < size) {
            return;
        } else if (!packet_is_valid(buffer_bytes(input), size, (enum omvrpc_magic)magic)) {
            master->statistics.crc_errors++;
            master_skip_byte(master);
        } else if (magic == OMVRPC_RESULT_HEADER) {
            take_header(master, now_us);
        } else {
            take_ack(master, (enum omvrpc_magic)magic, now_us);
        }
    }
}
