/* SPDX-License-Identifier: MIT */
/* The line and the system calls above it. See virtual_line.h. */

#include "virtual_line.h"

#include "openmvrpc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/can.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/spi/spidev.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Of a byte with what goes with it: start and stop on a UART, an acknowledgement on I2C. */
#define UART_BITS 10
#define I2C_BITS  9
#define SPI_BITS  8

/* A frame on CAN of eight bytes has 111 bits and up to 24 stuffed ones (ISO 11898-1); half of these. A shorter one has
 * eight bits less a byte. */
#define CAN_FRAME_BITS 123

/* A wait is slept through for so long at its end, so that waking up costs what it costs; the rest is skipped. */
#define REAL_SLEEP_NS 100000

/* Bytes that a UART collects before it tells: about as many as the usual ones do. */
#define UART_NOTICE 16

#define OUTPUT_MOST ((size_t)1 << 20)
#define WRITES_MOST 64
#define NONE        INT64_MAX

/* What one side has given to the line at a time, and when the line has moved how much of it. */
struct write {
    size_t first, length;
    int64_t begin_ns;
};

static struct {
    enum line_kind kind;
    uint32_t rate; /* bits a second */
    struct stock_slave *camera;
    int descriptor;
    int64_t skipped_ns; /* of virtual time, beyond the real one */
    int64_t entered_ns; /* real, when the system call under way began */
    struct write to_host[WRITES_MOST], to_camera[WRITES_MOST];
    size_t to_host_count, to_camera_count;
    uint8_t *host_bytes, *camera_bytes;
    size_t host_first, host_length; /* of to_host that was not read yet */
    size_t camera_length;
    int64_t host_free_ns, camera_free_ns;
    int64_t timer_ns;
    int64_t begun_ns;
    struct line_times times;
} line;

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __real_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left);
int __real_open(const char *path, int flags, ...);
int __real_ioctl(int descriptor, unsigned long request, ...);
ssize_t __real_read(int descriptor, void *buffer, size_t size);
ssize_t __real_write(int descriptor, const void *data, size_t length);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int descriptor, unsigned long request, ...);
ssize_t __wrap_read(int descriptor, void *buffer, size_t size);
ssize_t __wrap_write(int descriptor, const void *data, size_t length);
ssize_t __wrap_send(int descriptor, const void *data, size_t length, int flags);
ssize_t __wrap_recv(int descriptor, void *buffer, size_t size, int flags);
int __wrap_timerfd_settime(int descriptor, int flags, const struct itimerspec *when, struct itimerspec *before);
int __wrap_ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

/* Time. */

