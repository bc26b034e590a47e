/* SPDX-License-Identifier: MIT */
/*
 * SPI by spidev.
 *
 * A packet is one transaction: the chip stays selected from its first byte to its last, over as many transfers as the
 * driver's buffer makes of it. The camera answers with what it was armed for, or not at all; then the line reads as
 * whatever it idles at. What is heard while sending means nothing: the stock camera is armed for one direction.
 */

#include "ready.h"
#include "transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/spi/spidev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SPEED_DEFAULT 1000000
#define BITS_DEFAULT  8
#define BITS_PER_BYTE 8

/* The most that spidev moves at once, where nobody says otherwise, and its parameter that does. */
#define BUFSIZ_DEFAULT 4096
#define BUFSIZ_MIN     32
#define BUFSIZ_MAX     (1 << 20)
#define BUFSIZ_PATH    "/sys/module/spidev/parameters/bufsiz"

/*
 * So much of a long packet is looked at before the rest is fetched: a camera that is not there would make a result of
 * 200 kB take as long as if it were, and one that waits for something else would take the bytes for that. To go on after
 * a look the chip has to stay selected between two messages. A line of ours does; the controller's own chip select does
 * where its driver obeys cs_change, which nothing tells. So there a packet that fits one message comes without a look.
 */
#define LOOK_SIZE 64

/* Raw bytes follow what announced them, and a stock camera waits for its chip select for 2 ms, counted in whole ones: within this
 * time of it the camera is there, whatever its bytes are. Later they tell: all equal is nobody. */
#define RAW_WINDOW_US 1000

struct spi_link {
    struct omvrpc_link link;
    struct transaction transaction;
    struct ready ready;
    int descriptor;
    struct omvrpc_gpio *cs; /* NULL for the controller's own */
    uint32_t speed_hz;
    uint8_t bits;
    size_t most;      /* bytes of a transfer */
    int64_t heard_us; /* when the camera had given something */
};

static struct spi_link *of(struct omvrpc_link *link) {
    return (struct spi_link *)link;
}

static size_t read_bufsiz(void) {
    unsigned long value = 0;
    FILE *file = fopen(BUFSIZ_PATH, "re");
    if (file != NULL) {
        if (fscanf(file, "%lu", &value) != 1) {
            value = 0;
        }
        fclose(file);
    }
    return value >= BUFSIZ_MIN && value <= BUFSIZ_MAX ? value : BUFSIZ_DEFAULT;
}

/*
 * Moves bytes one way while the chip is selected. With the controller's own chip select, `first` lets the camera arm and
 * `last` is where it is released; a line of ours knows neither.
 * Returns 0 or -1 with errno.
 */
static int transfer(struct spi_link *link, const uint8_t *out, uint8_t *in, size_t length, bool first, bool last) {
    struct spi_ioc_transfer transfers[2] = {
        /* Nothing but time, between selecting the chip and the first clock. */
        {.delay_usecs = TRANSACTION_SETTLE_US, .speed_hz = link->speed_hz, .bits_per_word = link->bits},
        {
            .tx_buf = (uintptr_t)out,
            .rx_buf = (uintptr_t)in,
            .len = (uint32_t)length,
            .speed_hz = link->speed_hz,
            .bits_per_word = link->bits,
            /* On the last transfer of a message this keeps the chip selected behind it. */
            .cs_change = !last && link->cs == NULL,
        },
    };
    int result = first ? ioctl(link->descriptor, SPI_IOC_MESSAGE(2), transfers)
                       : ioctl(link->descriptor, SPI_IOC_MESSAGE(1), &transfers[1]);
    return result < 0 ? -1 : 0;
}

/*
 * Puts the clock to rest at the level of our mode, where another device on the controller may have left it at the other: its
 * edge would be a bit to a chip that is selected. Drivers do that before they select by themselves, also for a message of
 * no bytes; of a line of ours they do not know.
 */
static int rest_clock(struct spi_link *link) {
    return link->cs != NULL ? transfer(link, NULL, NULL, 0, false, true) : 0;
}

static int select_chip(struct spi_link *link, bool selected) {
    int error = link->cs != NULL ? omvrpc_gpio_set(link->cs, selected) : 0;
    errno = -error;
    return error < 0 ? -1 : 0;
}

/* The bytes of a whole transaction, or as far as one that asks for a packet finds nobody there. */
struct course {
    const uint8_t *out;
    uint8_t *in;
    size_t length, done;
    bool is_packet;
    bool nobody;
};

