/* SPDX-License-Identifier: MIT */
/* Snapshots with their pictures. See held_picture.h. */

#include "held_picture.h"

#include "little_endian.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Where the size stands in the snapshot's result: "<I" and "<IIII" with the size last. */
static const struct {
    const char *snapshot, *read;
    size_t size_offset, result_length;
} kinds[] = {
    {"jpeg_image_snapshot", "jpeg_image_read", 0, 4},
    {"raw_image_snapshot", "raw_image_read", 12, 16},
};

static uint32_t command_of(const char *name) {
    return omvrpc_command_id(name, strlen(name));
}

bool held_picture_of_snapshot(uint32_t command, struct exchange_picture *picture) {
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (command_of(kinds[i].snapshot) == command) {
            *picture = (struct exchange_picture){
                .read_command = command_of(kinds[i].read),
                .size_offset = kinds[i].size_offset,
                .result_length = kinds[i].result_length,
            };
            return true;
        }
    }
    return false;
}

const char *held_picture_snapshot_of(uint32_t read_command) {
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (command_of(kinds[i].read) == read_command) {
            return kinds[i].snapshot;
        }
    }
    return NULL;
}

void held_picture_set(struct held_picture *held, const char *camera, uint32_t read_command, uint8_t *data,
                      size_t length, int64_t taken_us) {
    held_picture_clear(held);
    *held = (struct held_picture){
        .read_command = read_command,
        .data = data,
        .length = length,
        .taken_us = taken_us,
    };
    snprintf(held->camera, sizeof held->camera, "%s", camera);
}

bool held_picture_answers(const struct held_picture *held, const char *camera, uint32_t read_command) {
    return held->camera[0] != '\0' && held->read_command == read_command && strcmp(held->camera, camera) == 0;
}

int held_picture_read(const struct held_picture *held, struct job *job) {
    size_t offset = 0, size = held->length;
    if (job->argument_length != 0 && job->argument_length != 8) {
        return -EINVAL;
    }
    if (job->argument_length == 8) {
        offset = get_u32(job->argument);
        size = get_u32(job->argument + 4);
    }
    offset = offset < held->length ? offset : held->length;
    size = size < held->length - offset ? size : held->length - offset;
    if (size > 0) {
        job->result = malloc(size);
        if (job->result == NULL) {
            return -ENOMEM;
        }
        memcpy(job->result, held->data + offset, size);
    }
    job->result_length = size;
    job->taken_us = held->taken_us;
    job->ended_us = omvrpc_now_us();
    return 0;
}

void held_picture_clear(struct held_picture *held) {
    free(held->data);
    *held = (struct held_picture){.data = NULL};
}
