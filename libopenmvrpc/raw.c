/* SPDX-License-Identifier: MIT */
/* Cut-through: raw bytes that follow a result, with no packet and no checksum around them. */

#include "master_internal.h"

/* The camera begins to send at once; what it sends may first have to be made. */
#define FIRST_BYTE_US 1000000

void raw_begin(struct omvrpc_master *master, int64_t now_us) {
    master->phase = MASTER_RAW;
    master->fetching.input_us = now_us;
    if (!buffer_reserve(&master->input, master->request.raw_length)) {
        master_end(master, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_MEMORY, now_us);
        settle_begin(master, 0, now_us);
    }
}

void raw_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    size_t have = buffer_length(&master->input);
    int64_t until_us = master->fetching.input_us + (have == 0 ? FIRST_BYTE_US : STALL_US);
    if (!master_has_time(master, master->request.raw_length, now_us)) {
        master_time_out(master, now_us);
        return;
    }
    if (now_us >= until_us) {
        master_lose(master, have == 0 ? OMVRPC_CAUSE_LOST : OMVRPC_CAUSE_DAMAGED, now_us);
        return;
    }
    master_receive(step, master->request.raw_length - have, until_us);
    step->raw = true;
    if (master->info.transactions && now_us < master->turn.next_us) {
        /* It is one transaction, and not to be made yet. */
        master_receive(step, 0, master->turn.next_us);
    }
}

void raw_parse(struct omvrpc_master *master, int64_t now_us) {
    if (buffer_length(&master->input) < master->request.raw_length) {
        return;
    }
    if (buffer_length(&master->input) > master->request.raw_length) {
        /* Nothing marks where raw bytes begin and end, so with one too many all may be out of place. */
        master_lose(master, OMVRPC_CAUSE_DAMAGED, now_us);
        return;
    }
    struct buffer received = master->input;
    master->input = master->kept;
    master->kept = received;
    buffer_clear(&master->input);
    master->result.data = buffer_bytes(&master->kept);
    master->result.length = master->request.raw_length;
    master->last_result_us = now_us;
    master_end(master, OMVRPC_DONE, OMVRPC_CAUSE_NONE, now_us);
    if (master->fetching.lost_asked_us != 0 || master_is_sending(master)) {
        settle_begin(master, 0, now_us);
    } else {
        master->phase = MASTER_READY;
    }
}
