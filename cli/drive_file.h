/* SPDX-License-Identifier: MIT */
/* Files on a camera's drive, which is small, a FAT file system, and may be unplugged at any moment. */
#ifndef OPENMVCTL_DRIVE_FILE_H
#define OPENMVCTL_DRIVE_FILE_H

#include <stddef.h>

/* No script is longer: a camera could not load it. */
#define DRIVE_FILE_LIMIT ((size_t)1 << 20)

/*
 * Reads a whole regular file of the folder that `folder` is a descriptor of. `bytes` is never NULL on success, has a
 * NUL behind it, and the caller frees it. Returns 0 or a negative errno: -ENOENT, -EFBIG beyond DRIVE_FILE_LIMIT.
 */
int drive_file_read(int folder, const char *name, char **bytes, size_t *length);

/*
 * Writes a whole file: under another name, synced to the drive, then renamed. Where the drive has no room for both,
 * the old file is removed first, but only if the new one then fits. Returns 0 or a negative errno; after -ENOSPC the
 * old file is what it was.
 */
int drive_file_write(int folder, const char *name, const char *bytes, size_t length);

#endif
