/* SPDX-License-Identifier: MIT */
/* The command line: one table of options, and their values as strings, numbers and times. */
#ifndef OPENMVCTL_OPTIONS_H
#define OPENMVCTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum option_id {
    OPTION_SOCKET,
    OPTION_CAMERA,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_ARGS,
    OPTION_DATA,
    OPTION_DATA_FILE,
    OPTION_REPLY,
    OPTION_OUT,
    OPTION_MAX_AGE,
    OPTION_PRIORITY,
    OPTION_WAIT,
    OPTION_EVERY,
    OPTION_COUNT,
    OPTION_WATCH,
    OPTION_FOR,
    OPTION_MAX,
    OPTION_DRIVE,
    OPTION_SERIAL,
    OPTION_FROM,
    OPTION_DRY_RUN,
    OPTION_YES,
    OPTION_DEVICE,
    OPTION_ON_CHANGE,
    OPTION_EVENTS,
    OPTION_PROGRESS,
    OPTION_KINDS,
};

/* A set of options, for verbs to say which are theirs. */
#define OPTION_BIT(id) (1u << (id))
#define OPTIONS_OF_EVERYBODY                                                                                           \
    (OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_CAMERA) | OPTION_BIT(OPTION_TIMEOUT) | OPTION_BIT(OPTION_JSON) |    \
     OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_VERSION))

struct options {
    const char *value[OPTION_KINDS]; /* NULL where not given; "" for a flag that was */
    char **operands;                 /* the verb first, then its own; points into argv */
    int operand_count;
};

/*
 * Sorts argv into options and operands, which may be mixed; everything after "--" is an operand, and so is a negative
 * number. False after telling what was wrong on stderr.
 */
bool options_parse(int argc, char **argv, struct options *options);

/* False, and told on stderr, when an option was given that is not in `allowed`. */
bool options_check(const struct options *options, unsigned allowed);

/*
 * The time an option names, such as "5s", "200ms", "2m", "1h", in milliseconds from `least` to a day; a bare number
 * counts in `unit` ("ms" or "s"). Leaves `milliseconds` alone when the option was not given. False after telling on
 * stderr what was wrong.
 */
bool options_time(const struct options *options, enum option_id id, const char *unit, long least, long *milliseconds);

/* The same for a whole number from 1 to a million. */
bool options_count(const struct options *options, enum option_id id, long *count);

/* The same for a number of bytes, such as "65536", "512K" or "4M". */
bool options_bytes(const struct options *options, enum option_id id, long *bytes);

/* The operand at `index` behind the verb, or NULL. */
const char *options_operand(const struct options *options, int index);

/* Prints the options in the set `which`, one a line. */
void options_print(FILE *out, unsigned which);

/* Says on stderr what was wrong with the command line and where help is. Returns CTL_USAGE. */
int usage_error(const struct options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
