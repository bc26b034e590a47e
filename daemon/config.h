/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_H
#define CONFIG_H

/*
 * The configuration: a JSON file with comments in which everything has a default; an empty one means one USB camera.
 * All mistakes of a file are found at once, each with its line.
 *
 * A configuration does not change. A reload makes another one, and this one lives as long as cameras that were made of it.
 */

#include "access.h"
#include "callback_table.h"
#include "config_gpio.h"
#include "healing.h"
#include "link_table.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <sys/types.h>

#define CONFIG_DEFAULT_PATH "/etc/openmvd.json"
#define CONFIG_CAMERA_NAME  "camera" /* of the camera that nobody has named */

enum { CONFIG_CAMERAS_MAX = 64, CONFIG_CAMERA_NAME_MAX = 64, CONFIG_REALTIME_PRIORITY_MAX = 99 };

/* Nothing a client or a camera does takes more than these; see limit_rows for what each means. */
struct limits {
    size_t clients;
    size_t line_bytes;
    size_t payload_bytes;
    size_t client_waiting;
    size_t client_waiting_bytes;
    size_t camera_waiting;
    size_t output_pause_bytes;
    size_t output_bytes;
    size_t client_subscriptions;
    size_t answers_bytes;
    size_t all_line_bytes;
    size_t all_waiting_bytes;
    size_t all_output_bytes;
    size_t all_subscriptions;
};

struct limit_row {
    const char *key; /* NULL ends the table */
    size_t offset;   /* in struct limits */
    size_t fallback, minimum, maximum;
    const char *doc;
};

extern const struct limit_row limit_rows[];

/* Returns the value that a row stands for. */
size_t limit_value(const struct limits *limits, const struct limit_row *row);

struct camera_config {
    char *name;
    struct link_settings link; /* changed by the one who opens the link */
    struct healing healing;    /* complete */
    struct reset_settings reset;
};

struct config {
    size_t owners;
    cJSON *document;   /* as it was read, to be compared with another; NULL for an empty one */
    char *socket_path; /* NULL: listener_choose_path() knows */
    mode_t socket_mode;
    char *socket_group; /* NULL: the daemon's own */
    struct camera_config *cameras;
    size_t camera_count;
    struct callback_set *callbacks;
    struct healing healing;     /* of cameras that say nothing of their own */
    struct access access;       /* resolved by the one who starts the daemon */
    char *log;                  /* what to log, as log_set() takes it; NULL for the defaults */
    unsigned realtime_priority; /* of the workers; 0 for none */
    struct limits limits;
};

/*
 * Reads the file at `path`, or, where `path` is NULL, an empty configuration. Returns NULL if there is any mistake,
 * after writing a line for each to `report`; free with config_free().
 */
struct config *config_load(const char *path, FILE *report);

/* Logs each line of what config_load() has reported, which is taken apart. Returns how many there are, and the first, if any,
 * in `first`. */
size_t config_log_mistakes(char *report, const char **first);

/* As config_load(), for a text; `path` is what the mistakes are said to be in. */
struct config *config_parse(const char *path, char *text, size_t length, FILE *report);

/* Makes every camera a simulated one. */
void config_simulate(struct config *config);

/* A configuration lives until each of its owners has freed it; its maker is the first one. */
struct config *config_share(struct config *config);
void config_free(struct config *config);

/* The camera of a name, or NULL. */
struct camera_config *config_find_camera(const struct config *config, const char *name);

/* Whether both say the same of the camera of this name, but for its healing. */
bool config_is_same_camera(const struct config *config, const struct config *other, const char *name);

/* Whether both say the same in a section, such as "callbacks". */
bool config_is_same_section(const struct config *config, const struct config *other, const char *section);

#endif
