/* SPDX-License-Identifier: MIT */
/* The edit distance that counts swapped neighbours as one slip. */

#include "near_miss.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { SHORT_WORD = 4 };

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

static bool letters_equal(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Both lengths are at most NEAR_MISS_WORD_MAX. Three rows of the usual table are enough. */
static unsigned slips_between(const char *a, size_t a_length, const char *b, size_t b_length) {
    unsigned rows[3][NEAR_MISS_WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_length; j++) {
        last[j] = (unsigned)j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            const unsigned change = letters_equal(a[i - 1], b[j - 1]) ? 0 : 1;
            row[j] = least(last[j - 1] + change, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && letters_equal(a[i - 1], b[j - 2]) && letters_equal(a[i - 2], b[j - 1])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        unsigned *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}

const char *near_miss_find(const char *word, size_t length, const char *const *candidates, size_t count) {
    const char *nearest = NULL;
    unsigned fewest = length <= SHORT_WORD ? 1 : 2;

    /* A single letter is one slip away from every other. */
    if (length < 2 || length > NEAR_MISS_WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t candidate_length = candidates[i] != NULL ? strlen(candidates[i]) : 0;
        if (candidate_length == 0 || candidate_length > NEAR_MISS_WORD_MAX) {
            continue;
        }
        const unsigned slips = slips_between(word, length, candidates[i], candidate_length);
        if (slips < fewest || (slips == fewest && nearest == NULL)) {
            fewest = slips;
            nearest = candidates[i];
        }
    }
    return nearest;
}
