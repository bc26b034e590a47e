/* SPDX-License-Identifier: MIT */
/* Finds GPIO lines by name, or by chip and offset. */

#include "gpio_request.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NODES_FOLDER "/dev"
#define NODE_PREFIX  "gpiochip"

/* A line that is looked for, and what was found of it. */
struct search {
    const struct omvrpc_gpio_line *wanted;
    struct gpiod_chip *chip; /* has the line */
    uint32_t offset;
    int error; /* 0, or why it cannot be had although there may be such a line */
};

static struct gpiod_chip *open_chip(const char *path) {
    struct gpiod_chip *chip = gpiod_chip_open(path);
    if (chip == NULL && errno == ENOTTY) {
        errno = ENODEV; /* libgpiod says either of a node that is no GPIO chip */
    }
    return chip;
}

/* Looks for the line on a chip. Returns 0, -ENOENT, or another negative errno. */
static int find_on_chip(struct gpiod_chip *chip, const struct omvrpc_gpio_line *wanted, uint32_t *offset) {
    uint32_t count = gpio_chip_line_count(chip);
    if (wanted->line == NULL) {
        *offset = wanted->offset;
        return wanted->offset < count ? 0 : -ENOENT;
    }
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        struct gpio_facts facts;
        int error = gpio_chip_read_facts(chip, i, &facts);
        if (error != 0) {
            return error;
        }
        if (strcmp(facts.name, wanted->line) == 0) {
            if (found) {
                return -ENOTUNIQ;
            }
            found = true;
            *offset = i;
        }
    }
    return found ? 0 : -ENOENT;
}

/* Looks on one chip more, and closes it unless it has the line. */
static void search_chip(struct search *search, struct gpiod_chip *chip) {
    uint32_t offset;
    int error = find_on_chip(chip, search->wanted, &offset);
    if (error == 0 && search->chip != NULL) {
        /* Which of the two is meant nobody can know, and the wrong pin may drive anything. */
        error = -ENOTUNIQ;
    }
    if (error == 0) {
        search->chip = chip;
        search->offset = offset;
        return;
    }
    if (error != -ENOENT) {
        search->error = error;
    }
    gpiod_chip_close(chip);
}

static int is_chip_node(const struct dirent *entry) {
    return strncmp(entry->d_name, NODE_PREFIX, strlen(NODE_PREFIX)) == 0;
}

/* Looks on all chips that may be meant. */
static void search_chips(struct search *search, const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_chip_node, versionsort);
    if (count < 0) {
        search->error = -errno;
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat status;
        const char *name = search->wanted->chip;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        /* A link is another name of a chip that comes by itself, as on a Pi 5. */
        if (length < (int)sizeof path && lstat(path, &status) == 0 && !S_ISLNK(status.st_mode)) {
            struct gpiod_chip *chip = open_chip(path);
            if (chip == NULL) {
                search->error = -errno;
            } else if (name == NULL || gpio_chip_has_label(chip, name)) {
                search_chip(search, chip);
            } else {
                gpiod_chip_close(chip);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

/* Tries the chip's name as that of a node. Returns whether there is such a node. */
static bool search_node(struct search *search, const char *folder) {
    const char *name = search->wanted->chip;
    char path[PATH_MAX];
    struct stat status;
    int length = snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : folder, name[0] == '/' ? "" : "/", name);
    if (length >= (int)sizeof path || stat(path, &status) < 0) {
        return false;
    }
    struct gpiod_chip *chip = open_chip(path);
    if (chip == NULL) {
        search->error = -errno;
    } else {
        search_chip(search, chip);
    }
    return true;
}

/* Returns the chip that has the line, to be closed by the caller, or NULL with errno set. */
static struct gpiod_chip *find_line(const char *folder, const struct omvrpc_gpio_line *wanted, uint32_t *offset) {
    struct search search = {.wanted = wanted};
    const char *chip = wanted->chip;
    if ((wanted->line != NULL ? wanted->line[0] == '\0' : chip == NULL) || (chip != NULL && chip[0] == '\0')) {
        errno = EINVAL;
        return NULL;
    }
    bool is_node = chip != NULL && (chip[0] == '/' || strncmp(chip, NODE_PREFIX, strlen(NODE_PREFIX)) == 0);
    if (!is_node || (!search_node(&search, folder) && chip[0] != '/')) {
        search_chips(&search, folder);
    }
    /* A line that was found is the one, even if some other chip may not be read; a second of that name is in doubt. */
    if (search.chip != NULL && search.error == -ENOTUNIQ) {
        gpiod_chip_close(search.chip);
        search.chip = NULL;
    }
    if (search.chip == NULL) {
        errno = search.error != 0 ? -search.error : ENOENT;
        return NULL;
    }
    *offset = search.offset;
    return search.chip;
}

struct omvrpc_gpio *gpio_open_output_in(const char *folder, const struct omvrpc_gpio_line *line, bool active) {
    uint32_t offset;
    struct gpiod_chip *chip = find_line(folder, line, &offset);
    return chip == NULL ? NULL : gpio_request_output(chip, offset, line->active_low, active);
}

struct omvrpc_gpio *gpio_open_input_in(const char *folder, const struct omvrpc_gpio_line *line) {
    uint32_t offset;
    struct gpiod_chip *chip = find_line(folder, line, &offset);
    struct omvrpc_gpio *gpio = chip == NULL ? NULL : gpio_request_input(chip, offset, line->active_low);
    if (chip != NULL && gpio == NULL && errno == ENODEV) {
        /* What the kernel's first API says of a chip without interrupts, and either of one that is gone. */
        errno = gpio_find_in(folder, line) == 0 ? ENXIO : ENODEV;
    }
    return gpio;
}

int gpio_find_in(const char *folder, const struct omvrpc_gpio_line *line) {
    uint32_t offset;
    struct gpiod_chip *chip = find_line(folder, line, &offset);
    if (chip == NULL) {
        return -errno;
    }
    gpiod_chip_close(chip);
    return 0;
}

bool gpio_find_holder_in(const char *folder, const struct omvrpc_gpio_line *line, char *text, size_t size) {
    uint32_t offset;
    struct gpiod_chip *chip = find_line(folder, line, &offset);
    if (chip == NULL) {
        return false;
    }
    struct gpio_facts facts;
    bool held = gpio_chip_read_facts(chip, offset, &facts) == 0 && facts.used;
    gpiod_chip_close(chip);
    if (held) {
        snprintf(text, size, "%s", facts.consumer[0] != '\0' ? facts.consumer : "?");
    }
    return held;
}

struct omvrpc_gpio *omvrpc_gpio_open_output(const struct omvrpc_gpio_line *line, bool active) {
    return gpio_open_output_in(NODES_FOLDER, line, active);
}

struct omvrpc_gpio *omvrpc_gpio_open_input(const struct omvrpc_gpio_line *line) {
    return gpio_open_input_in(NODES_FOLDER, line);
}

int omvrpc_gpio_find(const struct omvrpc_gpio_line *line) {
    return gpio_find_in(NODES_FOLDER, line);
}

bool omvrpc_gpio_find_holder(const struct omvrpc_gpio_line *line, char *text, size_t size) {
    return gpio_find_holder_in(NODES_FOLDER, line, text, size);
}
