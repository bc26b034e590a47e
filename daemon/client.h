/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_H
#define CLIENT_H

/*
 * One connection: its bytes, its bounds, its end. Lines go to request.c; replies come back through client_send().
 *
 * A client is read no further while more than limits.output_pause_bytes of its replies wait, and closed when they
 * exceed limits.output_bytes. One that has shut down its writing side is closed when it has got all it is owed; with
 * subscriptions it stays until it closes altogether. Nothing
 * outside of client.c frees a client, and client.c does so only from its own event, so that a pointer stays good
 * through any call.
 */

#include "held_picture.h"
#include "line_buffer.h"
#include "shared_bytes.h"
#include "subscription.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct error;
struct evbuffer;
struct request;
struct server;

TAILQ_HEAD(request_list, request);

struct client {
    TAILQ_ENTRY(client) entry; /* of the server's list */
    struct server *server;
    uint64_t number; /* names it in log and statistics; never used twice */
    int fd;
    pid_t pid; /* of the peer, as SO_PEERCRED told at accept */
    uid_t uid;
    gid_t gid;
    uint64_t access_rules; /* those of the configuration that concern the peer, a bit each */
    bool was_refused;      /* by one of them, which was logged */

    struct event event;
    struct event resume; /* goes on with lines that one turn had no time for */
    short watched;       /* what `event` is added for */
    bool in_turn;        /* its own event is at work, which will write what is sent meanwhile */
    bool input_closed;
    bool broken;        /* to be closed without more ado */
    bool is_to_be_told; /* of the daemon's stop: nothing else that it gets will say it */

    struct line_buffer input;
    struct evbuffer *output; /* NULL while empty */
    size_t batch_bytes;      /* replies that wait for the rest of their batches */

    struct request_list requests; /* those that are not answered yet */
    size_t open;                  /* their number */
    size_t waiting;               /* calls in a camera's queue */
    size_t waiting_bytes;         /* their arguments, those of its subscriptions, and long ids of requests */

    struct held_picture picture; /* the last that it took */

    struct subscription_list subscriptions;
    size_t subscription_count;

    uint64_t requests_total, bytes_in, bytes_out;
};

TAILQ_HEAD(client_list, client);

/* Room for what client_label() writes. */
enum { CLIENT_LABEL_SIZE = 96 };

/* Writes who the client is, for the log: its number, uid, gid and pid. Returns `text`. */
const char *client_label(const struct client *client, char text[CLIENT_LABEL_SIZE]);

/* Takes the connected descriptor over and begins to read. Returns NULL, with the descriptor closed, after logging
 * why it cannot. */
struct client *client_new(struct server *server, int fd);

/*
 * Sends `text`, and directly behind it `bytes` (or NULL). Both are malloc'ed and taken over. What cannot be written now
 * waits.
 */
void client_send(struct client *client, char *text, size_t length, uint8_t *bytes, size_t bytes_length);

/* The same with bytes that others read as well: the client shares them. */
void client_send_shared(struct client *client, char *text, size_t length, struct shared_bytes *bytes);

/* Returns how many bytes of replies wait until its socket takes them. */
size_t client_output_length(const struct client *client);

/* Returns how many bytes of replies are kept for it: those, and what waits for the rest of a batch. */
size_t client_kept_output(const struct client *client);

/* Counts a reply that waits for the rest of its batch. */
void client_keep_reply(struct client *client, size_t length);

/* The batch is complete, or given up: its replies, so many bytes, wait for no other any more. */
void client_let_go_of_replies(struct client *client, size_t length);

/* Returns how many bytes the client has not read, those in its socket included, for which the kernel counts what they
 * take in its memory. */
size_t client_unread(const struct client *client);

/*
 * Whether `bytes` more of arguments may wait for this client, by its own limit and by that of all; where not, *error says
 * so. Whoever keeps them counts them in `waiting_bytes`.
 */
bool client_may_keep(const struct client *client, size_t bytes, struct error *error);

/* Whether so many replies wait that the client should not be given more work's results. */
bool client_is_clogged(const struct client *client);

/* To be called when a request has ended or the daemon stops: has the client closed soon if that was all it is owed. */
void client_wake(struct client *client);

/*
 * The daemon stops: reads and handles what the client has sent up to now, and ends its subscriptions. A client that is owed
 * nothing is told; the others learn it from the ends of what they are owed.
 */
void client_stop(struct client *client);

/* Closes the connection, drops the client's waiting calls and frees it. For the server's end. */
void client_free(struct client *client);

#endif
