/* SPDX-License-Identifier: MIT */
/* Finding and reading the camera's files. */
#include "firmware_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive_file.h"
#include "need.h"

#define MAIN_SCRIPT  "main.py"
#define OUR_MARK     "openmvd"

#define FILES_LIMIT  64
#define TARGET_LIMIT 4096

bool firmware_is_main(const char *name) {
    return strcmp(name, MAIN_SCRIPT) == 0;
}

bool firmware_is_ours(const char *bytes, size_t length) {
    const char *end = bytes + length;
    while (bytes < end && *bytes == '#') {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t line = (size_t)((newline ? newline : end) - bytes);
        if (memmem(bytes, line, OUR_MARK, strlen(OUR_MARK))) {
            return true;
        }
        bytes += line + (newline != NULL);
    }
    return false;
}

char *firmware_folder_find(void) {
    char self[TARGET_LIMIT];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    char *slash = strrchr(self, '/');
    if (!slash) {
        return NULL;
    }
    *slash = 0;
    char *installed = need_text("%s/../share/openmvd/firmware", self);
    char *built = need_text("%s/../firmware", self);
    char *folder = realpath(installed, NULL);
    folder = folder ? folder : realpath(built, NULL);
    free(installed);
    free(built);
    return folder;
}

static bool is_script(const char *name) {
    size_t length = strlen(name);
    return length > 3 && name[0] != '.' && strcmp(name + length - 3, ".py") == 0;
}

static int compare_files(const void *one, const void *other) {
    const struct firmware_file *a = one;
    const struct firmware_file *b = other;
    int order = firmware_is_main(a->name) - firmware_is_main(b->name);
    return order ? order : strcmp(a->name, b->name);
}

static char *read_files(const char *folder, DIR *list, struct firmware_files *files) {
    for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
        if (!is_script(entry->d_name)) {
            continue;
        }
        if (files->count == FILES_LIMIT) {
            return need_text("%s has more than %d scripts: is it the right folder?", folder, FILES_LIMIT);
        }
        struct firmware_file file = {0};
        int error = drive_file_read(dirfd(list), entry->d_name, &file.bytes, &file.length);
        if (error) {
            return need_text("%s/%s cannot be read: %s", folder, entry->d_name, strerror(-error));
        }
        file.name = need_memory(strdup(entry->d_name));
        files->file = need_memory(realloc(files->file, (files->count + 1) * sizeof file));
        files->file[files->count++] = file;
    }
    return files->count ? NULL : need_text("%s has no scripts (*.py) for a camera", folder);
}

bool firmware_files_read(const char *folder, struct firmware_files *files, char **problem) {
    *files = (struct firmware_files){0};
    DIR *list = opendir(folder);
    *problem = list ? read_files(folder, list, files) : need_text("%s cannot be read: %s", folder, strerror(errno));
    if (list) {
        closedir(list);
    }
    if (*problem) {
        firmware_files_free(files);
        return false;
    }
    qsort(files->file, files->count, sizeof *files->file, compare_files);
    return true;
}

void firmware_files_free(struct firmware_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->file[i].name);
        free(files->file[i].bytes);
    }
    free(files->file);
    *files = (struct firmware_files){0};
}
