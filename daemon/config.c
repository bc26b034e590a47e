/* SPDX-License-Identifier: MIT */
/* What a configuration may say, section by section. Cameras and their links are in config_camera.c,
 * access rules in config_access.c. */
#include "config.h"

#include "config_access.h"
#include "config_camera.h"
#include "config_healing.h"
#include "config_reader.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Longer files are refused before they are read. */
enum { FILE_SIZE_MAX = 1 << 20 };

#define LIMIT(key) #key, offsetof(struct limits, key)

const struct limit_row limit_rows[] = {
    {LIMIT(clients), 64, 1, 1000, "clients connected at once"},
    {LIMIT(line_bytes), 1 << 20, 1024, 64 << 20, "longest line of a client"},
    {LIMIT(payload_bytes), 1 << 20, 1024, 64 << 20, "longest argument, and longest result of a camera"},
    {LIMIT(client_waiting), 1024, 1, 100000, "calls of one client that wait"},
    {LIMIT(client_waiting_bytes), 8 << 20, 1024, 1 << 30,
     "arguments of one client's calls that wait, and of its subscriptions, and ids over 64 bytes"},
    {LIMIT(camera_waiting), 8192, 1, 1000000, "calls that wait for one camera"},
    {LIMIT(output_pause_bytes), 256 << 10, 4096, 64 << 20,
     "unread replies, those of unfinished batches too, from which on a client is read no further"},
    {LIMIT(output_bytes), 8 << 20, 65536, 1 << 30, "unread replies for which a client is closed"},
    {LIMIT(client_subscriptions), 64, 1, 10000, "subscriptions of one client"},
    {LIMIT(answers_bytes), 4 << 20, 0, 1 << 30, "answers of one camera that are kept for max_age_ms"},
    {LIMIT(all_line_bytes), 16 << 20, 65536, 1 << 30, "lines of all clients that are not complete yet"},
    {LIMIT(all_waiting_bytes), 64 << 20, 1024, 1 << 30, "these of all clients"},
    {LIMIT(all_output_bytes), 128 << 20, 65536, 1 << 30,
     "unread replies of all clients, for which the slowest is closed"},
    {LIMIT(all_subscriptions), 1024, 1, 100000, "subscriptions of all clients"},
    {.key = NULL},
};

/* What one client may take, all may take together. */
static const struct {
    const char *each, *all;
} limit_pairs[] = {
    {"line_bytes", "all_line_bytes"},
    {"client_waiting_bytes", "all_waiting_bytes"},
    {"output_bytes", "all_output_bytes"},
    {"client_subscriptions", "all_subscriptions"},
};

size_t limit_value(const struct limits *limits, const struct limit_row *row) {
    return *(const size_t *)(const void *)((const char *)limits + row->offset);
}

static size_t *limit_place(struct limits *limits, const struct limit_row *row) {
    return (size_t *)(void *)((char *)limits + row->offset);
}

static const struct limit_row *find_limit(const char *key) {
    const struct limit_row *row = limit_rows;
    while (row->key != NULL && strcmp(row->key, key) != 0) {
        row++;
    }
    return row->key != NULL ? row : NULL;
}

static void check_limit_pairs(struct config_reader *reader, const struct config_place *place,
                              const struct limits *limits) {
    for (size_t i = 0; i < sizeof limit_pairs / sizeof *limit_pairs; i++) {
        size_t each = limit_value(limits, find_limit(limit_pairs[i].each));
        size_t all = limit_value(limits, find_limit(limit_pairs[i].all));
        if (all < each) {
            config_mistake(reader, place, "%s (%zu) has to be at least %s (%zu)", limit_pairs[i].all, all,
                           limit_pairs[i].each, each);
        }
    }
}

static void read_limits(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        struct config *config) {
    if (!config_read_object(reader, place, value)) {
        return;
    }
    const char *known[sizeof limit_rows / sizeof *limit_rows];
    size_t count = 0;
    for (const struct limit_row *row = limit_rows; row->key != NULL; row++) {
        known[count++] = row->key;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        const struct limit_row *row = find_limit(item->string);
        if (row != NULL) {
            config_read_integer(reader, &item_place, item, row->minimum, row->maximum,
                                limit_place(&config->limits, row));
        } else {
            config_unknown(reader, &item_place, "limit", known, count);
        }
    }
    /* A client could never get the largest result if it were closed for not having read it yet. */
    const struct limits *limits = &config->limits;
    if (limits->output_bytes < 2 * limits->payload_bytes || limits->output_bytes < 2 * limits->output_pause_bytes) {
        config_mistake(reader, place,
                       "output_bytes (%zu) has to be at least twice payload_bytes (%zu) and output_pause_bytes "
                       "(%zu)",
                       limits->output_bytes, limits->payload_bytes, limits->output_pause_bytes);
    }
    check_limit_pairs(reader, place, limits);
}

static void read_socket_path(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                             struct config *config) {
    const size_t longest = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    if (config_read_string(reader, place, value, &config->socket_path) && strlen(config->socket_path) > longest) {
        config_mistake(reader, place, "found a path of %zu bytes, expected at most %zu", strlen(config->socket_path),
                       longest);
    }
}

