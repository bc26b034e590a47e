/* SPDX-License-Identifier: MIT */
/*
 * What the library and the daemon can do on this machine: the same cameras asked by the library alone and through the
 * socket. Here are the options and the order of things; how something is measured is in measure.c. See README.md.
 */

#include "line_share.h"
#include "measure.h"
#include "measure_interruptions.h"
#include "measure_servers.h"
#include "process.h"
#include "report.h"
#include "samples.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct choices {
    const char *json_path;
    double seconds; /* for each row of calls and of streams */
    bool quick;
};

/* A camera that is measured. All collect for 0.7 ms before each wait, as a stock one does, but openmv-sim, which is
 * our own slave and shows what the wire and the daemon cost without that. */
struct camera_kind {
    const char *name;
    const char *program;
    const char *options[12];
};

static const struct camera_kind cameras[] = {
    {"sim", "openmv-sim", {"--fps", "1000"}},
    {"vcp", "tests/stock_camera", {"--kind", "vcp", "--gc-us", "700", "--memory", "4000000"}},
    {"uart", "tests/stock_camera", {"--kind", "uart", "--gc-us", "700", "--memory", "4000000"}},
};

/* One packet in a hundred dropped or damaged, each way. */
static const struct camera_kind lossy_cameras[] = {
    {"vcp", "tests/stock_camera", {"--kind", "vcp", "--gc-us", "700", "--drop", "5", "--damage", "5"}},
    {"uart", "tests/stock_camera", {"--kind", "uart", "--gc-us", "700", "--drop", "5", "--damage", "5"}},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct report_column call_columns[] = {
    {"camera", "camera", 0},
    {"through", "through", 0},
    {"calls", "calls", 0},
    {"failed", "failed", 0},
    {"calls_per_second", "a second", 0},
    {"median_ms", "median ms", 3},
    {"p99_ms", "p99 ms", 3},
    {"max_ms", "max ms", 3},
    {NULL, NULL, 0},
};

static const struct report_column part_columns[] = {
    {"camera", "camera", 0},    {"library_us", "library us", 1}, {"socket_us", "socket us", 1},
    {"part_us", "added us", 1}, {"pings", "in pings", 2},        {NULL, NULL, 0},
};

static const struct report_column result_columns[] = {
    {"camera", "camera", 0}, {"through", "through", 0},
    {"bytes", "bytes", 0},   {"calls", "calls", 0},
    {"failed", "failed", 0}, {"median_ms", "median ms", 2},
    {"max_ms", "max ms", 2}, {"megabytes_per_second", "MB/s", 1},
    {NULL, NULL, 0},
};

static const struct report_column callback_columns[] = {
    {"camera", "camera", 0},
    {"through", "through", 0},
    {"duration_ms", "takes ms", 0},
    {"calls", "calls", 0},
    {"failed", "failed", 0},
    {"late_median_ms", "late ms", 2},
    {"late_median_percent", "late %", 2},
    {"late_max_ms", "at most ms", 2},
    {NULL, NULL, 0},
};

static const struct report_column stream_columns[] = {
    {"camera", "camera", 0},
    {"frames", "frames", 0},
    {"bytes_per_frame", "bytes each", 0},
    {"frames_per_second", "a second", 0},
    {"megabytes_per_second", "MB/s", 1},
    {"restarts", "restarts", 0},
    {NULL, NULL, 0},
};

static void start_camera(struct process *process, const struct camera_kind *kind) {
    const char *arguments[COUNT(kind->options) + 2] = {0};
    memcpy(arguments + 1, kind->options, sizeof kind->options);
    process_start_camera(process, kind->program, arguments);
}

/* Measures one camera both ways. The library comes first and closes the port, which the daemon then opens. */
static void for_both_ways(const struct camera_kind *kind, void (*measure)(void *, struct asker *, const char *),
                          void *context) {
    struct process camera, daemon;
    start_camera(&camera, kind);
    struct asker *asker = asker_open_library(camera.path);
    measure(context, asker, kind->name);
    asker_close(asker);
    process_start_daemon(&daemon, camera.path);
    asker = asker_open_socket(daemon.path);
    measure(context, asker, kind->name);
    asker_close(asker);
    process_stop(&daemon);
    process_stop(&camera);
}

struct bench {
    struct choices choices;
    struct report report;
};

static void add_calls(void *context, struct asker *asker, const char *camera) {
    struct bench *bench = context;
    report_add_row(&bench->report, measure_calls(asker, camera, bench->choices.seconds));
}

static void add_results(void *context, struct asker *asker, const char *camera) {
    static const uint32_t sizes[] = {10000, 100000, 1000000};
    struct bench *bench = context;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        report_add_row(&bench->report, measure_results(asker, camera, sizes[i], bench->choices.quick ? 5 : 40));
    }
}

