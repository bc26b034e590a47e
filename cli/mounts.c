/* SPDX-License-Identifier: MIT */
/* Reading /proc/self/mountinfo: "36 35 8:1 / /media/x rw,relatime shared:1 - vfat /dev/sda1 rw,utf8". */
#include "mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "need.h"

enum { FIELD_NUMBER = 2, FIELD_ROOT, FIELD_FOLDER, FIELD_OPTIONS, FIELD_COUNT };

/* The kernel writes blanks and backslashes in paths as \040 and the like. */
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        bool octal = from[0] == '\\' && strspn(from + 1, "01234567") >= 3;
        *to = octal ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0')) : *from;
        from += octal ? 4 : 1;
    }
    *to = 0;
}

static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == 0)) {
            return true;
        }
    }
    return false;
}

static bool read_line(char *line, const char *device_number, struct mount_place *place) {
    char *fields[FIELD_COUNT];
    char *rest = NULL;
    int count = 0;
    line[strcspn(line, "\n")] = 0;
    while (count < FIELD_COUNT && (fields[count] = strtok_r(count ? NULL : line, " ", &rest))) {
        count++;
    }
    if (count < FIELD_COUNT || strcmp(fields[FIELD_NUMBER], device_number) != 0 ||
        strcmp(fields[FIELD_ROOT], "/") != 0) {
        return false;
    }
    /* A file system that met an error is read-only by its own options, which stand last. */
    const char *last = rest ? strrchr(rest, ' ') : NULL;
    unescape(fields[FIELD_FOLDER]);
    place->folder = need_memory(strdup(fields[FIELD_FOLDER]));
    place->read_only = has_word(fields[FIELD_OPTIONS], "ro") || (last && has_word(last + 1, "ro"));
    return true;
}

bool mounts_find(const char *list_path, const char *device_number, struct mount_place *place) {
    FILE *list = fopen(list_path, "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (list && !found && getline(&line, &size, list) > 0) {
        found = read_line(line, device_number, place);
    }
    free(line);
    if (list) {
        fclose(list);
    }
    return found;
}
