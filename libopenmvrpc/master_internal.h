/* SPDX-License-Identifier: MIT */
#ifndef MASTER_INTERNAL_H
#define MASTER_INTERNAL_H

/*
 * The master's parts, a phase a file:
 *
 *     closed -> settle -> ready -> deliver -> fetch -> ready
 *                 ^                   |         |-> raw or stream -> ready
 *                 +---- in doubt -----+---------+
 *
 * Every phase has two functions. _next says what to do now; _parse takes what the input holds. Both may change the
 * phase.
 *
 * Three rules make an answer that is delivered as good the answer to this very call (order kept, delays bounded):
 *
 * 1. Copies of a command come before polls, never after one within the same attempt. All copies have then passed the
 *    camera when it answers a poll, and none can run later.
 * 2. An exchange that ended with its result data ended cleanly: nothing but polls can be left on the line, and no
 *    camera answers a poll while it waits for a command. Every other end leaves doubt, and is followed by settling.
 * 3. Settling ends when the camera has answered a command of the reserved name and has then been silent for longer
 *    than any answer is under way. Nothing of an older exchange can arrive after that.
 *
 * A callback that must not run twice is protected by the camera itself: as long as copies arrive within its send
 * timeout after the first was taken, it waits for polls and throws copies away. So copies are sent for COPIES_US and no
 * longer, which is less.
 */

#include "buffer.h"
#include "estimate.h"
#include "openmvrpc.h"
#include "packet.h"

/*
 * Constants of the master, for its authors to change. In microseconds, or (count). "Measured" is: against the
 * stock slave under MicroPython.
 *
 * GAP_US               Mean pause between two copies or polls, beyond their time on the line; it varies from half to
 *                      one and a half of this. The stock slave listens for 1000 to 2000 at a time, so such a pause
 *                      does not miss it; measured, 500 to 1000 serve best. A pause that never varies can fall into
 *                      step with the slave's loop and meet it in the middle of a packet again and again (seen in the
 *                      simulator).
 * BREATH_US            Mean pause after a few of them, mostly longer than the slave waits for the rest of a packet
 *                      (2000 to 4000), so that one that began in the middle of a copy begins afresh.
 * BREATH_EVERY         (count) So many at most between two such pauses, and fewer than fill the camera's receive
 *                      buffer: the byte that waits behind a full one survives the flush on an STM32 UART and puts
 *                      every later packet out of step.
 * MEASURING_COPIES     (count) So many copies are sent ROUND_TRIP_MAX_US apart while the round trip is not known: one
 *                      clear sample is worth it. Then a guess has to do.
 * ROUND_TRIP_MIN_US    Floor of the retransmission timeout: the granularity of timers here and in the camera's
 *                      interpreter.
 * ROUND_TRIP_MAX_US    Ceiling of the same: longer round trips are outside the fault model. USB takes under 1000, an
 *                      FTDI without the low-latency flag 16000.
 * ROUND_TRIP_BUS_US    The ceiling on a bus: nothing between it and the camera holds packets back.
 * COPIES_US            How long copies of a command are sent: under the slave's send timeout of 1000000 by a margin
 *                      for delays (see above), over any pause that a camera's own loop callback should make.
 * COPIES_DENSE_US      Copies follow each other GAP_US apart for so long. A camera that has not heard one by then does
 *                      not listen for a while, and they would pile up in its buffer and the host's.
 * COPIES_BURST         (count) So they come in bursts of so many then,
 * COPIES_GROWTH        (count) with pauses of this part, 1/10, of the time tried.
 * ACK_US               As COPIES_US, once the header was acknowledged but not the data: the slave listens, so copies
 *                      come through within a few of its loops (each up to 8000 of garbage collection and 2000 to 5000
 *                      of listening).
 * COPIES_UNDER_WAY     (count) Ceiling for copies within one round trip.
 * SILENT_US            No answer of any kind to a command for so long: give up on its result and settle, which finds
 *                      out whether the camera is there. Over COPIES_US, so that polls had a chance.
 * DENSE_US             Polls stay GAP_US apart for so long after the expected end.
 * POLL_BURST           (count) Polls in one look, GAP_US apart: a single one would fall into the camera's garbage
 *                      collection more often than not, while four of them span most of its loop.
 * POLL_GROWTH          (count) The pause between looks is this part, 1/20, of the time waited: at most 5 % late, and
 *                      few stale polls.
 * POLL_GAP_MAX_US      Ceiling of that pause.
 * LOST_US              So long beyond the expected end, the question is put whether the camera still has this call at
 *                      all; it is put as a lone command header (see fetch.c).
 * LOST_UNKNOWN_US      The same after the beginning of a callback whose duration is not known.
 * LOST_GROWTH          (count) The question is repeated after another part, 1/8, of the time waited,
 * LOST_GAP_MAX_US      at the latest after this.
 * NOISE_US             Silence behind something unexpected, after which what has come is looked at as a whole.
 * STALL_US             Silence in the middle of a packet of data after which the rest is lost. The kernel hands over
 *                      at once what has arrived; a loaded host or a collecting camera pauses for some 10000.
 * QUIET_MIN_US         Least silence that settling asks for; otherwise three retransmission timeouts, at most
 *                      QUIET_MAX_US.
 * QUIET_MAX_US         Over the longest round trip of the fault model.
 * SETTLE_PAUSE_MAX_US  Ceiling of the pause between attempts to settle with a silent camera.
 * ANSWER_US            On links without pairs, how long a camera may take until it is armed with its answer: a look at
 *                      the packet. What it is armed with is there for 2000 on SPI, and on I2C but for the data.
 * ANSWER_DATA_US       The same for the answers to data and to a poll for data, which it first computes a CRC over,
 * ANSWER_BYTES         (count) and 1 for so many bytes of them.
 * ANSWER_CAN_US        The same on CAN beyond the round trip: sending again while it answers would meet its answer.
 * READY_US             A camera whose ready line is low is asked all the same after so long, should the line be wrong.
 * LOW_ANSWERS          (count) After so many answers to that, and none while it was high, it is wrong, and not heeded.
 * STREAM_PATIENCE_US   A stream without a byte for so long has failed, or four frame intervals if that is longer. The
 *                      stock writer gives up at 1000000.
 * FIRST_FRAME_MIN_US   A stream that is to stop is left without its first frame so long after it was opened, or after
 * FIRST_FRAME_MAX_US   twice the time that the last first frame took, at most this: others wait for the line. The longer
 *                      one also counts after it was left so. On I2C and CAN it is STREAM_PATIENCE_US.
 */
