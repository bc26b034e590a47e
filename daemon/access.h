/* SPDX-License-Identifier: MIT */
#ifndef ACCESS_H
#define ACCESS_H

/*
 * Who may ask what: the rules of the configuration's section "access", and the questions put to them.
 *
 * A rule allows or denies what its patterns name, to the user and the members of the group that it names, or to
 * everybody. The first rule that concerns both the peer and what it asks decides; where none does, it may. Which rules
 * concern a peer is found out when it connects, and again when the rules are others, as the kernel knew it when it
 * connected: what a process becomes later does not change its connections.
 *
 * A camera knows callbacks by a hash of 32 bits of their names alone, and other names of the same hash are easily made.
 * So a name without a wildcard is compared by its command id. A wildcard needs a name to be believed: that of a callback
 * which the configuration, the camera or the daemon itself describes. What nobody describes may be anything, so
 * wildcards that deny cover it, and wildcards that allow do not, but for "*", which means really all.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct callback;
struct client;
struct method;

/* A set of rules is a word with a bit for each. */
enum { ACCESS_RULES_MAX = 64, ACCESS_PATTERNS_MAX = 256 };

struct access_pattern {
    char *text; /* of a callback: without the "call:" before it */
    bool is_of_callback;
    bool has_wildcard;
    uint32_t command; /* of a callback's pattern without a wildcard */
};

struct access_rule {
    bool allows; /* denies, else */
    struct access_pattern *patterns;
    size_t pattern_count;
    char *user;  /* NULL: any */
    char *group; /* NULL: any */
    uid_t uid;   /* of the user and the group, once they are resolved */
    gid_t gid;
    bool concerns_nobody; /* there is no such user or group */
    size_t line;          /* in the file */
};

/* Empty, which allows everything, when zeroed. */
struct access {
    struct access_rule *rules;
    size_t count;
};

/* Whether a pattern's text, as fnmatch() understands it, stands for more than itself. */
bool access_has_wildcard(const char *text);

/* Looks the names of users and groups up. One that does not exist is a warning, and its rule concerns nobody. */
void access_resolve(struct access *access);

void access_clear(struct access *access);

/*
 * Finds the rules that concern the peer of a connected socket, whose uid and primary gid are known. Returns 0, or -1
 * with errno where a rule names a group and the kernel does not tell the peer's groups (before Linux 4.13) or memory is
 * short.
 */
int access_find_rules(const struct access *access, int fd, uid_t uid, gid_t gid, uint64_t *rules);

/*
 * Whether a client may use a method; where not, *error says by which rule, and the log by whom. A method that
 * names callbacks may be used where any callback is allowed; access_check_callback() then has the last word.
 */
bool access_check_method(struct client *client, const struct method *method, struct error *error);

/* Whether a client may subscribe to the events of cameras, which is not said by the callbacks that it may have. */
bool access_check_events(struct client *client, struct error *error);

/*
 * Whether a client may have this callback called through a method. `name` is as the client gave it, `command` its id,
 * and `callback` what is known of it, or NULL.
 */
bool access_check_callback(struct client *client, const struct method *method, const char *name, uint32_t command,
                           const struct callback *callback, struct error *error);

#endif
