/* SPDX-License-Identifier: MIT */
/* "stats": what has happened, what was learned, and how near the limits are. */
#include "method.h"

#include "camera_choice.h"
#include "config.h"
#include "daemon.h"
#include "link_table.h"
#include "server.h"

#include <cjson/cJSON.h>

/* Counters are exact up to 2^53, which no camera reaches. */
static void add_count(cJSON *object, const char *name, uint64_t value) {
    cJSON_AddNumberToObject(object, name, (double)value);
}

static void add_ms(cJSON *object, const char *name, int64_t value_us) {
    cJSON_AddNumberToObject(object, name, (double)value_us / 1000);
}

static cJSON *describe_latency(const struct histogram *latency) {
    static const struct {
        const char *name;
        unsigned per_mille;
    } quantiles[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}};
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        add_ms(object, quantiles[i].name, histogram_quantile(latency, quantiles[i].per_mille));
    }
    add_ms(object, "max", latency->largest_us);
    return object;
}

static cJSON *describe_callback(const struct callback_statistics_row *row) {
    cJSON *object = cJSON_CreateObject();
    uint64_t calls = 0;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        calls += row->ended[i];
    }
    cJSON_AddStringToObject(object, "name", row->name);
    add_count(object, "calls", calls);
    cJSON *outcomes = cJSON_AddObjectToObject(object, "outcomes");
    for (int i = 0; i < ERROR_COUNT; i++) {
        if (row->ended[i] > 0) {
            add_count(outcomes, error_row((enum error_reason)i)->name, row->ended[i]);
        }
    }
    add_count(object, "bytes_to_camera", row->bytes_to_camera);
    add_count(object, "bytes_from_camera", row->bytes_from_camera);
    cJSON_AddItemToObject(object, "latency_ms", describe_latency(&row->latency));
    return object;
}

static cJSON *describe_wire(const struct camera *camera) {
    struct omvrpc_statistics wire;
    camera_get_wire_statistics(camera, &wire);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"calls", wire.calls},
        {"done", wire.done},
        {"not_delivered", wire.not_delivered},
        {"result_unknown", wire.result_unknown},
        {"too_large", wire.too_large},
        {"command_copies", wire.command_copies},
        {"polls", wire.polls},
        {"repeated_calls", wire.repeated_calls},
        {"crc_errors", wire.crc_errors},
        {"skipped_bytes", wire.skipped_bytes},
        {"settlings", wire.settlings},
        {"stale_results", wire.stale_results},
        {"bytes_sent", wire.bytes_sent},
        {"bytes_received", wire.bytes_received},
    };
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        add_count(object, counters[i].name, counters[i].value);
    }
    cJSON *learned = cJSON_AddObjectToObject(object, "learned");
    add_ms(learned, "round_trip_ms", wire.round_trip_us);
    add_ms(learned, "round_trip_deviation_ms", wire.round_trip_deviation_us);
    add_ms(learned, "turnaround_ms", wire.turnaround_us);
    return object;
}

static cJSON *describe_healing(const struct camera *camera) {
    uint64_t steps[HEALING_STEPS];
    camera_get_healing(camera, steps);
    cJSON *object = cJSON_CreateObject();
    for (int step = 0; step < HEALING_STEPS; step++) {
        add_count(object, healing_step_name((enum healing_step)step), steps[step]);
    }
    return object;
}

static cJSON *describe_camera(struct camera *camera) {
    struct camera_status status;
    const struct callback_statistics *statistics = camera_statistics(camera);
    camera_get_status(camera, &status);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", status.name);
    cJSON_AddStringToObject(object, "state", camera_state_name(status.state));
    cJSON_AddBoolToObject(object, "has_ready_line", gpio_settings_are_there(&status.settings->ready));
    add_count(object, "waiting", status.waiting);
    cJSON *callbacks = cJSON_AddArrayToObject(object, "callbacks");
    for (size_t i = 0; i < statistics->count; i++) {
        cJSON_AddItemToArray(callbacks, describe_callback(statistics->rows[i]));
    }
    struct camera_sharing sharing;
    camera_get_sharing(camera, &sharing);
    cJSON *answers = cJSON_AddObjectToObject(object, "answers");
    add_count(answers, "shared", sharing.shared);
    add_count(answers, "remembered", sharing.remembered);
    cJSON_AddItemToObject(object, "wire", describe_wire(camera));
    cJSON_AddItemToObject(object, "healing", describe_healing(camera));
    return object;
}

