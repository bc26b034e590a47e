/* SPDX-License-Identifier: MIT */
/* The camera's half of openmvd, as it lies on this machine: where it is, and its files, read into memory. */
#ifndef OPENMVCTL_FIRMWARE_FILES_H
#define OPENMVCTL_FIRMWARE_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct firmware_file {
    char *name;
    char *bytes;
    size_t length;
};

/* The script that the camera starts comes last, so that it never names a file that is not there yet. */
struct firmware_files {
    struct firmware_file *file;
    size_t count;
};

/*
 * The folder with the camera's files that belongs to this program: below share/openmvd beside its bin folder when it is
 * installed, else that of the source tree it was built in. The caller frees it; NULL when there is none.
 */
char *firmware_folder_find(void);

/*
 * Reads all *.py of a folder. False with a sentence in `problem`, which the caller frees, where there are none or one
 * cannot be read; then there is nothing to free in `files`.
 */
bool firmware_files_read(const char *folder, struct firmware_files *files, char **problem);
void firmware_files_free(struct firmware_files *files);

/* The script that the camera starts. */
bool firmware_is_main(const char *name);

/* Whether a script is openmvd's: its first comment says so. */
bool firmware_is_ours(const char *bytes, size_t length);

#endif
