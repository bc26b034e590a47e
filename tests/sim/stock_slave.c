/* SPDX-License-Identifier: MIT */
/*
 * The stock camera's RPC slave as a machine.
 *
 * Its script is straight-line code that waits in many places. Each place is a function here; `next` names the one that
 * goes on when the wait is over, and `wake_us` says when that is at the latest. There are two kinds of wait: for time
 * alone (collecting, computing, writing), and for bytes (`reading`), which deliveries end early.
 */

#include "stock_slave_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * Times of the stock module, in milliseconds. LONG is asked for when command data is received. UART is the port's own
 * timeout, for the first byte and between bytes, whatever is asked. STREAM is the stream writer's patience; on a UART
 * it polls the port for that long and only then reads.
 */
#define SHORT_WINDOW_MS     2
#define LOOP_TIMEOUT_MS     1000
#define LONG_TIMEOUT_MS     5000
#define UART_TIMEOUT_MS     2
#define STREAM_TIMEOUT_MS   1000
#define BOOT_US             1000000

#define UART_RECEIVE_BUFFER 64
#define VCP_RECEIVE_BUFFER  1024
#define MEMORY_DEFAULT      ((size_t)256 << 10)
#define STREAM_DEPTH_MOST   255

static activity command_begin, command_try, command_flush, command_header_read, command_data_begin, command_data_read;
static activity callback_run, result_begin, result_try, result_flush, result_header_read, result_data_begin;
static activity result_data_read, result_sent;
static activity stream_opened, stream_turn, stream_credit_read, stream_frame, stream_frame_data, stream_frame_sent;

static bool is_uart(const struct stock_slave *slave) {
    return stock_slave_is(slave, STOCK_SLAVE_UART);
}

static bool is_can(const struct stock_slave *slave) {
    return stock_slave_is(slave, STOCK_SLAVE_CAN);
}

