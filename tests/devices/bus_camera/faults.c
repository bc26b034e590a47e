/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include "sim/random.h"

#include <string.h>

static const char *const names[FAULT_COUNT] = {
    [FAULT_ABSENT] = "absent", [FAULT_DAMAGE] = "damage", [FAULT_NOISE] = "noise",
    [FAULT_CUT] = "cut",       [FAULT_ERROR] = "error",   [FAULT_HANG] = "hang",
};

bool faults_set(struct faults *faults, const char *name, uint32_t permille) {
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(names[i], name) == 0 && permille <= 1000) {
            faults->permille[i] = permille;
            return true;
        }
    }
    return false;
}

bool faults_draw(struct faults *faults, enum fault fault) {
    if (faults->permille[fault] == 0 || sim_random_below(&faults->random, 1000) >= faults->permille[fault]) {
        return false;
    }
    faults->happened[fault]++;
    return true;
}

void faults_turn_bit(struct faults *faults, uint8_t *bytes, size_t length) {
    if (length > 0) {
        uint64_t bit = sim_random_below(&faults->random, length * 8);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