static void read_socket(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        struct config *config) {
    static const char *const known[] = {"path", "mode", "group"};
    if (!config_read_object(reader, place, value)) {
        return;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        unsigned mode;
        if (strcmp(item->string, "path") == 0) {
            read_socket_path(reader, &item_place, item, config);
        } else if (strcmp(item->string, "group") == 0) {
            config_read_string(reader, &item_place, item, &config->socket_group);
        } else if (strcmp(item->string, "mode") != 0) {
            config_unknown(reader, &item_place, "key", known, sizeof known / sizeof *known);
        } else if (config_read_mode(reader, &item_place, item, &mode)) {
            config->socket_mode = mode;
        }
    }
}

struct callback_report {
    struct config_reader *reader;
    const struct config_place *place;
};

static void report_callback(void *context, const struct schema_error *error) {
    const struct callback_report *report = context;
    struct config_place place = {report->place, error->path};
    config_mistake(report->reader, error->path[0] != '\0' ? &place : report->place, "%s", error->message);
}

static void read_callbacks(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                           struct config *config) {
    if (!config_read_object(reader, place, value)) {
        return;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        struct callback_report report = {reader, &item_place};
        callback_set_add(config->callbacks, item->string, item, CALLBACK_FROM_CONFIG, report_callback, &report);
    }
}

static void read_healing(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         struct config *config) {
    config_read_healing(reader, place, value, &config->healing);
}

static void read_log(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                     struct config *config) {
    char problem[160];
    if (config_read_string(reader, place, value, &config->log) && !log_check(config->log, problem, sizeof problem)) {
        config_mistake(reader, place, "%s", problem);
    }
}

static void read_realtime_priority(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                                   struct config *config) {
    size_t priority;
    if (config_read_integer(reader, place, value, 0, CONFIG_REALTIME_PRIORITY_MAX, &priority)) {
        config->realtime_priority = (unsigned)priority;
    }
}

static const struct {
    const char *key;
    void (*read)(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                 struct config *config);
} sections[] = {
    {"socket", read_socket},
    {"cameras", config_read_cameras},
    {"callbacks", read_callbacks},
    {"access", config_read_access},
    {"healing", read_healing},
    {"limits", read_limits},
    {"log", read_log},
    {"realtime_priority", read_realtime_priority},
};

enum { SECTION_COUNT = sizeof sections / sizeof *sections };

static void read_document(struct config_reader *reader, const cJSON *document, struct config *config) {
    static const struct config_place top = {NULL, NULL};
    const char *known[SECTION_COUNT];
    if (!config_read_object(reader, &top, document)) {
        return;
    }
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        known[i] = sections[i].key;
    }
    for (const cJSON *item = document->child; item != NULL; item = item->next) {
        struct config_place place = {&top, item->string};
        size_t i = 0;
        while (i < SECTION_COUNT && strcmp(sections[i].key, item->string) != 0) {
            i++;
        }
        if (i < SECTION_COUNT) {
            sections[i].read(reader, &place, item, config);
        } else {
            config_unknown(reader, &place, "section", known, SECTION_COUNT);
        }
    }
}

static struct config *config_new(void) {
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return NULL;
    }
    config->owners = 1;
    config->socket_mode = 0660;
    for (const struct limit_row *row = limit_rows; row->key != NULL; row++) {
        *limit_place(&config->limits, row) = row->fallback;
    }
    config->callbacks = callback_set_new(NULL);
    if (config->callbacks != NULL) {
        return config;
    }
    config_free(config);
    return NULL;
}

static bool is_empty(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!json_is_white_space(text[i])) {
            return false;
        }
    }
    return true;
}

/* Whether a fault was found at the x of a number such as 0x40. */
static bool is_hexadecimal(struct json_span text, size_t offset) {
    const char *at = text.text + offset;
    return offset >= 2 && offset < text.length && at[-1] == '0' && (*at == 'x' || *at == 'X') &&
           (json_is_white_space(at[-2]) || at[-2] == ':' || at[-2] == ',' || at[-2] == '[');
}

/* Reads a text that is not empty. */
static void read_text(struct config_reader *reader, struct config *config) {
    struct json_fault fault;
    struct json_span text = reader->document;
    if (!json_check(text.text, text.length, &fault)) {
        struct json_place place = json_place_at(text, fault.offset);
        fprintf(reader->report, "%s:%zu:%zu: %s%s\n", reader->path, place.line, place.column, fault.message,
                is_hexadecimal(text, fault.offset) ? "; a hexadecimal number stands in quotes, such as \"0x40\"" : "");
        reader->mistakes++;
        return;
    }
    cJSON *document = cJSON_ParseWithLength(text.text, text.length);
    if (document == NULL) {
        config_mistake(reader, NULL, "out of memory");
        return;
    }
    config_take_doubled(reader, document);
    read_document(reader, document, config);
    config->document = document;
}

