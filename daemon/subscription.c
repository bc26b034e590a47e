/* SPDX-License-Identifier: MIT */
/* Subscriptions and their notifications. See subscription.h. */

#include "subscription.h"

#include "camera.h"
#include "client.h"
#include "config.h"
#include "daemon.h"
#include "error.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A subscriber gets what comes so much before its time, in parts of its interval: timers are not exact. */
enum { EARLY_PARTS = 8 };

bool subscription_begin(struct subscription *subscription, struct client *client, struct subscription_list *source,
                        struct error *error) {
    struct daemon *daemon = client->server->daemon;
    size_t most = daemon->config->limits.client_subscriptions;
    if (daemon->stopping) {
        error_set_stopping(error);
        return false;
    }
    if (client->subscription_count >= most) {
        error_set(error, ERROR_QUEUE_FULL, "this client has %zu subscriptions (limits.client_subscriptions)", most);
        return false;
    }
    struct server_totals totals;
    server_sum(client->server, &totals);
    if (totals.subscriptions >= daemon->config->limits.all_subscriptions) {
        error_set(error, ERROR_QUEUE_FULL, "all clients together have %zu subscriptions (limits.all_subscriptions)",
                  totals.subscriptions);
        return false;
    }
    if (!client_may_keep(client, subscription->kept_bytes, error)) {
        return false;
    }
    subscription->client = client;
    subscription->source = source;
    subscription->number = ++daemon->last_subscription;
    /* The first notification may come before the reply to "subscribe" is read. */
    subscription->last_size = SIZE_MAX;
    client->subscription_count++;
    client->waiting_bytes += subscription->kept_bytes;
    TAILQ_INSERT_TAIL(&client->subscriptions, subscription, of_client);
    TAILQ_INSERT_TAIL(source, subscription, of_source);
    return true;
}

static void leave(struct subscription *subscription) {
    struct client *client = subscription->client;
    TAILQ_REMOVE(&client->subscriptions, subscription, of_client);
    TAILQ_REMOVE(subscription->source, subscription, of_source);
    client->subscription_count--;
    client->waiting_bytes -= subscription->kept_bytes;
    subscription->ended(subscription);
}

bool subscription_end(struct client *client, uint64_t number) {
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &client->subscriptions, of_client) {
        if (subscription->number == number) {
            leave(subscription);
            return true;
        }
    }
    return false;
}

void subscription_fail(struct subscription *subscription, const struct error *error) {
    struct text_buffer text;
    if (subscription_begin_event(subscription, &text)) {
        text_buffer_append_string(&text, "\"value\":null,\"error\":");
        error_append_json(&text, error);
        text_buffer_append_string(&text, ",\"ended\":true");
        subscription_send_event(subscription, &text, NULL, 0);
    }
    leave(subscription);
}

void subscription_fail_all(struct subscription_list *source, const struct error *error) {
    struct subscription *subscription, *next;
    for (subscription = TAILQ_FIRST(source); subscription != NULL; subscription = next) {
        next = TAILQ_NEXT(subscription, of_source);
        subscription_fail(subscription, error);
    }
}

void subscription_end_all(struct client *client) {
    while (!TAILQ_EMPTY(&client->subscriptions)) {
        leave(TAILQ_FIRST(&client->subscriptions));
    }
}

int64_t subscription_fastest_us(const struct subscription_list *source) {
    const struct subscription *subscription;
    int64_t fastest_us = INT64_MAX;
    TAILQ_FOREACH(subscription, source, of_source) {
        if (subscription->interval_us < fastest_us) {
            fastest_us = subscription->interval_us;
        }
    }
    return fastest_us;
}

/* Whoever wants the fastest rate gets all, however late it is. */
bool subscription_is_due(struct subscription *subscription, int64_t fastest_us, int64_t now_us) {
    int64_t interval_us = subscription->interval_us;
    if (interval_us <= fastest_us) {
        return true;
    }
    if (now_us < subscription->due_us - interval_us / EARLY_PARTS) {
        return false;
    }
    subscription->due_us += interval_us;
    if (subscription->due_us < now_us) {
        subscription->due_us = now_us + interval_us;
    }
    return true;
}