static void add_callbacks(void *context, struct asker *asker, const char *camera) {
    static const struct {
        uint32_t duration_ms;
        unsigned count, quick_count;
    } rows[] = {{5, 200, 20}, {50, 60, 10}, {200, 30, 5}, {500, 15, 3}};
    struct bench *bench = context;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned count = bench->choices.quick ? rows[i].quick_count : rows[i].count;
        report_add_row(&bench->report, measure_callbacks(asker, camera, rows[i].duration_ms, count));
    }
}

static const struct report_column ping_columns[] = {
    {"clients", "clients", 0},
    {"echo_per_second", "echo's /s", 0},
    {"daemon_per_second", "daemon's /s", 0},
    {"ratio", "ratio", 2},
    {"echo_cpu_us", "its CPU us", 2},
    {"daemon_cpu_us", "CPU us", 2},
    {"cpu_ratio", "ratio", 2},
    {NULL, NULL, 0},
};

static const unsigned ping_clients[] = {1, 8, 64};

/* What was seen of the echo server, which says how fast the machine is. */
static double ping_number(const struct bench *bench, size_t row, const char *name) {
    const cJSON *pings = cJSON_GetObjectItemCaseSensitive(bench->report.json, "pings");
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(pings, (int)row), name)->valuedouble;
}

static void report_pings(struct bench *bench) {
    struct process echo, camera, daemon;
    process_start_echo_server(&echo);
    start_camera(&camera, &cameras[0]);
    process_start_daemon(&daemon, camera.path);
    report_begin_section(&bench->report, "pings", "Pings, beside a bare libevent and cJSON server", ping_columns);
    for (size_t i = 0; i < COUNT(ping_clients); i++) {
        report_add_row(&bench->report, measure_pings(&echo, &daemon, ping_clients[i], bench->choices.seconds));
    }
    process_stop(&daemon);
    process_stop(&camera);
    process_stop(&echo);
}

/* Medians of calls, by the library and through the socket in turn. */
struct medians {
    double seconds;
    size_t count;
    double ms[2 * SAMPLES_TURNS];
};

static void add_median(void *context, struct asker *asker, const char *camera) {
    struct medians *medians = context;
    cJSON *row = measure_calls(asker, camera, medians->seconds);
    medians->ms[medians->count++] = cJSON_GetObjectItemCaseSensitive(row, "median_ms")->valuedouble;
    cJSON_Delete(row);
}

/* The daemon's part of a call: what the median is longer by than with the library alone. */
static void report_daemon_part(struct bench *bench) {
    struct medians medians = {.seconds = bench->choices.seconds / SAMPLES_TURNS};
    double library_us[SAMPLES_TURNS], socket_us[SAMPLES_TURNS], part_us[SAMPLES_TURNS];
    for (int i = 0; i < SAMPLES_TURNS; i++) {
        for_both_ways(&cameras[0], add_median, &medians);
        library_us[i] = 1000 * medians.ms[2 * i];
        socket_us[i] = 1000 * medians.ms[2 * i + 1];
        part_us[i] = socket_us[i] - library_us[i];
    }
    report_begin_section(&bench->report, "daemon_part", "What the daemon adds to a call of the library, in the median",
                         part_columns);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "camera", cameras[0].name);
    cJSON_AddNumberToObject(row, "library_us", samples_median_of_turns(library_us));
    cJSON_AddNumberToObject(row, "socket_us", samples_median_of_turns(socket_us));
    double added_us = samples_median_of_turns(part_us);
    cJSON_AddNumberToObject(row, "part_us", added_us);
    cJSON_AddNumberToObject(row, "pings", added_us / (1e6 / ping_number(bench, 0, "echo_per_second")));
    report_add_row(&bench->report, row);
}

