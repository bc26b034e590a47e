/* SPDX-License-Identifier: MIT */
/* The tables of healing. */

#include "healing.h"

#define ROW(key) #key, offsetof(struct healing, key)

/*
 * Where the defaults come from: a board takes about two seconds to reset and enumerate, so one that returns within
 * three has not been away. The stock slave's own longest silence is its send timeout of a second. An open() of a
 * missing node costs microseconds, so looking twice a second costs nothing. Drivers hang, too: ten seconds of silence
 * earn a new link. A reset costs whatever the camera's script has learned, so it comes after the third
 * opening. A UART does not tell when its other end has gone, hence the sign of life.
 */
const struct healing_row healing_rows[] = {
    {ROW(offline_after_ms), 3000, 100, 3600000, "how long a lost camera is `connecting` and its calls wait"},
    {ROW(silent_after_ms), 1200, 200, 60000, "how long a camera may be silent and still count as online"},
    {ROW(reopen_after_ms), 10000, 1000, 3600000, "silence after which its link is closed and opened anew"},
    {ROW(reset_after_ms), 30000, 0, 3600000,
     "silence after which a camera with a reset line is reset, each time in vain doubled; 0 for never"},
    {ROW(retry_min_ms), 50, 10, 60000, "the pause after a first failed opening, doubled each time"},
    {ROW(retry_max_ms), 500, 10, 60000, "the longest pause between two attempts"},
    {ROW(probe_interval_ms), 5000, 500, 3600000, "how often an idle camera is asked for a sign of life"},
    {ROW(probe_timeout_ms), 2000, 200, 60000, "how long that sign is waited for"},
    {.key = NULL},
};

uint32_t *healing_place(struct healing *healing, const struct healing_row *row) {
    return (uint32_t *)(void *)((char *)healing + row->offset);
}

void healing_complete(struct healing *healing, const struct healing *general) {
    struct healing nothing = {0};
    struct healing said = general != NULL ? *general : nothing;
    for (const struct healing_row *row = healing_rows; row->key != NULL; row++) {
        uint32_t *value = healing_place(healing, row);
        if (*value == 0) {
            *value = *healing_place(&said, row);
        }
        if (*value == 0) {
            *value = row->fallback;
        }
    }
    if (healing->retry_max_ms < healing->retry_min_ms) {
        healing->retry_max_ms = healing->retry_min_ms;
    }
}

static const struct {
    const char *name, *sentence;
} steps[HEALING_STEPS] = {
    [HEALING_LOSSES] = {"losses", NULL},
    [HEALING_RETURNS] = {"returns", NULL},
    [HEALING_FAILED_OPENINGS] = {"failed_openings", NULL},
    [HEALING_ANNOUNCEMENTS] = {"announcements", "a device was announced, so its link is opened now"},
    [HEALING_REOPENS] = {"reopens", "it stays silent, so its link is closed and opened anew"},
    [HEALING_RESETS] = {"resets", "it is reset by its GPIO line"},
    [HEALING_PROBES] = {"probes", NULL},
};

const char *healing_step_name(enum healing_step step) {
    return steps[step].name;
}

const char *healing_step_sentence(enum healing_step step) {
    return steps[step].sentence;
}