enum {
    GAP_US = 1000,
    BREATH_US = 5000,
    BREATH_EVERY = 8,
    MEASURING_COPIES = 3,
    ROUND_TRIP_MIN_US = 500,
    ROUND_TRIP_MAX_US = 100000,
    ROUND_TRIP_BUS_US = 20000,
    COPIES_US = 600000,
    COPIES_DENSE_US = 30000,
    COPIES_BURST = 4,
    COPIES_GROWTH = 10,
    ACK_US = 60000,
    COPIES_UNDER_WAY = 32,
    SILENT_US = 1500000,
    DENSE_US = 20000,
    POLL_BURST = 4,
    POLL_GROWTH = 20,
    POLL_GAP_MAX_US = 250000,
    LOST_US = 30000,
    LOST_UNKNOWN_US = 100000,
    LOST_GROWTH = 8,
    LOST_GAP_MAX_US = 500000,
    NOISE_US = 3000,
    STALL_US = 250000,
    QUIET_MIN_US = 25000,
    QUIET_MAX_US = 120000,
    SETTLE_PAUSE_MAX_US = 200000,
    ANSWER_US = 1200,
    ANSWER_DATA_US = 2500,
    ANSWER_BYTES = 16,
    ANSWER_CAN_US = 6000,
    READY_US = 250000,
    LOW_ANSWERS = 3,
    STREAM_PATIENCE_US = 1000000,
    FIRST_FRAME_MIN_US = 300000,
    FIRST_FRAME_MAX_US = 600000,
};

enum master_phase {
    MASTER_CLOSED,
    MASTER_SETTLE,
    MASTER_READY,
    MASTER_DELIVER,
    MASTER_FETCH,
    MASTER_RAW,
    MASTER_STREAM,
};

