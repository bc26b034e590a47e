/* SPDX-License-Identifier: MIT */
/* Files that appear complete or not at all, and the names of numbered ones. */
#ifndef OPENMVCTL_OUTPUT_FILE_H
#define OPENMVCTL_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes a whole file: to a temporary one beside it, which then takes the name, so that nobody ever reads a half one
 * under it. What is no regular file (a FIFO, /dev/null) is written straight; "-" is standard output. False after
 * telling on stderr what failed; then the name still stands for what it stood for before.
 */
bool output_file_write(const char *path, const void *bytes, size_t length);

/*
 * `pattern` with its one %d, or %Nd or %0Nd with N up to 9, replaced by `number`, and %% by a percent sign; a pattern
 * without a conversion gives itself. The caller frees it. NULL for any other pattern.
 */
char *output_file_name(const char *pattern, unsigned number);

/* What to say of a pattern that is none: a format for usage_error, with the pattern. */
#define OUTPUT_FILE_NO_NAME "'%s' is no file name: one %%d or %%03d may stand in it, and %%%% for a percent sign"

#endif
