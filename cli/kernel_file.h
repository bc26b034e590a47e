/* SPDX-License-Identifier: MIT */
/* Small texts that the kernel shows under /proc and /sys. The root folders are arguments, so that tests can make some up. */
#ifndef OPENMVCTL_KERNEL_FILE_H
#define OPENMVCTL_KERNEL_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads at most `size` - 1 bytes of a file into `text`, without the white space at their end and with NULs as spaces
 * (as /proc/PID/cmdline has them). False, with an empty text, when it cannot be read.
 */
bool kernel_file_read(const char *path, char *text, size_t size);

/* The same for a file whose path is FOLDER/NAME. */
bool kernel_file_read_in(const char *folder, const char *name, char *text, size_t size);

#endif
