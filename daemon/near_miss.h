/* SPDX-License-Identifier: MIT */
#ifndef NEAR_MISS_H
#define NEAR_MISS_H

/* "Did you mean …": which of the known names a mistyped one was probably meant to be. */

#include <stddef.h>

/* Longer words are never near anything, so that the cost of a guess is bounded. */
#define NEAR_MISS_WORD_MAX 64

/*
 * Returns the candidate nearest to the word, or NULL where none is near: one slip (a letter left out, added, changed,
 * or two swapped) in words of up to 4 letters, two in longer ones. Case is not a slip. Candidates may be NULL.
 */
const char *near_miss_find(const char *word, size_t length, const char *const *candidates, size_t count);

#endif