const struct client *subscription_turn_of(const struct subscription_list *source) {
    const struct subscription *subscription;
    const struct client *chosen = NULL;
    TAILQ_FOREACH(subscription, source, of_source) {
        if (chosen == NULL || subscription->client->subscription_count < chosen->subscription_count) {
            chosen = subscription->client;
        }
    }
    return chosen;
}

void subscription_drain_all(struct client *client) {
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &client->subscriptions, of_client) {
        if (subscription->drained != NULL) {
            subscription->drained(subscription);
        }
    }
}

void subscription_begin_counted(const struct subscription *subscription, struct text_buffer *text) {
    char begin[160];
    snprintf(begin, sizeof begin,
             "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"subscription\":%" PRIu64 ",\"seq\":%" PRIu64
             ",\"dropped\":%" PRIu64 ",",
             subscription->number, subscription->sequence, subscription->dropped);
    text_buffer_init(text, subscription->client->server->daemon->config->limits.output_bytes);
    text_buffer_append_string(text, begin);
}

bool subscription_begin_event(struct subscription *subscription, struct text_buffer *text) {
    subscription->sequence++;
    if (client_is_clogged(subscription->client)) {
        subscription->dropped++;
        return false;
    }
    subscription_begin_counted(subscription, text);
    return true;
}

void subscription_tell_trouble(struct subscription *subscription, const struct error *error) {
    struct text_buffer text;
    if (subscription->trouble != error->reason && subscription_begin_event(subscription, &text)) {
        subscription->trouble = error->reason;
        text_buffer_append_string(&text, "\"value\":null,\"error\":");
        error_append_json(&text, error);
        subscription_send_event(subscription, &text, NULL, 0);
    }
}

bool subscription_is_behind(const struct subscription *subscription) {
    return client_unread(subscription->client) > subscription->last_size;
}

static void note_sent(struct subscription *subscription, size_t unread_before) {
    size_t unread = client_unread(subscription->client);
    subscription->last_size = unread > unread_before ? unread - unread_before : 0;
    client_wake(subscription->client);
}

void subscription_send_event(struct subscription *subscription, struct text_buffer *text, uint8_t *bytes,
                             size_t length) {
    text_buffer_append_string(text, "}}\n");
    if (text->state == TEXT_BUFFER_GOOD) {
        size_t unread = client_unread(subscription->client);
        client_send(subscription->client, text->text, text->length, bytes, length);
        note_sent(subscription, unread);
        return;
    }
    subscription->dropped++;
    text_buffer_clear(text);
    free(bytes);
}

void subscription_send_shared_event(struct subscription *subscription, struct text_buffer *text,
                                    struct shared_bytes *bytes) {
    text_buffer_append_string(text, "}}\n");
    if (text->state == TEXT_BUFFER_GOOD) {
        size_t unread = client_unread(subscription->client);
        client_send_shared(subscription->client, text->text, text->length, bytes);
        note_sent(subscription, unread);
        return;
    }
    subscription->dropped++;
    text_buffer_clear(text);
}

static void free_subscription(struct subscription *subscription) {
    free(subscription);
}

struct subscription *subscription_new_of_events(struct client *client, struct error *error) {
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (subscription == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        return NULL;
    }
    subscription->ended = free_subscription;
    if (!subscription_begin(subscription, client, &client->server->daemon->event_subscriptions, error)) {
        free(subscription);
        return NULL;
    }
    return subscription;
}

static void append_member(struct text_buffer *text, const char *name, const char *value) {
    text_buffer_append_string(text, name);
    if (value[0] != '\0') {
        text_buffer_append_json_string(text, value, strlen(value));
    } else {
        text_buffer_append_string(text, "null");
    }
}

void subscription_announce(struct daemon *daemon, const struct camera *camera) {
    struct subscription *subscription;
    struct camera_status status;
    struct text_buffer text;
    camera_get_status(camera, &status);
    TAILQ_FOREACH(subscription, &daemon->event_subscriptions, of_source) {
        if (subscription_begin_event(subscription, &text)) {
            append_member(&text, "\"value\":{\"camera\":", status.name);
            append_member(&text, ",\"state\":", camera_state_name(status.state));
            append_member(&text, ",\"reason\":", status.reason);
            text_buffer_append_string(&text, "}");
            subscription_send_event(subscription, &text, NULL, 0);
        }
    }
}
