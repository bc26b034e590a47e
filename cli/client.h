/* SPDX-License-Identifier: MIT */
/*
 * One connection to the daemon, one request at a time: it is opened by the first request, and again by the next after
 * it broke. After a "subscribe", events are taken from it. libopenmvd keeps it; every wait has an end.
 */
#ifndef OPENMVCTL_CLIENT_H
#define OPENMVCTL_CLIENT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "reply.h"

/*
 * How long an answer is waited for, in milliseconds, when no --timeout says so. The daemon keeps the deadlines of
 * calls (10 s, or what a callback's schema says) and always answers; these bounds are for a daemon that hangs.
 *
 * INSTANT:  what the daemon answers from memory.
 * LINK:     a reset, or the end of an exchange before a port is lent out: a camera may take half a minute to boot.
 * CALL:     the longest time a schema can give a callback, one hour.
 * GRACE:    added to a deadline the daemon keeps, so that its own, better, error has time to arrive.
 */
#define CLIENT_INSTANT_MS 5000L
#define CLIENT_LINK_MS    60000L
#define CLIENT_CALL_MS    3600000L
#define CLIENT_GRACE_MS   2000L

struct client;

/* `socket_path` may be NULL to look in the usual places; the string must outlive the client. */
struct client *client_new(const char *socket_path);
void client_free(struct client *client);

/*
 * Tells who is at the other end, as it was when it began to listen. False while there is no connection, or where the
 * kernel does not tell.
 */
bool client_peer(const struct client *client, struct ucred *peer);

/* Called about ten times a second while an answer is awaited, with the milliseconds since the request. */
typedef void client_tick(void *context, long waited_ms);
void client_set_tick(struct client *client, client_tick *tick, void *context);

/* Told while the result of the request under way comes, where its params ask for that. */
typedef void client_progress(void *context, size_t bytes, size_t total);
void client_set_progress(struct client *client, client_progress *progress, void *context);

/*
 * Asks the daemon to end the request under way ("cancel"), whose reply is awaited as before. To be called from the
 * tick; where the line takes nothing at the moment, nothing happens.
 */
void client_cancel(struct client *client);

/*
 * Sends a request and waits up to `patience_ms` for its reply. `params` is checked JSON text, or NULL for none. Whatever happens, `reply` is filled with a result or an error, and is to be freed.
 * Returns the exit code of it: CTL_OK when there is a result.
 */
int client_request(struct client *client, const char *method, const char *params, long patience_ms,
                   struct reply *reply);

/*
 * Waits up to `patience_ms`, at least 1, for the next event of a subscription, which must have been the last request.
 * `event` is to be freed: its result is the event's params, with the bytes behind it; where none came in that time its
 * line is NULL. Returns CTL_OK for both; else the event is the failure that ended the connection, and this its exit code.
 */
int client_next_event(struct client *client, long patience_ms, struct reply *event);

#endif
