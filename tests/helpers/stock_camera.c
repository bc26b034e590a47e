/* SPDX-License-Identifier: MIT */
/*
 * A process with the stock camera's habits on a pty, for tests of whole programs: the model of tests/sim/stock_slave.h
 * in real time. It prints the pty's path on its first line of output, lives until SIGTERM or SIGINT, and then prints
 * what it has counted as one line of JSON on standard error.
 *
 *     stock_camera [--kind uart|vcp] [--gc-us LEAST[:MOST]] [--packet-us LEAST[:MOST]] [--seed N] [--drop PERMILLE]
 *                  [--damage PERMILLE] [--memory BYTES] [--byte-rate BYTES_A_SECOND] [--link PATH] [--pictures]
 *
 * Its callbacks; numbers are u32, little-endian:
 *     echo            the argument
 *     count           counts itself and returns the new number
 *     counter         returns that number
 *     blob            n -> n bytes, byte i is (i * 7 + n) & 0xff
 *     sleep           milliseconds -> the same, after that time
 *     nothing         an empty result
 *     face_detection  four u16: x y w h; another x and y with every call
 *     jpeg_snapshot   with --pictures: eight bytes that begin as a JPEG, the number of the picture from 1 in four of them
 *     raw             n -> schedules a cut-through of the bytes of blob
 *     stream          size, frames a second (0: as fast as they go) -> schedules a stream of frames of that size:
 * sequence number from 0, size, then byte i as in a blob of that size
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "packet.h"
#include "tests/sim/stock_slave.h"

/* With more than this waiting for the host, the camera stands still, as one does that waits in a write. */
#define OUTPUT_PAUSE ((size_t)64 << 10)
/* A stream with many credits writes them all at once; what is beyond this is lost. */
#define OUTPUT_MOST  ((size_t)64 << 20)
#define INPUT_SIZE   4096
#define MEMORY_MOST  ((size_t)16 << 20)
#define FRAME_HEADER 8
/* It looks at the line so often, in microseconds, to notice when this machine gives it no time. */
#define LOOK_US 2000

enum fate { FATE_PASS, FATE_DROP, FATE_DAMAGE };

/* Faults of one direction, and the packet that is passing through. */
struct channel {
    unsigned short random[3];
    uint64_t packets, dropped, damaged;
    enum fate fate;
    size_t left, until_flip;
    size_t argument_size;
};

struct camera;

struct callback {
    const char *name;
    void (*run)(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply);
};

struct camera {
    struct stock_slave *slave;
    size_t memory;
    uint32_t drop_permille, damage_permille;
    struct channel to_camera, to_host;
    int pty;
    int64_t began_us, paused_us;
    int64_t held_up_us; /* the longest time that passed between two looks and was not asked for */

    uint8_t input[INPUT_SIZE];
    size_t input_first, input_length;
    uint8_t *output;
    size_t output_length, output_size;
    uint64_t output_lost;

    uint32_t count, faces, pictures;
    bool has_pictures;
    uint64_t unknown;
    uint8_t small[FRAME_HEADER];
    uint8_t *pattern; /* of `memory` bytes */

    uint32_t frame_length, frames_a_second, frame_number;
    int64_t frame_due_us;
};

static volatile sig_atomic_t stopping;

static void stop(int signal_number) {
    (void)signal_number;
    stopping = 1;
}

/* Callbacks. */

static uint32_t argument_number(const uint8_t *argument, size_t length, size_t index) {
    return length >= 4 * (index + 1) ? get_u32(argument + 4 * index) : 0;
}

static void reply_number(struct camera *camera, struct stock_slave_reply *reply, uint32_t number) {
    put_u32(camera->small, number);
    reply->result = camera->small;
    reply->length = 4;
}

/* Lengths beyond the memory are left to the model, which ends the script for them before it looks at the bytes. */
static const uint8_t *pattern_fill(struct camera *camera, uint32_t length) {
    for (size_t i = 0; length <= camera->memory && i < length; i++) {
        camera->pattern[i] = (uint8_t)(i * 7 + length);
    }
    return camera->pattern;
}

static void run_echo(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    (void)camera;
    reply->result = argument;
    reply->length = length;
}

