/* SPDX-License-Identifier: MIT */
#ifndef ANSWERS_H
#define ANSWERS_H

/* The good answers that a camera gave last, for who is content with one that is not new. */

#include <stddef.h>
#include <stdint.h>

/* Answers that are kept at once, of one camera; the one that nobody asked for the longest makes room. */
enum { ANSWERS_MAX = 64 };

struct answer {
    uint32_t command;
    uint8_t *argument; /* malloc'ed, as the result; of one that is put, borrowed */
    size_t argument_length;
    uint8_t *result;
    size_t result_length;
    int64_t taken_us; /* when the camera took the call */
    uint64_t used;    /* when it was last given or asked for, in turns */
};

struct answers {
    struct answer entries[ANSWERS_MAX];
    size_t count;
    size_t bytes; /* of arguments and results */
    size_t bytes_max;
    uint64_t turn;
};

/* Keeps at most `bytes_max` bytes of arguments and results. */
void answers_init(struct answers *answers, size_t bytes_max);
void answers_clear(struct answers *answers);

/* Keeps at most so many from now on. */
void answers_set_limit(struct answers *answers, size_t bytes_max);

/* Keeps a copy of an answer in place of an older one to the same question; one that is too long is not kept. */
void answers_put(struct answers *answers, const struct answer *answer);

/* Drops the answer to a question, if there is one. */
void answers_remove(struct answers *answers, uint32_t command, const uint8_t *argument, size_t length);

/* Returns the answer to a question that was taken at `oldest_us` or later, or NULL. Good until the next answers_put(). */
const struct answer *answers_find(struct answers *answers, uint32_t command, const uint8_t *argument, size_t length,
                                  int64_t oldest_us);

#endif