static cJSON *describe_client(const struct client *client, const struct client *asking) {
    cJSON *object = cJSON_CreateObject();
    add_count(object, "client", client->number);
    cJSON_AddBoolToObject(object, "you", client == asking);
    add_count(object, "uid", client->uid);
    add_count(object, "gid", client->gid);
    cJSON_AddNumberToObject(object, "pid", client->pid);
    add_count(object, "requests", client->requests_total);
    add_count(object, "open", client->open);
    add_count(object, "waiting", client->waiting);
    add_count(object, "waiting_bytes", client->waiting_bytes);
    add_count(object, "bytes_in", client->bytes_in);
    add_count(object, "bytes_out", client->bytes_out);
    add_count(object, "output_waiting", client_kept_output(client));
    return object;
}

static void raise_to(size_t *most, size_t value) {
    if (value > *most) {
        *most = value;
    }
}

/* The most that anyone, or all together, use of each limit now. */
static void measure_use(const struct daemon *daemon, struct limits *used) {
    *used = (struct limits){.clients = daemon->server->client_count};
    struct server_totals totals;
    server_sum(daemon->server, &totals);
    used->all_line_bytes = totals.line_bytes;
    used->all_waiting_bytes = totals.waiting_bytes;
    used->all_output_bytes = totals.output_bytes;
    used->all_subscriptions = totals.subscriptions;
    const struct client *client;
    TAILQ_FOREACH(client, &daemon->server->clients, entry) {
        raise_to(&used->line_bytes, line_buffer_length(&client->input));
        raise_to(&used->client_waiting, client->waiting);
        raise_to(&used->client_waiting_bytes, client->waiting_bytes);
        raise_to(&used->output_bytes, client_kept_output(client));
        raise_to(&used->output_pause_bytes, client_kept_output(client));
        raise_to(&used->client_subscriptions, client->subscription_count);
    }
    for (size_t i = 0; i < daemon->camera_count; i++) {
        struct camera_status status;
        camera_get_status(daemon->cameras[i], &status);
        raise_to(&used->camera_waiting, status.waiting);
        raise_to(&used->answers_bytes, camera_answers_bytes(daemon->cameras[i]));
        raise_to(&used->payload_bytes, camera_statistics(daemon->cameras[i])->largest_payload);
    }
}

static cJSON *describe_limits(const struct daemon *daemon) {
    struct limits used;
    measure_use(daemon, &used);
    cJSON *object = cJSON_CreateObject();
    for (const struct limit_row *row = limit_rows; row->key != NULL; row++) {
        cJSON *limit = cJSON_AddObjectToObject(object, row->key);
        add_count(limit, "limit", limit_value(&daemon->config->limits, row));
        add_count(limit, "used", limit_value(&used, row));
    }
    return object;
}

static void handle(struct request *request, const struct params *params) {
    const struct daemon *daemon = request->daemon;
    struct camera *only = NULL;
    struct error error;
    if (params_get(params, "camera").text != NULL && (only = camera_choose(daemon, params, &error)) == NULL) {
        request_fail(request, &error);
        return;
    }
    cJSON *result = cJSON_CreateObject();
    add_count(result, "uptime_ms", (uint64_t)(omvrpc_now_us() - daemon->started_us) / 1000);
    cJSON *cameras = cJSON_AddArrayToObject(result, "cameras");
    for (size_t i = 0; i < daemon->camera_count; i++) {
        if (only == NULL || only == daemon->cameras[i]) {
            cJSON_AddItemToArray(cameras, describe_camera(daemon->cameras[i]));
        }
    }
    cJSON *clients = cJSON_AddArrayToObject(result, "clients");
    const struct client *client;
    TAILQ_FOREACH(client, &daemon->server->clients, entry) {
        cJSON_AddItemToArray(clients, describe_client(client, request->client));
    }
    add_count(result, "clients_refused", daemon->server->refused);
    cJSON_AddItemToObject(result, "limits", describe_limits(daemon));
    request_succeed(request, result);
}

static const struct param params[] = {
    {.name = "camera", .type = PARAM_STRING, .doc = "only this camera"},
    {.name = NULL},
};

const struct method method_stats = {
    "stats", handle, params, "counters and latencies, what was learned of the wire, and the limits beside their use"};
