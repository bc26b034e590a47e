/* SPDX-License-Identifier: MIT */
/*
 * A camera at a bus: bus_camera spi|i2c|can [OPTION...]
 *
 *   --select LINE        of SPI: the GPIO line that is its chip select (8)
 *   --address ADDRESS    of I2C (0x12)
 *   --interface NAME     of CAN (vcan0)
 *   --id ID              of CAN (0x7ff)
 *   --ready LINE         drives this line as omvrpc.py does, and is armed for as long as that
 *   --reset LINE         is reset while this line is low
 *   --window-ms N        waits so long where the stock slave waits for 2 ms
 *   --boot-ms N          is deaf for so long after a reset (1000)
 *   --seed N             of its scene and its faults (1)
 *   --stock              without the extensions
 *
 * It is the model of the stock slave with the callbacks of the simulated camera. It obeys lines of its standard input
 * until that ends:
 *
 *   fault NAME PERMILLE  absent, damage, noise, cut, error or hang; see faults.h
 *   reset                as by its line, without a line
 *   count                says what has been counted
 *
 * and says on its standard output `soldered`, `reset` whenever it was, and `count` with a JSON object.
 */

#include "camera.h"
#include "can.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* omvrpc.py waits for a whole second, and not for the 2 ms of the stock slave. */
#define READY_WINDOW_MS 1000

struct commands {
    char line[128]; /* of standard input, as far as it has come */
    size_t length;
};

static void print_count(const struct camera *camera) {
    const struct stock_slave_counts *counts = stock_slave_counts(camera->slave);
    printf("count {\"transactions\": %" PRIu64 ", \"resets\": %" PRIu64 ", \"commands\": %" PRIu64
           ", \"executions\": %" PRIu64 ", \"results\": %" PRIu64 ", \"frames\": %" PRIu64 ", \"lost_bytes\": %" PRIu64
           ", \"duration_us\": %" PRId64 "}\n",
           camera->transactions, camera->resets, counts->commands, counts->executions, counts->results, counts->frames,
           counts->lost_bytes, scene_duration_us(camera->scene));
}

static void obey(struct camera *camera, const char *line) {
    char name[16];
    uint32_t permille;
    if (strcmp(line, "count") == 0) {
        print_count(camera);
    } else if (strcmp(line, "reset") == 0) {
        camera_reset(camera);
    } else if (sscanf(line, "fault %15s %" SCNu32, name, &permille) != 2 ||
               !faults_set(&camera->faults, name, permille)) {
        printf("error cannot: %s\n", line);
    }
}

/* Obeys all whole lines. Returns false at the end of the input, or when a line has no end. */
static bool read_commands(struct camera *camera, struct commands *commands) {
    size_t room = sizeof commands->line - 1 - commands->length;
    ssize_t count = room > 0 ? read(STDIN_FILENO, commands->line + commands->length, room) : 0;
    if (count <= 0) {
        return count < 0 && errno == EINTR;
    }
    commands->length += (size_t)count;
    commands->line[commands->length] = '\0';
    char *begin = commands->line, *end;
    while ((end = strchr(begin, '\n')) != NULL) {
        *end = '\0';
        obey(camera, begin);
        begin = end + 1;
    }
    commands->length = strlen(begin);
    memmove(commands->line, begin, commands->length + 1);
    return true;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int run(struct camera *camera) {
    struct commands commands = {.length = 0};
    for (;;) {
        int64_t heard_us = omvrpc_now_us();
        int error = camera_hear(camera);
        if (error != 0) {
            return error;
        }
        int64_t live_us = camera_live(camera, heard_us);
        /* What it has just said is due as well. */
        int64_t wait_us = earlier(live_us, camera_send_due(camera));
        struct pollfd polled[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = camera->soldered, .events = POLLIN},
            {.fd = camera->can != NULL ? can_descriptor(camera->can) : -1, .events = POLLIN},
        };
        struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000 * 1000)};
        fflush(stdout);
        if (ppoll(polled, sizeof polled / sizeof polled[0], wait_us == INT64_MAX ? NULL : &wait, NULL) < 0 &&
            errno != EINTR) {
            return -errno;
        }
        if (polled[0].revents != 0 && !read_commands(camera, &commands)) {
            return 0;
        }
    }
}

/* Options. */

static long number_or_exit(const char *text, long most) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > most) {
        fprintf(stderr, "bus_camera: '%s' is not a number from 0 to %ld\n", text, most);
        exit(2);
    }
    return value;
}

static enum stock_slave_kind kind_or_exit(const char *name) {
    static const struct {
        const char *name;
        enum stock_slave_kind kind;
    } kinds[] = {{"spi", STOCK_SLAVE_SPI}, {"i2c", STOCK_SLAVE_I2C}, {"can", STOCK_SLAVE_CAN}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (name != NULL && strcmp(name, kinds[i].name) == 0) {
            return kinds[i].kind;
        }
    }
    fputs("usage: bus_camera spi|i2c|can [OPTION...]\n", stderr);
    exit(2);
}

static void read_options(struct camera_options *options, int argc, char **argv) {
    static const struct option names[] = {
        {"select", required_argument, NULL, 's'},
        {"address", required_argument, NULL, 'a'},
        {"interface", required_argument, NULL, 'i'},
        {"id", required_argument, NULL, 'd'},
        {"ready", required_argument, NULL, 'r'},
        {"reset", required_argument, NULL, 'R'},
        {"window-ms", required_argument, NULL, 'w'},
        {"boot-ms", required_argument, NULL, 'b'},
        {"seed", required_argument, NULL, 'S'},
        {"stock", no_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    const long line_most = CAMERA_BUS_LINES - 1, ms_most = 60000;
    for (int choice; (choice = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (choice) {
        case 's':
            options->select_line = (int)number_or_exit(optarg, line_most);
            break;
        case 'a':
            options->address = (unsigned)number_or_exit(optarg, 0x7f);
            break;
        case 'i':
            options->interface = optarg;
            break;
        case 'd':
            options->id = (unsigned)number_or_exit(optarg, 0x7ff);
            break;
        case 'r':
            options->ready_line = (int)number_or_exit(optarg, line_most);
            options->window_ms = READY_WINDOW_MS;
            break;
        case 'R':
            options->reset_line = (int)number_or_exit(optarg, line_most);
            break;
        case 'w':
            options->window_ms = (uint32_t)number_or_exit(optarg, ms_most);
            break;
        case 'b':
            options->boot_us = number_or_exit(optarg, ms_most) * 1000;
            break;
        case 'S':
            options->seed = (uint64_t)number_or_exit(optarg, LONG_MAX);
            break;
        case 'k':
            options->extensions = false;
            break;
        default:
            exit(2);
        }
    }
    options->kind = kind_or_exit(argv[optind]);
}

int main(int argc, char **argv) {
    struct camera_options options = {
        .select_line = 8,
        .address = 0x12,
        .interface = "vcan0",
        .id = 0x7ff,
        .ready_line = NO_LINE,
        .reset_line = NO_LINE,
        .extensions = true,
        .seed = 1,
        .boot_us = 1000000,
    };
    read_options(&options, argc, argv);
    static struct camera camera;
    int error = camera_open(&camera, &options);
    if (error == 0) {
        puts("soldered");
        error = run(&camera);
    }
    camera_close(&camera);
    if (error != 0) {
        fprintf(stderr, "bus_camera: %s\n", strerror(-error));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
