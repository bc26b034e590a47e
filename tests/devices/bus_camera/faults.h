/* SPDX-License-Identifier: MIT */
#ifndef BUS_CAMERA_FAULTS_H
#define BUS_CAMERA_FAULTS_H

/* What goes wrong on the way, each with a chance in thousandths, drawn anew for every transaction or frame. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault {
    FAULT_ABSENT, /* the camera is not there: it neither hears nor answers */
    FAULT_DAMAGE, /* a bit is turned round, on the way to the host */
    FAULT_NOISE,  /* a bit is turned round, on the way to the camera */
    FAULT_CUT,    /* the host hears only half of what was sent */
    FAULT_ERROR,  /* the controller reports an error; nothing is moved */
    FAULT_HANG,   /* the transaction does not end before the controller gives it up */
    FAULT_COUNT,
};

struct faults {
    uint64_t random;
    uint32_t permille[FAULT_COUNT];
    uint64_t happened[FAULT_COUNT];
};

/* Sets the chance of the fault of that name. False where there is none, or over 1000. */
bool faults_set(struct faults *faults, const char *name, uint32_t permille);

/* Whether it strikes now. */
bool faults_draw(struct faults *faults, enum fault fault);

void faults_turn_bit(struct faults *faults, uint8_t *bytes, size_t length);

#endif
