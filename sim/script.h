/* SPDX-License-Identifier: MIT */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

/*
 * A capture as the camera's part: which calls the host is to make, in which order, and what the camera answered to each.
 *
 * How often a host repeats a command or polls depends on the moment, so a call stands for all copies of its command and
 * all polls behind it. Its answers are the bytes that came from the camera meanwhile, as they came, damaged ones too,
 * with the time since the first copy or the first poll. Commands by which openmvd looks whether the camera is there, and
 * whether it has the extensions, are left out: whoever plays the script answers those by itself.
 */

#include "capture.h"

#include <stdbool.h>

struct sim_answer {
    const uint8_t *bytes;
    size_t length;
    bool after_data;  /* not before the host has sent the command's data */
    bool after_poll;  /* not before the host has polled */
    int64_t delay_us; /* since the first poll where that is awaited, else since the first command header */
};

struct sim_call {
    unsigned line; /* of the capture */
    uint32_t command;
    const uint8_t *argument; /* NULL where no whole one was captured: any will do */
    size_t argument_length;
    size_t first_answer, answer_count; /* in the script's answers */
};

struct sim_script {
    struct sim_call *calls;
    size_t call_count;
    struct sim_answer *answers;
    uint8_t *arguments; /* what the calls point into */
};

/* Whether a command is one of those that are left out. */
bool sim_script_leaves_out(uint32_t command);

/*
 * Makes a script of a capture, which must outlive it. Returns 0, or -1 after writing what is wrong into `error`: no
 * memory, no call in the capture, or calls in a session, whose numbers another run cannot repeat.
 */
int sim_script_init(struct sim_script *script, const struct capture *capture, char *error, size_t size);
void sim_script_clear(struct sim_script *script);

#endif
