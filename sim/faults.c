/* SPDX-License-Identifier: MIT */
/* The words for faults: one table says how each is read and where it goes. */

#include "faults.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DELAY_MAX_US 10000000
#define STALL_MAX_US 60000000
#define BAUD_MIN     300
#define BAUD_MAX     20000000

const char sim_faults_help[] = "    seed=N         begins the random numbers; the same seed gives the same faults\n"
                               "    drop=P%        packets that are lost\n"
                               "    damage=P%      packets with 1 to 3 flipped bits, close together\n"
                               "    cut=P%         packets whose end is missing\n"
                               "    double=P%      packets that come twice\n"
                               "    delay=T[..T]   how late packets come: 2ms, 300us, 1s, 2ms..8ms\n"
                               "    stall=T@P%     packets before which the line stops for a while\n"
                               "    slow=BAUD      a line of so many bits a second, ten for each byte\n";

/* Reads digits with up to six decimals as a number of millionths; returns NULL when there is none. */
static const char *read_millionths(const char *text, uint64_t *value) {
    uint64_t whole = 0, part = 0, weight = 100000;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (uint64_t)(*at - '0');
        if (whole > UINT64_C(4000000000)) {
            return NULL;
        }
    }
    if (at == text) {
        return NULL;
    }
    if (*at == '.' && at[1] >= '0' && at[1] <= '9') {
        for (at++; *at >= '0' && *at <= '9'; at++, weight /= 10) {
            part += (uint64_t)(*at - '0') * weight;
        }
    }
    *value = whole * 1000000 + part;
    return at;
}

static const char *read_percent(const char *text, uint32_t *chance) {
    uint64_t value;
    text = read_millionths(text, &value);
    if (!text || *text != '%' || value > UINT64_C(100) * 1000000) {
        return NULL;
    }
    *chance = (uint32_t)(value / 100);
    return text + 1;
}

static const char *read_duration(const char *text, int64_t limit_us, int64_t *duration_us) {
    static const struct {
        const char *unit;
        uint64_t microseconds;
    } units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}};
    uint64_t value;
    text = read_millionths(text, &value);
    for (size_t i = 0; text && i < sizeof units / sizeof units[0]; i++) {
        size_t length = strlen(units[i].unit);
        if (strncmp(text, units[i].unit, length) != 0) {
            continue;
        }
        if (value > (uint64_t)limit_us * 1000000 / units[i].microseconds) {
            return NULL;
        }
        *duration_us = (int64_t)(value * units[i].microseconds / 1000000);
        return text + length;
    }
    return NULL;
}

/* Readers of values. Each returns what follows the value, or NULL when it is none. */

static const char *read_seed(const char *text, struct sim_faults *faults) {
    uint64_t seed = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (seed > (UINT64_MAX - digit) / 10) {
            return NULL;
        }
        seed = seed * 10 + digit;
    }
    faults->seed = seed;
    return at == text ? NULL : at;
}

static const char *read_drop(const char *text, struct sim_faults *faults) {
    return read_percent(text, &faults->drop);
}

static const char *read_damage(const char *text, struct sim_faults *faults) {
    return read_percent(text, &faults->damage);
}

static const char *read_cut(const char *text, struct sim_faults *faults) {
    return read_percent(text, &faults->cut);
}

static const char *read_double(const char *text, struct sim_faults *faults) {
    return read_percent(text, &faults->twice);
}

static const char *read_delay(const char *text, struct sim_faults *faults) {
    text = read_duration(text, DELAY_MAX_US, &faults->delay_min_us);
    faults->delay_max_us = faults->delay_min_us;
    if (text && strncmp(text, "..", 2) == 0) {
        text = read_duration(text + 2, DELAY_MAX_US, &faults->delay_max_us);
    }
    return text && faults->delay_max_us >= faults->delay_min_us ? text : NULL;
}

static const char *read_stall(const char *text, struct sim_faults *faults) {
    text = read_duration(text, STALL_MAX_US, &faults->stall_us);
    return text && *text == '@' ? read_percent(text + 1, &faults->stall) : NULL;
}

static const char *read_slow(const char *text, struct sim_faults *faults) {
    uint64_t value;
    text = read_millionths(text, &value);
    if (!text || value % 1000000 != 0 || value / 1000000 < BAUD_MIN || value / 1000000 > BAUD_MAX) {
        return NULL;
    }
    faults->baud = (uint32_t)(value / 1000000);
    return text;
}

static const struct word {
    const char *name;
    const char *(*read)(const char *text, struct sim_faults *faults);
    const char *expected;
} words[] = {
    {"seed", read_seed, "a whole number, as in seed=7"},
    {"drop", read_drop, "a percentage, as in drop=0.5%"},
    {"damage", read_damage, "a percentage, as in damage=0.5%"},
    {"cut", read_cut, "a percentage, as in cut=0.5%"},
    {"double", read_double, "a percentage, as in double=0.5%"},
    {"delay", read_delay, "a time or a range up to 10s, the smaller first, as in delay=2ms..8ms"},
    {"stall", read_stall, "a time up to 60s and a percentage, as in stall=500ms@1%"},
    {"slow", read_slow, "a baud rate from 300 to 20000000, as in slow=9600"},
};

#define WORD_COUNT (sizeof words / sizeof words[0])

/* Levenshtein's distance; texts longer than a word can be are no near miss of any. */
static size_t distance(const char *text, size_t length, const char *name) {
    size_t row[16] = {0};
    size_t name_length = strlen(name);
    if (length > 12) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= name_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= name_length; j++) {
            size_t best = diagonal + (text[i - 1] != name[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[name_length];
}

static void explain_unknown(const char *text, size_t length, char *error, size_t size) {
    const char *nearest = NULL;
    size_t least = 3;
    for (size_t i = 0; i < WORD_COUNT; i++) {
        size_t steps = distance(text, length, words[i].name);
        if (steps < least) {
            least = steps;
            nearest = words[i].name;
        }
    }
    int shown = length > 20 ? 20 : (int)length;
    if (nearest) {
        snprintf(error, size, "\"%.*s\" is no fault; did you mean \"%s\"?", shown, text, nearest);
    } else {
        snprintf(error, size, "\"%.*s\" is no fault; known are seed, drop, damage, cut, double, delay, stall, slow",
                 shown, text);
    }
}

static const struct word *find_word(const char *text, size_t length) {
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strlen(words[i].name) == length && strncmp(words[i].name, text, length) == 0) {
            return &words[i];
        }
    }
    return NULL;
}

int sim_faults_parse(const char *text, struct sim_faults *faults, char *error, size_t size) {
    struct sim_faults found = {0};
    bool given[WORD_COUNT] = {false};
    while (*text != '\0') {
        size_t length = strcspn(text, "=,");
        const struct word *word = find_word(text, length);
        if (!word) {
            explain_unknown(text, length, error, size);
            return -EINVAL;
        }
        if (given[word - words]) {
            snprintf(error, size, "\"%s\" is given twice", word->name);
            return -EINVAL;
        }
        given[word - words] = true;
        const char *end = text[length] == '=' ? word->read(text + length + 1, &found) : NULL;
        if (!end || (*end != ',' && *end != '\0') || (*end == ',' && end[1] == '\0')) {
            int shown = (int)strcspn(text, ",");
            snprintf(error, size, "\"%.*s\": expected %s", shown > 40 ? 40 : shown, text, word->expected);
            return -EINVAL;
        }
        text = *end == ',' ? end + 1 : end;
    }
    *faults = found;
    return 0;
}
