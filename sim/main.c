/* SPDX-License-Identifier: MIT */
/* The program openmv-sim: a simulated camera on a pseudo terminal or a serial port, which can be unplugged by a signal. */

#include "device.h"
#include "pty.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct settings {
    struct sim_options options;
    const char *link;
    const char *port; /* a serial port instead of a pseudo terminal, and its rate */
    uint32_t baud;
    int64_t replug_after_ms;
    const char *replay; /* the name of a capture */
};

/* Reads a whole decimal number from `low` to `high`. */
static bool read_number(const char *text, uint64_t low, uint64_t high, uint64_t *number) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < low || value > high) {
        return false;
    }
    *number = value;
    return true;
}

/* Readers of options. Each returns whether the value is good; `error` may be filled with a better sentence than the
 * table's. */

static bool take_link(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    settings->link = value;
    return *value != '\0';
}

static bool take_device(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    settings->port = value;
    return *value != '\0';
}

static bool take_baud(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    uint64_t number = 0;
    bool good = read_number(value, 300, 12000000, &number);
    settings->baud = (uint32_t)number;
    return good;
}

static bool take_fps(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    uint64_t number = 0;
    bool good = read_number(value, 1, SIM_FRAMES_PER_SECOND_MAX, &number);
    settings->options.behaviour.frames_per_second = (unsigned)number;
    return good;
}

static bool take_seed(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    return read_number(value, 0, UINT64_MAX, &settings->options.behaviour.seed);
}

static bool take_delay(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    uint64_t number = 0;
    bool good = read_number(value, 0, 60000, &number);
    settings->options.behaviour.duration_us = (int64_t)number * 1000;
    return good;
}

static bool take_replug_after(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    uint64_t number = 0;
    bool good = read_number(value, 0, 3600000, &number);
    settings->replug_after_ms = (int64_t)number;
    return good;
}

static bool take_stock(struct settings *settings, const char *value, char *error, size_t size) {
    (void)value, (void)error, (void)size;
    settings->options.behaviour.stock = true;
    return true;
}

static bool take_replay(struct settings *settings, const char *value, char *error, size_t size) {
    (void)error, (void)size;
    settings->replay = value;
    return *value != '\0';
}

static bool take_faults(struct settings *settings, const char *value, char *error, size_t size) {
    return sim_faults_parse(value, &settings->options.faults, error, size) == 0;
}

static const struct option_row {
    const char *name;
    const char *argument; /* its name in the help, or NULL */
    const char *help;
    bool (*take)(struct settings *settings, const char *value, char *error,
                 size_t size); /* NULL: the help or the version */
} rows[] = {
    {"link", "PATH", "a symbolic link to the port, removed at the end", take_link},
    {"device", "NODE", "a serial port to answer at, instead of a pseudo terminal", take_device},
    {"baud", "N", "that port's rate, 300 to 12000000 (default 115200)", take_baud},
    {"seed", "N", "another scene (default 1)", take_seed},
    {"fps", "N", "frames a second of streams, 1 to 1000 (default 30)", take_fps},
    {"delay", "MS", "how long detections and snapshots take, 0 to 60000 (default: 8 to 40 by kind)", take_delay},
    {"faults", "TEXT", "faults of the line, such as seed=7,drop=1%,delay=2ms..8ms", take_faults},
    {"stock", NULL, "a stock camera, without the extensions", take_stock},
    {"replug-after", "MS", "how long SIGUSR1 unplugs it, 0 to 3600000 (default 1000)", take_replug_after},
    {"replay", "FILE", "play the camera's part of a capture ('openmvctl trace'), without a scene", take_replay},
    {"help", NULL, "this text", NULL},
    {"version", NULL, "the version", NULL},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static void print_help(void) {
    puts("openmv-sim: an OpenMV camera without the camera, on a pseudo terminal or a serial port\n\n"
         "  openmv-sim [OPTION...]\n\n"
         "The first line of its output is the path of the port. SIGUSR1 unplugs the camera for a\n"
         "while; each new port is printed likewise. SIGTERM and SIGINT end it.\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[40];
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].argument ? rows[i].argument : "");
        printf("  %-20s %s\n", left, rows[i].help);
    }
    printf("\nFaults, with commas between:\n\n%s", sim_faults_help);
}