static void run_count(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    (void)argument;
    (void)length;
    reply_number(camera, reply, ++camera->count);
}

static void run_counter(struct camera *camera, const uint8_t *argument, size_t length,
                        struct stock_slave_reply *reply) {
    (void)argument;
    (void)length;
    reply_number(camera, reply, camera->count);
}

static void run_blob(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    uint32_t size = argument_number(argument, length, 0);
    reply->result = pattern_fill(camera, size);
    reply->length = size;
}

static void run_sleep(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    uint32_t duration_ms = argument_number(argument, length, 0);
    reply_number(camera, reply, duration_ms);
    reply->duration_us = (int64_t)duration_ms * 1000;
}

static void run_nothing(struct camera *camera, const uint8_t *argument, size_t length,
                        struct stock_slave_reply *reply) {
    (void)camera;
    (void)argument;
    (void)length;
    (void)reply;
}

static void run_face(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    (void)argument;
    (void)length;
    uint32_t number = camera->faces++;
    put_u16(camera->small, (uint16_t)(number % 280));
    put_u16(camera->small + 2, (uint16_t)(number % 200));
    put_u16(camera->small + 4, 40);
    put_u16(camera->small + 6, 40);
    reply->result = camera->small;
    reply->length = 8;
}

static void run_snapshot(struct camera *camera, const uint8_t *argument, size_t length,
                         struct stock_slave_reply *reply) {
    (void)argument;
    (void)length;
    if (camera->has_pictures) {
        put_u16(camera->small, 0xd8ff);
        put_u32(camera->small + 2, ++camera->pictures);
        put_u16(camera->small + 6, 0xd9ff);
        reply->result = camera->small;
        reply->length = 8;
    }
}

static void run_raw(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    uint32_t size = argument_number(argument, length, 0);
    reply->raw = pattern_fill(camera, size);
    reply->raw_length = size;
}

static bool next_frame(void *context, int64_t now_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    struct camera *camera = context;
    if (camera->frame_number == 0) {
        camera->frame_due_us = now_us;
    } else if (now_us < camera->frame_due_us) {
        *due_us = camera->frame_due_us;
        return true;
    }
    *due_us = now_us;
    *data = camera->pattern;
    *length = camera->frame_length;
    put_u32(camera->pattern, camera->frame_number++);
    put_u32(camera->pattern + 4, camera->frame_length);
    if (camera->frames_a_second > 0) {
        int64_t due = camera->frame_due_us + 1000000 / camera->frames_a_second;
        camera->frame_due_us = due > now_us ? due : now_us;
    }
    return true;
}

static void run_stream(struct camera *camera, const uint8_t *argument, size_t length, struct stock_slave_reply *reply) {
    uint32_t size = argument_number(argument, length, 0);
    camera->frame_length = size > FRAME_HEADER ? size : FRAME_HEADER;
    camera->frames_a_second = argument_number(argument, length, 1);
    camera->frame_number = 0;
    pattern_fill(camera, camera->frame_length);
    reply->source = next_frame;
    reply->source_context = camera;
}

static const struct callback callbacks[] = {
    {"echo", run_echo},       {"count", run_count},
    {"counter", run_counter}, {"blob", run_blob},
    {"sleep", run_sleep},     {"nothing", run_nothing},
    {"raw", run_raw},         {"face_detection", run_face},
    {"stream", run_stream},   {"jpeg_snapshot", run_snapshot},
};
#define CALLBACKS (sizeof callbacks / sizeof callbacks[0])
static uint64_t executions[CALLBACKS];

static void run_callback(void *context, uint32_t command, const uint8_t *argument, size_t length,
                         struct stock_slave_reply *reply) {
    struct camera *camera = context;
    for (size_t i = 0; i < CALLBACKS; i++) {
        if (omvrpc_command_id(callbacks[i].name, strlen(callbacks[i].name)) == command) {
            executions[i]++;
            callbacks[i].run(camera, argument, length, reply);
            return;
        }
    }
    camera->unknown++;
}

/* Faults. */

