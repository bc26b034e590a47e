/* SPDX-License-Identifier: MIT */
/*
 * Getting a command to the camera.
 *
 * The camera is deaf while it collects garbage and flushes its input, so a command is sent as copies, closely enough
 * that one falls into the time it listens. Where header and data fit the camera's buffer they go out as a pair.
 * Otherwise the header goes alone, and the data follows its acknowledgement: a header that comes twice would be taken
 * for data then, so there is only one under way at a time.
 */

#include "master_internal.h"

/* Lone headers without an answer after which the camera may have taken one all the same, and be waiting for its data.
 */
#define LONE_HEADERS 4

/* Patience with a lone header, as the public master has it. */
#define LONE_HEADER_US 3000

/* Longest time after a result in which the camera's turnaround still matters. */
#define TURNAROUND_MATTERS_US 20000

static const uint8_t *command_data(const struct omvrpc_master *master) {
    return master->command + PACKET_COMMAND_HEADER_SIZE;
}

static size_t command_data_size(const struct omvrpc_master *master) {
    return master->command_size - PACKET_COMMAND_HEADER_SIZE;
}

/*
 * Whether the camera's buffer takes the pair: as a whole, or because it is emptied faster than the line fills it.
 * Between header and data the stock slave checks the one and acknowledges it, which takes it less than a millisecond.
 * On a slow line the pair is the only way for long arguments, too: a UART's slave waits for the data for 2 ms only, and
 * a round trip may take longer.
 */
static bool fits_as_pair(const struct omvrpc_master *master) {
    uint32_t rate = master->info.byte_rate;
    return master->command_size <= master->info.receive_buffer ||
           (rate != 0 && rate / 2000 <= master->info.receive_buffer);
}

/* Whether the link moves all that the call takes in one packet each. */
static bool fits_link(const struct omvrpc_master *master) {
    size_t most = master->info.packet_max;
    return most == 0 || (command_data_size(master) <= most && master->request.raw_length <= most);
}

void deliver_begin(struct omvrpc_master *master, int64_t now_us) {
    if (!fits_link(master)) {
        master->phase = MASTER_READY;
        master_end(master, OMVRPC_NOT_DELIVERED, OMVRPC_CAUSE_PACKET_LIMIT, now_us);
        return;
    }
    master->phase = MASTER_DELIVER;
    master->delivery = (struct delivery){
        .paired = master->info.pairs && fits_as_pair(master),
        .next_us = now_us,
    };
    master->delivery.follows = master->last_result_us != 0 && now_us - master->last_result_us < TURNAROUND_MATTERS_US &&
                               !master->delivered_once;
    if (master->delivery.follows) {
        int64_t hears_us = master->last_result_us + turnaround_begin(&master->turnaround);
        master->delivery.next_us = hears_us > now_us ? hears_us : now_us;
    }
    master->since_breath = 0;
    buffer_clear(&master->input);
}

/* Nothing shows that the data was not taken, for so long that it probably was: look for its result. */
static bool probably_taken(const struct omvrpc_master *master, int64_t now_us) {
    const struct delivery *delivery = &master->delivery;
    if (!delivery->data_sent) {
        return false;
    }
    int64_t patience_us = ACK_US;
    if (patience_us < 4 * master_round_trip_timeout(master)) {
        patience_us = 4 * master_round_trip_timeout(master);
    }
    return (delivery->header_ack_us != 0 && now_us - delivery->header_ack_us >= patience_us) ||
           now_us - delivery->first_sent_us >= COPIES_US;
}

static void send_copy(struct omvrpc_master *master, int64_t now_us) {
    struct delivery *delivery = &master->delivery;
    if (delivery->flight.count > 0) {
        master->statistics.command_copies++;
    }
    master_asks(master, now_us);
    master_send(master, master->command, delivery->paired ? master->command_size : PACKET_COMMAND_HEADER_SIZE);
    if (!master->info.pairs) {
        master_expect(master, PACKET_ACK_SIZE);
    }
}

static void take_from_noise(struct omvrpc_master *master, int64_t now_us);

static void receive_ack(const struct omvrpc_master *master, struct omvrpc_step *step) {
    const struct delivery *delivery = &master->delivery;
    int64_t silence_us = master->fetching.input_us + NOISE_US;
    bool silence_first = delivery->noise && silence_us < delivery->next_us;
    master_receive(step, PACKET_ACK_SIZE, silence_first ? silence_us : delivery->next_us);
}

void deliver_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct delivery *delivery = &master->delivery;
    int64_t silence_us = master->fetching.input_us + NOISE_US;
    if (delivery->noise && now_us >= silence_us) {
        take_from_noise(master, now_us);
        return;
    }
    if (delivery->awaiting_data_ack) {
        if (now_us < delivery->next_us) {
            receive_ack(master, step);
            return;
        }
        delivery->awaiting_data_ack = false;
    }
    if (master_feed(master, &delivery->feed)) {
        return;
    }
    bool is_silent = delivery->flight.count > 0 && delivery->header_ack_us == 0 && !delivery->data_sent;
    if (is_silent && now_us - delivery->flight.first_us >= SILENT_US) {
        /* Nothing is delivered, so the call goes on when it is known whether anybody is there. */
        settle_begin(master, master_feeds(master) ? command_data_size(master) : 0, now_us);
        return;
    }
    if (probably_taken(master, now_us)) {
        fetch_begin(master, false, now_us);
        return;
    }
    uint32_t window = delivery->paired ? master_window(master, master->command_size) : 1;
    int64_t round_trip_us = master_round_trip_timeout(master);
    if (now_us >= delivery->next_us) {
        if (!master_may_ask(master, now_us)) {
            master_await_ready(master, step);
            return;
        }
        /* Without pairs whatever was under way has been waited for. */
        if (!master->info.pairs || flight_under_way(&delivery->flight, now_us - round_trip_us) < window) {
            send_copy(master, now_us);
            return;
        }
        delivery->next_us = now_us + GAP_US;
    }
    receive_ack(master, step);
}

