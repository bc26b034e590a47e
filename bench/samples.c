/* SPDX-License-Identifier: MIT */
/* Measured times, and their quantiles. See samples.h. */

#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

void samples_add(struct samples *samples, int64_t value_us) {
    if (samples->count == samples->room) {
        samples->room = samples->room > 0 ? 2 * samples->room : 1024;
        samples->values_us = realloc(samples->values_us, samples->room * sizeof samples->values_us[0]);
        if (samples->values_us == NULL) {
            perror("bench");
            exit(EXIT_FAILURE);
        }
    }
    samples->values_us[samples->count++] = value_us;
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

double samples_quantile_ms(struct samples *samples, unsigned per_mille) {
    if (samples->count == 0) {
        return 0;
    }
    qsort(samples->values_us, samples->count, sizeof samples->values_us[0], compare);
    size_t rank = (samples->count * per_mille + 999) / 1000;
    return (double)samples->values_us[rank > 0 ? rank - 1 : 0] / 1000;
}

void samples_clear(struct samples *samples) {
    free(samples->values_us);
    *samples = (struct samples){0};
}

static int compare_turns(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double samples_median_of_turns(double numbers[SAMPLES_TURNS]) {
    qsort(numbers, SAMPLES_TURNS, sizeof numbers[0], compare_turns);
    return numbers[SAMPLES_TURNS / 2];
}