static void report_streams(struct bench *bench) {
    static const char picture[] = "sensor.RGB565,sensor.QVGA";
    /* Two numbers: the size, and no limit to the frames a second. */
    static const uint8_t frames_of_10_kb[8] = {0x10, 0x27}, frames_of_100_kb[8] = {0xa0, 0x86, 0x01};
    const struct {
        const struct camera_kind *camera;
        const char *what, *callback;
        const void *argument;
        size_t length;
    } rows[] = {
        {&cameras[0], "JPEG QVGA", "jpeg_image_stream", picture, sizeof picture - 1},
        {&cameras[1], "10 kB", "stream", frames_of_10_kb, sizeof frames_of_10_kb},
        {&cameras[1], "100 kB", "stream", frames_of_100_kb, sizeof frames_of_100_kb},
        {&cameras[2], "10 kB", "stream", frames_of_10_kb, sizeof frames_of_10_kb},
    };
    report_begin_section(&bench->report, "streams", "Streams, by the library alone, as fast as they go",
                         stream_columns);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct process camera;
        start_camera(&camera, rows[i].camera);
        report_add_row(&bench->report, measure_stream(camera.path, rows[i].camera->name, rows[i].what, rows[i].callback,
                                                      rows[i].argument, rows[i].length, bench->choices.seconds));
        process_stop(&camera);
    }
}

