/* SPDX-License-Identifier: MIT */
/*
 * Shows a program a /dev/spidev0.0 and a /dev/i2c-1 and answers their ioctls as the kernel's drivers do, with a camera
 * behind each. Runs under umockdev-wrapper:
 *
 *     umockdev-wrapper build/tests/mock_buses PROGRAM [ARGUMENT...]
 *
 * and ends as that program ends.
 */

#include "mock_camera.h"

#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/spi/spidev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <umockdev.h>

#define TRANSFERS_MAX   8
#define I2C_MESSAGE_MAX 8192

struct bus {
    struct mock_camera *camera;
    struct mock_settings settings;
    bool is_selected;
    enum mock_fault fault; /* of the transaction under way on SPI */
};

static struct bus spi, i2c;

static struct {
    uint16_t address;
    struct mock_camera *camera;
} i2c_cameras[] = {{.address = MOCK_I2C_ADDRESS}, {.address = MOCK_I2C_OTHER}};

enum { I2C_CAMERAS = sizeof i2c_cameras / sizeof i2c_cameras[0] };

static const struct {
    enum mock_fault fault;
    int error;
} errors[] = {
    {MOCK_TIMED_OUT, ETIMEDOUT},
    {MOCK_ARBITRATION, EAGAIN},
    {MOCK_BUS_ERROR, EIO},
    {MOCK_GONE, ESHUTDOWN},
};

static int error_of(enum mock_fault fault) {
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].fault == fault) {
            return errors[i].error;
        }
    }
    return 0;
}

/* The memory behind a pointer in the caller's memory, or NULL. */
static UMockdevIoctlData *at(UMockdevIoctlData *data, size_t offset, size_t length) {
    GError *error = NULL;
    UMockdevIoctlData *found = umockdev_ioctl_data_resolve(data, offset, length, &error);
    if (found == NULL) {
        fprintf(stderr, "mock_buses: %s\n", error->message);
        g_error_free(error);
    }
    return found;
}

static gboolean complete(UMockdevIoctlClient *client, long result, int error) {
    umockdev_ioctl_client_complete(client, error != 0 ? -1 : result, error);
    return TRUE;
}

/* SPI. */

static void hit_spi(const uint8_t *out, uint8_t *in, size_t length, uint8_t *scratch) {
    switch (spi.fault) {
    case MOCK_ABSENT:
    case MOCK_ZEROS:
        if (in != NULL) {
            memset(in, spi.fault == MOCK_ZEROS ? 0 : 0xff, length);
        }
        return;
    case MOCK_SHORT:
        if (in != NULL) {
            memset(in, 0xff, length);
        }
        mock_camera_clock(spi.camera, out, in, length / 2);
        return;
    case MOCK_NOISE:
        if (out != NULL) {
            memcpy(scratch, out, length);
            scratch[length / 2] ^= 4;
        }
        mock_camera_clock(spi.camera, out != NULL ? scratch : NULL, in, length);
        if (in != NULL) {
            in[length / 2] ^= 4;
        }
        return;
    default:
        mock_camera_clock(spi.camera, out, in, length);
    }
}

static void move_transfer(UMockdevIoctlData *data, size_t index, const struct spi_ioc_transfer *transfer) {
    static uint8_t in[MOCK_BUFSIZ], scratch[MOCK_BUFSIZ];
    size_t base = index * sizeof *transfer;
    UMockdevIoctlData *tx = NULL, *rx = NULL;
    if (!spi.is_selected) {
        spi.fault = mock_camera_fault(spi.camera);
        mock_camera_select(spi.camera, true);
        spi.is_selected = true;
    }
    if (transfer->len > 0) {
        if (transfer->tx_buf != 0) {
            tx = at(data, base + offsetof(struct spi_ioc_transfer, tx_buf), transfer->len);
        }
        if (transfer->rx_buf != 0) {
            rx = at(data, base + offsetof(struct spi_ioc_transfer, rx_buf), transfer->len);
        }
        hit_spi(tx != NULL ? tx->data : NULL, rx != NULL ? in : NULL, transfer->len, scratch);
        if (rx != NULL) {
            umockdev_ioctl_data_update(rx, 0, in, (int)transfer->len);
        }
    }
    mock_camera_pause(spi.camera, transfer->delay_usecs);
}