/* Returns -1 to go on, or the program's exit status. */
static int read_options(int argc, char **argv, struct settings *settings) {
    struct option options[ROW_COUNT + 1] = {0};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        options[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument, NULL, 0};
    }
    int index = 0, found;
    while ((found = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (found != 0) {
            fputs("openmv-sim: try --help\n", stderr);
            return 2;
        }
        const struct option_row *row = &rows[index];
        if (!row->take) {
            if (strcmp(row->name, "help") == 0) {
                print_help();
            } else {
                puts("openmv-sim " OPENMVD_VERSION);
            }
            return 0;
        }
        char error[160];
        snprintf(error, sizeof error, "expected %s: %s", row->argument ? row->argument : "nothing", row->help);
        if (!row->take(settings, optarg, error, sizeof error)) {
            fprintf(stderr, "openmv-sim: --%s %s: %s\n", row->name, optarg, error);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "openmv-sim: \"%s\" is no option; try --help\n", argv[optind]);
        return 2;
    }
    if (settings->port ? settings->link != NULL : settings->baud != 0) {
        fputs(settings->port ? "openmv-sim: --link is for a pseudo terminal, and --device chooses another port\n"
                             : "openmv-sim: --baud is the rate of --device\n",
              stderr);
        return 2;
    }
    return -1;
}

/* Waits for a signal, at most so long. Returns its number, or 0. */
static int await_signal(int signals, int64_t timeout_ms) {
    struct pollfd polled = {.fd = signals, .events = POLLIN};
    struct signalfd_siginfo information;
    if (poll(&polled, 1, (int)timeout_ms) <= 0 || read(signals, &information, sizeof information) < 0) {
        return 0;
    }
    return (int)information.ssi_signo;
}

/* Each has the camera plugged in until a signal comes, and returns that signal, or 0 after an error, which was printed. */

static int run_device(struct sim_device *device, int descriptor, int signals) {
    int error = sim_device_run(device, descriptor, signals);
    if (error < 0) {
        fprintf(stderr, "openmv-sim: the port failed: %s\n", strerror(-error));
    }
    int signal_number = error == 0 ? await_signal(signals, 0) : 0;
    if (error == 0 && signal_number == 0) {
        fputs("openmv-sim: the port has gone\n", stderr);
    }
    return signal_number;
}

static void announce(const char *path, const char *name) {
    puts(path);
    fflush(stdout);
    fprintf(stderr, "openmv-sim: a simulated camera answers at %s\n", name);
}

static int plug_into_pty(struct sim_device *device, const struct settings *settings, int signals) {
    struct sim_pty pty;
    int error = sim_pty_open(&pty);
    if (error) {
        fprintf(stderr, "openmv-sim: cannot open a pseudo terminal: %s\n", strerror(-error));
        return 0;
    }
    int signal_number = 0;
    error = settings->link ? sim_pty_link(&pty, settings->link) : 0;
    if (error) {
        fprintf(stderr, "openmv-sim: cannot make the link %s: %s\n", settings->link, strerror(-error));
        goto close;
    }
    announce(pty.path, settings->link ? settings->link : pty.path);
    signal_number = run_device(device, pty.master, signals);
    if (settings->link) {
        sim_pty_unlink(&pty, settings->link);
    }
close:
    sim_pty_close(&pty);
    return signal_number;
}

static int plug_into_port(struct sim_device *device, const struct settings *settings, int signals) {
    const struct omvrpc_serial_options options = {.device = settings->port, .baud = settings->baud};
    struct omvrpc_link *link = omvrpc_serial_open(&options);
    if (!link) {
        fprintf(stderr, "openmv-sim: cannot open %s: %s\n", settings->port, strerror(errno));
        return 0;
    }
    announce(settings->port, settings->port);
    int signal_number = run_device(device, link->operations->descriptor(link), signals);
    omvrpc_link_close(link);
    return signal_number;
}

int main(int argc, char **argv) {
    struct settings settings = {.options = sim_options_default(), .replug_after_ms = 1000};
    int status = read_options(argc, argv, &settings);
    if (status >= 0) {
        return status;
    }

    sigset_t handled;
    sigemptyset(&handled);
    for (size_t i = 0; i < 4; i++) {
        sigaddset(&handled, (int[]){SIGTERM, SIGINT, SIGHUP, SIGUSR1}[i]);
    }
    sigprocmask(SIG_BLOCK, &handled, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &handled, SFD_CLOEXEC);
    struct sim_device device = {.camera = NULL};
    if (signals < 0) {
        fprintf(stderr, "openmv-sim: cannot begin: %s\n", strerror(errno));
        status = EXIT_FAILURE;
    } else if (!sim_device_open(&device, &settings.options, settings.replay)) {
        status = EXIT_FAILURE;
    }
    while (status < 0) {
        int signal_number =
            settings.port ? plug_into_port(&device, &settings, signals) : plug_into_pty(&device, &settings, signals);
        if (signal_number == SIGUSR1) {
            fputs("openmv-sim: unplugged\n", stderr);
            signal_number = await_signal(signals, settings.replug_after_ms);
            if (signal_number == 0 || signal_number == SIGUSR1) {
                continue;
            }
        }
        status = signal_number == 0 || !sim_device_is_done(&device) ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    sim_device_close(&device);
    if (signals >= 0) {
        close(signals);
    }
    return status;
}
