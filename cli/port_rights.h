/* SPDX-License-Identifier: MIT */
/* Whether somebody may open a port, and if not, what is missing. */
#ifndef OPENMVCTL_PORT_RIGHTS_H
#define OPENMVCTL_PORT_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { PORT_GROUPS_MOST = 256 };

/* Who wants to open it: what the kernel knows of a process. */
struct port_user {
    uid_t uid;
    gid_t groups[PORT_GROUPS_MOST]; /* its own group first */
    size_t group_count;
};

enum port_rights {
    PORT_OPEN,      /* may be opened */
    PORT_NOT_YET,   /* the user has joined the group, but the process is older than that */
    PORT_NO_MEMBER, /* the group may, and the user is not in it */
    PORT_CLOSED,    /* not even the group may, or it is the group of root, which nobody should join */
};

/*
 * Judges by owner, group and mode of the node, as the kernel does. `joined` says whether the group database lists the
 * user in the node's group.
 */
enum port_rights port_rights_judge(const struct stat *node, const struct port_user *user, bool joined);

/*
 * Reads who a process is from the text of its /proc/PID/status. Where lines are missing, or there are more groups than
 * fit, it returns false.
 */
bool port_user_parse(const char *status, struct port_user *user);

/* Whether the group database lists the user `uid` in the group, as a member or by the user's own group. */
bool port_user_has_joined(uid_t uid, gid_t group);

#endif