/* A packet begins with a magic, whose two bytes differ: what is all equal is none, whatever a result may hold. */
static bool is_all_equal(const uint8_t *bytes, size_t length) {
    return length > 1 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static int move_piece(struct spi_link *link, struct course *course) {
    size_t left = course->length - course->done;
    size_t piece = left < link->most ? left : link->most;
    bool may_pause = link->cs != NULL ? piece > LOOK_SIZE : left > piece;
    bool looks = course->is_packet && course->done == 0 && may_pause;
    piece = looks ? LOOK_SIZE : piece;
    const uint8_t *out = course->out != NULL ? course->out + course->done : NULL;
    uint8_t *in = course->in != NULL ? course->in + course->done : NULL;
    if (transfer(link, out, in, piece, course->done == 0, piece == left) < 0) {
        if (errno != EMSGSIZE || link->most <= BUFSIZ_MIN) {
            return -1;
        }
        /* The driver's buffer is smaller than was known. It has moved nothing yet. */
        link->most /= 2;
        return 0;
    }
    course->done += piece;
    course->nobody = looks && is_all_equal(course->in, course->done);
    return 0;
}

/* Returns 1 when all was moved, 0 when the packet is lost, or a negative errno. */
static int transact(struct spi_link *link, struct course *course) {
    int64_t begun_us = omvrpc_now_us();
    int result = rest_clock(link);
    result = result == 0 ? select_chip(link, true) : result;
    while (result == 0 && course->done < course->length && !course->nobody) {
        result = move_piece(link, course);
    }
    int error = errno;
    bool is_held = course->done > 0 && course->done < course->length && link->cs == NULL;
    if (is_held) {
        /* A message of no bytes ends with the chip released. */
        (void)transfer(link, NULL, NULL, 0, false, true);
    }
    if (select_chip(link, false) < 0 && result == 0) {
        result = -1;
        error = errno;
    }
    errno = error;
    return transaction_judge(&link->transaction, result, omvrpc_now_us() - begun_us);
}

static ssize_t spi_send(struct omvrpc_link *of_link, const uint8_t *data, size_t length) {
    struct course course = {.out = data, .length = length};
    int made = transact(of(of_link), &course);
    return made > 0 ? (ssize_t)length : made;
}

static ssize_t receive(struct spi_link *link, struct course *course) {
    int64_t since_us = omvrpc_now_us() - link->heard_us;
    int made = transact(link, course);
    if (made <= 0) {
        return made;
    }
    bool is_sure = !course->is_packet && since_us < RAW_WINDOW_US;
    if (course->nobody || (!is_sure && is_all_equal(course->in, course->length))) {
        return 0;
    }
    link->heard_us = omvrpc_now_us();
    return (ssize_t)course->length;
}

static ssize_t spi_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    return receive(of(link), &(struct course){.in = buffer, .length = size, .is_packet = true});
}

static ssize_t spi_receive_raw(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    return receive(of(link), &(struct course){.in = buffer, .length = size});
}

static void spi_discard(struct omvrpc_link *link) {
    (void)link;
}

static int spi_descriptor(struct omvrpc_link *link) {
    return ready_descriptor(&of(link)->ready);
}

static int spi_ready(struct omvrpc_link *link) {
    return ready_is_up(&of(link)->ready);
}

static void spi_close(struct omvrpc_link *of_link) {
    struct spi_link *link = of(of_link);
    ready_close(&link->ready);
    omvrpc_gpio_close(link->cs);
    if (link->descriptor >= 0) {
        close(link->descriptor);
    }
    free(link);
}

static const struct omvrpc_link_operations operations = {
    .type = "spi",
    .send = spi_send,
    .receive = spi_receive,
    .receive_raw = spi_receive_raw,
    .discard = spi_discard,
    .descriptor = spi_descriptor,
    .close = spi_close,
    .ready = spi_ready,
};

static int set_mode(int descriptor, uint8_t mode, bool has_cs) {
    uint8_t current;
    if (ioctl(descriptor, SPI_IOC_RD_MODE, &current) < 0) {
        return -errno;
    }
    uint8_t wanted = (uint8_t)(mode | SPI_NO_CS);
    if (has_cs && ioctl(descriptor, SPI_IOC_WR_MODE, &wanted) == 0) {
        return 0;
    }
    /* Some controllers always move a select of their own; with ours beside it that one is not connected. */
    return ioctl(descriptor, SPI_IOC_WR_MODE, &mode) < 0 ? -errno : 0;
}

static int set_up(struct spi_link *link, const struct omvrpc_spi_options *options) {
    link->descriptor = open(options->device, O_RDWR | O_CLOEXEC);
    if (link->descriptor < 0) {
        return -errno;
    }
    int error = set_mode(link->descriptor, options->mode, options->cs != NULL);
    if (error != 0) {
        return error;
    }
    if (ioctl(link->descriptor, SPI_IOC_WR_BITS_PER_WORD, &link->bits) < 0 ||
        ioctl(link->descriptor, SPI_IOC_WR_MAX_SPEED_HZ, &link->speed_hz) < 0) {
        return -errno;
    }
    if (options->cs != NULL) {
        /* A chip select is low while it selects, so that is what active means, whatever else was said of the line. */
        struct omvrpc_gpio_line line = *options->cs;
        line.active_low = true;
        link->cs = omvrpc_gpio_open_output(&line, false);
        if (link->cs == NULL) {
            return -errno;
        }
    }
    /* Drivers look at the speed with a message, not when it is set: one of no bytes says whether they have it. What else
     * goes wrong with it may be a bad moment. */
    if (transfer(link, NULL, NULL, 0, false, true) < 0 && errno == EINVAL) {
        return -EINVAL;
    }
    return ready_open(&link->ready, options->ready);
}

struct omvrpc_link *omvrpc_spi_open(const struct omvrpc_spi_options *options) {
    if (options->mode > SPI_MODE_3) {
        errno = EINVAL;
        return NULL;
    }
    struct spi_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    link->descriptor = -1;
    link->speed_hz = options->speed_hz != 0 ? options->speed_hz : SPEED_DEFAULT;
    link->bits = options->bits != 0 ? options->bits : BITS_DEFAULT;
    link->most = read_bufsiz();
    link->link.operations = &operations;
    link->link.info = (struct omvrpc_link_info){
        .byte_rate = link->speed_hz / BITS_PER_BYTE,
        .receive_buffer = TRANSACTION_RECEIVE_BUFFER,
        .transactions = true,
    };
    int error = set_up(link, options);
    if (error != 0) {
        spi_close(&link->link);
        errno = -error;
        return NULL;
    }
    return &link->link;
}
