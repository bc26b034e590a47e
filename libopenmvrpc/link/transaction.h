/* SPDX-License-Identifier: MIT */
#ifndef TRANSACTION_H
#define TRANSACTION_H

/* What the links of transactions, SPI and I2C, share. Inside the library only. */

#include "openmvrpc.h"

/* The pause that lets a camera arm for a transaction, in microseconds; the stock master's own. */
#define TRANSACTION_SETTLE_US 100

/* A camera has none here. The master takes longer pauses where several packets do not fit, which serves one well that
 * began in the middle of a packet: as on a UART. */
#define TRANSACTION_RECEIVE_BUFFER 64

/* Errors in a row, and the microseconds that they may have taken, after which it is no bad moment any more. A driver that
 * waits for as long as I2C lets it has two of them. */
#define TRANSACTION_TROUBLE_MAX    20
#define TRANSACTION_TROUBLE_MAX_US 1000000

struct transaction {
    unsigned troubles; /* in a row */
    int64_t trouble_us;
};

/*
 * What becomes of a transaction: `result` is that of an ioctl which took that long, with errno behind a negative one. A node that has gone, or
 * a request that the driver refuses, is the end of the link. A controller that gave up waiting, arbitration that was lost
 * and noise on the lines are bad moments: the packet is lost, as one is on any line. Many of them in a row are a bus that
 * is stuck, and the end of the link as well, whose reopening asks the driver to set it up anew.
 * Returns 1 when it was made, 0 when its packet is lost, or a negative errno.
 */
int transaction_judge(struct transaction *transaction, int result, int64_t taken_us);

#endif
