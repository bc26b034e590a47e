/* SPDX-License-Identifier: MIT */
/*
 * Reading a stream of frames.
 *
 * Each frame is answered with the next byte of an LFSR, which is also what keeps the camera sending; a wrong byte makes
 * it stop. A stream is left only between frames, so that the line is known to be quiet behind the last one. What fails
 * in between (a header that is none, silence) ends in settling and a new call of the same callback.
 */

#include "master_internal.h"

/* Openings in a row without a single frame, after which the stream is given up. */
#define FAILURES_MAX 3

void stream_begin(struct omvrpc_master *master, int64_t now_us) {
    uint32_t failures = master->streaming.failures;
    int64_t interval_us = master->streaming.interval_us;
    master->phase = MASTER_STREAM;
    master->streaming = (struct streaming){
        .input_us = now_us,
        .last_frame_us = now_us,
        .interval_us = interval_us,
        .next_byte = 0xFF,
        .failures = failures,
    };
    master_send(master, master->scratch,
                packet_put_u32(master->scratch, OMVRPC_STREAM_OPEN, master->request.stream_depth));
}

static void send_byte(struct omvrpc_master *master, uint8_t byte) {
    master->scratch[0] = byte;
    master_send(master, master->scratch, 1);
}

static void finish(struct omvrpc_master *master, bool in_doubt, int64_t now_us) {
    master_end(master, OMVRPC_DONE, OMVRPC_CAUSE_NONE, now_us);
    if (in_doubt) {
        settle_begin(master, 0, now_us);
    } else {
        master->last_result_us = now_us;
        master->phase = MASTER_READY;
    }
}

static void fail(struct omvrpc_master *master, int64_t now_us) {
    struct streaming *streaming = &master->streaming;
    streaming->failures++;
    if (streaming->stopping) {
        finish(master, true, now_us);
        return;
    }
    if (streaming->failures >= FAILURES_MAX) {
        master_end(master, OMVRPC_RESULT_UNKNOWN, OMVRPC_CAUSE_LOST, now_us);
    } else {
        master->statistics.stream_restarts++;
        master->delivered_once = true;
    }
    settle_begin(master, 0, now_us);
}

/* The owner has had the frame: answer it, or stop here. */
static void leave_frame(struct omvrpc_master *master) {
    struct streaming *streaming = &master->streaming;
    buffer_consume(&master->input, streaming->frame_pending);
    streaming->frame_pending = 0;
    if (streaming->stopping) {
        send_byte(master, (uint8_t)~streaming->next_byte);
        streaming->stop_sent = true;
    } else {
        send_byte(master, streaming->next_byte);
        streaming->next_byte = stream_next_byte(streaming->next_byte);
    }
}

void stream_stop(struct omvrpc_master *master, int64_t now_us) {
    struct streaming *streaming = &master->streaming;
    if (!streaming->stopping) {
        streaming->stopping = true;
        streaming->stop_us = now_us;
    }
}

/* Until when to wait for more input. A stream that is to stop gets its current frame to the end, but not for ever. */
static int64_t patience(const struct streaming *streaming) {
    int64_t slow_us = 4 * streaming->interval_us > STREAM_PATIENCE_US ? 4 * streaming->interval_us : STREAM_PATIENCE_US;
    int64_t until_us = streaming->input_us + (streaming->in_frame ? STALL_US : slow_us);
    int64_t stop_us = streaming->stop_us + STREAM_PATIENCE_US;
    return streaming->stopping && stop_us < until_us ? stop_us : until_us;
}

void stream_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step) {
    struct streaming *streaming = &master->streaming;
    if (streaming->frame_pending > 0) {
        leave_frame(master);
        /* The byte goes out at once; the input behind the frame is looked at after it. */
        return;
    }
    if (streaming->stop_sent) {
        /* With a depth of 1 or 2 nothing can be under way behind the frame that was answered with a wrong byte. */
        finish(master, master->request.stream_depth > 2 || buffer_length(&master->input) > 0, now_us);
        return;
    }
    stream_parse(master, now_us);
    if (master->phase != MASTER_STREAM) {
        return;
    }
    if (streaming->in_frame && buffer_length(&master->input) >= streaming->frame_length) {
        streaming->in_frame = false;
        streaming->failures = 0;
        streaming->interval_us = now_us - streaming->last_frame_us;
        streaming->last_frame_us = now_us;
        streaming->frame_pending = streaming->frame_length;
        master->statistics.frames++;
        master_heard(master);
        step->kind = OMVRPC_STEP_FRAME;
        step->data = buffer_bytes(&master->input);
        step->length = streaming->frame_length;
        if (streaming->frame_length == 0) {
            leave_frame(master);
        }
        return;
    }
    int64_t until_us = patience(streaming);
    if (now_us >= until_us || streaming->broken) {
        fail(master, now_us);
        return;
    }
    master_receive(step, 0, until_us);
}

void stream_parse(struct omvrpc_master *master, int64_t now_us) {
    struct streaming *streaming = &master->streaming;
    if (streaming->in_frame || streaming->frame_pending > 0 || streaming->stop_sent ||
        buffer_length(&master->input) < PACKET_STREAM_SIZE) {
        return;
    }
    if (!master_input_is(master, OMVRPC_STREAM_FRAME, PACKET_STREAM_SIZE)) {
        master->statistics.crc_errors++;
        fail(master, now_us);
        return;
    }
    size_t length = get_u32(buffer_bytes(&master->input) + 2);
    if (length > master->max_payload || !buffer_reserve(&master->input, length)) {
        fail(master, now_us);
        return;
    }
    buffer_consume(&master->input, PACKET_STREAM_SIZE);
    streaming->in_frame = true;
    streaming->frame_length = length;
}
