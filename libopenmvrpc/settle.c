/* SPDX-License-Identifier: MIT */
/*
 * Clearing doubt, and finding out whether the camera is there.
 *
 * Drop what is queued, and give the camera the bytes it may still be waiting for. Fetch and drop a result that it may
 * still hold, until polls are answered with silence, longer than an answer can be under way. Then let it answer the
 * reserved command, which proves that it holds nothing older, and wait for silence once more: whatever a backlog
 * between us and the camera still produced has come by then. Each step waits for the line before the next sends
 * something else, so no answer is taken for another's.
 *
 * On I2C the direction matters. A camera that is armed to give something does not acknowledge what is sent, or holds the
 * clock, for up to 5 s: one short read, whatever it brings, ends that, and is made when neither the reserved command nor
 * polls were taken. One that is armed for a command takes a poll for a short one, arms again, and holds the clock when it
 * is then read from, until its window is over. So the reserved command comes first there, which a camera with an old
 * result does not take; it is polled only when that has failed, and no more once it took a poll and gave nothing.
 */

#include "master_internal.h"

/* Copies or polls in one round, enough to meet the camera listening whatever it collects. */
#define ROUND 40

/* The same for polls that mostly find nothing: a camera that holds an old result is met by another round at the latest.
 */
#define DRAIN_ROUND 12

/* What a silent camera is fed with after each round, first and at most, and for how long: see probe(). */
#define FEED_US 50000
/* The same on SPI, whose own time it takes; others on the bus have their turns in between. */
#define FEED_SPI_US 250000
#define FEED_MIN    1024
#define FEED_MAX    ((size_t)64 << 10)

/* The longest that a camera on SPI, the one with our own script, gives something that nobody clocks. */
#define GIVES_US 10000000

static int64_t quiet(const struct omvrpc_master *master) {
    int64_t quiet_us = 3 * master_round_trip_timeout(master);
    quiet_us = quiet_us > QUIET_MIN_US ? quiet_us : QUIET_MIN_US;
    return quiet_us < QUIET_MAX_US ? quiet_us : QUIET_MAX_US;
}

static void go(struct omvrpc_master *master, enum settle_step step, int64_t now_us) {
    struct settling *settling = &master->settling;
    settling->step = step;
    settling->step_us = now_us;
    settling->next_us = now_us;
    settling->header_seen = false;
    settling->drained = false;
    settling->taken = 0;
    flight_clear(&settling->flight);
    master->since_breath = 0;
}

void settle_begin(struct omvrpc_master *master, size_t feed, int64_t now_us) {
    master->phase = MASTER_SETTLE;
    /* What was still to be sent belongs to an exchange that has ended, and must not reach the camera any more. */
    master->output_length = master->output_sent = 0;
    bool may_give = master->info.acknowledges && master->turn.open;
    turn_clear(master);
    master->last_result_us = 0;
    master->settling = (struct settling){.feed = feed, .may_give = may_give, .input_us = now_us};
    master->statistics.settlings++;
    if (master->silent_since_us == 0) {
        master->silent_since_us = now_us;
    }
    go(master, SETTLE_DISCARD, now_us);
}

/* Returns since when the line has been silent in this step. */
static int64_t silence_began(const struct settling *settling) {
    return settling->input_us > settling->step_us ? settling->input_us : settling->step_us;
}

/* Waits until nothing has come for as long as anything can be under way; then goes on to `then`. */
static void await_silence(struct omvrpc_master *master, enum settle_step then, int64_t now_us,
                          struct omvrpc_step *step) {
    int64_t until_us = silence_began(&master->settling) + quiet(master);
    if (now_us < until_us) {
        master_receive(step, 0, until_us);
    } else {
        go(master, then, now_us);
    }
}

