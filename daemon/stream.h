/* SPDX-License-Identifier: MIT */
#ifndef STREAM_H
#define STREAM_H

/*
 * Streams for subscribers: the camera's stream is opened once for all who want the same, and its frames go to each by
 * reference. Who reads slowly gets the newest frame when it is ready for one. A stream is a call like others and has
 * its turn in the camera's queue; it goes on for as long as nobody else waits, and for one frame at least.
 *
 * jpeg_image_stream of a camera that has none is made of jpeg_snapshots, one after the other.
 */

#include "call_value.h"
#include "params.h"
#include "shared_bytes.h"

struct call;
struct camera;
struct client;

struct stream_options {
    enum reply_form form;
    int64_t interval_us; /* of pictures that stand in for the stream, from 1000 */
};

/*
 * Subscribes a client to the stream that the callback begins which `params`, of "subscribe", name as "stream". Returns
 * the subscription's number, or 0 with *error filled.
 */
uint64_t stream_subscribe(struct client *client, struct camera *camera, const struct params *params,
                          const struct stream_options *options, struct error *error);

/* A frame of the stream whose call this is; `missed` ones before it were too fast for the daemon. It stays the caller's. */
void stream_take_frame(struct call *call, struct shared_bytes *frame, unsigned missed);

#endif