/* The latest things sent that wait for an answer: enough of them to bound what is under way. */
struct flight {
    int64_t first_us;
    int64_t sent_us[COPIES_UNDER_WAY];
    uint32_t count; /* of all since flight_clear() */
};

struct delivery {
    struct flight flight;
    bool paired;            /* header and data go out together */
    bool data_sent;         /* a whole copy has been sent at least once: the camera may have taken it */
    bool follows;           /* it begins so soon after a result that the camera's turnaround matters */
    bool noise;             /* the input holds what is no acknowledgement: wait for silence */
    bool awaiting_data_ack; /* not paired: the header was acknowledged and the data is out */
    size_t feed;            /* zeros still to be sent */
    int64_t first_sent_us;
    int64_t header_ack_us; /* of the last header acknowledged, 0 for none */
    int64_t next_us;
};

struct fetching {
    struct flight flight;
    int64_t begun_us;
    int64_t next_us;
    bool taken;       /* the camera has acknowledged the data of this call */
    bool header_seen; /* result header; `length` is its word */
    size_t length;
    int64_t header_us;     /* when it came: the callback was through by then, however long the result itself takes */
    int64_t input_us;      /* of the last byte received */
    uint32_t burst;        /* polls of this look that are still to be sent */
    int64_t next_lost_us;  /* when to ask whether the call is lost */
    bool noise;            /* the input holds what is no expected packet: wait for silence */
    uint32_t vain_polls;   /* on I2C: such as the camera took, and gave no answer to */
    uint32_t lost_copies;  /* lone headers left to send in this round of asking */
    int64_t lost_asked_us; /* when the last was sent, 0 for never */
};

enum settle_step { SETTLE_DISCARD, SETTLE_HUSH, SETTLE_FEED, SETTLE_DRAIN, SETTLE_PROBE, SETTLE_FETCH, SETTLE_CONFIRM };

struct settling {
    enum settle_step step;
    struct flight flight;
    size_t feed;      /* bytes that the camera may still be waiting for */
    int64_t step_us;  /* when this step began */
    int64_t input_us; /* of the last byte received */
    int64_t next_us;
    int64_t pause_us;
    bool header_seen;
    bool may_give;    /* the camera may be armed to give something */
    bool was_probed;  /* on I2C: before anything was polled for */
    uint32_t taken;   /* what the camera took in this step, as I2C shows */
    bool drained;     /* something answered the draining poll */
    size_t next_feed; /* bytes to give a camera that stays silent, in case it waits for the data of a command */
};

struct streaming {
    bool stopping;
    bool stop_sent;
    bool broken; /* bytes are missing from the input */
    bool in_frame;
    bool has_frame;   /* has given one since it was opened */
    bool was_heard;   /* something came of it, in any opening of this call */
    bool was_damaged; /* a frame came that cannot be one, and since then none that can */
    size_t frame_length;
    size_t frame_pending; /* length of the frame that was handed over and is still at the front of the input */
    int64_t opened_us;
    int64_t stop_us; /* when it was asked to stop, or opened all the same */
    int64_t input_us;
    int64_t last_frame_us;
    int64_t interval_us;
    int64_t asked_us; /* when the byte that lets the camera go on was given, on links of transactions */
    int64_t took_us;  /* from then until its last frame was there */
    uint8_t next_byte;
    uint32_t failures; /* openings in a row that gave no frame */
};

/* On links without pairs: the answer to what was sent last. */
struct turn {
    size_t answer; /* its bytes; 0 for none */
    int64_t patience_us;
    bool follows;  /* the camera is about to arm for what is queued: refused, it is offered again */
    bool open;     /* the answer is awaited */
    bool was_read; /* since it is */
    int64_t until_us;
    int64_t next_us; /* no transaction before */
    int64_t offered_until_us;
    uint32_t misses; /* turns without an answer since the last answer or long pause */
};

struct omvrpc_master {
    struct omvrpc_link_info info;
    bool has_ready_line; /* it has said no: there is one, and it says whether the camera is ready */
    bool is_ready;
    int64_t asked_us;     /* when something was sent that a camera has to be ready for */
    bool awaits_word;     /* the answer to that will say whether the line is right */
    bool asked_low;       /* it was sent although the line said no */
    uint32_t low_answers; /* to such, since the last to one that was sent when the line said yes */
    struct turn turn;
    size_t max_payload;
    enum master_phase phase;