/* Sends one of a round, and says whether the round is still going on. */
static bool send_round(struct omvrpc_master *master, bool probe, uint32_t round, int64_t now_us) {
    struct settling *settling = &master->settling;
    if (settling->flight.count >= round) {
        return false;
    }
    if (now_us < settling->next_us) {
        return true;
    }
    if (!master_may_ask(master, now_us)) {
        settling->next_us = master->asked_us + READY_US;
        return true;
    }
    master_asks(master, now_us);
    size_t size = probe ? PACKET_COMMAND_HEADER_SIZE + OMVRPC_PACKET_OVERHEAD : 2 * PACKET_POLL_SIZE;
    if (master->info.pairs && flight_under_way(&settling->flight, now_us - master_round_trip_timeout(master)) >=
                                  master_window(master, size)) {
        settling->next_us = now_us + GAP_US;
        return true;
    }
    if (probe) {
        master_send_probe(master, true, master->info.pairs);
    } else {
        master_send_polls(master, true, master->info.pairs);
    }
    flight_add(&settling->flight, now_us);
    bool measures =
        probe && master->info.pairs && settling->flight.count <= MEASURING_COPIES && master->round_trip.samples == 0;
    settling->next_us = now_us + (measures ? ROUND_TRIP_MAX_US : master_gap(master, size));
    settling->step_us = now_us;
    return true;
}

/* On I2C, polls that were taken and gave nothing: the camera is not where it answers them. */
static bool is_vain(const struct omvrpc_master *master) {
    return master->info.acknowledges && master->settling.taken > 1;
}

static void drain(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct settling *settling = &master->settling;
    if (!settling->drained && !is_vain(master) && send_round(master, false, DRAIN_ROUND, now_us)) {
        if (!master_is_sending(master)) {
            master_receive(step, PACKET_RESULT_HEADER_SIZE, settling->next_us);
        }
        return;
    }
    bool again = settling->drained && !master->info.acknowledges;
    if (master->info.acknowledges && !settling->drained && settling->taken == 0) {
        settling->may_give = true;
        settling->was_probed = false;
    }
    enum settle_step then = again ? SETTLE_DRAIN : settling->may_give ? SETTLE_FEED : SETTLE_PROBE;
    await_silence(master, then, now_us, step);
}

/* Longer than a refusal takes, than most hosts stand still and than our own script waits for its answer to be fetched; a
 * driver gives up a clock that is held after 170000 or more. */
#define HELD_US 150000

/* On I2C, a camera that holds the clock is armed for the other direction; more copies would each be held as long. */
static bool holds_clock(const struct omvrpc_master *master, uint32_t round, int64_t now_us) {
    const struct settling *settling = &master->settling;
    return master->info.acknowledges && !master->has_ready_line && settling->taken == 0 && settling->flight.count > 0 &&
           settling->flight.count < round && now_us - settling->step_us > HELD_US;
}

static void feed_more(struct settling *settling) {
    settling->feed = settling->next_feed;
    settling->next_feed = settling->next_feed == 0 ? FEED_MIN : 2 * settling->next_feed;
    if (settling->next_feed > FEED_MAX) {
        settling->next_feed = FEED_MAX;
    }
}

/* A round of the reserved command; a camera that stays silent is tried again after a growing pause. */
static void probe(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct settling *settling = &master->settling;
    uint32_t round = master->info.acknowledges && !settling->was_probed ? DRAIN_ROUND : ROUND;
    settling->may_give |= holds_clock(master, round, now_us);
    if (!settling->may_give && send_round(master, true, round, now_us)) {
        if (!master_is_sending(master)) {
            master_receive(step, PACKET_ACK_SIZE, settling->next_us);
        }
        return;
    }
    settling->was_probed = true;
    int64_t until_us = silence_began(settling) + quiet(master) + settling->pause_us;
    if (now_us < until_us) {
        master_receive(step, PACKET_ACK_SIZE, until_us);
        return;
    }
    settling->pause_us = settling->pause_us * 2 + GAP_US * 5;
    if (settling->pause_us > SETTLE_PAUSE_MAX_US) {
        settling->pause_us = SETTLE_PAUSE_MAX_US;
    }
    /* It may wait for the data of a command that was begun before anybody here was there to know. */
    bool waits_long = master->info.pairs ? master->info.byte_rate == 0 : master_reads_blindly(master);
    if (waits_long) {
        feed_more(settling);
    }
    go(master, SETTLE_FEED, now_us);
}

