/* SPDX-License-Identifier: MIT */
#ifndef STOCK_SLAVE_H
#define STOCK_SLAVE_H

/**
 * A model of the stock camera: the `rpc` module that OpenMV firmware carries, with its habits and its weaknesses.
 *
 * Masters have to live with that module as it is, so tests need it without a camera and in virtual time. The model is a
 * machine without I/O or clock. Its owner moves bytes and time:
 *
 *     next = stock_slave_step(slave, now, send, context);   all that the camera does up to `now`
 *     taken = stock_slave_deliver(slave, data, length, now); bytes that arrive at `now`
 *     next = stock_slave_step(slave, now, send, context);   what it does about them at once
 *
 * Before bytes are delivered the model must have been stepped up to that time, and after it stepped again, because a
 * delivery can bring its next event forward. Times are microseconds of any monotonic clock, never negative; the camera
 * starts at the first time it is told.
 *
 * On SPI and I2C there is nothing to deliver: the camera is armed for one transaction of exactly so many bytes, in or
 * out, for a window, and the master clocks. A program that is told "the master clocks N bytes" does this for each:
 *
 *     stock_slave_step(slave, now, send, context);            `send` is never called on these kinds
 *     stock_slave_select(slave, true, now);                   SPI: chip select goes low ...
 *     stock_slave_step(slave, now + settle, send, context);   ... which the camera sees, and arms within `arm`
 *     stock_slave_clock(slave, out, in, N, begin, end);       SPI: any number of times while it is selected
 *     stock_slave_select(slave, false, now);                  SPI: the camera does not look at that
 *     status = stock_slave_message(slave, reads, data, N, begin, end);    I2C: the whole message at once
 *     next = stock_slave_step(slave, end, send, context);     and again when `next` has come
 *
 * A program in real time may give one time as begin and end. What a camera does not take within its window is lost; so
 * is what it gives and nobody fetches, and it believes that it was delivered.
 *
 * What the model knows: the loops of the module and their windows; the collection of garbage and the flush before each
 * window; reads that end as MicroPython's do, counted in whole ticks of 1 ms, so that a timeout of 2 ms lasts 1 to 2;
 * the receive buffer of each kind of port; cut-through transfers and the stream writer. What it leaves out: the speed
 * of the line towards the camera (the owner's matter) and a host that does not read.
 */

#include "openmvrpc.h"

enum stock_slave_kind {
    STOCK_SLAVE_UART, /**< 64 bytes of buffer, the rest is lost; timeouts of 2 ms whatever is asked */
    STOCK_SLAVE_VCP,  /**< 1024 bytes of buffer, then back-pressure; the timeout asked, for each byte */
    STOCK_SLAVE_SPI,  /**< armed for one transaction at a time, once its chip is selected within the short window */
    STOCK_SLAVE_I2C,  /**< armed for one transaction at a time, and acknowledges its address only then */
    STOCK_SLAVE_CAN,  /**< frames of 8 bytes, the last of a packet shorter; a controller that keeps three of them */
};

/** A duration drawn anew each time, evenly from least to most; most below least means always least. */
struct stock_slave_range {
    int64_t least_us, most_us;
};

/** What a callback does; all zero is an empty result at once. */
struct stock_slave_reply {
    const uint8_t *result; /**< copied when the callback returns; may point into the argument */
    size_t length;
    int64_t duration_us;
    /** Cut-through: bytes that follow the result without a packet; valid until the next callback. NULL for none. */
    const uint8_t *raw;
    size_t raw_length;
    /** The callback schedules a stream writer that takes its frames from here; NULL for none. */
    omvrpc_frame_source *source;
    void *source_context;
};

/** Called when the camera begins to run a callback, or to find that there is none of that id. The argument is valid
 * during it. */
typedef void stock_slave_callback(void *context, uint32_t command, const uint8_t *argument, size_t length,
                                  struct stock_slave_reply *reply);

/** Takes the bytes of one write of the camera. It must not call the slave. */
typedef void stock_slave_send(void *context, const uint8_t *data, size_t length, int64_t now_us);