    bool busy;           /* a call or stream is under way, perhaps waiting for the master to settle */
    bool ended;          /* it has ended, and its DONE step is still to be given */
    bool discard;        /* a DISCARD step is still to be given */
    bool delivered_once; /* of this call, in an earlier attempt */
    struct omvrpc_request request;
    struct omvrpc_result result;

    uint8_t *command; /* header and data of the current call as packets, back to back */
    size_t command_size;
    uint32_t call_command; /* the callback that is meant, which of a call through a session is not request.command */
    uint32_t call_hash;    /* of that command and its argument */
    const uint8_t *output; /* being sent */
    size_t output_length, output_sent;
    uint8_t scratch[32]; /* small packets to send */

    struct buffer input;
    struct buffer kept; /* holds the last result */
    struct delivery delivery;
    struct fetching fetching;
    struct settling settling;
    struct streaming streaming;

    struct estimate round_trip;
    uint32_t gaps;         /* pauses made, to vary them */
    uint32_t since_breath; /* of these, since the last long one */
    struct durations durations;
    struct turnaround turnaround;
    int64_t first_frame_us; /* twice what one took after its stream was opened, 0 for not known */
    int64_t last_result_us; /* 0 when the camera was last heard in another way */
    int64_t silent_since_us;
    struct omvrpc_statistics statistics;
};

void flight_clear(struct flight *flight);
void flight_add(struct flight *flight, int64_t now_us);
/* Returns how many were sent since `since_us`, at most COPIES_UNDER_WAY. */
uint32_t flight_under_way(const struct flight *flight, int64_t since_us);

/* Time after which an answer to something sent must be there: RFC 6298's smoothed round trip and four deviations. */
int64_t master_round_trip_timeout(const struct omvrpc_master *master);
/*
 * Takes a sample of the round trip from an acknowledgement that came now: only if it is clear which copy it answers
 * (Karn), the one before being too old; else a bound, or a guess where nothing is known yet.
 */
void master_measure(struct omvrpc_master *master, const struct flight *flight, int64_t now_us);
/* Time that so many bytes take on the line. */
int64_t master_line_time(const struct omvrpc_master *master, size_t bytes);
/* The pause after one of a series of copies or polls of this size, with the time that it takes on the line. */
int64_t master_gap(struct omvrpc_master *master, size_t size);
/* How many packets of this size may be under way: by the round trip, by COPIES_UNDER_WAY. */
uint32_t master_window(const struct omvrpc_master *master, size_t size);

/* Queues bytes that stay valid until they are sent; nothing may be queued already. */
void master_send(struct omvrpc_master *master, const uint8_t *data, size_t length);
/* Queues the two polls, or one of them where pairs are not allowed; or the reserved command; or its header alone. */
void master_send_polls(struct omvrpc_master *master, bool header, bool data);
void master_send_probe(struct omvrpc_master *master, bool header, bool data);
/* On SPI a read gives bytes in any case, be the camera armed or not. */
static inline bool master_reads_blindly(const struct omvrpc_master *master) {
    return master->info.transactions && !master->info.acknowledges;
}
/* Whether a camera on this link that waits for bytes counts whatever comes, so that it can be fed. On I2C and CAN it
 * finds the wrong length at once. */
static inline bool master_feeds(const struct omvrpc_master *master) {
    return master->info.pairs || master_reads_blindly(master);
}
/*
 * Queues the next of `left` zeros, and says whether there were any. They are for a VCP slave that took a header and
 * lost what should follow: it swallows as many bytes as the header said, and waits up to 5 s for each.
 */
bool master_feed(struct omvrpc_master *master, size_t *left);
bool master_is_sending(const struct omvrpc_master *master);