static void fetch(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct settling *settling = &master->settling;
    if (!is_vain(master) && send_round(master, false, ROUND, now_us)) {
        if (!master_is_sending(master)) {
            master_receive(step, PACKET_RESULT_HEADER_SIZE, settling->next_us);
        }
        return;
    }
    await_silence(master, master->info.acknowledges ? SETTLE_PROBE : SETTLE_DRAIN, now_us, step);
}

void settle_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    switch (master->settling.step) {
    case SETTLE_DISCARD:
        master->discard = true;
        buffer_clear(&master->input);
        go(master, SETTLE_HUSH, now_us);
        break;
    case SETTLE_HUSH:
        if (!master->info.pairs && !master->info.transactions) {
            /* A camera that is still answering uses our own id: nothing may be sent meanwhile. */
            await_silence(master, SETTLE_FEED, now_us, step);
        } else {
            go(master, SETTLE_FEED, now_us);
        }
        break;
    case SETTLE_FEED:
        if (master->settling.next_feed > 0 &&
            now_us - master->settling.step_us >= (master->info.pairs ? FEED_US : FEED_SPI_US)) {
            master->settling.feed = 0;
        }
        if (master->settling.may_give) {
            master->settling.may_give = false;
            turn_read(master, PACKET_ACK_SIZE, now_us);
        } else if (!master_feed(master, &master->settling.feed)) {
            bool probes = master->info.acknowledges && !master->settling.was_probed;
            go(master, probes ? SETTLE_PROBE : SETTLE_DRAIN, now_us);
        }
        break;
    case SETTLE_DRAIN:
        drain(master, now_us, step);
        break;
    case SETTLE_PROBE:
        probe(master, now_us, step);
        break;
    case SETTLE_FETCH:
        fetch(master, now_us, step);
        break;
    case SETTLE_CONFIRM:
        if (now_us < silence_began(&master->settling) + quiet(master)) {
            master_receive(step, 0, silence_began(&master->settling) + quiet(master));
        } else {
            master_heard(master);
            master_ready(master, now_us);
        }
        break;
    }
}

/* Whether an old result can be taken off the camera. One that cannot is dropped by the camera itself, in its time. */
static bool is_bearable(const struct omvrpc_master *master, size_t size) {
    return size <= master->max_payload && (master->info.packet_max == 0 || size <= master->info.packet_max);
}

/*
 * The line may fall silent again before doubt has gone, so silence begins anew rather than ends. What shows that a camera
 * is there is the header of a result; the acknowledgement of the reserved command has the bytes of that command, and an
 * echo of ours would do for it.
 */
static void begin_silence(struct omvrpc_master *master, int64_t now_us) {
    master->silent_since_us = now_us;
}

static void parse_drain(struct omvrpc_master *master, int64_t now_us) {
    struct settling *settling = &master->settling;
    settling->drained = true;
    while (buffer_length(&master->input) >= PACKET_RESULT_HEADER_SIZE) {
        if (!settling->header_seen && master_input_is(master, OMVRPC_RESULT_HEADER, PACKET_RESULT_HEADER_SIZE)) {
            size_t size = (size_t)get_u32(buffer_bytes(&master->input) + 2) + OMVRPC_PACKET_OVERHEAD;
            settling->header_seen = true;
            settling->taken = 0;
            master->statistics.stale_results++;
            begin_silence(master, now_us);
            if (!master->info.pairs && !master_is_sending(master) && is_bearable(master, size)) {
                master_send_polls(master, false, true);
                master_expect_data(master, size, size);
            }
        }
        buffer_consume(&master->input, 1);
    }
    if (!settling->header_seen && master_reads_blindly(master) && now_us - master->silent_since_us < GIVES_US) {
        /* What came is none of our answers: the camera gives the rest of something long, a frame perhaps, and hears nothing
         * before that has been clocked. After that time it is noise. */
        feed_more(settling);
        go(master, SETTLE_FEED, now_us);
    }
}

