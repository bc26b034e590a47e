/* SPDX-License-Identifier: MIT */
/* Subscriptions and their notifications. See subscription.h. */

#include "subscription.h"

#include "camera.h"
#include "client.h"
#include "config.h"
#include "daemon.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subscription *subscription_new_of_events(struct client *client, struct error *error) {
    struct daemon *daemon = client->server->daemon;
    size_t most = daemon->config->limits.client_subscriptions;
    if (client->subscription_count >= most) {
        error_set(error, ERROR_QUEUE_FULL, "this client has %zu subscriptions (limits.client_subscriptions)", most);
        return NULL;
    }
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (subscription == NULL) {
        error_set(error, ERROR_INTERNAL, "the daemon is out of memory");
        return NULL;
    }
    subscription->client = client;
    subscription->number = ++daemon->last_subscription;
    client->subscription_count++;
    TAILQ_INSERT_TAIL(&client->subscriptions, subscription, of_client);
    TAILQ_INSERT_TAIL(&daemon->event_subscriptions, subscription, of_source);
    return subscription;
}

static void subscription_free(struct subscription *subscription) {
    struct client *client = subscription->client;
    TAILQ_REMOVE(&client->subscriptions, subscription, of_client);
    TAILQ_REMOVE(&client->server->daemon->event_subscriptions, subscription, of_source);
    client->subscription_count--;
    free(subscription);
}

bool subscription_end(struct client *client, uint64_t number) {
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &client->subscriptions, of_client) {
        if (subscription->number == number) {
            subscription_free(subscription);
            return true;
        }
    }
    return false;
}

void subscription_end_all(struct client *client) {
    while (!TAILQ_EMPTY(&client->subscriptions)) {
        subscription_free(TAILQ_FIRST(&client->subscriptions));
    }
}

static void append_member(struct text_buffer *text, const char *name, const char *value) {
    text_buffer_append_string(text, name);
    if (value[0] != '\0') {
        text_buffer_append_json_string(text, value, strlen(value));
    } else {
        text_buffer_append_string(text, "null");
    }
}

static void append_state(struct text_buffer *text, const struct camera *camera) {
    struct camera_status status;
    camera_get_status(camera, &status);
    append_member(text, "{\"camera\":", status.name);
    append_member(text, ",\"state\":", camera_state_name(status.state));
    append_member(text, ",\"reason\":", status.reason);
    text_buffer_append_string(text, "}");
}

/* Sends a notification with the value that `camera` gives, or counts it as dropped. */
static void notify(struct subscription *subscription, const struct camera *camera) {
    struct client *client = subscription->client;
    struct text_buffer text;
    char begin[160];
    subscription->sequence++;
    if (client_is_clogged(client)) {
        subscription->dropped++;
        return;
    }
    snprintf(begin, sizeof begin,
             "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"subscription\":%" PRIu64 ",\"seq\":%" PRIu64
             ",\"dropped\":%" PRIu64 ",\"value\":",
             subscription->number, subscription->sequence, subscription->dropped);
    text_buffer_init(&text, client->server->daemon->config->limits.output_bytes);
    text_buffer_append_string(&text, begin);
    append_state(&text, camera);
    text_buffer_append_string(&text, "}}\n");
    if (text.state != TEXT_BUFFER_GOOD) {
        subscription->dropped++;
        text_buffer_clear(&text);
        return;
    }
    client_send(client, text.text, text.length, NULL, 0);
    client_wake(client);
}

void subscription_announce(struct daemon *daemon, const struct camera *camera) {
    struct subscription *subscription;
    TAILQ_FOREACH(subscription, &daemon->event_subscriptions, of_source) {
        notify(subscription, camera);
    }
}
