/* SPDX-License-Identifier: MIT */
/*
 * Reading a stream of frames.
 *
 * Each frame is answered with the next byte of an LFSR, which is also what keeps the camera sending; a wrong byte makes
 * it stop. A stream is left only between frames, so that the line is known to be quiet behind the last one. What fails
 * in between (a header that is none, silence) ends in settling and a new call of the same callback.
 *
 * An opening that gives nothing may be left before its first frame: whatever is sent then is a wrong byte to a camera that
 * does stream, at its first look, and a wrong opening to one that waits for it. What it still sends is over before
 * settling ends.
 */

#include "master_internal.h"

#include <string.h>

/* Openings in a row without a single frame, after which the stream is given up. */
#define FAILURES_MAX 3

/* Of a picture, bytes behind whose end may be filled up. */
#define JPEG_TAIL 32

/* Where frames have to be read, the pause after a read that found none: under the 2 ms for which a camera is armed. */
#define READ_PAUSE_US 700

void stream_begin(struct omvrpc_master *master, int64_t now_us) {
    const struct streaming before = master->streaming;
    master->phase = MASTER_STREAM;
    master->streaming = (struct streaming){
        .stopping = before.stopping,
        .stop_us = now_us,
        .opened_us = now_us,
        .input_us = now_us,
        .last_frame_us = now_us,
        .interval_us = before.interval_us,
        .next_byte = 0xFF,
        .failures = before.failures,
        .was_heard = before.was_heard,
        .was_damaged = before.was_damaged,
    };
    /* On CAN the byte for one frame would meet the next on its way, under the same id. */
    uint32_t depth = master->info.pairs ? master->request.stream_depth : 1;
    master_send(master, master->scratch, packet_put_u32(master->scratch, OMVRPC_STREAM_OPEN, depth));
    turn_expect(master, 0, 0, true);
}

void stream_sent(struct omvrpc_master *master, int64_t now_us) {
    master->streaming.asked_us = now_us;
}

static void send_byte(struct omvrpc_master *master, uint8_t byte) {
    master->scratch[0] = byte;
    master_send(master, master->scratch, 1);
    turn_expect(master, 0, 0, true);
}

/*
 * Whether these can be the bytes of a frame. Nothing covers them, and on SPI a camera that arms in the middle of the
 * transaction, or has given the frame up and gone on, sends others: of a picture these show. An encoder may fill up what is
 * behind its end (Recommendation T.81, B.1.1).
 */
