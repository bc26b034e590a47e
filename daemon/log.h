/* SPDX-License-Identifier: MIT */
#ifndef LOG_H
#define LOG_H

/*
 * The log: one line an event on standard error, written by a single write(2), so that threads never mix their lines.
 *
 * On a terminal a line carries the time and a coloured level; elsewhere it opens with "<N>", which journald takes as
 * priority. Each subsystem has a level of its own. What a hostile client can make happen at will is logged at debug
 * level only.
 */

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_WIRE, LOG_LEVEL_COUNT };

enum log_subsystem {
    LOG_SUBSYSTEM_DAEMON,
    LOG_SUBSYSTEM_CONFIG,
    LOG_SUBSYSTEM_SERVER,
    LOG_SUBSYSTEM_CLIENT,
    LOG_SUBSYSTEM_CAMERA,
    LOG_SUBSYSTEM_BUS,
    LOG_SUBSYSTEM_COUNT,
};

/*
 * Whether a text is "LEVEL", "LEVEL,SUBSYSTEM:LEVEL,..." or "SUBSYSTEM:LEVEL,...". Returns false with a sentence in
 * `problem` (at most `size` bytes with NUL) where it is not.
 */
bool log_check(const char *text, char *problem, size_t size);

/* Sets the levels to their defaults, changed by the one text and then by the other; each may be NULL, and log_check() has
 * found nothing wrong with it. May be called while other threads write. */
void log_set(const char *text, const char *more);

/* Whether a line of this level would be written: for messages that cost something to make. */
bool log_wants(enum log_subsystem subsystem, enum log_level level);

/* Writes a line; no newline in `format`. Control characters and what is no UTF-8 become '?'; lines are cut at about 1000 bytes.
 * Keeps errno. */
void log_write(enum log_subsystem subsystem, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The names of levels and subsystems, for help texts; NULL beyond the last. */
const char *log_level_name(size_t index);
const char *log_subsystem_name(size_t index);

#define log_error(subsystem, ...)   log_write(LOG_SUBSYSTEM_##subsystem, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(subsystem, ...) log_write(LOG_SUBSYSTEM_##subsystem, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(subsystem, ...)    log_write(LOG_SUBSYSTEM_##subsystem, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(subsystem, ...)   log_write(LOG_SUBSYSTEM_##subsystem, LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