static void channel_begin_packet(const struct camera *camera, struct channel *channel, size_t size) {
    uint32_t draw = (uint32_t)nrand48(channel->random) % 1000;
    channel->packets++;
    channel->left = size;
    channel->fate = FATE_PASS;
    channel->until_flip = SIZE_MAX;
    if (draw < camera->drop_permille) {
        channel->fate = FATE_DROP;
        channel->dropped++;
    } else if (draw < camera->drop_permille + camera->damage_permille) {
        channel->fate = FATE_DAMAGE;
        channel->damaged++;
        channel->until_flip = (size_t)nrand48(channel->random) % size;
    }
}

/* Passes bytes of the packet under way, in place; returns how many of them are left. */
static size_t channel_pass(struct channel *channel, uint8_t *data, size_t length) {
    channel->left -= length;
    if (channel->until_flip < length) {
        data[channel->until_flip] ^= (uint8_t)(1u << (nrand48(channel->random) % 8));
        channel->until_flip = SIZE_MAX;
    } else if (channel->until_flip != SIZE_MAX) {
        channel->until_flip -= length;
    }
    return channel->fate == FATE_DROP ? 0 : length;
}

/* How long the packet is that begins here; what is no packet is passed byte by byte, as the bytes of a stream's reader
 * are. */
static size_t packet_size(const struct camera *camera, struct channel *channel, const uint8_t *data, size_t length) {
    switch (length >= 2 ? get_u16(data) : 0) {
    case OMVRPC_COMMAND_HEADER:
        if (length >= PACKET_COMMAND_HEADER_SIZE) {
            size_t argument = get_u32(data + 6);
            channel->argument_size = argument < camera->memory ? argument : camera->memory;
        }
        return PACKET_COMMAND_HEADER_SIZE;
    case OMVRPC_COMMAND_DATA:
        return channel->argument_size + OMVRPC_PACKET_OVERHEAD;
    case OMVRPC_RESULT_HEADER:
    case OMVRPC_RESULT_DATA:
        return PACKET_POLL_SIZE;
    case OMVRPC_STREAM_OPEN:
        return PACKET_STREAM_SIZE;
    default:
        return 1;
    }
}

/* Cuts what the host wrote at the boundaries of packets, and closes the gaps that dropped ones leave. */
static size_t damage_input(struct camera *camera, uint8_t *data, size_t length) {
    struct channel *channel = &camera->to_camera;
    size_t kept = 0;
    for (size_t at = 0; at < length;) {
        if (channel->left == 0) {
            channel_begin_packet(camera, channel, packet_size(camera, channel, data + at, length - at));
        }
        size_t piece = channel->left < length - at ? channel->left : length - at;
        size_t passed = channel_pass(channel, data + at, piece);
        memmove(data + kept, data + at, passed);
        kept += passed;
        at += piece;
    }
    return kept;
}

static void queue_output(void *context, const uint8_t *data, size_t length, int64_t now_us) {
    (void)now_us;
    struct camera *camera = context;
    if (length > OUTPUT_MOST - camera->output_length) {
        camera->output_lost += length;
        return;
    }
    if (camera->output_length + length > camera->output_size) {
        size_t size = 2 * (camera->output_length + length);
        uint8_t *output = realloc(camera->output, size);
        if (output == NULL) {
            camera->output_lost += length;
            return;
        }
        camera->output = output;
        camera->output_size = size;
    }
    uint8_t *place = camera->output + camera->output_length;
    memcpy(place, data, length);
    channel_begin_packet(camera, &camera->to_host, length);
    camera->output_length += channel_pass(&camera->to_host, place, length);
}

/* Moving bytes and time. */

static int64_t camera_time(const struct camera *camera) {
    return omvrpc_now_us() - camera->began_us - camera->paused_us;
}

static bool fill_input(struct camera *camera) {
    ssize_t got = read(camera->pty, camera->input, sizeof camera->input);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    camera->input_first = 0;
    camera->input_length = damage_input(camera, camera->input, (size_t)got);
    return true;
}

