/* SPDX-License-Identifier: MIT */
#ifndef GPIO_REQUEST_H
#define GPIO_REQUEST_H

/*
 * What differs between libgpiod 1 and libgpiod 2, inside the library only. gpio.c finds a line and has the same code for
 * both; gpio_v1.c or gpio_v2.c, whichever fits the installed library, has what is declared here, and of openmvrpc.h
 * what works on a line that is held: omvrpc_gpio_set() and those after it.
 */

#include "openmvrpc.h"

#include <gpiod.h>

/* GPIO_MAX_NAME_SIZE of the kernel: longest name of a line or a consumer, with its NUL. */
#define GPIO_NAME_SIZE 32

/* Edges taken in one read; the kernel keeps as many for a line. */
#define GPIO_EDGES 16

/* Takes no more than this many reads, so that a line that toggles without end holds nobody up. */
#define GPIO_READS_MAX 4

struct gpio_facts {
    char name[GPIO_NAME_SIZE]; /* empty where it has none */
    char consumer[GPIO_NAME_SIZE];
    bool used;
};

/* Returns how many lines the chip has. */
uint32_t gpio_chip_line_count(struct gpiod_chip *chip);

bool gpio_chip_has_label(struct gpiod_chip *chip, const char *label);

/* Returns 0 or a negative errno. */
int gpio_chip_read_facts(struct gpiod_chip *chip, uint32_t offset, struct gpio_facts *facts);

/* Takes the line. The chip is closed with the line, or before; also where NULL is returned, with errno set. */
struct omvrpc_gpio *gpio_request_output(struct gpiod_chip *chip, uint32_t offset, bool active_low, bool active);
struct omvrpc_gpio *gpio_request_input(struct gpiod_chip *chip, uint32_t offset, bool active_low);

/* The same with the nodes of the chips in another folder than /dev. Return as their namesakes in openmvrpc.h. */
struct omvrpc_gpio *gpio_open_output_in(const char *folder, const struct omvrpc_gpio_line *line, bool active);
struct omvrpc_gpio *gpio_open_input_in(const char *folder, const struct omvrpc_gpio_line *line);
int gpio_find_in(const char *folder, const struct omvrpc_gpio_line *line);
bool gpio_find_holder_in(const char *folder, const struct omvrpc_gpio_line *line, char *text, size_t size);

#endif