static gboolean spi_message(UMockdevIoctlClient *client, UMockdevIoctlData *argument, size_t size) {
    struct spi_ioc_transfer transfers[TRANSFERS_MAX];
    size_t count = size / sizeof transfers[0], total = 0;
    UMockdevIoctlData *data = at(argument, 0, size);
    if (data == NULL || count > TRANSFERS_MAX) {
        return complete(client, 0, EINVAL);
    }
    memcpy(transfers, data->data, size);
    for (size_t i = 0; i < count; i++) {
        total += transfers[i].len;
    }
    if (total > MOCK_BUFSIZ) {
        return complete(client, 0, EMSGSIZE);
    }
    for (size_t i = 0; i < count; i++) {
        spi.settings.speed_hz = transfers[i].speed_hz;
        move_transfer(data, i, &transfers[i]);
    }
    int error = error_of(spi.fault);
    if (!transfers[count - 1].cs_change || error != 0) {
        mock_camera_select(spi.camera, false);
        spi.is_selected = false;
    }
    return complete(client, (long)total, error);
}

static const struct {
    unsigned long request;
    size_t size;
    uint32_t *value;
    bool writes;
} spi_settings[] = {
    {SPI_IOC_WR_MODE, 1, &spi.settings.mode, true},
    {SPI_IOC_RD_MODE, 1, &spi.settings.mode, false},
    {SPI_IOC_WR_BITS_PER_WORD, 1, &spi.settings.bits, true},
    {SPI_IOC_WR_MAX_SPEED_HZ, 4, &spi.settings.speed_hz, true},
};

static gboolean on_spi(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer context) {
    (void)base, (void)context;
    unsigned long request = umockdev_ioctl_client_get_request(client);
    UMockdevIoctlData *argument = umockdev_ioctl_client_get_arg(client);
    for (size_t i = 0; i < sizeof spi_settings / sizeof spi_settings[0]; i++) {
        if (spi_settings[i].request == request) {
            UMockdevIoctlData *data = at(argument, 0, spi_settings[i].size);
            if (spi_settings[i].writes) {
                *spi_settings[i].value = 0;
                memcpy(spi_settings[i].value, data->data, spi_settings[i].size);
            } else {
                umockdev_ioctl_data_update(data, 0, (uint8_t *)spi_settings[i].value, (int)spi_settings[i].size);
            }
            /* As the kernel: no controller does words of more than 32 bits. */
            bool is_refused = spi.settings.bits > 32;
            spi.settings.bits = is_refused ? 8 : spi.settings.bits;
            return complete(client, 0, is_refused ? EINVAL : 0);
        }
    }
    if (_IOC_TYPE(request) == SPI_IOC_MAGIC && _IOC_NR(request) == 0) {
        return spi_message(client, argument, _IOC_SIZE(request));
    }
    return complete(client, 0, ENOTTY);
}

/* I2C. */

/* Moves a message; returns 0 or an errno. */
static int move_message(const struct i2c_msg *message, UMockdevIoctlData *buffer) {
    static uint8_t bytes[I2C_MESSAGE_MAX];
    bool reads = (message->flags & I2C_M_RD) != 0;
    size_t place = 0;
    while (place < I2C_CAMERAS && i2c_cameras[place].address != message->addr) {
        place++;
    }
    if (place == I2C_CAMERAS) {
        return ENXIO;
    }
    struct mock_camera *camera = i2c_cameras[place].camera;
    enum mock_fault fault = mock_camera_fault(camera);
    int error = error_of(fault);
    if (error != 0 || fault == MOCK_ABSENT) {
        return error != 0 ? error : ENXIO;
    }
    memcpy(bytes, buffer->data, message->len);
    if (fault == MOCK_ZEROS) {
        memset(bytes, 0, message->len);
        if (reads) {
            umockdev_ioctl_data_update(buffer, 0, bytes, message->len);
        }
        return 0;
    }
    if (fault == MOCK_NOISE && !reads) {
        bytes[message->len / 2] ^= 4;
    }
    error = -mock_camera_message(camera, reads, bytes, fault == MOCK_SHORT ? message->len / 2u : message->len);
    if (fault == MOCK_NOISE && reads) {
        bytes[message->len / 2] ^= 4;
    }
    if (reads && error == 0) {
        umockdev_ioctl_data_update(buffer, 0, bytes, message->len);
    }
    return fault == MOCK_SHORT ? EREMOTEIO : error;
}

static gboolean i2c_messages(UMockdevIoctlClient *client, UMockdevIoctlData *argument) {
    struct i2c_rdwr_ioctl_data request;
    struct i2c_msg message;
    UMockdevIoctlData *data = at(argument, 0, sizeof request);
    memcpy(&request, data->data, sizeof request);
    if (request.nmsgs != 1) {
        return complete(client, 0, EINVAL);
    }
    UMockdevIoctlData *messages = at(data, 0, sizeof message);
    memcpy(&message, messages->data, sizeof message);
    if (message.len > I2C_MESSAGE_MAX) {
        return complete(client, 0, EINVAL);
    }
    UMockdevIoctlData *buffer = at(messages, offsetof(struct i2c_msg, buf), message.len);
    return complete(client, 1, move_message(&message, buffer));
}

