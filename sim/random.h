/* SPDX-License-Identifier: MIT */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

/*
 * Reproducible randomness for the simulated camera. The same seed gives the same scene and the same faults on every
 * machine, which rand() does not promise.
 */

#include <stdint.h>

/* Mixes all bits of a number into all bits of the result (the finaliser of SplitMix64). */
static inline uint64_t sim_random_mix(uint64_t value) {
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

/* Advances the state and returns the next 64 random bits. */
static inline uint64_t sim_random_next(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    return sim_random_mix(*state);
}

/* Returns a number from 0 to `limit` - 1; `limit` is at least 1. The bias is below limit / 2^64. */
static inline uint64_t sim_random_below(uint64_t *state, uint64_t limit) {
    return sim_random_next(state) % limit;
}

/* Returns the same random bits for the same pair of numbers, whatever was drawn before. */
static inline uint64_t sim_random_of(uint64_t seed, uint64_t which) {
    return sim_random_mix(sim_random_mix(seed + UINT64_C(0x9E3779B97F4A7C15)) + which);
}

#endif
