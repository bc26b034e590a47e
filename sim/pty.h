/* SPDX-License-Identifier: MIT */
#ifndef SIM_PTY_H
#define SIM_PTY_H

/* A pseudo terminal that looks like a camera's serial port, and the symbolic link that gives it a lasting name. */

#include <stddef.h>

struct sim_pty {
    int master;
    int slave; /* held open, so that the master sees no hang-up while nobody has the port open */
    char path[64];
};

/* Opens one in raw mode. Returns 0 or a negative errno. */
int sim_pty_open(struct sim_pty *pty);

/* Closes it; whoever has the port open sees a hang-up, as when a camera is unplugged. */
void sim_pty_close(struct sim_pty *pty);

/*
 * Makes `link_path` point to the pty. A symbolic link that is there is replaced in one step; anything else stays, and
 * the answer is -EEXIST. Returns 0 or a negative errno.
 */
int sim_pty_link(const struct sim_pty *pty, const char *link_path);

/* Removes the link if it still points to this pty. */
void sim_pty_unlink(const struct sim_pty *pty, const char *link_path);

#endif
