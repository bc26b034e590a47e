/* SPDX-License-Identifier: MIT */
/* What an error means to the caller of openmvctl: the exit code, and the next step. One table holds it all. */
#ifndef OPENMVCTL_REASONS_H
#define OPENMVCTL_REASONS_H

#include <stdio.h>

enum exit_code {
    CTL_OK = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_NO_DAEMON = 3,
    CTL_CAMERA_AWAY = 4,
    CTL_REFUSED = 5,
    CTL_UNWELL = 6,
};

struct reason_row {
    const char *reason;
    enum exit_code code;
    const char *hint; /* NULL where the daemon's message says all there is */
};

/* The row of an error's reason; one that stands for "failed" where the reason is unknown. Never NULL. */
const struct reason_row *reason_find(const char *reason);

/* Prints the exit codes, each with the reasons that lead to it. */
void reason_print_exit_codes(FILE *out);

#endif
