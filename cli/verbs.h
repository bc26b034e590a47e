/* SPDX-License-Identifier: MIT */
/*
 * The verbs: one table from which the dispatcher and all help come. A new verb is a handler, in a file of its own or
 * beside its kin, and a row in verbs.c.
 */
#ifndef OPENMVCTL_VERBS_H
#define OPENMVCTL_VERBS_H

#include <stddef.h>
#include <stdio.h>

struct client;
struct options;

/* Does the verb's work, prints its outcome, and returns the exit code. */
typedef int verb_handler(const struct options *options, struct client *client);

struct verb {
    const char *name;
    verb_handler *handler;
    const char *usage; /* its operands */
    const char *doc;   /* one line for the list of all */
    const char *more;  /* what its own help adds; may be NULL */
    unsigned options;  /* a set of OPTION_BIT, beside those everybody has */
    int least_operands;
    int most_operands;
};

/* The verb of that name, or NULL. */
const struct verb *verb_find(const char *name);

/* The verb whose name is nearest to a mistyped one, or NULL when none is near. */
const struct verb *verb_find_near(const char *name);

void verb_print_all_help(FILE *out);
void verb_print_help(const struct verb *verb, FILE *out);

verb_handler verb_run_ping, verb_run_version, verb_run_cameras, verb_run_callbacks, verb_run_call, verb_run_snapshot,
    verb_run_stats, verb_run_watch, verb_run_stream, verb_run_trace, verb_run_replay, verb_run_release,
    verb_run_acquire, verb_run_reset, verb_run_deploy, verb_run_doctor, verb_run_request;

#endif
