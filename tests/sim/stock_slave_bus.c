/* SPDX-License-Identifier: MIT */
/* The stock camera's ports on SPI, I2C and CAN. See stock_slave.h. */

#include "stock_slave_internal.h"

#include <errno.h>
#include <string.h>

/* What a line without a driver reads as. */
#define IDLE_BYTE 0xff

static void move_wake(struct stock_slave *slave, int64_t transfer_ms) {
    slave->wake_us = stock_slave_tick_after(slave, transfer_ms);
}

/* SPI: the chip is selected while the camera waits for that; it needs a moment to set its controller up. */
static void begin_to_arm(struct stock_slave *slave) {
    slave->arming = true;
    slave->wake_us = slave->now_us + stock_slave_draw(slave, slave->options.arm);
}

void stock_slave_arm(struct stock_slave *slave, int64_t select_ms, int64_t transfer_ms) {
    slave->armed = slave->arming = slave->unfetched = false;
    slave->transfer_ms = transfer_ms;
    if (stock_slave_is(slave, STOCK_SLAVE_I2C)) {
        slave->armed = true;
        move_wake(slave, transfer_ms);
    } else if (slave->selected) {
        begin_to_arm(slave);
    } else {
        move_wake(slave, select_ms);
    }
}

bool stock_slave_disarm(struct stock_slave *slave) {
    if (slave->arming) {
        slave->arming = false;
        slave->armed = true;
        move_wake(slave, slave->transfer_ms);
        return false;
    }
    slave->unfetched = slave->writing;
    slave->counts.unfetched += slave->writing;
    slave->armed = slave->writing = false;
    return true;
}

void stock_slave_select(struct stock_slave *slave, bool selected, int64_t now_us) {
    slave->now_us = now_us;
    slave->selected = selected;
    if (selected && (slave->reading || slave->writing) && !slave->armed && !slave->arming) {
        begin_to_arm(slave);
    }
}

enum stock_slave_armed stock_slave_armed(const struct stock_slave *slave, size_t *length) {
    if (!slave->armed) {
        return STOCK_SLAVE_DEAF;
    }
    *length = slave->writing ? slave->out_length - slave->out_moved : slave->wanted - slave->got;
    return slave->writing ? STOCK_SLAVE_GIVES : STOCK_SLAVE_TAKES;
}

/* The transaction is through, and what follows it is due. */
static void finish(struct stock_slave *slave, int64_t now_us) {
    slave->now_us = now_us;
    if (slave->reading) {
        stock_slave_read_finish(slave);
    } else {
        slave->writing = slave->armed = false;
        slave->wake_us = now_us;
    }
}

/* Moves what there is of so many bytes; returns how many. */
static size_t move(struct stock_slave *slave, const uint8_t *out, uint8_t *in, size_t length) {
    size_t left = 0;
    bool gives = stock_slave_armed(slave, &left) == STOCK_SLAVE_GIVES;
    size_t moved = length < left ? length : left;
    if (!gives) {
        if (out != NULL) {
            memcpy(slave->packet.bytes + slave->got, out, moved);
        } else {
            memset(slave->packet.bytes + slave->got, 0, moved);
        }
        slave->got += moved;
        /* It sends the zeros that it receives into. */
        if (in != NULL) {
            memset(in, 0, moved);
        }
        return moved;
    }
    if (in != NULL && moved > 0) {
        memcpy(in, slave->out + slave->out_moved, moved);
    }
    slave->out_moved += moved;
    return moved;
}

void stock_slave_clock(struct stock_slave *slave, const uint8_t *out, uint8_t *in, size_t length, int64_t begin_us,
                       int64_t end_us) {
    if (in != NULL) {
        memset(in, IDLE_BYTE, length);
    }
    slave->now_us = begin_us;
    size_t left = 0;
    /* A transfer that does not end in time is given up; its bytes are lost on either side. */
    if (stock_slave_armed(slave, &left) == STOCK_SLAVE_DEAF || end_us > slave->wake_us) {
        slave->counts.lost_bytes += length;
        return;
    }
    size_t moved = move(slave, out, in, length);
    if (moved == left) {
        finish(slave, end_us);
    }
}

int stock_slave_message(struct stock_slave *slave, bool reads, uint8_t *data, size_t length, int64_t begin_us,
                        int64_t end_us) {
    size_t left = 0;
    enum stock_slave_armed armed = stock_slave_armed(slave, &left);
    slave->now_us = begin_us;
    if (armed == STOCK_SLAVE_DEAF) {
        slave->counts.lost_bytes += reads ? 0 : length;
        return -ENXIO;
    }
    if (reads != (armed == STOCK_SLAVE_GIVES)) {
        return slave->options.stretches ? -ETIMEDOUT : -ENXIO;
    }
    bool in_time = end_us <= slave->wake_us;
    if (reads) {
        memset(data, IDLE_BYTE, length);
        if (in_time) {
            move(slave, NULL, data, length);
            finish(slave, end_us);
        }
        return 0;
    }
    if (!in_time) {
        slave->counts.lost_bytes += length;
        return -EREMOTEIO;
    }
    /* A master that stops early ends the transfer as well, and the script is none the wiser. */
    size_t moved = move(slave, data, NULL, length);
    finish(slave, end_us);
    return moved == length ? 0 : -EREMOTEIO;
}

/* CAN. */

/* What has another length than the packet has left is none of it, and ends the read with nothing. */
static void read_frame(struct stock_slave *slave, const uint8_t *data, size_t length) {
    size_t left = slave->wanted - slave->got;
    if (length != (left < STOCK_SLAVE_FRAME_SIZE ? left : STOCK_SLAVE_FRAME_SIZE)) {
        slave->got = 0;
        stock_slave_read_finish(slave);
        return;
    }
    memcpy(slave->packet.bytes + slave->got, data, length);
    slave->got += length;
    slave->wake_us = stock_slave_tick_after(slave, slave->byte_timeout_ms);
    if (slave->got == slave->wanted) {
        stock_slave_read_finish(slave);
    }
}

void stock_slave_read_fifo(struct stock_slave *slave) {
    while (slave->reading && slave->fifo_count > 0) {
        size_t length = slave->fifo[0].length;
        uint8_t frame[STOCK_SLAVE_FRAME_SIZE];
        memcpy(frame, slave->fifo[0].bytes, length);
        slave->fifo_count--;
        memmove(&slave->fifo[0], &slave->fifo[1], slave->fifo_count * sizeof slave->fifo[0]);
        read_frame(slave, frame, length);
    }
}

void stock_slave_take_frame(struct stock_slave *slave, const uint8_t *data, size_t length) {
    if (slave->booting || length > STOCK_SLAVE_FRAME_SIZE) {
        slave->counts.lost_bytes += length;
    } else if (slave->reading) {
        read_frame(slave, data, length);
    } else if (slave->fifo_count < STOCK_SLAVE_FIFO) {
        slave->fifo[slave->fifo_count].length = (uint8_t)length;
        memcpy(slave->fifo[slave->fifo_count].bytes, data, length);
        slave->fifo_count++;
    } else {
        slave->counts.lost_bytes += length;
    }
}
