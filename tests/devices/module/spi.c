/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The SPI controller, with spidev above it. It selects as the one of a Raspberry Pi does, by lines of the GPIO chip that
 * the kernel holds and moves: GPIO8 and GPIO7.
 */

#include "internal.h"

#include <linux/gpio/machine.h>
#include <linux/module.h>
#include <linux/spi/spi.h>

#define BUS            0
#define SELECT_LINES   2
#define SPEED_HZ_LEAST 30000
#define SPEED_HZ_MOST  125000000

/* With the programs, which a busy machine may hold up. */
#define PATIENCE_S 10

static struct gpiod_lookup_table select_lines = {
    .dev_id = "spi0",
    .table =
        {
            GPIO_LOOKUP_IDX("camera-gpio", 8, "cs", 0, GPIO_ACTIVE_LOW),
            GPIO_LOOKUP_IDX("camera-gpio", 7, "cs", 1, GPIO_ACTIVE_LOW),
            {},
        },
};

static int transfer_one(struct spi_controller *controller, struct spi_device *device, struct spi_transfer *transfer) {
    struct camera_place place = {
        .is_spi = true, .mode = device->mode, .speed_hz = transfer->speed_hz, .patience = PATIENCE_S * HZ};
    int error = camera_transfer(&place, transfer->tx_buf, transfer->rx_buf, transfer->len);
    /* A controller cannot tell whether there is anybody: it hears the pull of its line. */
    return error == -ENXIO ? 0 : error;
}

static int add_devices(struct spi_controller *controller) {
    for (u16 i = 0; i < SELECT_LINES; i++) {
        /* One of the names that spidev takes without a device tree. */
        struct spi_board_info board = {.modalias = "dh2228fv", .max_speed_hz = SPEED_HZ_MOST, .chip_select = i};
        if (spi_new_device(controller, &board) == NULL) {
            return -ENODEV;
        }
    }
    return 0;
}

static void forget_select_lines(void *unused) {
    gpiod_remove_lookup_table(&select_lines);
}

static int probe(struct platform_device *device) {
    struct spi_controller *controller = devm_spi_alloc_host(&device->dev, 0);
    if (controller == NULL) {
        return -ENOMEM;
    }
    controller->bus_num = BUS;
    controller->num_chipselect = SELECT_LINES;
    controller->use_gpio_descriptors = true;
    controller->mode_bits = SPI_CPOL | SPI_CPHA | SPI_CS_HIGH | SPI_NO_CS;
    controller->bits_per_word_mask = SPI_BPW_MASK(8);
    controller->min_speed_hz = SPEED_HZ_LEAST;
    controller->max_speed_hz = SPEED_HZ_MOST;
    controller->transfer_one = transfer_one;
    gpiod_add_lookup_table(&select_lines);
    int error = devm_add_action_or_reset(&device->dev, forget_select_lines, NULL);
    if (error == 0) {
        error = devm_spi_register_controller(&device->dev, controller);
    }
    return error != 0 ? error : add_devices(controller);
}

struct platform_driver spi_driver = {
    .driver = {.name = "camera-spi"},
    .probe = probe,
};
