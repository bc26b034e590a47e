/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Controllers whose cameras are programs; see camera_bus.h. Each is a platform device of its own, so that one can be taken
 * from the running system (/sys/bus/platform/drivers/.../unbind) while somebody has it open.
 */

#include "internal.h"

#include <linux/err.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static struct miscdevice node = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "camera_bus",
    .fops = &camera_operations,
};

/* In the order in which they need each other: the SPI controller's select lines are those of the chip. */
static struct platform_driver *const drivers[] = {&gpio_driver, &spi_driver, &i2c_driver};
static struct platform_device *devices[ARRAY_SIZE(drivers)];

static void remove_controllers(void) {
    for (size_t i = ARRAY_SIZE(drivers); i-- > 0;) {
        if (devices[i] != NULL) {
            platform_device_unregister(devices[i]);
            platform_driver_unregister(drivers[i]);
            devices[i] = NULL;
        }
    }
}

static int add_controller(size_t i) {
    int error = platform_driver_register(drivers[i]);
    if (error != 0) {
        return error;
    }
    struct platform_device *device =
        platform_device_register_simple(drivers[i]->driver.name, PLATFORM_DEVID_NONE, NULL, 0);
    if (IS_ERR(device)) {
        platform_driver_unregister(drivers[i]);
        return (int)PTR_ERR(device);
    }
    devices[i] = device;
    return 0;
}

static int __init camera_bus_init(void) {
    int error = misc_register(&node);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        error = add_controller(i);
        if (error != 0) {
            remove_controllers();
            misc_deregister(&node);
            return error;
        }
    }
    return 0;
}

static void __exit camera_bus_exit(void) {
    remove_controllers();
    misc_deregister(&node);
}

module_init(camera_bus_init);
module_exit(camera_bus_exit);
MODULE_DESCRIPTION("SPI, I2C and GPIO controllers whose devices are programs, for tests");
MODULE_LICENSE("Dual MIT/GPL");
