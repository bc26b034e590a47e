/* SPDX-License-Identifier: MIT */
/*
 * GPIO lines through the library, for a test in another language.
 *
 *     gpio_tool holder LINE        held by NAME, or free
 *     gpio_tool get LINE           LEVEL
 *     gpio_tool set LINE LEVEL     LEVEL, and holds the line until its input ends; each line of input is another level
 *     gpio_tool watch LINE         LEVEL, and after each wake EDGES LEVEL, until its input ends
 *
 * LINE is a name, or CHIP:OFFSET; with an exclamation mark before it, active at low level. Levels are 0 and 1. What
 * fails is told on the standard error, with the name of its errno, and ends the program with 1.
 */

#include "openmvrpc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, int error) {
    fprintf(stderr, "%s: %s\n", what, strerrorname_np(error));
    return EXIT_FAILURE;
}

/* Says a line at once: whoever reads it is waiting. */
static int say(const char *text) {
    return puts(text) < 0 || fflush(stdout) != 0 ? fail("output", errno) : EXIT_SUCCESS;
}

/* Takes a LINE apart, in place. */
static struct omvrpc_gpio_line parse(char *text) {
    struct omvrpc_gpio_line line = {.active_low = text[0] == '!'};
    text += line.active_low;
    char *colon = strrchr(text, ':');
    if (colon == NULL) {
        line.line = text;
    } else {
        *colon = '\0';
        line.chip = text;
        line.offset = (uint32_t)strtoul(colon + 1, NULL, 10);
    }
    return line;
}

static int holder(const struct omvrpc_gpio_line *line) {
    char name[64];
    bool held = omvrpc_gpio_find_holder(line, name, sizeof name);
    char text[80];
    snprintf(text, sizeof text, "%s%s", held ? "held by " : "free", held ? name : "");
    return say(text);
}

static int get(struct omvrpc_gpio *gpio) {
    int level = omvrpc_gpio_get(gpio);
    return level < 0 ? fail("get", -level) : say(level ? "1" : "0");
}

static int drive(struct omvrpc_gpio *gpio) {
    char level[16];
    int failed = get(gpio);
    while (failed == 0 && fgets(level, sizeof level, stdin) != NULL) {
        int error = omvrpc_gpio_set(gpio, level[0] == '1');
        failed = error != 0 ? fail("set", -error) : get(gpio);
    }
    return failed;
}

static int watch(struct omvrpc_gpio *gpio) {
    struct pollfd waits[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = omvrpc_gpio_descriptor(gpio), .events = POLLIN},
    };
    int failed = get(gpio);
    while (failed == 0 && poll(waits, 2, -1) > 0 && waits[0].revents == 0) {
        int edges = omvrpc_gpio_take_edges(gpio);
        int level = edges < 0 ? edges : omvrpc_gpio_get(gpio);
        char text[32];
        snprintf(text, sizeof text, "%d %d", edges, level);
        failed = level < 0 ? fail("watch", -level) : say(text);
    }
    return failed;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return fail("arguments", EINVAL);
    }
    const char *verb = argv[1];
    const struct omvrpc_gpio_line line = parse(argv[2]);
    if (strcmp(verb, "holder") == 0) {
        return holder(&line);
    }
    bool drives = strcmp(verb, "set") == 0 && argc == 4;
    struct omvrpc_gpio *gpio =
        drives ? omvrpc_gpio_open_output(&line, argv[3][0] == '1') : omvrpc_gpio_open_input(&line);
    if (gpio == NULL) {
        return fail("open", errno);
    }
    int status = drives ? drive(gpio) : strcmp(verb, "watch") == 0 ? watch(gpio) : get(gpio);
    omvrpc_gpio_close(gpio);
    return status;
}
