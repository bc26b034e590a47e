/* SPDX-License-Identifier: MIT */
/* A small table of answers. See answers.h. */

#include "answers.h"

#include <stdlib.h>
#include <string.h>

void answers_init(struct answers *answers, size_t bytes_max) {
    *answers = (struct answers){.bytes_max = bytes_max};
}

static void drop(struct answers *answers, size_t place) {
    struct answer *entry = &answers->entries[place];
    answers->bytes -= entry->argument_length + entry->result_length;
    free(entry->argument);
    free(entry->result);
    *entry = answers->entries[--answers->count];
}

void answers_clear(struct answers *answers) {
    while (answers->count > 0) {
        drop(answers, answers->count - 1);
    }
}

static struct answer *find(struct answers *answers, uint32_t command, const uint8_t *argument, size_t length) {
    for (size_t i = 0; i < answers->count; i++) {
        struct answer *entry = &answers->entries[i];
        if (entry->command == command && entry->argument_length == length &&
            (length == 0 || memcmp(entry->argument, argument, length) == 0)) {
            return entry;
        }
    }
    return NULL;
}

static void drop_least_used(struct answers *answers) {
    size_t least = 0;
    for (size_t i = 1; i < answers->count; i++) {
        if (answers->entries[i].used < answers->entries[least].used) {
            least = i;
        }
    }
    drop(answers, least);
}

static uint8_t *copy(const uint8_t *bytes, size_t length) {
    uint8_t *copied = malloc(length + 1);
    if (copied != NULL && length > 0) {
        memcpy(copied, bytes, length);
    }
    return copied;
}

void answers_remove(struct answers *answers, uint32_t command, const uint8_t *argument, size_t length) {
    struct answer *entry = find(answers, command, argument, length);
    if (entry != NULL) {
        drop(answers, (size_t)(entry - answers->entries));
    }
}

void answers_set_limit(struct answers *answers, size_t bytes_max) {
    answers->bytes_max = bytes_max;
    while (answers->bytes > bytes_max) {
        drop_least_used(answers);
    }
}

void answers_put(struct answers *answers, const struct answer *answer) {
    size_t size = answer->argument_length + answer->result_length;
    answers_remove(answers, answer->command, answer->argument, answer->argument_length);
    if (size > answers->bytes_max) {
        return;
    }
    while (answers->count == ANSWERS_MAX || answers->bytes > answers->bytes_max - size) {
        drop_least_used(answers);
    }
    struct answer *entry = &answers->entries[answers->count];
    *entry = *answer;
    entry->used = ++answers->turn;
    entry->argument = copy(answer->argument, answer->argument_length);
    entry->result = copy(answer->result, answer->result_length);
    answers->count++;
    answers->bytes += size;
    if (entry->argument == NULL || entry->result == NULL) {
        drop(answers, answers->count - 1);
    }
}

const struct answer *answers_find(struct answers *answers, uint32_t command, const uint8_t *argument, size_t length,
                                  int64_t oldest_us) {
    struct answer *entry = find(answers, command, argument, length);
    if (entry == NULL || entry->taken_us < oldest_us) {
        return NULL;
    }
    entry->used = ++answers->turn;
    return entry;
}