/* Says that what was just queued is answered with so many bytes; see turn.c. */
void turn_expect(struct omvrpc_master *master, size_t answer, int64_t patience_us, bool follows);
/* No answer is awaited any more. */
void turn_clear(struct omvrpc_master *master);
/* Reads once, with nothing sent before. */
void turn_read(struct omvrpc_master *master, size_t answer, int64_t now_us);
/* Keeps the next transaction back. */
void turn_pause(struct omvrpc_master *master, int64_t pause_us, int64_t now_us);
/* Fills the step where it is the camera's turn, or too early for another transaction; else returns false. */
bool turn_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);
/* Reports so many bytes sent or received. turn_sent() returns false where the packet was refused and is given up. */
bool turn_sent(struct omvrpc_master *master, size_t length, int64_t now_us);
void turn_received(struct omvrpc_master *master, size_t length, int64_t now_us);

/* Expects the answer to a header or a poll for one, or to data of so many bytes or a poll for them. Nothing with pairs. */
void master_expect(struct omvrpc_master *master, size_t answer);
void master_expect_data(struct omvrpc_master *master, size_t answer, size_t size);

/* Whether the camera may be asked: its ready line says so, there is none that is right, or it has said no for too long. */
bool master_may_ask(const struct omvrpc_master *master, int64_t now_us);
/* The camera is asked now. */
void master_asks(struct omvrpc_master *master, int64_t now_us);
/* Fills the step where the camera may not be asked. */
void master_await_ready(const struct omvrpc_master *master, struct omvrpc_step *step);

/*
 * Whether so many bytes can still be moved before the call's deadline. A transaction cannot be broken off, so one that is
 * too long is not begun: it would only keep the bus from others. Always true on other links.
 */
bool master_has_time(const struct omvrpc_master *master, size_t size, int64_t now_us);
/* Ends the call because its time is up, or would be. */
void master_time_out(struct omvrpc_master *master, int64_t now_us);

/* Fills a RECEIVE step. `length` is the size of the packet that is expected, for links that move whole packets. */
void master_receive(struct omvrpc_step *step, size_t length, int64_t until_us);

/* Whether the input begins with an undamaged packet of that kind and size. */
bool master_input_is(const struct omvrpc_master *master, enum omvrpc_magic magic, size_t size);
/* The camera has shown that it is there. */
void master_heard(struct omvrpc_master *master);

void master_end(struct omvrpc_master *master, enum omvrpc_outcome outcome, enum omvrpc_cause cause, int64_t now_us);
/* The exchange ended in doubt: settle, then begin the call again if it is repeatable and there is time, else end it. */
void master_lose(struct omvrpc_master *master, enum omvrpc_cause cause, int64_t now_us);
void master_ready(struct omvrpc_master *master, int64_t now_us);

void deliver_begin(struct omvrpc_master *master, int64_t now_us);
void deliver_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);
void deliver_sent(struct omvrpc_master *master, int64_t now_us);
void deliver_refused(struct omvrpc_master *master, int64_t now_us);
void deliver_parse(struct omvrpc_master *master, int64_t now_us);

void fetch_begin(struct omvrpc_master *master, bool taken, int64_t now_us);
void fetch_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);
/* Reports that what was queued has been sent. */
void fetch_sent(struct omvrpc_master *master);
void fetch_parse(struct omvrpc_master *master, int64_t now_us);

void raw_begin(struct omvrpc_master *master, int64_t now_us);
void raw_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);
void raw_parse(struct omvrpc_master *master, int64_t now_us);

void stream_stop(struct omvrpc_master *master, int64_t now_us);
void stream_begin(struct omvrpc_master *master, int64_t now_us);
void stream_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);
/* Reports that what was queued has been sent; that a read found nobody. */
void stream_sent(struct omvrpc_master *master, int64_t now_us);
void stream_missed(struct omvrpc_master *master, int64_t now_us);
void stream_parse(struct omvrpc_master *master, int64_t now_us);

/* `feed`: bytes that the camera may be waiting for as the data of a command. */
void settle_begin(struct omvrpc_master *master, size_t feed, int64_t now_us);
void settle_next(struct omvrpc_master *master, int64_t now_us, struct omvrpc_step *step);
/* Reports that what was queued has been sent. */
void settle_sent(struct omvrpc_master *master);
void settle_parse(struct omvrpc_master *master, int64_t now_us);

#endif
