/* SPDX-License-Identifier: MIT */
/* Notifications of a result that is coming. See progress.h. */

#include "progress.h"

#include "client.h"
#include "config.h"
#include "daemon.h"
#include "openmvrpc.h"
#include "server.h"
#include "text_buffer.h"

#include <stdio.h>

/* Shortest time between two, in microseconds: ten a second are as many as anybody can see. */
#define PAUSE_US 100000

static void send_notification(struct client *client, struct progress_name name, size_t received, size_t total) {
    struct text_buffer text;
    char numbers[64];
    text_buffer_init(&text, client->server->daemon->config->limits.output_bytes);
    text_buffer_append_string(&text, "{\"jsonrpc\":\"2.0\",\"method\":\"progress\",\"params\":{\"");
    text_buffer_append_string(&text, name.member);
    text_buffer_append_string(&text, "\":");
    text_buffer_append_string(&text, name.value);
    snprintf(numbers, sizeof numbers, ",\"bytes\":%zu,\"total\":%zu}}\n", received, total);
    text_buffer_append_string(&text, numbers);
    if (text.state == TEXT_BUFFER_GOOD) {
        client_send(client, text.text, text.length, NULL, 0);
        client_wake(client);
    } else {
        text_buffer_clear(&text);
    }
}

static bool has_reader(const struct progress *progress, const struct client *client, struct progress_name name) {
    return progress->is_wanted && name.value != NULL && client != NULL && !client_is_clogged(client);
}

void progress_tell(struct progress *progress, struct client *client, struct progress_name name, size_t received,
                   size_t total) {
    int64_t now_us = omvrpc_now_us();
    bool is_first = progress->told_us == 0;
    bool is_time = is_first || (received != progress->told && now_us - progress->told_us >= PAUSE_US);
    if (received < total && is_time && has_reader(progress, client, name)) {
        progress->told_us = now_us;
        progress->told = received;
        send_notification(client, name, received, total);
    }
}

void progress_complete(struct progress *progress, struct client *client, struct progress_name name, size_t total) {
    progress->told_us = 0;
    if (total > 0 && has_reader(progress, client, name)) {
        send_notification(client, name, total, total);
    }
}
