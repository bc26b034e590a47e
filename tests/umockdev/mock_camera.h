/* SPDX-License-Identifier: MIT */
#ifndef MOCK_CAMERA_H
#define MOCK_CAMERA_H

/*
 * The camera behind the mocked buses. Its callbacks, with numbers as u32, little-endian:
 *
 *     echo     the argument
 *     blob     n -> n bytes, byte i is (i * 7 + n) & 0xff
 *     equal    n -> n zeros
 *     slow     n -> n, after n milliseconds
 *     jpeg_snapshot         -> the bytes of blob for MOCK_PICTURE
 *     jpeg_image_snapshot   text -> MOCK_PICTURE, and holds those bytes
 *     jpeg_image_read       offset, size -> those of them
 *     raw      n -> schedules a cut-through of the bytes of blob
 *     stream   n -> schedules a stream of frames of the bytes of blob
 *     jpeg_image_stream     text -> schedules a stream of the bytes of blob for MOCK_FRAME, which are no pictures
 *     dark_raw, dark_stream   n -> the same of zeros
 *     fault    kind, count -> so many transactions go wrong in that way once the result of this was fetched
 *     bus      -> mode, speed in Hz, bits, timeout in 10 ms, retries, as the driver was told; count of commands run
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mock_fault {
    MOCK_NO_FAULT,
    MOCK_ABSENT,      /* nobody is there */
    MOCK_ZEROS,       /* what is read is all zeros; what is sent gets lost */
    MOCK_SHORT,       /* half of the bytes are moved, and I2C says so */
    MOCK_NOISE,       /* a bit is wrong */
    MOCK_TIMED_OUT,   /* the driver gives up waiting */
    MOCK_ARBITRATION, /* another master has won */
    MOCK_BUS_ERROR,
    MOCK_GONE, /* the controller was removed */
};

#define MOCK_I2C_ADDRESS 0x12
#define MOCK_I2C_OTHER   0x22 /* of a second camera on the adapter */
#define MOCK_PICTURE     60000
#define MOCK_FRAME       3000
#define MOCK_RATE_HZ     400000
#define MOCK_RETRIES     3 /* that the adapter's driver has begun with */

/* What spidev is said to move at once, and what it really does. */
#define MOCK_BUFSIZ_SAID 4096
#define MOCK_BUFSIZ      2048

struct mock_settings {
    uint32_t mode, speed_hz, bits, timeout, retries;
};

struct mock_camera;

struct mock_camera *mock_camera_new(bool is_spi, const struct mock_settings *settings);
void mock_camera_free(struct mock_camera *camera);

/* The fault of a transaction that is about to begin. */
enum mock_fault mock_camera_fault(struct mock_camera *camera);

/* SPI: the chip is selected or released; bytes are clocked, taking the time that they take. */
void mock_camera_select(struct mock_camera *camera, bool selected);
void mock_camera_pause(struct mock_camera *camera, int64_t pause_us);
void mock_camera_clock(struct mock_camera *camera, const uint8_t *out, uint8_t *in, size_t length);

/* I2C: a whole message; returns 0 or a negative errno. */
int mock_camera_message(struct mock_camera *camera, bool reads, uint8_t *data, size_t length);

#endif