static gboolean on_i2c(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer context) {
    (void)base, (void)context;
    unsigned long functions = I2C_FUNC_I2C;
    UMockdevIoctlData *argument = umockdev_ioctl_client_get_arg(client);
    switch (umockdev_ioctl_client_get_request(client)) {
    case I2C_FUNCS:
        umockdev_ioctl_data_update(at(argument, 0, sizeof functions), 0, (uint8_t *)&functions, sizeof functions);
        return complete(client, 0, 0);
    case I2C_SLAVE:
        /* A driver of the kernel has this one. */
        return complete(client, 0, *(unsigned long *)(void *)argument->data == 0x50 ? EBUSY : 0);
    case I2C_TIMEOUT:
        i2c.settings.timeout = (uint32_t) * (unsigned long *)(void *)argument->data;
        return complete(client, 0, 0);
    case I2C_RETRIES:
        i2c.settings.retries = (uint32_t) * (unsigned long *)(void *)argument->data;
        return complete(client, 0, 0);
    case I2C_RDWR:
        return i2c_messages(client, argument);
    default:
        return complete(client, 0, ENOTTY);
    }
}

/* The testbed. */

static void add_device(UMockdevTestbed *testbed, const char *description, const char *node, GCallback handler) {
    GError *error = NULL;
    UMockdevIoctlBase *base = umockdev_ioctl_base_new();
    g_signal_connect(base, "handle-ioctl", handler, NULL);
    if (!umockdev_testbed_add_from_string(testbed, description, &error) ||
        !umockdev_testbed_attach_ioctl(testbed, node, base, &error)) {
        fprintf(stderr, "mock_buses: %s: %s\n", node, error->message);
        exit(EXIT_FAILURE);
    }
}

static void add_file(UMockdevTestbed *testbed, const char *path, const void *bytes, size_t length) {
    char *root = umockdev_testbed_get_root_dir(testbed);
    char *full = g_strconcat(root, path, NULL);
    char *folder = g_path_get_dirname(full);
    FILE *file = g_mkdir_with_parents(folder, 0700) == 0 ? fopen(full, "w") : NULL;
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        fprintf(stderr, "mock_buses: %s: %s\n", full, strerror(errno));
        exit(EXIT_FAILURE);
    }
    g_free(folder);
    g_free(full);
    g_free(root);
}

static int status;

static void on_exit_of_child(GPid pid, gint wait_status, gpointer loop) {
    (void)pid;
    status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EXIT_FAILURE;
    g_main_loop_quit(loop);
}

static int run(char **arguments) {
    GError *error = NULL;
    GPid child;
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    if (!g_spawn_async(NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &child, &error)) {
        fprintf(stderr, "mock_buses: %s\n", error->message);
        return EXIT_FAILURE;
    }
    g_child_watch_add(child, on_exit_of_child, loop);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "Usage: umockdev-wrapper %s PROGRAM [ARGUMENT...]\n", argv[0]);
        return 2;
    }
    UMockdevTestbed *testbed = umockdev_testbed_new();
    add_device(testbed, "P: /devices/spi0.0\nN: spidev0.0\nE: DEVNAME=/dev/spidev0.0\nE: SUBSYSTEM=spidev\n",
               "/dev/spidev0.0", G_CALLBACK(on_spi));
    add_device(testbed, "P: /devices/i2c-1\nN: i2c-1\nE: DEVNAME=/dev/i2c-1\nE: SUBSYSTEM=i2c-dev\n", "/dev/i2c-1",
               G_CALLBACK(on_i2c));
    char text[16];
    int length = snprintf(text, sizeof text, "%d\n", MOCK_BUFSIZ_SAID);
    add_file(testbed, "/sys/module/spidev/parameters/bufsiz", text, (size_t)length);
    static const uint8_t rate[] = {MOCK_RATE_HZ >> 24 & 0xff, MOCK_RATE_HZ >> 16 & 0xff, MOCK_RATE_HZ >> 8 & 0xff,
                                   MOCK_RATE_HZ & 0xff};
    add_file(testbed, "/sys/devices/i2c-1/device/of_node/clock-frequency", rate, sizeof rate);
    i2c.settings.retries = MOCK_RETRIES;
    spi.camera = mock_camera_new(true, &spi.settings);
    bool is_complete = spi.camera != NULL;
    for (size_t i = 0; i < I2C_CAMERAS; i++) {
        i2c_cameras[i].camera = mock_camera_new(false, &i2c.settings);
        is_complete = is_complete && i2c_cameras[i].camera != NULL;
    }
    int result = is_complete ? run(argv + 1) : EXIT_FAILURE;
    mock_camera_free(spi.camera);
    for (size_t i = 0; i < I2C_CAMERAS; i++) {
        mock_camera_free(i2c_cameras[i].camera);
    }
    g_object_unref(testbed);
    return result;
}
