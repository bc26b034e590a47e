/* SPDX-License-Identifier: MIT */
#ifndef REQUEST_H
#define REQUEST_H

/*
 * JSON-RPC 2.0: from a client's line to methods, and from their answers to the client's line, single or in batches.
 *
 * A request lives until it is answered, exactly once, by one of the functions below, which frees it. It outlives its
 * client: the answer then goes nowhere. The id is echoed as the text it came as, so that no number changes its form.
 */

#include "client.h"
#include "error.h"

struct cJSON;
struct daemon;

/* The most requests of one batch. From the socket's protocol. */
enum { REQUEST_BATCH_MAX = 256 };

struct batch;

struct request {
    TAILQ_ENTRY(request) entry; /* of its client's list */
    struct daemon *daemon;
    struct client *client; /* NULL once it has gone */
    struct batch *batch;   /* NULL for a single request */
    char *id;              /* as JSON text; NULL for a notification, which gets no reply */
    size_t kept_bytes;     /* of it that count among what waits for the client */
    int64_t arrived_us;
    /* Ends the request with ERROR_CANCELLED if it still waits and returns whether it did; NULL where it cannot. */
    bool (*cancel)(struct request *request);
    void *work; /* of the one who set `cancel` */
};

/* Handles one line, which json_check() has not seen yet. */
void request_handle_line(struct client *client, const char *line, size_t length);

/* Answers a line that was longer than its client may send now, and is not kept. */
void request_refuse_line(struct client *client);

/* Takes the requests of a client that leaves off it, and drops those that wait for a camera. */
void request_abandon_all(struct client *client);

/* Answers with a value, which is taken over; NULL, as cJSON gives it when memory is short, becomes an error. */
void request_succeed(struct request *request, struct cJSON *result);

/*
 * Answers with a value that the caller writes: request_begin_reply() writes what stands before it into an empty
 * `reply`, with the limit that replies have; request_send_reply() completes the reply, takes its text over and sends
 * it, with `bytes` (malloc'ed and taken over, or NULL) behind the line. Bytes are not for requests in a batch.
 */
void request_begin_reply(const struct request *request, struct text_buffer *reply);
void request_send_reply(struct request *request, struct text_buffer *reply, uint8_t *bytes, size_t bytes_length);

/* Tells a peer whose requests are not read, or not any more, why, as far as its socket allows without waiting. */
void request_send_refusal(int fd, const struct error *error);

/* Answers with an error. */
void request_fail(struct request *request, const struct error *error);

#endif