void deliver_sent(struct omvrpc_master *master, int64_t now_us) {
    struct delivery *delivery = &master->delivery;
    int64_t round_trip_us = master_round_trip_timeout(master);
    bool was_header = master->output == master->command;
    bool was_data = master->output == command_data(master);
    if (!was_header && !was_data) {
        return;
    }
    if ((delivery->paired || was_data) && !delivery->data_sent) {
        delivery->data_sent = true;
        delivery->first_sent_us = now_us;
    }
    if (was_data) {
        delivery->awaiting_data_ack = master->info.pairs;
        delivery->next_us =
            now_us + master_line_time(master, command_data_size(master)) + ACK_US / 2 + 2 * round_trip_us;
        return;
    }
    flight_add(&delivery->flight, now_us);
    int64_t pause_us = master_gap(master, master->output_length);
    int64_t tried_us = now_us - delivery->first_sent_us;
    if (!delivery->paired) {
        if (delivery->flight.count % LONE_HEADERS == 0 && master_feeds(master)) {
            delivery->feed = command_data_size(master);
        }
        pause_us += !master->info.pairs ? 0 : round_trip_us > LONE_HEADER_US ? round_trip_us : LONE_HEADER_US;
    } else if (delivery->flight.count % COPIES_BURST == 0 && tried_us >= COPIES_DENSE_US) {
        pause_us += tried_us / COPIES_GROWTH;
    }
    delivery->next_us = now_us + pause_us;
}

void deliver_refused(struct omvrpc_master *master, int64_t now_us) {
    flight_add(&master->delivery.flight, now_us);
    master->delivery.next_us = now_us + master_gap(master, PACKET_COMMAND_HEADER_SIZE);
}

/* Learns from the acknowledgement that has just come. */
static void learn(struct omvrpc_master *master, int64_t now_us) {
    const struct delivery *delivery = &master->delivery;
    if (!delivery->paired) {
        return;
    }
    master_measure(master, &delivery->flight, now_us);
    if (delivery->follows) {
        int64_t taken_us = now_us - master->round_trip.mean_us;
        bool first = delivery->flight.count == 1 || taken_us <= delivery->first_sent_us + GAP_US / 2;
        turnaround_learn(&master->turnaround, taken_us - master->last_result_us, first);
        master->statistics.turnaround_us = master->turnaround.estimate.mean_us;
    }
}

static void take_data_ack(struct omvrpc_master *master, int64_t now_us) {
    buffer_consume(&master->input, PACKET_ACK_SIZE);
    master_heard(master);
    learn(master, now_us);
    /* A copy that waits for room on the line is not needed any more; one that is half out has to be completed. */
    if (master->output_sent == 0) {
        master->output_length = 0;
    }
    fetch_begin(master, true, now_us);
}

/*
 * Something came that is no acknowledgement, such as a result of the call before that the line doubled, and then silence.
 * Only what ends with it can be an acknowledgement of ours: a result may quote one anywhere.
 */
static void take_from_noise(struct omvrpc_master *master, int64_t now_us) {
    struct buffer *input = &master->input;
    master->delivery.noise = false;
    if (buffer_length(input) >= PACKET_ACK_SIZE) {
        master->statistics.skipped_bytes += buffer_length(input) - PACKET_ACK_SIZE;
        buffer_consume(input, buffer_length(input) - PACKET_ACK_SIZE);
        if (master->delivery.data_sent && master_input_is(master, OMVRPC_COMMAND_DATA, PACKET_ACK_SIZE)) {
            take_data_ack(master, now_us);
            return;
        }
    }
    master->statistics.skipped_bytes += buffer_length(input);
    buffer_clear(input);
}

void deliver_parse(struct omvrpc_master *master, int64_t now_us) {
    struct delivery *delivery = &master->delivery;
    while (master->phase == MASTER_DELIVER && !delivery->noise && buffer_length(&master->input) >= PACKET_ACK_SIZE) {
        if (master_input_is(master, OMVRPC_COMMAND_HEADER, PACKET_ACK_SIZE)) {
            buffer_consume(&master->input, PACKET_ACK_SIZE);
            if (delivery->flight.count == 0) {
                continue;
            }
            master_heard(master);
            delivery->header_ack_us = now_us;
            if (!master->info.pairs) {
                master_measure(master, &delivery->flight, now_us);
            }
            if (!delivery->paired && !delivery->awaiting_data_ack && !master_is_sending(master)) {
                delivery->feed = 0;
                if (!master_has_time(master, command_data_size(master), now_us)) {
                    master_time_out(master, now_us);
                    return;
                }
                master_send(master, command_data(master), command_data_size(master));
                if (!master->info.pairs) {
                    /* Refused, it may have been taken all the same: what a camera refuses is the byte after its last. */
                    delivery->data_sent = true;
                    delivery->first_sent_us = delivery->first_sent_us != 0 ? delivery->first_sent_us : now_us;
                    master_expect_data(master, PACKET_ACK_SIZE, command_data_size(master));
                }
            }
        } else if (delivery->data_sent && master_input_is(master, OMVRPC_COMMAND_DATA, PACKET_ACK_SIZE)) {
            take_data_ack(master, now_us);
        } else {
            delivery->noise = true;
        }
    }
}