struct stock_slave_options {
    enum stock_slave_kind kind;
    uint64_t seed;
    stock_slave_callback *callback;
    void *context;
    struct stock_slave_range gc;     /**< collection of garbage before each window; 200 to 8000 us on a real camera */
    struct stock_slave_range packet; /**< checking a received packet; 20 to 200 us on a real camera */
    struct stock_slave_range arm;    /**< SPI: from the chip select to being armed; under 100 us on a real camera */
    uint32_t gc_between_permille;    /**< chance that garbage is collected after a packet too, before it is acted on */
    uint32_t byte_rate;              /**< bytes a second that the camera's writes take; 0 for no time */
    size_t receive_buffer;           /**< 0 means 64 on UART, 1024 on VCP */
    size_t memory;            /**< longest packet that the camera can allocate; 0 means 256 KiB; more ends its script */
    uint32_t short_window_ms; /**< 0 means 2 */
    uint32_t receive_timeout_ms; /**< of loop(); 0 means 1000 */
    uint32_t send_timeout_ms;    /**< of loop(); 0 means 1000 */
    int64_t boot_us;             /**< deaf time after a reset; 0 means 1 s */
    uint32_t tick_phase_us;      /**< how far the camera's 1 ms tick is ahead of the owner's clock, 0 to 999 */
    /**
     * Give up a packet after the first 2 ms without a byte. MicroPython's stream layer waits a second time, so that a
     * real camera bears gaps of up to 3 to 4 ms; a master has no business to rely on that.
     */
    bool strict_gap;
    /**
     * STM32 UARTs: when the buffer is full, one more byte waits in the data register, enters the buffer at the first
     * read and so survives the flush.
     */
    bool overrun_byte;
    /**
     * I2C: a master that reads where the camera is armed to take bytes (or the other way round) finds the clock held low
     * until the window is over, as STM32 controllers do; else it is not acknowledged.
     */
    bool stretches;
    /**
     * Not the stock script but our omvrpc.py on SPI, I2C or CAN: it is armed for a command, and for the polls, as long as
     * it has nothing else to do, waits so long for each packet that then follows, and offers a result again that nobody
     * has fetched. 0 for the stock script.
     */
    uint32_t turn_ms;
};

struct stock_slave_counts {
    uint64_t commands;        /**< command headers acknowledged */
    uint64_t executions;      /**< callbacks begun, unknown ids included */
    uint64_t results;         /**< results sent */
    uint64_t results_dropped; /**< results given up after the send timeout */
    uint64_t frames;          /**< stream frames sent */
    uint64_t flushed_bytes, lost_bytes;
    uint64_t unfetched; /**< on SPI and I2C: what was given and not fetched in time, acknowledgements included */
    uint64_t deaths;    /**< times the script ended for lack of memory */
};

struct stock_slave;

/** @return a camera that has just finished to boot, or NULL when memory is short */
struct stock_slave *stock_slave_new(const struct stock_slave_options *options);
void stock_slave_free(struct stock_slave *slave);

/**
 * Hands over bytes that arrive at the camera's port.
 * @return how many it took: all on a UART, where a full buffer loses them; on VCP those that fit, the rest stays with
 * the wire and is to be offered again after the next step
 */
size_t stock_slave_deliver(struct stock_slave *slave, const uint8_t *data, size_t length, int64_t now_us);

/**
 * Lets the camera live up to `now_us`, in the order of its own events; `send` is told the true time of each write.
 * @return the time of its next event, later than now_us
 */
int64_t stock_slave_step(struct stock_slave *slave, int64_t now_us, stock_slave_send *send, void *context);

/** SPI: the chip select of the camera changes. */
void stock_slave_select(struct stock_slave *slave, bool selected, int64_t now_us);

/**
 * SPI: the master clocks `length` bytes from begin_us to end_us; the camera has been stepped up to begin_us.
 * @param out what it sends meanwhile, NULL for zeros
 * @param in what it hears: what the camera was armed to send, or nothing but 0xFF; NULL where it does not listen
 */
void stock_slave_clock(struct stock_slave *slave, const uint8_t *out, uint8_t *in, size_t length, int64_t begin_us,
                       int64_t end_us);

/**
 * I2C: a message to the camera's address from begin_us to end_us; the camera has been stepped up to begin_us.
 * @param reads the master reads into `data`; else it writes from there
 * @return 0; -ENXIO where the address was not acknowledged; -EREMOTEIO where a byte was not: the camera was armed for
 *         fewer; -ETIMEDOUT where it held the clock
 */
int stock_slave_message(struct stock_slave *slave, bool reads, uint8_t *data, size_t length, int64_t begin_us,
                        int64_t end_us);

/** What a camera on SPI or I2C is armed for now. */
enum stock_slave_armed { STOCK_SLAVE_DEAF, STOCK_SLAVE_TAKES, STOCK_SLAVE_GIVES };

/** @param length set to the bytes of the transaction that are still to be moved, unless it is deaf */
enum stock_slave_armed stock_slave_armed(const struct stock_slave *slave, size_t *length);

/**
 * Whether it would hold a ready line high, as omvrpc.py does and the stock module does not: while it waits for a command or
 * has a result, but not from the moment on when it has a command's data, and not while it computes, streams or boots.
 */
bool stock_slave_is_ready(const struct stock_slave *slave);

/** Resets the camera: what it did and held is gone, and it is deaf until it has booted. */
void stock_slave_reset(struct stock_slave *slave, int64_t now_us);

const struct stock_slave_counts *stock_slave_counts(const struct stock_slave *slave);

#endif