static void parse_probe(struct omvrpc_master *master, int64_t now_us) {
    struct settling *settling = &master->settling;
    if (settling->flight.count == 0) {
        /* It answers nothing: a camera that is not ready has not been asked yet. */
        buffer_clear(&master->input);
        return;
    }
    while (settling->step == SETTLE_PROBE && buffer_length(&master->input) >= PACKET_ACK_SIZE) {
        if (master_input_is(master, OMVRPC_COMMAND_DATA, PACKET_ACK_SIZE)) {
            if (master->info.pairs) {
                master_measure(master, &settling->flight, now_us);
            }
            if (!master_is_sending(master) || master->output_sent == 0) {
                master->output_length = master->output_sent = 0;
            }
            go(master, SETTLE_FETCH, now_us);
        } else if (!master->info.pairs && master_input_is(master, OMVRPC_COMMAND_HEADER, PACKET_ACK_SIZE) &&
                   !master_is_sending(master)) {
            master_measure(master, &settling->flight, now_us);
            master_send_probe(master, false, true);
        } else {
            buffer_consume(&master->input, 1);
            continue;
        }
        buffer_consume(&master->input, PACKET_ACK_SIZE);
    }
}

/* The result of the reserved command is empty; any other is not its result, and doubt begins anew. */
static void parse_fetch(struct omvrpc_master *master, int64_t now_us) {
    struct settling *settling = &master->settling;
    while (settling->step == SETTLE_FETCH && buffer_length(&master->input) >= PACKET_ACK_SIZE) {
        const uint8_t *bytes = buffer_bytes(&master->input);
        if (get_u16(bytes) == OMVRPC_RESULT_HEADER && buffer_length(&master->input) < PACKET_RESULT_HEADER_SIZE) {
            return;
        }
        if (master_input_is(master, OMVRPC_RESULT_HEADER, PACKET_RESULT_HEADER_SIZE)) {
            if (get_u32(bytes + 2) != 0) {
                go(master, SETTLE_DRAIN, now_us);
                return;
            }
            settling->header_seen = true;
            settling->taken = 0;
            buffer_consume(&master->input, PACKET_RESULT_HEADER_SIZE);
            if (!master->info.pairs && !master_is_sending(master)) {
                master_send_polls(master, false, true);
                master_expect_data(master, PACKET_ACK_SIZE, PACKET_ACK_SIZE);
            }
        } else if (settling->header_seen && master_input_is(master, OMVRPC_RESULT_DATA, PACKET_ACK_SIZE)) {
            begin_silence(master, now_us);
            go(master, SETTLE_CONFIRM, now_us);
        } else {
            buffer_consume(&master->input, 1);
        }
    }
}

void settle_sent(struct omvrpc_master *master) {
    master->settling.taken++;
}

void settle_parse(struct omvrpc_master *master, int64_t now_us) {
    switch (master->settling.step) {
    case SETTLE_DRAIN:
        parse_drain(master, now_us);
        return;
    case SETTLE_PROBE:
        parse_probe(master, now_us);
        return;
    case SETTLE_FETCH:
        parse_fetch(master, now_us);
        return;
    case SETTLE_CONFIRM:
        go(master, SETTLE_DRAIN, now_us);
        break;
    case SETTLE_DISCARD:
    case SETTLE_HUSH:
    case SETTLE_FEED:
        break;
    }
    buffer_clear(&master->input);
}
