/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_RANDOM_H
#define SIMULATE_RANDOM_H

/* Seeded random numbers (splitmix64, from Vigna's public domain description): the same on every machine. */

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Evenly from least to most, both included. */
static inline int64_t random_range(struct random *random, int64_t least, int64_t most) {
    return least + (int64_t)(random_next(random) % (uint64_t)(most - least + 1));
}

/* True so many times in a million. */
static inline bool random_chance(struct random *random, uint32_t millionths) {
    return random_next(random) % 1000000 < millionths;
}

#endif