static bool drain_output(struct camera *camera) {
    ssize_t put = write(camera->pty, camera->output, camera->output_length);
    if (put < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    camera->output_length -= (size_t)put;
    memmove(camera->output, camera->output + put, camera->output_length);
    return true;
}

/* Lets the camera live up to now, hands over what waits for it, and returns how long it has nothing to do. */
static int64_t live(struct camera *camera) {
    int64_t now = camera_time(camera);
    int64_t next = stock_slave_step(camera->slave, now, queue_output, camera);
    if (camera->input_length > 0) {
        const uint8_t *input = camera->input + camera->input_first;
        size_t taken = stock_slave_deliver(camera->slave, input, camera->input_length, now);
        camera->input_first += taken;
        camera->input_length -= taken;
        next = stock_slave_step(camera->slave, now, queue_output, camera);
    }
    return next - now;
}

static int run(struct camera *camera, const sigset_t *while_waiting) {
    int64_t expected_us = INT64_MAX;
    while (!stopping) {
        int64_t late_us = omvrpc_now_us() - expected_us;
        camera->held_up_us = late_us > camera->held_up_us ? late_us : camera->held_up_us;
        bool paused = camera->output_length > OUTPUT_PAUSE;
        int64_t wait_us = paused ? LOOK_US : live(camera);
        wait_us = wait_us < LOOK_US ? wait_us : LOOK_US;
        if (camera->output_length > 0 && !drain_output(camera)) {
            return EXIT_FAILURE;
        }
        struct pollfd pty = {.fd = camera->pty};
        pty.events = (short)((camera->output_length > 0 ? POLLOUT : 0) | (camera->input_length == 0 ? POLLIN : 0));
        int64_t before = omvrpc_now_us();
        expected_us = before + wait_us;
        struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000) * 1000};
        if (ppoll(&pty, 1, &timeout, while_waiting) < 0 && errno != EINTR) {
            return EXIT_FAILURE;
        }
        if (paused) {
            camera->paused_us += omvrpc_now_us() - before;
        }
        if ((pty.revents & POLLIN) && !fill_input(camera)) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

/* The summary. */

static void print_channel(const char *name, const struct channel *channel) {
    fprintf(stderr, ",\"%s\":{\"packets\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"damaged\":%" PRIu64 "}", name,
            channel->packets, channel->dropped, channel->damaged);
}

static void print_summary(const struct camera *camera) {
    const struct stock_slave_counts *counts = stock_slave_counts(camera->slave);
    fprintf(stderr, "{\"executions\":{");
    for (size_t i = 0; i < CALLBACKS; i++) {
        fprintf(stderr, "\"%s\":%" PRIu64 ",", callbacks[i].name, executions[i]);
    }
    fprintf(stderr, "\"unknown\":%" PRIu64 "}", camera->unknown);
    print_channel("to_camera", &camera->to_camera);
    print_channel("to_host", &camera->to_host);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"commands", counts->commands},
        {"results", counts->results},
        {"results_dropped", counts->results_dropped},
        {"frames", counts->frames},
        {"flushed_bytes", counts->flushed_bytes},
        {"lost_bytes", counts->lost_bytes},
        {"deaths", counts->deaths},
        {"output_lost", camera->output_lost},
        {"held_up_us", (uint64_t)camera->held_up_us},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fprintf(stderr, ",\"%s\":%" PRIu64, rows[i].name, rows[i].value);
    }
    fprintf(stderr, "}\n");
}

/* Setting up. */

static uint64_t number_or_exit(const char *text, uint64_t most) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > most) {
        fprintf(stderr, "stock_camera: '%s' is not a number from 0 to %" PRIu64 "\n", text, most);
        exit(EXIT_FAILURE);
    }
    return value;
}

static struct stock_slave_range range_or_exit(char *text) {
    char *most = strchr(text, ':');
    if (most != NULL) {
        *most++ = '\0';
    }
    struct stock_slave_range range = {.least_us = (int64_t)number_or_exit(text, 10000000)};
    range.most_us = most == NULL ? range.least_us : (int64_t)number_or_exit(most, 10000000);
    return range;
}

/* Opens a raw pty. Its other end stays open here too, so that the host may come and go. */
static int open_pty(void) {
    int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (pty < 0 || grantpt(pty) != 0 || unlockpt(pty) != 0) {
        return -1;
    }
    int host = open(ptsname(pty), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    if (host < 0 || tcgetattr(host, &settings) != 0) {
        return -1;
    }
    cfmakeraw(&settings);
    return tcsetattr(host, TCSANOW, &settings) == 0 ? pty : -1;
}

/* Replaces an old link, but never a file of another kind. */
static bool make_link(const char *target, const char *path) {
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
        unlink(path);
    }
    return symlink(target, path) == 0;
}

