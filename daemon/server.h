/* SPDX-License-Identifier: MIT */
#ifndef SERVER_H
#define SERVER_H

/* The listening socket and the list of who has connected. */

#include "client.h"

#include <sys/stat.h>

struct daemon;

LIST_HEAD(lingering_list, lingering);

struct server {
    struct daemon *daemon;
    char *path;
    int fd;         /* -1 once it listens no more */
    bool is_passed; /* by a service manager, whose it stays */
    dev_t device;   /* of the socket in the file system, so that only our own is ever removed */
    ino_t inode;
    struct event accept_event;
    struct event retry_event;
    bool is_out_of_descriptors; /* said once, until accepting works again */
    struct client_list clients;
    size_t client_count;
    uint64_t last_number;
    uint64_t refused; /* connections closed because limits.clients was reached */
    /* Refused ones that may still write their request before they read why. */
    struct lingering_list lingering_clients;
    size_t lingering;
};

/*
 * Creates the socket at `path` with the configured mode and group, and listens. The socket of a daemon that is dead is
 * replaced; that of a living one is not. Where `passed` is not -1, it is used instead: a socket that listens already, which
 * is taken over. Returns NULL after logging what is wrong.
 */
struct server *server_new(struct daemon *daemon, const char *path, int passed);

/* Stops accepting; clients stay. A socket of our own is removed, after those who wait in it were accepted; one that was
 * passed is left with those, for the next daemon. */
void server_stop_listening(struct server *server);

/* Also closes all clients. */
void server_free(struct server *server);

/* What all clients hold together, but for those that are being closed. */
struct server_totals {
    size_t line_bytes;    /* of lines that are not complete, or not handled yet */
    size_t waiting_bytes; /* arguments of calls in queues */
    size_t output_bytes;  /* replies that were not read yet */
    size_t subscriptions;
};

void server_sum(const struct server *server, struct server_totals *totals);

/* Closes the client that most replies wait for, where more wait for all of them than limits.all_output_bytes. */
void server_bound_output(struct server *server);

/* For client_free(): takes the client off the list. */
void server_forget_client(struct server *server, struct client *client);

#endif
