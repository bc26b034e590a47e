/* SPDX-License-Identifier: MIT */
/* The daemon as a server. See measure_servers.h. */

#include "measure_servers.h"

#include "crowd.h"
#include "samples.h"

/* Frames of 20,000 bytes, 30 a second, as the model of the stock camera takes them: two numbers. */
static const char frames[] = "\"stream\":\"stream\",\"data\":\"204e00001e000000\",\"encoding\":\"hex\"";

cJSON *measure_pings(const struct process *echo, const struct process *daemon, unsigned clients, double seconds) {
    double echo_rates[SAMPLES_TURNS], daemon_rates[SAMPLES_TURNS], ratios[SAMPLES_TURNS], cpu_ratios[SAMPLES_TURNS],
        echo_us[SAMPLES_TURNS], daemon_us[SAMPLES_TURNS];
    for (int i = 0; i < SAMPLES_TURNS; i++) {
        struct crowd_sight one = crowd_ping(echo, clients, seconds / SAMPLES_TURNS);
        struct crowd_sight other = crowd_ping(daemon, clients, seconds / SAMPLES_TURNS);
        echo_rates[i] = (double)one.count / one.seconds;
        daemon_rates[i] = (double)other.count / other.seconds;
        ratios[i] = daemon_rates[i] / echo_rates[i];
        echo_us[i] = one.cpu_seconds * 1e6 / (double)one.count;
        daemon_us[i] = other.cpu_seconds * 1e6 / (double)other.count;
        cpu_ratios[i] = echo_us[i] / daemon_us[i];
    }
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "clients", clients);
    cJSON_AddNumberToObject(row, "echo_per_second", samples_median_of_turns(echo_rates));
    cJSON_AddNumberToObject(row, "daemon_per_second", samples_median_of_turns(daemon_rates));
    cJSON_AddNumberToObject(row, "ratio", samples_median_of_turns(ratios));
    cJSON_AddNumberToObject(row, "echo_cpu_us", samples_median_of_turns(echo_us));
    cJSON_AddNumberToObject(row, "daemon_cpu_us", samples_median_of_turns(daemon_us));
    cJSON_AddNumberToObject(row, "cpu_ratio", samples_median_of_turns(cpu_ratios));
    return row;
}

cJSON *measure_fan_out(const struct process *daemon, unsigned clients, double ping_us, double seconds) {
    struct crowd_sight sight = crowd_watch(daemon, clients, frames, seconds);
    double frame_us = sight.cpu_seconds * 1e6 / (double)sight.count;
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "clients", clients);
    cJSON_AddNumberToObject(row, "frames_per_second", (double)sight.count / sight.seconds / clients);
    cJSON_AddNumberToObject(row, "missed", (double)sight.missed);
    cJSON_AddNumberToObject(row, "cpu_percent", 100 * sight.cpu_seconds / sight.seconds);
    cJSON_AddNumberToObject(row, "frame_us", frame_us);
    cJSON_AddNumberToObject(row, "pings", frame_us / ping_us);
    return row;
}