/* The next number of the splitmix64 sequence. */
static uint64_t random_draw(struct stock_slave *slave) {
    uint64_t value = slave->random += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

int64_t stock_slave_draw(struct stock_slave *slave, struct stock_slave_range range) {
    if (range.most_us <= range.least_us) {
        return range.least_us;
    }
    return range.least_us + (int64_t)(random_draw(slave) % (uint64_t)(range.most_us - range.least_us + 1));
}

static int64_t ticks_ms(const struct stock_slave *slave) {
    return (slave->now_us + slave->options.tick_phase_us) / 1000;
}

/* Makes room for `size` bytes; false when the camera has not that much memory. */
static bool buffer_reserve(const struct stock_slave *slave, struct memory *buffer, size_t size) {
    if (size > slave->options.memory) {
        return false;
    }
    if (size > buffer->size) {
        uint8_t *bytes = realloc(buffer->bytes, size);
        if (bytes == NULL) {
            return false;
        }
        *buffer = (struct memory){.bytes = bytes, .size = size};
    }
    return true;
}

static void wait_for(struct stock_slave *slave, int64_t duration_us, activity *next) {
    slave->wake_us = slave->now_us + duration_us;
    slave->next = next;
}

/* Our own script arms for the time asked and then for the transfer; the stock one mixes the two. */
static void arm(struct stock_slave *slave, size_t length, int64_t timeout_ms) {
    int64_t transfer_ms = 10 + (int64_t)length / 8;
    if (slave->options.turn_ms == 0) {
        stock_slave_arm(slave, slave->window_ms, timeout_ms);
    } else if (stock_slave_is(slave, STOCK_SLAVE_SPI)) {
        stock_slave_arm(slave, timeout_ms, transfer_ms);
    } else {
        stock_slave_arm(slave, 0, timeout_ms + transfer_ms);
    }
}

/* How long the packet that follows is waited for, where the stock script waits so long. */
static int64_t follow_ms(const struct stock_slave *slave, int64_t stock_ms) {
    return slave->options.turn_ms != 0 ? slave->options.turn_ms : stock_ms;
}

/* How long a packet is waited for that begins something. */
static int64_t begin_ms(const struct stock_slave *slave, int64_t own_ms) {
    return slave->options.turn_ms != 0 ? own_ms : slave->window_ms;
}

/* Our own script knows that nobody has fetched what it gave last. */
static bool is_in_vain(const struct stock_slave *slave) {
    return slave->options.turn_ms != 0 && slave->unfetched;
}

/*
 * A write of bytes that stay valid. Where the master has to fetch them the camera waits for that, and goes on in any case:
 * what is not fetched within `timeout_ms`, on SPI not begun within the short window, is lost and nobody knows.
 */
static void write_bytes(struct stock_slave *slave, const uint8_t *data, size_t length, int64_t timeout_ms,
                        activity *next) {
    if (stock_slave_transacts(slave) && length > 0) {
        slave->writing = true;
        slave->out = data;
        slave->out_length = length;
        slave->out_moved = 0;
        slave->next = next;
        arm(slave, length, timeout_ms);
        return;
    }
    slave->unfetched = false;
    if (length > 0) {
        slave->send(slave->send_context, data, length, slave->now_us);
    }
    uint32_t rate = slave->options.byte_rate;
    wait_for(slave, rate == 0 ? 0 : (int64_t)((uint64_t)length * 1000000 / rate), next);
}

static void write_ack(struct stock_slave *slave, enum omvrpc_magic magic, activity *next) {
    write_bytes(slave, slave->small, packet_put(slave->small, magic, NULL, 0), follow_ms(slave, slave->window_ms),
                next);
}

static void write_length(struct stock_slave *slave, enum omvrpc_magic magic, size_t length, int64_t timeout_ms,
                         activity *next) {
    write_bytes(slave, slave->small, packet_put_u32(slave->small, magic, (uint32_t)length), timeout_ms, next);
}

/* The port. */

static void ring_put(struct stock_slave *slave, uint8_t byte) {
    slave->ring[(slave->ring_first + slave->ring_count++) % slave->options.receive_buffer] = byte;
}

static uint8_t ring_take(struct stock_slave *slave) {
    uint8_t byte = slave->ring[slave->ring_first];
    slave->ring_first = (slave->ring_first + 1) % slave->options.receive_buffer;
    slave->ring_count--;
    if (slave->overrun) {
        slave->overrun = false;
        ring_put(slave, slave->overrun_byte);
    }
    return byte;
}

/* As much is dropped as was there when the flush began: a byte that enters meanwhile stays. */
static void flush(struct stock_slave *slave) {
    for (; slave->fifo_count > 0; slave->fifo_count--) {
        slave->counts.flushed_bytes += slave->fifo[slave->fifo_count - 1].length;
    }
    size_t count = slave->ring_count;
    slave->counts.flushed_bytes += count;
    while (count-- > 0) {
        ring_take(slave);
    }
}

/* Reading. */

void stock_slave_read_finish(struct stock_slave *slave) {
    slave->reading = slave->armed = false;
    slave->wake_us = slave->now_us;
    if (slave->got > 0) {
        slave->wake_us += stock_slave_draw(slave, slave->options.packet);
        if (random_draw(slave) % 1000 < slave->options.gc_between_permille) {
            slave->wake_us += stock_slave_draw(slave, slave->options.gc);
        }
    }
}

static void read_byte(struct stock_slave *slave, uint8_t byte) {
    slave->packet.bytes[slave->got++] = byte;
    slave->waited_again = false;
    slave->wake_us = stock_slave_tick_after(slave, slave->byte_timeout_ms);
    if (slave->got == slave->wanted) {
        stock_slave_read_finish(slave);
    }
}

/* The buffer must have been reserved. It is zeroed, as the module's own are: the bytes that a short read leaves out
 * count as 0. */
static void read_begin(struct stock_slave *slave, size_t length, int64_t first_ms, int64_t byte_ms, activity *next) {
    memset(slave->packet.bytes, 0, length);
    slave->wanted = length;
    slave->got = 0;
    slave->reading = true;
    slave->waited_again = false;
    slave->byte_timeout_ms = byte_ms;
    slave->wake_us = stock_slave_tick_after(slave, first_ms);
    slave->next = next;
    while (slave->reading && slave->ring_count > 0) {
        read_byte(slave, ring_take(slave));
    }
}

static void read_packet(struct stock_slave *slave, size_t length, int64_t timeout_ms, activity *next) {
    int64_t effective_ms = is_uart(slave) ? UART_TIMEOUT_MS : timeout_ms;
    read_begin(slave, length, effective_ms, effective_ms, next);
    if (stock_slave_transacts(slave)) {
        arm(slave, length, timeout_ms);
    } else if (is_can(slave)) {
        stock_slave_read_fifo(slave);
    }
}

static void read_stream(struct stock_slave *slave, size_t length, activity *next) {
    if (is_uart(slave)) {
        read_begin(slave, length, STREAM_TIMEOUT_MS + UART_TIMEOUT_MS, UART_TIMEOUT_MS, next);
    } else {
        read_packet(slave, length, STREAM_TIMEOUT_MS, next);
    }
}

static void read_timed_out(struct stock_slave *slave) {
    if (is_uart(slave) && slave->got > 0 && !slave->waited_again && !slave->options.strict_gap) {
        slave->waited_again = true;
        slave->wake_us = stock_slave_tick_after(slave, UART_TIMEOUT_MS);
    } else {
        stock_slave_read_finish(slave);
    }
}

/* On a UART any byte at all makes the read count. */
static bool has_read(const struct stock_slave *slave) {
    return slave->got == slave->wanted || (is_uart(slave) && slave->got > 0);
}

static bool has_packet(const struct stock_slave *slave, enum omvrpc_magic magic) {
    return has_read(slave) && packet_is_valid(slave->packet.bytes, slave->wanted, magic);
}

/* A MemoryError that nobody catches ends the script, and the camera starts again. */
static void die(struct stock_slave *slave) {
    slave->counts.deaths++;
    stock_slave_reset(slave, slave->now_us);
}

/* The loops. Both grow their window after a failed try and collect garbage before the next. */

static void loop_begin(struct stock_slave *slave, activity *try) {
    slave->window_ms = slave->options.short_window_ms;
    slave->loop_began_ms = ticks_ms(slave);
    try(slave);
}

static void loop_fail(struct stock_slave *slave, uint32_t timeout_ms, activity *try) {
    slave->window_ms = slave->window_ms < timeout_ms ? slave->window_ms + 1 : timeout_ms;
    try(slave);
}

static void command_begin(struct stock_slave *slave) {
    slave->booting = false;
    memset(&slave->reply, 0, sizeof slave->reply);
    loop_begin(slave, command_try);
}

static void command_fail(struct stock_slave *slave) {
    loop_fail(slave, slave->options.receive_timeout_ms, command_try);
}

static void command_try(struct stock_slave *slave) {
    bool over = ticks_ms(slave) - slave->loop_began_ms >= slave->options.receive_timeout_ms;
    wait_for(slave, over ? 0 : stock_slave_draw(slave, slave->options.gc), over ? command_begin : command_flush);
}

static void command_flush(struct stock_slave *slave) {
    flush(slave);
    read_packet(slave, PACKET_COMMAND_HEADER_SIZE, begin_ms(slave, slave->options.receive_timeout_ms),
                command_header_read);
}

static void command_header_read(struct stock_slave *slave) {
    if (!has_packet(slave, OMVRPC_COMMAND_HEADER)) {
        command_fail(slave);
        return;
    }
    slave->command = get_u32(slave->packet.bytes + 2);
    slave->argument_length = get_u32(slave->packet.bytes + 6);
    if (!buffer_reserve(slave, &slave->packet, (size_t)slave->argument_length + OMVRPC_PACKET_OVERHEAD)) {
        die(slave);
        return;
    }
    slave->counts.commands++;
    write_ack(slave, OMVRPC_COMMAND_HEADER, command_data_begin);
}

static void command_data_begin(struct stock_slave *slave) {
    size_t size = (size_t)slave->argument_length + OMVRPC_PACKET_OVERHEAD;
    if (is_in_vain(slave)) {
        command_fail(slave);
        return;
    }
    read_packet(slave, size, follow_ms(slave, LONG_TIMEOUT_MS), command_data_read);
}

static void command_data_read(struct stock_slave *slave) {
    if (has_packet(slave, OMVRPC_COMMAND_DATA)) {
        write_ack(slave, OMVRPC_COMMAND_DATA, callback_run);
    } else {
        command_fail(slave);
    }
}

static void callback_run(struct stock_slave *slave) {
    struct stock_slave_reply *reply = &slave->reply;
    slave->counts.executions++;
    if (slave->options.callback != NULL) {
        slave->options.callback(slave->options.context, slave->command, slave->packet.bytes + 2, slave->argument_length,
                                reply);
    }
    if (reply->length > slave->options.memory || reply->raw_length > slave->options.memory ||
        !buffer_reserve(slave, &slave->result, reply->length + OMVRPC_PACKET_OVERHEAD)) {
        die(slave);
        return;
    }
    slave->result_size = packet_put(slave->result.bytes, OMVRPC_RESULT_DATA, reply->result, reply->length);
    wait_for(slave, reply->duration_us, result_begin);
}

static void result_begin(struct stock_slave *slave) {
    loop_begin(slave, result_try);
}

static void result_fail(struct stock_slave *slave) {
    loop_fail(slave, slave->options.send_timeout_ms, result_try);
}

static void result_try(struct stock_slave *slave) {
    if (ticks_ms(slave) - slave->loop_began_ms >= slave->options.send_timeout_ms) {
        slave->counts.results_dropped++;
        command_begin(slave);
    } else {
        wait_for(slave, stock_slave_draw(slave, slave->options.gc), result_flush);
    }
}

static void result_flush(struct stock_slave *slave) {
    flush(slave);
    read_packet(slave, PACKET_POLL_SIZE, begin_ms(slave, slave->options.send_timeout_ms), result_header_read);
}

static void result_header_read(struct stock_slave *slave) {
    if (!has_packet(slave, OMVRPC_RESULT_HEADER)) {
        result_fail(slave);
        return;
    }
    write_length(slave, OMVRPC_RESULT_HEADER, slave->reply.length, follow_ms(slave, slave->window_ms),
                 result_data_begin);
}

static void result_data_begin(struct stock_slave *slave) {
    if (is_in_vain(slave)) {
        result_fail(slave);
        return;
    }
    read_packet(slave, PACKET_POLL_SIZE, follow_ms(slave, slave->window_ms), result_data_read);
}

static void result_data_read(struct stock_slave *slave) {
    if (has_packet(slave, OMVRPC_RESULT_DATA)) {
        slave->counts.results++;
        write_bytes(slave, slave->result.bytes, slave->result_size, follow_ms(slave, LONG_TIMEOUT_MS), result_sent);
    } else {
        result_fail(slave);
    }
}

/* A scheduled callback runs at once: nothing is flushed before it. */
static void result_sent(struct stock_slave *slave) {
    if (is_in_vain(slave)) {
        result_fail(slave);
        return;
    }
    if (slave->reply.raw != NULL) {
        write_bytes(slave, slave->reply.raw, slave->reply.raw_length, LONG_TIMEOUT_MS, command_begin);
    } else if (slave->reply.source != NULL) {
        read_stream(slave, PACKET_STREAM_SIZE, stream_opened);
    } else {
        command_begin(slave);
    }
}

/* The stream writer. */

static void stream_opened(struct stock_slave *slave) {
    const uint8_t *packet = slave->packet.bytes;
    bool magic_right = get_u16(packet) == OMVRPC_STREAM_OPEN;
    bool crc_right =
        get_u16(packet + PACKET_STREAM_SIZE - 2) == omvrpc_crc16(OMVRPC_CRC16_INITIAL, packet, PACKET_STREAM_SIZE - 2);
    if (!has_read(slave) || (!magic_right && !crc_right)) {
        command_begin(slave);
        return;
    }
    uint32_t depth = get_u32(packet + 2);
    uint32_t most = stock_slave_transacts(slave) ? 1 : STREAM_DEPTH_MOST;
    slave->stream_depth = depth < 1 ? 1 : depth > most ? most : depth;
    slave->stream_credits = slave->stream_depth;
    slave->stream_byte = 0xff;
    stream_turn(slave);
}

static void stream_turn(struct stock_slave *slave) {
    if (slave->stream_credits <= slave->stream_depth / 2) {
        read_stream(slave, 1, stream_credit_read);
    } else {
        stream_frame(slave);
    }
}

static void stream_credit_read(struct stock_slave *slave) {
    if (!has_read(slave) || slave->packet.bytes[0] != slave->stream_byte) {
        command_begin(slave);
        return;
    }
    slave->stream_byte = stream_next_byte(slave->stream_byte);
    slave->stream_credits++;
    stream_frame(slave);
}

static void stream_frame(struct stock_slave *slave) {
    int64_t due_us = slave->now_us;
    if (!slave->reply.source(slave->reply.source_context, slave->now_us, &slave->frame, &slave->frame_length,
                             &due_us)) {
        command_begin(slave);
    } else if (due_us > slave->now_us) {
        wait_for(slave, due_us - slave->now_us, stream_frame);
    } else if (slave->frame_length > slave->options.memory) {
        die(slave);
    } else {
        write_length(slave, OMVRPC_STREAM_FRAME, slave->frame_length, STREAM_TIMEOUT_MS, stream_frame_data);
    }
}

static void stream_frame_data(struct stock_slave *slave) {
    slave->counts.frames++;
    write_bytes(slave, slave->frame, slave->frame_length, LONG_TIMEOUT_MS, stream_frame_sent);
}

static void stream_frame_sent(struct stock_slave *slave) {
    slave->stream_credits--;
    stream_turn(slave);
}

/* What the owner calls. */

static void default_if_zero(uint32_t *value, uint32_t standard) {
    if (*value == 0) {
        *value = standard;
    }
}

struct stock_slave *stock_slave_new(const struct stock_slave_options *options) {
    struct stock_slave *slave = calloc(1, sizeof *slave);
    if (slave == NULL) {
        return NULL;
    }
    slave->options = *options;
    slave->random = options->seed;
    slave->next = command_begin;
    default_if_zero(&slave->options.short_window_ms, SHORT_WINDOW_MS);
    default_if_zero(&slave->options.receive_timeout_ms, LOOP_TIMEOUT_MS);
    default_if_zero(&slave->options.send_timeout_ms, LOOP_TIMEOUT_MS);
    if (options->receive_buffer == 0) {
        slave->options.receive_buffer = is_uart(slave) ? UART_RECEIVE_BUFFER : VCP_RECEIVE_BUFFER;
    }
    if (options->memory == 0) {
        slave->options.memory = MEMORY_DEFAULT;
    }
    if (options->boot_us == 0) {
        slave->options.boot_us = BOOT_US;
    }
    slave->ring = malloc(slave->options.receive_buffer);
    /* The header and the polls are read into this buffer without asking again, so that memory must hold a header. */
    if (slave->ring == NULL || !buffer_reserve(slave, &slave->packet, PACKET_COMMAND_HEADER_SIZE)) {
        stock_slave_free(slave);
        return NULL;
    }
    return slave;
}

void stock_slave_free(struct stock_slave *slave) {
    if (slave != NULL) {
        free(slave->ring);
        free(slave->packet.bytes);
        free(slave->result.bytes);
        free(slave);
    }
}

static void start(struct stock_slave *slave, int64_t now_us) {
    if (!slave->started) {
        slave->started = true;
        slave->wake_us = now_us;
    }
}

/* The camera's side of one arriving byte; false when a VCP port has no room for it. */
static bool receive_byte(struct stock_slave *slave, uint8_t byte) {
    if (slave->booting) {
        slave->counts.lost_bytes++;
    } else if (slave->reading) {
        read_byte(slave, byte);
    } else if (slave->ring_count < slave->options.receive_buffer) {
        ring_put(slave, byte);
    } else if (!is_uart(slave)) {
        return false;
    } else if (slave->options.overrun_byte && !slave->overrun) {
        slave->overrun = true;
        slave->overrun_byte = byte;
    } else {
        slave->counts.lost_bytes++;
    }
    return true;
}

size_t stock_slave_deliver(struct stock_slave *slave, const uint8_t *data, size_t length, int64_t now_us) {
    start(slave, now_us);
    slave->now_us = now_us;
    if (is_can(slave)) {
        stock_slave_take_frame(slave, data, length);
        return length;
    }
    size_t taken = 0;
    while (taken < length && receive_byte(slave, data[taken])) {
        taken++;
    }
    return taken;
}

int64_t stock_slave_step(struct stock_slave *slave, int64_t now_us, stock_slave_send *send, void *context) {
    start(slave, now_us);
    slave->send = send;
    slave->send_context = context;
    while (slave->wake_us <= now_us) {
        slave->now_us = slave->wake_us;
        bool awaits = stock_slave_transacts(slave) && (slave->reading || slave->writing);
        if (awaits && !stock_slave_disarm(slave)) {
            continue;
        }
        if (slave->reading) {
            read_timed_out(slave);
        } else {
            slave->next(slave);
        }
    }
    slave->now_us = now_us;
    return slave->wake_us;
}

bool stock_slave_is_ready(const struct stock_slave *slave) {
    static activity *const busy[] = {callback_run,       result_begin, stream_opened,     stream_turn,
                                     stream_credit_read, stream_frame, stream_frame_data, stream_frame_sent};
    bool is_busy = slave->booting || (slave->next == command_begin && slave->reply.raw != NULL);
    for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
        is_busy = is_busy || slave->next == busy[i];
    }
    return !is_busy;
}

void stock_slave_reset(struct stock_slave *slave, int64_t now_us) {
    slave->started = true;
    slave->booting = true;
    slave->reading = slave->writing = slave->arming = slave->armed = false;
    slave->overrun = false;
    slave->ring_count = slave->fifo_count = 0;
    slave->now_us = now_us;
    wait_for(slave, slave->options.boot_us, command_begin);
}

const struct stock_slave_counts *stock_slave_counts(const struct stock_slave *slave) {
    return &slave->counts;
}