/* Where this was measured, without which no number means anything. */
static void report_machine(struct report *report) {
    struct utsname name;
    double load = 0;
    cJSON *machine = cJSON_AddObjectToObject(report->json, "machine");
    (void)uname(&name);
    (void)getloadavg(&load, 1);
    cJSON_AddStringToObject(machine, "system", name.sysname);
    cJSON_AddStringToObject(machine, "release", name.release);
    cJSON_AddStringToObject(machine, "architecture", name.machine);
    cJSON_AddNumberToObject(machine, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    cJSON_AddNumberToObject(machine, "load_before", load);
    printf("%s %s, %s, %ld cores, load %.2f before this began\n", name.sysname, name.release, name.machine,
           sysconf(_SC_NPROCESSORS_ONLN), load);
}

static void report_for_cameras(struct bench *bench, const struct camera_kind *kinds, size_t count,
                               void (*measure)(void *, struct asker *, const char *)) {
    for (size_t i = 0; i < count; i++) {
        for_both_ways(&kinds[i], measure, bench);
    }
}

static const struct report_column fan_out_columns[] = {
    {"clients", "viewers", 0},
    {"frames_per_second", "frames/s", 1},
    {"missed", "missed", 0},
    {"cpu_percent", "CPU %", 1},
    {"frame_us", "us each", 2},
    {"pings", "in pings", 2},
    {NULL, NULL, 0},
};

/* What a frame costs for each viewer, also in pings of the echo server. */
static void report_fan_out(struct bench *bench) {
    static const unsigned viewers[] = {1, 8, 64};
    double ping_us = ping_number(bench, COUNT(ping_clients) - 1, "echo_cpu_us");
    report_begin_section(&bench->report, "fan_out", "A stream of 30 frames a second, 20 kB each, for several viewers",
                         fan_out_columns);
    for (size_t i = 0; i < COUNT(viewers); i++) {
        struct process camera, daemon;
        start_camera(&camera, &cameras[1]);
        process_start_daemon(&daemon, camera.path);
        report_add_row(&bench->report, measure_fan_out(&daemon, viewers[i], ping_us, bench->choices.seconds));
        process_stop(&daemon);
        process_stop(&camera);
    }
}

static const struct report_column interruption_columns[] = {
    {"camera", "camera", 0},
    {"alone_per_second", "alone /s", 1},
    {"frames_per_second", "frames/s", 1},
    {"frames_percent", "%", 1},
    {"calls", "calls", 0},
    {"failed", "failed", 0},
    {"wait_median_ms", "median ms", 2},
    {"wait_max_ms", "max ms", 2},
    {NULL, NULL, 0},
};

static void report_interruptions(struct bench *bench) {
    static const struct camera_kind of_30_frames = {"sim", "openmv-sim", {"--fps", "30"}};
    struct process camera, daemon;
    start_camera(&camera, &of_30_frames);
    process_start_daemon(&daemon, camera.path);
    report_begin_section(&bench->report, "interruptions",
                         "A stream of 30 frames a second that is left for ten calls a second, and what these wait",
                         interruption_columns);
    report_add_row(&bench->report, measure_interruptions(&daemon, of_30_frames.name, bench->choices.seconds));
    process_stop(&daemon);
    process_stop(&camera);
}

static void run(struct bench *bench) {
    struct report *report = &bench->report;
    report_machine(report);
    report_pings(bench);
    report_fan_out(bench);
    report_interruptions(bench);
    report_daemon_part(bench);
    report_begin_section(report, "calls", "Calls in a row, eight bytes each way", call_columns);
    report_for_cameras(bench, cameras, COUNT(cameras), add_calls);
    report_begin_section(report, "calls_with_losses", "The same, with one packet in a hundred lost or damaged",
                         call_columns);
    report_for_cameras(bench, lossy_cameras, COUNT(lossy_cameras), add_calls);
    report_begin_section(report, "results", "Large results", result_columns);
    report_for_cameras(bench, cameras, COUNT(cameras), add_results);
    report_begin_section(report, "callbacks", "Callbacks that take their time, and how late their answers are",
                         callback_columns);
    report_for_cameras(bench, cameras, COUNT(cameras), add_callbacks);
    report_streams(bench);
    report_line_share(report, bench->choices.quick);
}

static void print_usage(void) {
    printf("bench: what the library and the daemon can do on this machine; best on a quiet one\n\n"
           "  --json FILE   also write the numbers to a file\n"
           "  --seconds N   for each row of calls and of streams, 0.1 to 600 (default 5)\n"
           "  --quick       less of everything: half a second a row\n"
           "  --help        this text\n");
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"json", required_argument, NULL, 'j'},
        {"seconds", required_argument, NULL, 's'},
        {"quick", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct bench bench = {.choices = {.seconds = 0}};
    char *end = NULL;
    for (int choice; (choice = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (choice) {
        case 'j':
            bench.choices.json_path = optarg;
            break;
        case 's':
            bench.choices.seconds = strtod(optarg, &end);
            if (*end != '\0' || !(bench.choices.seconds >= 0.1 && bench.choices.seconds <= 600)) {
                fprintf(stderr, "bench: --seconds takes a number from 0.1 to 600, found \"%s\"\n", optarg);
                return 2;
            }
            break;
        case 'q':
            bench.choices.quick = true;
            break;
        case 'h':
            print_usage();
            return EXIT_SUCCESS;
        default:
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench: takes options only, found \"%s\"\n", argv[optind]);
        return 2;
    }
    if (bench.choices.seconds == 0) {
        bench.choices.seconds = bench.choices.quick ? 0.5 : 5;
    }
    report_init(&bench.report);
    run(&bench);
    bool written = bench.choices.json_path == NULL || report_write(&bench.report, bench.choices.json_path);
    if (!written) {
        perror(bench.choices.json_path);
    }
    report_clear(&bench.report);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