struct config *config_parse(const char *path, char *text, size_t length, FILE *report) {
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct config_reader reader = {.path = path, .report = report};
    struct config *config = config_new();
    if (config == NULL) {
        fprintf(report, "%s: out of memory\n", path);
        return NULL;
    }
    if (length >= strlen(byte_order_mark) && memcmp(text, byte_order_mark, strlen(byte_order_mark)) == 0) {
        fprintf(report, "%s:1: the file begins with a UTF-8 byte order mark; save it without one\n", path);
        reader.mistakes++;
        text += strlen(byte_order_mark);
        length -= strlen(byte_order_mark);
    }
    json_blank_comments(text, length);
    reader.document = (struct json_span){text, length};
    if (!is_empty(text, length)) {
        read_text(&reader, config);
    }
    if (reader.mistakes == 0 && config->camera_count == 0) {
        config_add_default_camera(&reader, config);
    }
    /* Only now, since the sections may stand in any order. */
    for (size_t i = 0; i < config->camera_count; i++) {
        healing_complete(&config->cameras[i].healing, &config->healing);
    }
    if (reader.mistakes == 0) {
        return config;
    }
    config_free(config);
    return NULL;
}

size_t config_log_mistakes(char *report, const char **first) {
    size_t count = 0;
    for (const char *line; (line = strsep(&report, "\n")) != NULL;) {
        if (line[0] != '\0') {
            log_error(CONFIG, "%s", line);
            *first = count++ == 0 ? line : *first;
        }
    }
    return count;
}

struct config *config_load(const char *path, FILE *report) {
    char nothing[1] = "";
    if (path == NULL) {
        return config_parse("(no configuration)", nothing, 0, report);
    }
    struct config *config = NULL;
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? malloc(FILE_SIZE_MAX + 1) : NULL;
    size_t length = text != NULL ? fread(text, 1, FILE_SIZE_MAX + 1, file) : 0;
    if (text == NULL || ferror(file)) {
        fprintf(report, "%s: %s\n", path, strerror(errno));
    } else if (length > FILE_SIZE_MAX) {
        fprintf(report, "%s: longer than %d bytes\n", path, FILE_SIZE_MAX);
    } else {
        config = config_parse(path, text, length, report);
    }
    free(text);
    if (file != NULL) {
        fclose(file);
    }
    return config;
}

void config_simulate(struct config *config) {
    for (size_t i = 0; i < config->camera_count; i++) {
        struct link_settings *link = &config->cameras[i].link;
        char *faults = link->faults;
        const bool stock = link->stock;
        link->faults = NULL;
        link_settings_clear(link);
        *link = (struct link_settings){.kind = link_kind_find("sim"), .faults = faults, .stock = stock};
        gpio_settings_clear(&config->cameras[i].reset.line);
    }
}

struct config *config_share(struct config *config) {
    config->owners++;
    return config;
}

struct camera_config *config_find_camera(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->camera_count; i++) {
        if (strcmp(config->cameras[i].name, name) == 0) {
            return &config->cameras[i];
        }
    }
    return NULL;
}

/* What an object says but for one key; of what is not said there is nothing. */
static bool is_same_but_for(const cJSON *object, const cJSON *other, const char *key) {
    int count = 0;
    for (const cJSON *item = object != NULL ? object->child : NULL; item != NULL; item = item->next) {
        bool is_meant = strcmp(item->string, key) != 0;
        if (is_meant && !cJSON_Compare(item, cJSON_GetObjectItemCaseSensitive(other, item->string), true)) {
            return false;
        }
        count += is_meant;
    }
    return count == cJSON_GetArraySize(other) - cJSON_HasObjectItem(other, key);
}

bool config_is_same_camera(const struct config *config, const struct config *other, const char *name) {
    if (config_find_camera(config, name) == NULL || config_find_camera(other, name) == NULL) {
        return false;
    }
    const cJSON *cameras = cJSON_GetObjectItemCaseSensitive(config->document, "cameras");
    const cJSON *other_cameras = cJSON_GetObjectItemCaseSensitive(other->document, "cameras");
    return is_same_but_for(cJSON_GetObjectItemCaseSensitive(cameras, name),
                           cJSON_GetObjectItemCaseSensitive(other_cameras, name), "healing");
}

bool config_is_same_section(const struct config *config, const struct config *other, const char *section) {
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(config->document, section);
    const cJSON *two = cJSON_GetObjectItemCaseSensitive(other->document, section);
    return (one == NULL && two == NULL) || cJSON_Compare(one, two, true);
}

void config_free(struct config *config) {
    if (config == NULL || --config->owners > 0) {
        return;
    }
    cJSON_Delete(config->document);
    for (size_t i = 0; i < config->camera_count; i++) {
        free(config->cameras[i].name);
        link_settings_clear(&config->cameras[i].link);
        gpio_settings_clear(&config->cameras[i].reset.line);
    }
    free(config->cameras);
    callback_set_free(config->callbacks);
    access_clear(&config->access);
    free(config->socket_path);
    free(config->socket_group);
    free(config->log);
    free(config);
}
