/* SPDX-License-Identifier: MIT */
#ifndef HELD_PICTURE_H
#define HELD_PICTURE_H

/*
 * Pictures that the stock scripts hold on the camera: a snapshot callback takes one, and a read callback gives pieces of
 * it. The camera holds one for everybody, so the daemon takes and reads it as one job that nobody can come between, keeps
 * it for the client that asked, and answers that client's reads itself.
 */

#include "config.h"
#include "exchange.h"

/* Of one client, which has one at most: the last that it took. */
struct held_picture {
    char camera[CONFIG_CAMERA_NAME_MAX + 1]; /* its name; empty while there is no picture */
    uint32_t read_command;
    uint8_t *data;
    size_t length;
    int64_t taken_us;
};

/* Finds the picture that belongs to a snapshot callback. Returns false where the command is none. */
bool held_picture_of_snapshot(uint32_t command, struct exchange_picture *picture);

/* The snapshot callback whose pictures a command reads; NULL where it reads none. */
const char *held_picture_snapshot_of(uint32_t read_command);

/* Keeps a picture in place of the one before. `data` is taken over. */
void held_picture_set(struct held_picture *held, const char *camera, uint32_t read_command, uint8_t *data,
                      size_t length, int64_t taken_us);

/* Whether this is the picture that such a read of that camera means. */
bool held_picture_answers(const struct held_picture *held, const char *camera, uint32_t read_command);

/*
 * Reads from it as the camera would, by an argument of offset u32 and size u32, both cut to what there is, or by an empty one
 * for all of it. Fills result and times of the job. Returns 0, -EINVAL for another argument, or -ENOMEM.
 */
int held_picture_read(const struct held_picture *held, struct job *job);

void held_picture_clear(struct held_picture *held);

#endif
