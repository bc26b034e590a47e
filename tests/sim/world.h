/* SPDX-License-Identifier: MIT */
#ifndef SIMULATE_WORLD_H
#define SIMULATE_WORLD_H

/*
 * A host with the daemon's bus, a camera and the two wires between them, in virtual time, all drawn from one seed. It
 * checks as it goes what must hold whatever the faults:
 *
 * - an answer that is delivered as good is the one that the camera computed for that very call;
 * - what ends as not delivered never ran, neither before nor after;
 * - a callback that is not repeatable runs at most once, unless more than one acknowledgement of its call was lost;
 * - a call ends by its deadline, within 50 ms, and on SPI and I2C within the transaction under way;
 * - what is queued for the camera stays bounded;
 * - 1 s after the last fault, calls are answered;
 * - on CAN, host and camera do not send at once unless something was lost.
 *
 * Where the camera offers the extensions the host makes its calls through a session, with the daemon's own exchanges:
 * those of several clients under way at once, results of many pieces, exceptions, and damage that CRC-16 does not find.
 * There the promises have no exceptions for what the line does:
 *
 * - an answer or an exception that is delivered is that of this very call;
 * - a callback that is not repeatable runs at most once;
 * - a call that has time is done, unless the camera loses its memory;
 * - the camera never has to forget what it holds for the host.
 */

#include <stdint.h>
#include <stdio.h>

/* What a seed makes of a world, and what came of it. */
struct world_report {
    uint64_t calls, done, not_delivered, result_unknown, too_large;
    uint64_t twice;        /* callbacks run twice where lost acknowledgements allow it */
    uint64_t lost_packets; /* by the wires */
    uint64_t resets, unplugs, silences, preemptions;
    uint64_t copies, polls, settlings, stale_results;
    uint64_t sessions, numbered, pieces, raised, no_such; /* of worlds with the extensions */
    uint64_t stock_way;                                   /* calls that went the stock way there */
    uint64_t forged_packets;                              /* damaged such that their CRC-16 is right */
    uint64_t queued_most;                                 /* bytes under way to the camera, at most */
    int64_t virtual_us;
    int64_t *latencies_us; /* of calls that were done; owned by the caller, NULL when not wanted */
    size_t latencies_size, latencies_count;
};

/* What to simulate beside what the seed says. */
struct world_choice {
    const char *profile; /* NULL: from the seed; else a name of world_profiles() */
    const char *camera;  /* NULL: from the seed; else a model_kind_name() */
    int calls;           /* of the faulty part */
};

/* Names of the profiles, NULL-terminated. */
const char *const *world_profiles(void);

/*
 * Runs the world of a seed and adds to the report. Returns 0, or -1 after a broken promise, which is then described to
 * `file` with a trace of what led to it.
 */
int world_run(uint64_t seed, const struct world_choice *choice, struct world_report *report, FILE *file);

#endif
