/* SPDX-License-Identifier: MIT */
/* GPIO lines by their names, and what keeps them from us. */

#include "gpio_line.h"

#include "node_access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gpio_settings_clear(struct gpio_settings *settings) {
    free(settings->line);
    free(settings->chip);
    *settings = (struct gpio_settings){0};
}

bool gpio_settings_are_there(const struct gpio_settings *settings) {
    return settings->line != NULL || settings->chip != NULL;
}

const struct omvrpc_gpio_line *gpio_settings_line(const struct gpio_settings *settings, struct omvrpc_gpio_line *line) {
    *line = (struct omvrpc_gpio_line){
        .line = settings->line,
        .chip = settings->chip,
        .offset = settings->offset,
        .active_low = settings->active_low,
    };
    return gpio_settings_are_there(settings) ? line : NULL;
}

void gpio_settings_describe(const struct gpio_settings *settings, char *text, size_t size) {
    if (settings->line != NULL) {
        snprintf(text, size, "%.32s", settings->line);
    } else if (settings->chip != NULL) {
        snprintf(text, size, "%.32s offset %u", settings->chip, settings->offset);
    } else {
        text[0] = '\0';
    }
}

bool gpio_settings_are_same(const struct gpio_settings *one, const struct gpio_settings *other) {
    if (one->line != NULL && other->line != NULL) {
        bool is_same_chip = one->chip == NULL || other->chip == NULL || strcmp(one->chip, other->chip) == 0;
        return is_same_chip && strcmp(one->line, other->line) == 0;
    }
    return one->line == NULL && other->line == NULL && one->chip != NULL && other->chip != NULL &&
           one->offset == other->offset && strcmp(one->chip, other->chip) == 0;
}

/* A chip of the board that is enough to see whose they are. */
#define ANY_CHIP "/dev/gpiochip0"

static void explain_in_use(const struct gpio_use *use, const char *name, char *reason, size_t size) {
    struct omvrpc_gpio_line line;
    char holder[64];
    if (!omvrpc_gpio_find_holder(gpio_settings_line(use->settings, &line), holder, sizeof holder)) {
        snprintf(reason, size, "GPIO line %s (%s) is in use: `gpioinfo` shows by whom", name, use->role);
    } else if (strncmp(holder, "spi", strlen("spi")) == 0) {
        /* The chip selects of the Pi's own controller, called "spi0 CS0". */
        snprintf(
            reason, size,
            "GPIO line %s (%s) is held by the kernel itself, as \"%.30s\": use another pin, or the overlay spi0-0cs, "
            "which holds none",
            name, use->role, holder);
    } else if (strcmp(holder, OMVRPC_GPIO_CONSUMER) == 0) {
        snprintf(reason, size,
                 "GPIO line %s (%s) is in use by another camera of this daemon, perhaps by another name, or by another "
                 "openmvd: `gpioinfo` shows the lines",
                 name, use->role);
    } else {
        snprintf(reason, size, "GPIO line %s (%s) is in use by \"%.40s\": stop that program, or use another pin", name,
                 use->role, holder);
    }
}

void gpio_line_explain(int error, const struct gpio_use *use, char *reason, size_t size) {
    const struct gpio_settings *settings = use->settings;
    char name[GPIO_NAME_SIZE];
    char path[64];
    gpio_settings_describe(settings, name, sizeof name);
    switch (error) {
    case ENOENT:
        snprintf(reason, size, "there is no GPIO line %s (%s): `gpioinfo` lists what there is%s", name, use->role,
                 settings->line != NULL ? "; where lines have no names, give \"chip\" and \"offset\"" : "");
        break;
    case ENOTUNIQ:
        snprintf(reason, size,
                 "several GPIO lines have the name %s (%s): give \"chip\" as well, or \"chip\" and \"offset\"", name,
                 use->role);
        break;
    case EBUSY:
        explain_in_use(use, name, reason, size);
        break;
    case EACCES:
    case EPERM:
        snprintf(path, sizeof path, "%s%.40s", settings->chip == NULL || settings->chip[0] == '/' ? "" : "/dev/",
                 settings->chip != NULL ? settings->chip : ANY_CHIP);
        node_explain_no_permission(path, reason, size);
        break;
    case ENODEV:
        snprintf(reason, size, "%.40s is no GPIO chip (%s): `gpiodetect` lists them",
                 settings->chip != NULL ? settings->chip : name, use->role);
        break;
    case ENXIO:
        snprintf(reason, size,
                 "GPIO line %s (%s) is on a chip without interrupts, which cannot tell when it changes: use a pin of "
                 "another "
                 "chip, or leave it out",
                 name, use->role);
        break;
    default:
        snprintf(reason, size, "GPIO line %s (%s) cannot be used: %s", name, use->role, strerror(error));
        break;
    }
}

/* Only a chip that is asked for edges says whether it has them; a line that is to tell them is an input in any case. */
static bool lacks_edges(const struct omvrpc_gpio_line *line) {
    struct omvrpc_gpio *gpio = omvrpc_gpio_open_input(line);
    bool lacks = gpio == NULL && errno == ENXIO;
    omvrpc_gpio_close(gpio);
    return lacks;
}

/* By what the kernel tells of the line: to take it for a try would turn an output round for a moment. */
static bool is_at_fault(int error, const struct gpio_use *use) {
    struct omvrpc_gpio_line line;
    char holder[64];
    if (gpio_settings_line(use->settings, &line) == NULL) {
        return false;
    }
    if (error == ENXIO) {
        return use->tells_edges && lacks_edges(&line);
    }
    return error == EBUSY ? omvrpc_gpio_find_holder(&line, holder, sizeof holder) : omvrpc_gpio_find(&line) == -error;
}

bool gpio_line_explain_any(int error, const struct gpio_use *uses, size_t count, char *reason, size_t size) {
    for (size_t i = 0; i < count; i++) {
        if (is_at_fault(error, &uses[i])) {
            gpio_line_explain(error, &uses[i], reason, size);
            return true;
        }
    }
    return false;
}
