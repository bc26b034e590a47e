/* SPDX-License-Identifier: MIT */
/* Folders that look like /sys or /proc, made for one test and removed after it. */
#ifndef FAKE_FOLDER_H
#define FAKE_FOLDER_H

#include <check.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_folder {
    char path[64];
};

static inline void fake_folder_make(struct fake_folder *fake) {
    strcpy(fake->path, "/tmp/openmvd-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fake->path));
}

/* Makes the folders above a file. */
static inline void fake_folder_make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0777);
        *slash = '/';
    }
}

static inline void fake_folder_write(const struct fake_folder *fake, const char *name, const char *text) {
    char path[PATH_MAX];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", fake->path, name), PATH_MAX);
    fake_folder_make_parents(path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void fake_folder_link(const struct fake_folder *fake, const char *name, const char *target) {
    char path[PATH_MAX];
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", fake->path, name), PATH_MAX);
    fake_folder_make_parents(path);
    ck_assert_int_eq(symlink(target, path), 0);
}

static inline int fake_folder_remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static inline void fake_folder_remove(struct fake_folder *fake) {
    ck_assert_int_eq(nftw(fake->path, fake_folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
