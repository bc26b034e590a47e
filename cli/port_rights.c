/* SPDX-License-Identifier: MIT */
/* Owners, groups and modes. */
#include "port_rights.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static bool has_group(const struct port_user *user, gid_t group) {
    for (size_t i = 0; i < user->group_count; i++) {
        if (user->groups[i] == group) {
            return true;
        }
    }
    return false;
}

enum port_rights port_rights_judge(const struct stat *node, const struct port_user *user, bool joined) {
    enum { OWNER = S_IRUSR | S_IWUSR, GROUP = S_IRGRP | S_IWGRP, OTHERS = S_IROTH | S_IWOTH };
    bool in_group = has_group(user, node->st_gid);
    mode_t needed = user->uid == node->st_uid ? OWNER : in_group ? GROUP : OTHERS;
    if (user->uid == 0 || (node->st_mode & needed) == needed) {
        return PORT_OPEN;
    }
    if (needed != OTHERS || (node->st_mode & GROUP) != GROUP || node->st_gid == 0) {
        return PORT_CLOSED;
    }
    return joined ? PORT_NOT_YET : PORT_NO_MEMBER;
}

/* The text behind a line's name, or NULL. */
static const char *find_line(const char *status, const char *name) {
    const char *at = strstr(status, name);
    return at && (at == status || at[-1] == '\n') ? at + strlen(name) : NULL;
}

/* The second number of "Uid:\t1000\t1000\t1000\t1000": the effective one, by which the kernel judges. */
static bool read_effective(const char *status, const char *name, unsigned long *number) {
    const char *line = find_line(status, name);
    char *end;
    if (!line) {
        return false;
    }
    (void)strtoul(line, &end, 10);
    const char *second = end;
    *number = strtoul(second, &end, 10);
    return end != second;
}

bool port_user_parse(const char *status, struct port_user *user) {
    unsigned long uid;
    unsigned long gid;
    const char *at = find_line(status, "Groups:");
    if (!at || !read_effective(status, "Uid:", &uid) || !read_effective(status, "Gid:", &gid)) {
        return false;
    }
    *user = (struct port_user){.uid = (uid_t)uid, .groups = {(gid_t)gid}, .group_count = 1};
    for (;;) {
        at += strspn(at, " \t");
        if (*at < '0' || *at > '9') {
            return true;
        }
        if (user->group_count == PORT_GROUPS_MOST) {
            return false;
        }
        char *end;
        user->groups[user->group_count++] = (gid_t)strtoul(at, &end, 10);
        at = end;
    }
}

bool port_user_has_joined(uid_t uid, gid_t group) {
    const struct passwd *user = getpwuid(uid);
    if (!user) {
        return false;
    }
    gid_t groups[PORT_GROUPS_MOST];
    int count = PORT_GROUPS_MOST;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}
