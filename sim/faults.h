/* SPDX-License-Identifier: MIT */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

/*
 * Which faults a line is to have, and how they are written down: words with commas between, such as
 *
 *     seed=7,drop=1%,damage=0.5%,cut=0.1%,double=0.1%,delay=2ms..8ms,stall=500ms@1%,slow=9600
 *
 * Percentages are of packets, which here means: of the writes of either side. What the words do is in line.h.
 */

#include <stddef.h>
#include <stdint.h>

/* Chances are in millionths. All zero means a line without faults. */
struct sim_faults {
    uint64_t seed;
    uint32_t drop, damage, cut, twice;
    int64_t delay_min_us, delay_max_us; /* up to 10 s */
    int64_t stall_us;                   /* up to 60 s */
    uint32_t stall;                     /* the chance of one */
    uint32_t baud;                      /* 0, or 300 to 20,000,000 */
};

#define SIM_CERTAIN 1000000

/*
 * Reads `text`; an empty one is a line without faults. Returns 0, or -EINVAL with `faults` untouched and a sentence of
 * what is wrong and what was expected in `error`, NUL-terminated, at most `size` bytes.
 */
int sim_faults_parse(const char *text, struct sim_faults *faults, char *error, size_t size);

/* The words and what they mean, a line each, for --help. */
extern const char sim_faults_help[];

#endif
