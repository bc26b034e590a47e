/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is, on links where a packet is answered before the next is sent: SPI, I2C and CAN.
 *
 * On CAN both sides send with one id, and what is sent while the camera answers collides with the answer. On SPI and I2C
 * the answer has to be read, and the camera is armed for it only for a moment, which begins when it has looked at the
 * packet. So whoever queues a packet says how long its answer is and how long it may be waited for; until then nothing
 * else is sent, and the phases are not asked.
 */

#include "master_internal.h"

/*
 * TURN_US      From the end of a transaction to the next: the stock script checks a packet in 20 to 200 us, and then arms
 *              for what comes next. One that comes before is lost, or on SPI cut in two.
 * READ_US      From a read that found nobody to the next one of the same answer. On SPI, where nothing shows whether the
 *              camera took the packet, a read that meets it armed for one spoils that: there is only one then, but where
 *              the camera was there a moment before.
 * LATE_US      On I2C a camera may hold for 5 s what it was asked for, and refuses all else: a host that comes so late after
 *              the time for a read reads once more, though its patience is over.
 * OFFER_US     What the camera is about to arm for is offered again for so long: it may collect garbage to make room.
 * MISSES       (count) After so many turns without an answer on SPI,
 * MISSED_US    a pause of more than this: our own script gives a transfer that was begun 10000 to end, and one that began
 *              in the middle of a packet would go on with the next packets for ever. The stock script's windows are shorter.
 * PACKET_US    On CAN, when a packet has begun to come, the longest pause between its frames.
 */
enum {
    TURN_US = 200,
    READ_US = 600,
    LATE_US = 2000,
    OFFER_US = 12000,
    MISSES = 6,
    MISSED_US = 12000,
    PACKET_US = 6000,
};

void turn_expect(struct omvrpc_master *master, size_t answer, int64_t patience_us, bool follows) {
    master->turn.answer = answer;
    master->turn.patience_us = patience_us;
    master->turn.follows = follows;
}

void turn_clear(struct omvrpc_master *master) {
    master->turn = (struct turn){.next_us = master->turn.next_us, .misses = master->turn.misses};
}

/* A pause that never varies can fall into step with the camera's loop and miss it for ever. */
static int64_t pause_after_miss(struct omvrpc_master *master) {
    int64_t pause_us = master_gap(master, PACKET_COMMAND_HEADER_SIZE);
    if (master_reads_blindly(master) && ++master->turn.misses >= MISSES) {
        master->turn.misses = 0;
        pause_us += MISSED_US;
    }
    return pause_us;
}

void turn_read(struct omvrpc_master *master, size_t answer, int64_t now_us) {
    turn_clear(master);
    master->turn.answer = answer;
    master->turn.open = true;
    master->turn.until_us = now_us;
}

bool omvrpc_master_is_urgent(const struct omvrpc_master *master) {
    const struct turn *turn = &master->turn;
    /* Raw bytes wait on I2C. On SPI they do not, so one read finds them, or none does or is in no haste. */
    bool bytes_wait = master->info.acknowledges || turn->was_read;
    bool awaits_bytes = !bytes_wait && ((master->phase == MASTER_RAW && buffer_length(&master->input) == 0) ||
                                        (master->phase == MASTER_STREAM && master->streaming.in_frame));
    return master->info.transactions && (turn->open || (turn->follows && master_is_sending(master)) || awaits_bytes);
}

void turn_pause(struct omvrpc_master *master, int64_t pause_us, int64_t now_us) {
    master->turn.next_us = now_us + pause_us;
}

/* Whether this host was kept from reading what may have been there since. */
static bool is_late(const struct omvrpc_master *master, int64_t now_us) {
    const struct turn *turn = &master->turn;
    return master->info.acknowledges && turn->follows && now_us >= turn->next_us + LATE_US &&
           master_has_time(master, turn->answer, now_us);
}

bool turn_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct turn *turn = &master->turn;
    if (master->info.transactions && now_us < turn->next_us && (turn->open || master_is_sending(master))) {
        master_receive(step, 0, turn->next_us);
        return true;
    }
    if (!turn->open || master_is_sending(master)) {
        return false;
    }
    bool is_spoiling = !master->info.acknowledges && !turn->follows;
    if (master->info.transactions
            ? turn->was_read && !is_late(master, now_us) && (is_spoiling || now_us >= turn->until_us)
            : now_us >= turn->until_us) {
        turn_clear(master);
        turn_pause(master, pause_after_miss(master), now_us);
        return false;
    }
    master_receive(step, turn->answer, turn->until_us);
    return true;
}

/* Nobody took it. Returns whether it is to be offered again. */
static bool refuse(struct omvrpc_master *master, int64_t now_us) {
    struct turn *turn = &master->turn;
    if (turn->follows && turn->offered_until_us == 0) {
        turn->offered_until_us = now_us + OFFER_US;
    }
    if (turn->follows && now_us < turn->offered_until_us) {
        turn->next_us = now_us + READ_US;
        return true;
    }
    turn->next_us = now_us + TURN_US;
    turn_clear(master);
    master->output_length = master->output_sent = 0;
    return false;
}

bool turn_sent(struct omvrpc_master *master, size_t length, int64_t now_us) {
    struct turn *turn = &master->turn;
    if (master->info.transactions && length == 0) {
        return refuse(master, now_us);
    }
    turn->next_us = now_us + TURN_US;
    if (turn->answer > 0 && !master_is_sending(master)) {
        turn->open = true;
        turn->was_read = false;
        turn->until_us = now_us + turn->patience_us;
    }
    return true;
}

void turn_received(struct omvrpc_master *master, size_t length, int64_t now_us) {
    struct turn *turn = &master->turn;
    if (!master->info.transactions) {
        if (length > 0 && turn->open) {
            turn->until_us = now_us + PACKET_US;
        }
        return;
    }
    turn->was_read = true;
    turn->next_us = now_us + (length > 0 ? TURN_US : READ_US);
    if (length > 0) {
        turn_clear(master);
        turn->misses = 0;
    }
}
