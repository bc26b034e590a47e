/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The GPIO chip, with the names that the lines of a Raspberry Pi have. Every line has an interrupt for its edges. */

#include "internal.h"

#include <linux/gpio/driver.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>

/* The lines with a pull-up. */
#define PULLED_UP 0x1ffu

static const char *const line_names[CAMERA_BUS_LINES] = {
    "GPIO0",  "GPIO1",  "GPIO2",  "GPIO3",  "GPIO4",  "GPIO5",  "GPIO6",  "GPIO7",  "GPIO8",  "GPIO9",
    "GPIO10", "GPIO11", "GPIO12", "GPIO13", "GPIO14", "GPIO15", "GPIO16", "GPIO17", "GPIO18", "GPIO19",
    "GPIO20", "GPIO21", "GPIO22", "GPIO23", "GPIO24", "GPIO25", "GPIO26", "GPIO27",
};

static struct gpio_chip chip;
static bool is_registered;

/* One bit a line; with camera_bus_lock held. `known` is what was last told to everybody. */
static u32 outputs, output_levels, known = PULLED_UP;

/* Which edges are asked for; read and written without the lock, by the kernel's interrupt code. */
static u8 edges[CAMERA_BUS_LINES];
static bool is_unmasked[CAMERA_BUS_LINES];

bool gpio_level(unsigned int line) {
    u32 bit = BIT(line);
    if (outputs & bit) {
        return (output_levels & bit) != 0;
    }
    int driven = camera_driven_level(line);
    return driven != CAMERA_BUS_NOWHERE ? driven != 0 : (PULLED_UP & bit) != 0;
}

static void raise_interrupt(unsigned int line, bool level) {
    u8 edge = level ? IRQ_TYPE_EDGE_RISING : IRQ_TYPE_EDGE_FALLING;
    if (is_registered && READ_ONCE(is_unmasked[line]) && (READ_ONCE(edges[line]) & edge)) {
        generic_handle_domain_irq_safe(chip.irq.domain, line);
    }
}

void gpio_levels_changed(void) {
    for (unsigned int line = 0; line < CAMERA_BUS_LINES; line++) {
        bool level = gpio_level(line);
        if (level != ((known & BIT(line)) != 0)) {
            known ^= BIT(line);
            camera_line_changed(line, level);
            raise_interrupt(line, level);
        }
    }
}

static int get_direction(struct gpio_chip *unused, unsigned int line) {
    mutex_lock(&camera_bus_lock);
    int direction = outputs & BIT(line) ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
    mutex_unlock(&camera_bus_lock);
    return direction;
}

static int direction_input(struct gpio_chip *unused, unsigned int line) {
    mutex_lock(&camera_bus_lock);
    outputs &= ~BIT(line);
    gpio_levels_changed();
    mutex_unlock(&camera_bus_lock);
    return 0;
}

static int direction_output(struct gpio_chip *unused, unsigned int line, int level) {
    mutex_lock(&camera_bus_lock);
    outputs |= BIT(line);
    output_levels = level ? output_levels | BIT(line) : output_levels & ~BIT(line);
    gpio_levels_changed();
    mutex_unlock(&camera_bus_lock);
    return 0;
}

static int get(struct gpio_chip *unused, unsigned int line) {
    mutex_lock(&camera_bus_lock);
    int level = gpio_level(line);
    mutex_unlock(&camera_bus_lock);
    return level;
}

static void set(struct gpio_chip *unused, unsigned int line, int level) {
    mutex_lock(&camera_bus_lock);
    output_levels = level ? output_levels | BIT(line) : output_levels & ~BIT(line);
    gpio_levels_changed();
    mutex_unlock(&camera_bus_lock);
}

/* A line that nobody holds is an input again, as the pins of a Raspberry Pi. */
static void release(struct gpio_chip *unused, unsigned int line) {
    direction_input(unused, line);
}

static void mask_interrupt(struct irq_data *data) {
    WRITE_ONCE(is_unmasked[data->hwirq], false);
    gpiochip_disable_irq(&chip, data->hwirq);
}

static void unmask_interrupt(struct irq_data *data) {
    gpiochip_enable_irq(&chip, data->hwirq);
    WRITE_ONCE(is_unmasked[data->hwirq], true);
}

static int set_interrupt_type(struct irq_data *data, unsigned int type) {
    if (type & ~(unsigned int)IRQ_TYPE_EDGE_BOTH) {
        return -EINVAL;
    }
    WRITE_ONCE(edges[data->hwirq], (u8)type);
    return 0;
}

static const struct irq_chip interrupts = {
    .name = "camera-gpio",
    .irq_mask = mask_interrupt,
    .irq_unmask = unmask_interrupt,
    .irq_set_type = set_interrupt_type,
    .flags = IRQCHIP_IMMUTABLE,
    GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static void forget_chip(void *unused) {
    mutex_lock(&camera_bus_lock);
    is_registered = false;
    outputs = 0;
    mutex_unlock(&camera_bus_lock);
}

static int probe(struct platform_device *device) {
    chip = (struct gpio_chip){
        .label = "camera-gpio",
        .parent = &device->dev,
        .owner = THIS_MODULE,
        .base = -1,
        .ngpio = CAMERA_BUS_LINES,
        .names = line_names,
        .can_sleep = true,
        .free = release,
        .get_direction = get_direction,
        .direction_input = direction_input,
        .direction_output = direction_output,
        .get = get,
        .set = set,
    };
    gpio_irq_chip_set_chip(&chip.irq, &interrupts);
    chip.irq.handler = handle_simple_irq;
    chip.irq.default_type = IRQ_TYPE_NONE;
    int error = devm_gpiochip_add_data(&device->dev, &chip, NULL);
    if (error != 0) {
        return error;
    }
    mutex_lock(&camera_bus_lock);
    is_registered = true;
    mutex_unlock(&camera_bus_lock);
    /* Before the chip goes. */
    return devm_add_action_or_reset(&device->dev, forget_chip, NULL);
}

struct platform_driver gpio_driver = {
    .driver = {.name = "camera-gpio"},
    .probe = probe,
};