static bool can_be_frame(const struct omvrpc_master *master, const uint8_t *bytes, size_t length) {
    static const uint8_t start[] = {0xff, 0xd8, 0xff}, end[] = {0xff, 0xd9};
    if (!master->request.jpeg_frames || !master_reads_blindly(master) || length == 0) {
        return true;
    }
    size_t tail = length < JPEG_TAIL ? length : JPEG_TAIL;
    return length >= sizeof start + sizeof end && memcmp(bytes, start, sizeof start) == 0 &&
           memmem(bytes + length - tail, tail, end, sizeof end) != NULL;
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
    /* A camera on SPI may be armed to give a frame, and waits for the clocks of all its bytes. */
    size_t feed = master_reads_blindly(master) ? streaming->frame_length : 0;
    streaming->failures++;
    streaming->was_heard = streaming->was_heard || streaming->in_frame || buffer_length(&master->input) > 0;
    if (streaming->stopping) {
        master->first_frame_us = streaming->has_frame ? master->first_frame_us : FIRST_FRAME_MAX_US;
        finish(master, true, now_us);
        return;
    }
    if (streaming->failures >= FAILURES_MAX) {
        /* The camera has settled after each of them, so its answers come through. */
        enum omvrpc_cause cause = streaming->was_damaged ? OMVRPC_CAUSE_DAMAGED
                                  : streaming->was_heard ? OMVRPC_CAUSE_LOST
                                                         : OMVRPC_CAUSE_NO_STREAM;
        master_end(master, OMVRPC_RESULT_UNKNOWN, cause, now_us);
    } else {
        master->statistics.stream_restarts++;
        master->delivered_once = true;
    }
    settle_begin(master, feed, now_us);
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

void omvrpc_master_leave_stream(struct omvrpc_master *master, int64_t now_us) {
    if (!master->busy || master->request.stream_depth == 0) {
        return;
    }
    stream_stop(master, now_us);
    if (master->phase == MASTER_SETTLE && master->streaming.failures > 0) {
        /* Between two openings. */
        master_end(master, OMVRPC_DONE, OMVRPC_CAUSE_NONE, now_us);
    }
}

/* Whether a frame that comes all the same does no more harm than noise. A camera on I2C that is armed with one hears nothing
 * else, and one on CAN says it under our own id. */
static bool may_leave_early(const struct omvrpc_master *master) {
    return master->info.pairs || master_reads_blindly(master);
}

/* How long the first frame may take where the stream is to stop. */
static int64_t first_frame_patience(const struct omvrpc_master *master) {
    if (!may_leave_early(master)) {
        return STREAM_PATIENCE_US;
    }
    int64_t patience_us = master->first_frame_us > FIRST_FRAME_MIN_US ? master->first_frame_us : FIRST_FRAME_MIN_US;
    return patience_us < FIRST_FRAME_MAX_US ? patience_us : FIRST_FRAME_MAX_US;
}

/* Until when to wait for more input. A stream that is to stop gets its current frame to the end, but not for ever. */
static int64_t patience(const struct omvrpc_master *master) {
    const struct streaming *streaming = &master->streaming;
    int64_t slow_us = 4 * streaming->interval_us > STREAM_PATIENCE_US ? 4 * streaming->interval_us : STREAM_PATIENCE_US;
    int64_t until_us = streaming->input_us + (streaming->in_frame ? STALL_US : slow_us);
    int64_t stop_us = streaming->stop_us + STREAM_PATIENCE_US + master_line_time(master, streaming->frame_length);
    if (!streaming->in_frame && !streaming->has_frame) {
        stop_us = streaming->opened_us + first_frame_patience(master);
    }
    return streaming->stopping && stop_us < until_us ? stop_us : until_us;
}

/*
 * When the header of the next frame is to be read. A camera that acknowledges keeps it, so half of the time that the last
 * one took is left to others. One on SPI finds somebody there within 2 ms or goes on without: it is asked all the time.
 */
static int64_t header_due(const struct omvrpc_master *master) {
    const struct streaming *streaming = &master->streaming;
    int64_t due_us = streaming->asked_us + (master->info.acknowledges ? streaming->took_us / 2 : 0);
    return due_us > master->turn.next_us ? due_us : master->turn.next_us;
}

static void receive(const struct omvrpc_master *master, int64_t now_us, int64_t until_us, struct omvrpc_step *step) {
    const struct streaming *streaming = &master->streaming;
    if (!master->info.transactions) {
        master_receive(step, 0, until_us);
        return;
    }
    int64_t read_us = streaming->in_frame ? master->turn.next_us : header_due(master);
    if (now_us < read_us) {
        master_receive(step, 0, read_us < until_us ? read_us : until_us);
        return;
    }
    master_receive(step, streaming->in_frame ? streaming->frame_length : PACKET_STREAM_SIZE, until_us);
    step->raw = streaming->in_frame;
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
        if (!can_be_frame(master, buffer_bytes(&master->input), streaming->frame_length)) {
            master->statistics.crc_errors++;
            streaming->was_damaged = true;
            fail(master, now_us);
            return;
        }
        streaming->in_frame = false;
        streaming->failures = 0;
        streaming->was_damaged = false;
        if (!streaming->has_frame) {
            streaming->has_frame = streaming->was_heard = true;
            master->first_frame_us = 2 * (now_us - streaming->opened_us);
        }
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
    int64_t until_us = patience(master);
    if (now_us >= until_us || streaming->broken) {
        fail(master, now_us);
        return;
    }
    receive(master, now_us, until_us, step);
}

void stream_missed(struct omvrpc_master *master, int64_t now_us) {
    turn_pause(master, READ_PAUSE_US, now_us);
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
    streaming->took_us = now_us - streaming->asked_us;
    size_t length = get_u32(buffer_bytes(&master->input) + 2);
    if (master->info.packet_max != 0 && length > master->info.packet_max) {
        master_end(master, OMVRPC_TOO_LARGE, OMVRPC_CAUSE_PACKET_LIMIT, now_us);
        settle_begin(master, 0, now_us);
        return;
    }
    if (length > master->max_payload || !buffer_reserve(&master->input, length)) {
        fail(master, now_us);
        return;
    }
    buffer_consume(&master->input, PACKET_STREAM_SIZE);
    streaming->in_frame = true;
    streaming->frame_length = length;
}