static int64_t to_ns(const struct timespec *time) {
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static struct timespec to_timespec(int64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

static int64_t real_ns(void) {
    struct timespec time;
    __real_clock_gettime(CLOCK_MONOTONIC, &time);
    return to_ns(&time);
}

static int64_t now_ns(void) {
    return real_ns() + line.skipped_ns;
}

/* The work of these functions is nobody's: the clock stands while they do it. */
static int64_t enter(void) {
    line.entered_ns = real_ns();
    return line.entered_ns + line.skipped_ns;
}

static void leave(int64_t at_ns) {
    line.skipped_ns = at_ns - real_ns();
}

static void sleep_until(int64_t when_ns) {
    int64_t left_ns = when_ns - now_ns();
    if (left_ns > REAL_SLEEP_NS) {
        line.skipped_ns += left_ns - REAL_SLEEP_NS;
    }
    struct timespec real = to_timespec(when_ns - line.skipped_ns);
    if (left_ns > 0) {
        __real_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &real, NULL);
    }
}

/* The line. */

static int64_t time_ns(size_t bytes) {
    static const unsigned bits[LINE_KINDS] = {
        [LINE_UART] = UART_BITS, [LINE_CAN] = 8, [LINE_I2C] = I2C_BITS, [LINE_SPI] = SPI_BITS};
    uint64_t count = (uint64_t)bytes * bits[line.kind];
    if (line.kind == LINE_CAN) {
        count += (uint64_t)(bytes + CAN_MAX_DLEN - 1) / CAN_MAX_DLEN * (CAN_FRAME_BITS - 8 * CAN_MAX_DLEN);
    }
    return (int64_t)(count * 1000000000 / line.rate);
}

double line_time_us(size_t bytes) {
    return (double)time_ns(bytes) / 1000;
}

static void give(struct write *writes, size_t *count, size_t first, size_t length, int64_t *free_ns, int64_t at_ns) {
    if (*count == WRITES_MOST) {
        memmove(writes, writes + 1, --*count * sizeof *writes);
    }
    int64_t begin_ns = *free_ns > at_ns ? *free_ns : at_ns;
    writes[(*count)++] = (struct write){first, length, begin_ns};
    *free_ns = begin_ns + time_ns(length);
    line.times.line_us += line_time_us(length);
}

static void camera_gives(void *context, const uint8_t *data, size_t length, int64_t at_us) {
    (void)context;
    if (line.host_length + length > OUTPUT_MOST) {
        fprintf(stderr, "line_share: the camera has more to say than there is room for\n");
        exit(EXIT_FAILURE);
    }
    memcpy(line.host_bytes + line.host_length, data, length);
    give(line.to_host, &line.to_host_count, line.host_length, length, &line.host_free_ns, at_us * 1000);
    line.host_length += length;
}

/* How many bytes of a write have been moved by now; on CAN whole frames. */
static size_t moved(const struct write *write, int64_t at_ns) {
    if (at_ns >= write->begin_ns + time_ns(write->length)) {
        return write->length;
    }
    int64_t piece_ns = time_ns(line.kind == LINE_CAN ? CAN_MAX_DLEN : 1);
    int64_t pieces = at_ns > write->begin_ns ? (at_ns - write->begin_ns) / piece_ns : 0;
    size_t bytes = (size_t)pieces * (line.kind == LINE_CAN ? CAN_MAX_DLEN : 1);
    return bytes < write->length ? bytes : write->length;
}

static size_t arrived(int64_t at_ns) {
    size_t count = 0;
    for (size_t i = 0; i < line.to_host_count; i++) {
        count = line.to_host[i].first + moved(&line.to_host[i], at_ns);
        if (count < line.to_host[i].first + line.to_host[i].length) {
            break;
        }
    }
    return count > line.host_first ? count - line.host_first : 0;
}

/* When the next of the camera's bytes are there, NONE without any under way. */
static int64_t arrival_ns(int64_t at_ns) {
    for (size_t i = 0; i < line.to_host_count; i++) {
        const struct write *write = &line.to_host[i];
        size_t have = moved(write, at_ns);
        if (have < write->length) {
            size_t notice = line.kind == LINE_CAN ? CAN_MAX_DLEN : UART_NOTICE;
            size_t left = write->length - have;
            return write->begin_ns + time_ns(have + (left < notice ? left : notice));
        }
    }
    return NONE;
}

/* The camera lives until then, and gets what the line has brought it meanwhile. */
static void live_until(int64_t at_ns) {
    while (line.to_camera_count > 0) {
        const struct write write = line.to_camera[0];
        int64_t end_ns = write.begin_ns + time_ns(write.length);
        if (end_ns > at_ns) {
            break;
        }
        stock_slave_step(line.camera, end_ns / 1000, camera_gives, NULL);
        stock_slave_deliver(line.camera, line.camera_bytes + write.first, write.length, end_ns / 1000);
        stock_slave_step(line.camera, end_ns / 1000, camera_gives, NULL);
        memmove(line.to_camera, line.to_camera + 1, --line.to_camera_count * sizeof line.to_camera[0]);
    }
    stock_slave_step(line.camera, at_ns / 1000, camera_gives, NULL);
}

static void host_gives(const void *data, size_t length, int64_t at_ns) {
    if (line.camera_length + length > OUTPUT_MOST) {
        line.camera_length = 0;
    }
    memcpy(line.camera_bytes + line.camera_length, data, length);
    give(line.to_camera, &line.to_camera_count, line.camera_length, length, &line.camera_free_ns, at_ns);
    line.camera_length += length;
    line.times.transfers++;
}

static size_t host_takes(void *buffer, size_t size, int64_t at_ns) {
    live_until(at_ns);
    size_t there = arrived(at_ns);
    size_t taken = there < size ? there : size;
    memcpy(buffer, line.host_bytes + line.host_first, taken);
    line.host_first += taken;
    if (line.host_first == line.host_length) {
        line.host_first = line.host_length = line.to_host_count = 0;
    }
    return taken;
}

/* Something that is of the kind that the link expects, and says nothing. */
static int open_stand_in(enum line_kind kind) {
    return kind == LINE_CAN ? socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
                            : __real_open("/dev/null", O_RDWR | O_CLOEXEC);
}

void line_open(enum line_kind kind, uint32_t bits_per_second, stock_slave_callback *callback, void *context) {
    static const enum stock_slave_kind ports[LINE_KINDS] = {[LINE_UART] = STOCK_SLAVE_UART,
                                                            [LINE_CAN] = STOCK_SLAVE_CAN,
                                                            [LINE_I2C] = STOCK_SLAVE_I2C,
                                                            [LINE_SPI] = STOCK_SLAVE_SPI};
    memset(&line, 0, sizeof line);
    line.kind = kind;
    line.rate = bits_per_second;
    line.timer_ns = NONE;
    line.host_bytes = malloc(OUTPUT_MOST);
    line.camera_bytes = malloc(OUTPUT_MOST);
    const struct stock_slave_options options = {
        .kind = ports[kind],
        .callback = callback,
        .context = context,
        .memory = OUTPUT_MOST,
        /* What a camera of ours waits; and its writes take the line's time. */
        .turn_ms = 100,
        .short_window_ms = 100,
        .byte_rate = kind == LINE_UART || kind == LINE_CAN ? (uint32_t)(1000000000 / time_ns(8) * 8) : 0,
    };
    line.camera = stock_slave_new(&options);
    line.descriptor = open_stand_in(kind);
    if (line.camera == NULL || line.host_bytes == NULL || line.camera_bytes == NULL || line.descriptor < 0) {
        perror("line_share");
        exit(EXIT_FAILURE);
    }
    stock_slave_step(line.camera, now_ns() / 1000, camera_gives, NULL);
}

void line_close(void) {
    stock_slave_free(line.camera);
    free(line.host_bytes);
    free(line.camera_bytes);
    line.camera = NULL;
}

int line_descriptor(void) {
    return line.descriptor;
}

void line_begin(void) {
    line.times = (struct line_times){0};
    line.begun_ns = now_ns();
}

struct line_times line_end(void) {
    line.times.total_us = (double)(now_ns() - line.begun_ns) / 1000;
    return line.times;
}

/* The system calls. */

int __wrap_clock_gettime(clockid_t clock, struct timespec *time) {
    int result = __real_clock_gettime(clock, time);
    if (clock == CLOCK_MONOTONIC) {
        *time = to_timespec(to_ns(time) + line.skipped_ns);
    }
    return result;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
    (void)clock, (void)flags, (void)left;
    int64_t when_ns = to_ns(time), at_ns = now_ns();
    line.times.settle_us += when_ns > at_ns ? (double)(when_ns - at_ns) / 1000 : 0;
    sleep_until(when_ns);
    return 0;
}

int __wrap_open(const char *path, int flags, ...) {
    if (line.camera != NULL && strncmp(path, "/dev/", 5) == 0) {
        return dup(line.descriptor);
    }
    va_list arguments;
    va_start(arguments, flags);
    int mode = va_arg(arguments, int);
    va_end(arguments);
    return __real_open(path, flags, mode);
}

static int move_spi(struct spi_ioc_transfer *transfers, size_t count) {
    static bool is_selected;
    int64_t at_ns = enter();
    for (size_t i = 0; i < count; i++) {
        const struct spi_ioc_transfer *transfer = &transfers[i];
        live_until(at_ns);
        if (!is_selected) {
            stock_slave_select(line.camera, true, at_ns / 1000);
            is_selected = true;
        }
        live_until(at_ns);
        int64_t end_ns = at_ns + time_ns(transfer->len);
        if (transfer->len > 0) {
            stock_slave_clock(line.camera, (const uint8_t *)(uintptr_t)transfer->tx_buf,
                              (uint8_t *)(uintptr_t)transfer->rx_buf, transfer->len, at_ns / 1000, end_ns / 1000);
            line.times.transfers++;
            line.times.line_us += line_time_us(transfer->len);
        }
        at_ns = end_ns + transfer->delay_usecs * 1000;
        line.times.settle_us += transfer->delay_usecs;
    }
    if (!transfers[count - 1].cs_change) {
        is_selected = false;
        stock_slave_select(line.camera, false, at_ns / 1000);
    }
    live_until(at_ns);
    leave(at_ns);
    return 0;
}

static int move_i2c(const struct i2c_msg *message) {
    int64_t at_ns = enter();
    live_until(at_ns);
    int64_t end_ns = at_ns + time_ns(message->len + 1u);
    int status = stock_slave_message(line.camera, (message->flags & I2C_M_RD) != 0, message->buf, message->len,
                                     at_ns / 1000, end_ns / 1000);
    line.times.line_us += line_time_us(status == 0 ? message->len + 1u : 1);
    at_ns = status == 0 ? end_ns : at_ns + time_ns(1);
    live_until(at_ns);
    line.times.transfers++;
    leave(at_ns);
    errno = -status;
    return status == 0 ? 1 : -1;
}

int __wrap_ioctl(int descriptor, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    /* The way into the kernel and back, if no more of it. */
    (void)__real_ioctl(line.descriptor, FIONREAD, &(int){0});
    if (_IOC_TYPE(request) == SPI_IOC_MAGIC && _IOC_NR(request) == 0) {
        return move_spi(argument, _IOC_SIZE(request) / sizeof(struct spi_ioc_transfer));
    }
    if (request == I2C_RDWR) {
        return move_i2c(((const struct i2c_rdwr_ioctl_data *)argument)->msgs);
    }
    if (request == I2C_FUNCS) {
        *(unsigned long *)argument = I2C_FUNC_I2C;
        return 0;
    }
    bool is_setting =
        _IOC_TYPE(request) == SPI_IOC_MAGIC || request == I2C_SLAVE || request == I2C_TIMEOUT || request == I2C_RETRIES;
    return is_setting ? 0 : __real_ioctl(descriptor, request, argument);
}

ssize_t __wrap_read(int descriptor, void *buffer, size_t size) {
    if (line.camera == NULL || descriptor != line.descriptor) {
        return __real_read(descriptor, buffer, size);
    }
    int64_t at_ns = enter();
    size_t taken = host_takes(buffer, size, at_ns);
    leave(at_ns);
    errno = EAGAIN;
    return taken > 0 ? (ssize_t)taken : -1;
}

ssize_t __wrap_write(int descriptor, const void *data, size_t length) {
    if (line.camera == NULL || descriptor != line.descriptor) {
        return __real_write(descriptor, data, length);
    }
    int64_t at_ns = enter();
    host_gives(data, length, at_ns);
    leave(at_ns);
    return (ssize_t)length;
}

/* A frame of CAN a time. The link's pacing keeps the queue short. */
ssize_t __wrap_send(int descriptor, const void *data, size_t length, int flags) {
    (void)descriptor, (void)flags;
    const struct can_frame *frame = data;
    int64_t at_ns = enter();
    host_gives(frame->data, frame->len, at_ns);
    leave(at_ns);
    return (ssize_t)length;
}

ssize_t __wrap_recv(int descriptor, void *buffer, size_t size, int flags) {
    (void)descriptor, (void)flags;
    int64_t at_ns = enter();
    struct can_frame *frame = buffer;
    *frame = (struct can_frame){.can_id = OMVRPC_CAN_ID_DEFAULT};
    /* The end of a write is the end of a frame. */
    live_until(at_ns);
    size_t most = CAN_MAX_DLEN;
    for (size_t i = 0; i < line.to_host_count; i++) {
        size_t end = line.to_host[i].first + line.to_host[i].length;
        if (end > line.host_first) {
            most = end - line.host_first < most ? end - line.host_first : most;
            break;
        }
    }
    frame->len = (uint8_t)host_takes(frame->data, most, at_ns);
    leave(at_ns);
    errno = EAGAIN;
    return frame->len > 0 ? (ssize_t)size : -1;
}

int __wrap_timerfd_settime(int descriptor, int flags, const struct itimerspec *when, struct itimerspec *before) {
    (void)descriptor, (void)flags, (void)before;
    int64_t when_ns = to_ns(&when->it_value);
    line.timer_ns = when_ns != 0 ? when_ns : NONE;
    return 0;
}

int __wrap_ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
    (void)descriptors, (void)count, (void)mask;
    int64_t at_ns = now_ns();
    int64_t until_ns = at_ns + to_ns(timeout);
    bool is_bytes = line.kind == LINE_UART || line.kind == LINE_CAN;
    if (!is_bytes) {
        line.times.settle_us += (double)to_ns(timeout) / 1000;
        sleep_until(until_ns);
        return 0;
    }
    for (;;) {
        live_until(at_ns);
        if (arrived(at_ns) > 0 || at_ns >= line.timer_ns) {
            return 1;
        }
        if (at_ns >= until_ns) {
            return 0;
        }
        int64_t next_ns = arrival_ns(at_ns);
        next_ns = line.timer_ns < next_ns ? line.timer_ns : next_ns;
        for (size_t i = 0; i < line.to_camera_count; i++) {
            int64_t end_ns = line.to_camera[i].begin_ns + time_ns(line.to_camera[i].length);
            next_ns = end_ns < next_ns ? end_ns : next_ns;
        }
        sleep_until(next_ns < until_ns ? next_ns : until_ns);
        at_ns = now_ns();
    }
}
