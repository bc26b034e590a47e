/* SPDX-License-Identifier: MIT */
/* The simulator's command line: runs the worlds of many seeds and says what came of them. */

#include "camera_model.h"
#include "world.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATENCIES ((size_t)1 << 20)

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int usage(FILE *file) {
    fprintf(file, "Usage: simulate [--seeds N] [--first-seed S] [--calls N] [--profile NAME] [--camera KIND]\n\n"
                  "Runs the master and the bus against simulated cameras in virtual time, a world a seed, and checks\n"
                  "what must hold whatever the faults. Ends at the first broken promise, with a trace of it.\n\n"
                  "Profiles:");
    for (const char *const *name = world_profiles(); *name != NULL; name++) {
        fprintf(file, " %s", *name);
    }
    fprintf(file, "\nKinds of cameras:");
    for (int kind = 0; kind < MODEL_KINDS; kind++) {
        fprintf(file, " %s", model_kind_name((enum model_kind)kind));
    }
    fprintf(file, "\n");
    return file == stdout ? EXIT_SUCCESS : 2;
}

static void print_report(const struct world_report *report, double seconds) {
    printf("%llu calls: %llu done, %llu result unknown, %llu not delivered; %llu ran twice as lost acknowledgements "
           "allow\n",
           (unsigned long long)report->calls, (unsigned long long)report->done,
           (unsigned long long)report->result_unknown, (unsigned long long)report->not_delivered,
           (unsigned long long)report->twice);
    printf(
        "sessions: %llu, with %llu numbered calls in %llu pieces; %llu raised, %llu had no callback; %llu calls went "
        "the stock way\n",
        (unsigned long long)report->sessions, (unsigned long long)report->numbered, (unsigned long long)report->pieces,
        (unsigned long long)report->raised, (unsigned long long)report->no_such, (unsigned long long)report->stock_way);
    printf("faults: %llu packets forged\n", (unsigned long long)report->forged_packets);
    printf("faults: %llu packets lost or damaged, %llu resets, %llu unplugged, %llu silent, %llu preemptions\n",
           (unsigned long long)report->lost_packets, (unsigned long long)report->resets,
           (unsigned long long)report->unplugs, (unsigned long long)report->silences,
           (unsigned long long)report->preemptions);
    printf("master: %llu copies, %llu polls, %llu settlings, %llu stale results; at most %llu bytes under way\n",
           (unsigned long long)report->copies, (unsigned long long)report->polls, (unsigned long long)report->settlings,
           (unsigned long long)report->stale_results, (unsigned long long)report->queued_most);
    if (report->latencies_count > 0) {
        qsort(report->latencies_us, report->latencies_count, sizeof report->latencies_us[0], compare);
        printf("time beyond the callback's own, of calls that were done: median %.2f ms, p99 %.2f ms\n",
               (double)report->latencies_us[report->latencies_count / 2] / 1000.0,
               (double)report->latencies_us[report->latencies_count * 99 / 100] / 1000.0);
    }
    printf("%.0f s of virtual time in %.1f s, %.0f calls a minute\n", (double)report->virtual_us / 1e6, seconds,
           (double)report->calls * 60.0 / seconds);
}

static bool is_profile(const char *text) {
    const char *const *name = world_profiles();
    while (*name != NULL && strcmp(*name, text) != 0) {
        name++;
    }
    return *name != NULL;
}

static bool is_kind(const char *text) {
    int kind = 0;
    while (kind < MODEL_KINDS && strcmp(model_kind_name((enum model_kind)kind), text) != 0) {
        kind++;
    }
    return kind < MODEL_KINDS;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"first-seed", required_argument, NULL, 's'},
        {"calls", required_argument, NULL, 'c'},
        {"profile", required_argument, NULL, 'p'},
        {"camera", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    unsigned long long seeds = 100, first = 1;
    struct world_choice choice = {.profile = NULL, .calls = 60};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            seeds = strtoull(optarg, NULL, 0);
            break;
        case 's':
            first = strtoull(optarg, NULL, 0);
            break;
        case 'c':
            choice.calls = atoi(optarg);
            break;
        case 'p':
            choice.profile = optarg;
            break;
        case 'k':
            choice.camera = optarg;
            break;
        case 'h':
            return usage(stdout);
        default:
            return usage(stderr);
        }
    }
    if (choice.calls < 1 || choice.calls > 4000) {
        fprintf(stderr, "simulate: --calls takes 1 to 4000\n");
        return 2;
    }
    if ((choice.profile != NULL && !is_profile(choice.profile)) || (choice.camera != NULL && !is_kind(choice.camera))) {
        return usage(stderr);
    }
    struct world_report report = {.latencies_us = malloc(LATENCIES * sizeof(int64_t)), .latencies_size = LATENCIES};
    double begun = now();
    for (unsigned long long seed = first; seed < first + seeds; seed++) {
        if (world_run(seed, &choice, &report, stdout) != 0) {
            printf("replay: make simulate SEEDS=1 FIRST_SEED=%llu\n", seed);
            free(report.latencies_us);
            return EXIT_FAILURE;
        }
    }
    printf("%llu seeds from %llu, every promise kept\n", seeds, first);
    print_report(&report, now() - begun);
    free(report.latencies_us);
    return EXIT_SUCCESS;
}
