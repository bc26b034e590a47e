/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The I2C adapter, with i2c-dev above it. */

#include "internal.h"

#include <linux/i2c.h>
#include <linux/module.h>

#define BUS 1

/* Where nobody has set another; see I2C_TIMEOUT of i2c-dev. */
#define PATIENCE_S 10

/* Whoever has the adapter open keeps it; from here on all that it does fails. */
static bool is_gone;

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count) {
    for (int i = 0; i < count; i++) {
        struct i2c_msg *message = &messages[i];
        struct camera_place place = {.address = message->addr, .patience = (unsigned long)adapter->timeout};
        bool reads = message->flags & I2C_M_RD;
        int error = READ_ONCE(is_gone) ? -ENODEV
                                       : camera_transfer(&place, reads ? NULL : message->buf,
                                                         reads ? message->buf : NULL, message->len);
        if (error != 0) {
            return error;
        }
    }
    return count;
}

static u32 functionality(struct i2c_adapter *unused) {
    return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = {
    .master_xfer = transfer,
    .functionality = functionality,
};

static struct i2c_adapter the_adapter;

static void remove_adapter(void *unused) {
    WRITE_ONCE(is_gone, true);
    i2c_del_adapter(&the_adapter);
}

static int probe(struct platform_device *device) {
    the_adapter = (struct i2c_adapter){
        .owner = THIS_MODULE,
        .algo = &algorithm,
        .nr = BUS,
        .timeout = PATIENCE_S * HZ,
        .dev.parent = &device->dev,
        .name = "camera-i2c",
    };
    WRITE_ONCE(is_gone, false);
    int error = i2c_add_numbered_adapter(&the_adapter);
    return error != 0 ? error : devm_add_action_or_reset(&device->dev, remove_adapter, NULL);
}

struct platform_driver i2c_driver = {
    .driver = {.name = "camera-i2c"},
    .probe = probe,
};
