/* SPDX-License-Identifier: MIT */
#ifndef HEALING_H
#define HEALING_H

/*
 * How links heal, whatever their kind: the times that a configuration may set, and the steps that are counted.
 *
 * A camera that does not answer is resynchronised by its master without end (openmvrpc.h). Around that stand the steps
 * of the bus: a link that failed is opened again, at growing intervals or when the system announces a device; one on
 * which the camera stays silent is closed and opened anew; a camera that stays silent even so is reset by its GPIO line,
 * where it has one; an idle camera is asked for a sign of life.
 */

#include <stddef.h>
#include <stdint.h>

/* Of a step that is not taken; in a configuration that is a time of 0. */
#define HEALING_NEVER UINT32_MAX

/* Times in milliseconds. In a configuration being read, 0 stands for what was not said. */
struct healing {
    uint32_t offline_after_ms;
    uint32_t silent_after_ms;
    uint32_t reopen_after_ms;
    uint32_t reset_after_ms; /* HEALING_NEVER: not by itself */
    uint32_t retry_min_ms;
    uint32_t retry_max_ms;
    uint32_t probe_interval_ms;
    uint32_t probe_timeout_ms;
};

struct healing_row {
    const char *key; /* NULL ends the table */
    size_t offset;   /* in struct healing */
    uint32_t fallback, minimum, maximum;
    const char *doc;
};

extern const struct healing_row healing_rows[];

/* The value that a row stands for. */
uint32_t *healing_place(struct healing *healing, const struct healing_row *row);

/* Sets what was not said to what `general` says, or, where that is NULL or has not said it either, to the default. */
void healing_complete(struct healing *healing, const struct healing *general);

/* What is counted, in `stats` as well as in the log. */
enum healing_step {
    HEALING_LOSSES,
    HEALING_RETURNS,
    HEALING_FAILED_OPENINGS,
    HEALING_ANNOUNCEMENTS,
    HEALING_REOPENS,
    HEALING_RESETS,
    HEALING_PROBES,
    HEALING_STEPS,
};

/* Returns the step's name in `stats`, such as "losses". */
const char *healing_step_name(enum healing_step step);

/* Returns a sentence for the log, or NULL for a step that something else reports or that happens all the time. */
const char *healing_step_sentence(enum healing_step step);

#endif