int main(int argc, char **argv) {
    static struct camera camera;
    struct stock_slave_options options = {.kind = STOCK_SLAVE_VCP,
                                          .seed = 1,
                                          .callback = run_callback,
                                          .context = &camera,
                                          .gc = {700, 700},
                                          .packet = {20, 200},
                                          .memory = (size_t)256 << 10};
    static const struct option names[] = {
        {"kind", required_argument, NULL, 'k'},
        {"gc-us", required_argument, NULL, 'g'},
        {"packet-us", required_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 's'},
        {"drop", required_argument, NULL, 'd'},
        {"damage", required_argument, NULL, 'x'},
        {"memory", required_argument, NULL, 'm'},
        {"byte-rate", required_argument, NULL, 'b'},
        {"link", required_argument, NULL, 'l'},
        {"pictures", no_argument, NULL, 'i'},
        {NULL, 0, NULL, 0},
    };
    const char *link_path = NULL;
    for (int choice; (choice = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (choice) {
        case 'k':
            if (strcmp(optarg, "uart") != 0 && strcmp(optarg, "vcp") != 0) {
                fprintf(stderr, "stock_camera: --kind is uart or vcp, not '%s'\n", optarg);
                return EXIT_FAILURE;
            }
            options.kind = strcmp(optarg, "uart") == 0 ? STOCK_SLAVE_UART : STOCK_SLAVE_VCP;
            break;
        case 'g':
            options.gc = range_or_exit(optarg);
            break;
        case 'p':
            options.packet = range_or_exit(optarg);
            break;
        case 's':
            options.seed = number_or_exit(optarg, UINT64_MAX);
            break;
        case 'd':
            camera.drop_permille = (uint32_t)number_or_exit(optarg, 1000);
            break;
        case 'x':
            camera.damage_permille = (uint32_t)number_or_exit(optarg, 1000);
            break;
        case 'm':
            options.memory = number_or_exit(optarg, MEMORY_MOST);
            break;
        case 'b':
            options.byte_rate = (uint32_t)number_or_exit(optarg, UINT32_MAX);
            break;
        case 'l':
            link_path = optarg;
            break;
        case 'i':
            camera.has_pictures = true;
            break;
        default:
            return EXIT_FAILURE;
        }
    }
    if (optind < argc || options.memory < 1024) {
        fprintf(stderr, "stock_camera: takes options only, and a memory of at least 1024 bytes\n");
        return EXIT_FAILURE;
    }

    options.tick_phase_us = (uint32_t)(options.seed % 1000);
    for (size_t i = 0; i < 3; i++) {
        camera.to_camera.random[i] = (unsigned short)(options.seed >> (16 * i));
        camera.to_host.random[i] = (unsigned short)~camera.to_camera.random[i];
    }
    camera.memory = options.memory;
    camera.pattern = malloc(options.memory);
    camera.slave = stock_slave_new(&options);
    camera.pty = open_pty();
    if (camera.pattern == NULL || camera.slave == NULL || camera.pty < 0) {
        perror("stock_camera");
        return EXIT_FAILURE;
    }

    /* The signals are let in only while waiting, so that none is missed between the look at `stopping` and the wait. */
    sigset_t blocked, while_waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    sigdelset(&while_waiting, SIGTERM);
    sigdelset(&while_waiting, SIGINT);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    if (link_path != NULL && !make_link(ptsname(camera.pty), link_path)) {
        perror(link_path);
        return EXIT_FAILURE;
    }
    printf("%s\n", ptsname(camera.pty));
    fflush(stdout);

    camera.began_us = omvrpc_now_us();
    int status = run(&camera, &while_waiting);
    if (link_path != NULL) {
        unlink(link_path);
    }
    print_summary(&camera);
    stock_slave_free(camera.slave);
    free(camera.pattern);
    free(camera.output);
    return status;
}
