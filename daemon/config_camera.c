/* SPDX-License-Identifier: MIT */
/* Cameras and their links. Which keys a link has is told by its kind (link_table.h); what a key means, by the table
 * here. */
#include "config_camera.h"

#include "config_healing.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 16 };

enum key_type { KEY_STRING, KEY_BOOLEAN, KEY_INTEGER, KEY_ID, KEY_LINE };

/* The keys of links. A chip select is low while it selects, and a ready line high, unless it is said otherwise. */
static const struct link_key {
    const char *name;
    enum key_type type;
    size_t offset;           /* in struct link_settings */
    size_t minimum, maximum; /* of integers */
    uint32_t fallback;       /* of integers, and of a line's active_low */
} link_keys[] = {
    {"device", KEY_STRING, offsetof(struct link_settings, device), 0, 0, 0},
    {"serial", KEY_STRING, offsetof(struct link_settings, serial), 0, 0, 0},
    {"port", KEY_STRING, offsetof(struct link_settings, port), 0, 0, 0},
    {"baud", KEY_INTEGER, offsetof(struct link_settings, baud), 50, 12000000, 0},
    {"rtscts", KEY_BOOLEAN, offsetof(struct link_settings, rtscts), 0, 0, 0},
    {"speed_hz", KEY_INTEGER, offsetof(struct link_settings, speed_hz), 10000, 100000000, 1000000},
    {"mode", KEY_INTEGER, offsetof(struct link_settings, mode), 0, 3, 2},
    {"bits", KEY_INTEGER, offsetof(struct link_settings, bits), 1, 32, 8},
    {"cs", KEY_LINE, offsetof(struct link_settings, cs), 0, 0, true},
    {"address", KEY_ID, offsetof(struct link_settings, address), 0x08, 0x77, 0x12},
    {"interface", KEY_STRING, offsetof(struct link_settings, interface), 0, 0, 0},
    {"id", KEY_ID, offsetof(struct link_settings, id), 0, 0x7ff, OMVRPC_CAN_ID_DEFAULT},
    {"ready", KEY_LINE, offsetof(struct link_settings, ready), 0, 0, false},
    {"faults", KEY_STRING, offsetof(struct link_settings, faults), 0, 0, 0},
    {"stock", KEY_BOOLEAN, offsetof(struct link_settings, stock), 0, 0, 0},
};

enum { LINK_KEY_COUNT = sizeof link_keys / sizeof *link_keys };

static bool accepts_key(const struct link_kind *kind, const char *name) {
    for (size_t i = 0; kind->keys[i] != NULL; i++) {
        if (strcmp(kind->keys[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct link_key *find_key(const struct link_kind *kind, const char *name) {
    for (size_t i = 0; i < LINK_KEY_COUNT; i++) {
        if (strcmp(link_keys[i].name, name) == 0 && accepts_key(kind, name)) {
            return &link_keys[i];
        }
    }
    return NULL;
}

static void read_key(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                     const struct link_key *key, struct link_settings *link) {
    void *field = (char *)link + key->offset;
    size_t integer;
    switch (key->type) {
    case KEY_STRING:
        config_read_string(reader, place, value, field);
        break;
    case KEY_BOOLEAN:
        config_read_boolean(reader, place, value, field);
        break;
    case KEY_INTEGER:
        if (config_read_integer(reader, place, value, key->minimum, key->maximum, &integer)) {
            *(uint32_t *)field = (uint32_t)integer;
        }
        break;
    case KEY_ID:
        if (config_read_id(reader, place, value, key->minimum, key->maximum, &integer)) {
            *(uint32_t *)field = (uint32_t)integer;
        }
        break;
    case KEY_LINE:
        config_read_gpio(reader, place, value, field);
        break;
    }
}

static void set_fallbacks(struct link_settings *link) {
    for (size_t i = 0; i < LINK_KEY_COUNT; i++) {
        void *field = (char *)link + link_keys[i].offset;
        if (link_keys[i].type == KEY_INTEGER || link_keys[i].type == KEY_ID) {
            *(uint32_t *)field = link_keys[i].fallback;
        } else if (link_keys[i].type == KEY_LINE) {
            ((struct gpio_settings *)field)->active_low = link_keys[i].fallback != 0;
        }
    }
}

/* Writes "usb, serial or sim", of at most KINDS_MAX kinds. */
static void list_kinds(char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < KINDS_MAX && link_kinds[i].type != NULL && length < size; i++) {
        const char *between = i == 0 ? "" : link_kinds[i + 1].type == NULL ? " or " : ", ";
        length += (size_t)snprintf(text + length, size - length, "%s\"%s\"", between, link_kinds[i].type);
    }
}

static const struct link_kind *read_kind(struct config_reader *reader, const struct config_place *place,
                                         const cJSON *value) {
    struct config_place type_place = {place, "type"};
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(value, "type");
    char kinds[200];
    list_kinds(kinds, sizeof kinds);
    if (type == NULL) {
        config_mistake(reader, place, "\"type\" is missing, expected %s", kinds);
    } else if (!cJSON_IsString(type)) {
        config_unexpected(reader, &type_place, kinds);
    } else {
        const struct link_kind *kind = link_kind_find(type->valuestring);
        if (kind != NULL) {
            return kind;
        }
        config_mistake(reader, &type_place, "found \"%.40s\", which is no kind of link in this version; expected %s",
                       type->valuestring, kinds);
    }
    return NULL;
}

static void read_link(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      struct link_settings *link) {
    if (!config_read_object(reader, place, value)) {
        return;
    }
    const struct link_kind *kind = read_kind(reader, place, value);
    if (kind == NULL) {
        return;
    }
    link->kind = kind;
    set_fallbacks(link);
    const char *known[LINK_KEY_COUNT + 1] = {"type"};
    for (size_t i = 0; i < LINK_KEY_COUNT; i++) {
        known[i + 1] = accepts_key(kind, link_keys[i].name) ? link_keys[i].name : NULL;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        const struct link_key *key = find_key(kind, item->string);
        if (key != NULL) {
            read_key(reader, &item_place, item, key, link);
        } else if (strcmp(item->string, "reset") == 0 || strcmp(item->string, "healing") == 0) {
            config_mistake(reader, &item_place, "this is the camera's, not its link's: it stands beside \"link\"");
        } else if (strcmp(item->string, "type") != 0) {
            config_unknown(reader, &item_place, "key for this type of link", known, LINK_KEY_COUNT + 1);
        }
    }
    if (kind->required_key != NULL && cJSON_GetObjectItemCaseSensitive(value, kind->required_key) == NULL) {
        config_mistake(reader, place, "\"%s\" is missing", kind->required_key);
    }
    char problem[256];
    if (kind->check != NULL && !kind->check(link, problem, sizeof problem)) {
        config_mistake(reader, place, "%s", problem);
    }
}

static void read_camera(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        struct camera_config *camera) {
    static const char *const known[] = {"link", "healing", "reset"};
    if (!config_read_object(reader, place, value)) {
        return;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        if (strcmp(item->string, "link") == 0) {
            read_link(reader, &item_place, item, &camera->link);
        } else if (strcmp(item->string, "healing") == 0) {
            config_read_healing(reader, &item_place, item, &camera->healing);
        } else if (strcmp(item->string, "reset") == 0) {
            config_read_reset(reader, &item_place, item, &camera->reset);
        } else {
            config_unknown(reader, &item_place, "key", known, sizeof known / sizeof *known);
        }
    }
    if (cJSON_GetObjectItemCaseSensitive(value, "link") == NULL) {
        config_mistake(reader, place, "\"link\" is missing");
    }
}

static bool is_camera_name(const char *name) {
    size_t length = 0;
    for (; name[length] != '\0'; length++) {
        if (!isalnum((unsigned char)name[length]) && strchr("_-.", name[length]) == NULL) {
            return false;
        }
    }
    return length > 0 && length <= CONFIG_CAMERA_NAME_MAX;
}

/* What tells a link from others; two cameras that name the same would answer each other's questions. */
static const struct {
    const char *what;
    size_t offset; /* of a string in struct link_settings */
} identities[] = {
    {"device", offsetof(struct link_settings, device)},
    {"USB serial number", offsetof(struct link_settings, serial)},
    {"USB port", offsetof(struct link_settings, port)},
};

enum { IDENTITY_COUNT = sizeof identities / sizeof *identities };

static const char *identity_of(const struct link_settings *link, size_t i) {
    return *(char *const *)(const void *)((const char *)link + identities[i].offset);
}

static bool is_identified(const struct link_settings *link) {
    for (size_t i = 0; i < IDENTITY_COUNT; i++) {
        if (identity_of(link, i) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_complete(const struct link_settings *link) {
    return link->device != NULL || link->interface != NULL;
}

static void compare_by_kind(struct config_reader *reader, const struct config_place *place,
                            const struct camera_config *camera, const struct camera_config *other) {
    char text[128];
    const struct link_kind *kind = camera->link.kind;
    if (kind != other->link.kind || !is_complete(&camera->link) || !is_complete(&other->link)) {
        return;
    }
    if (kind->is_same(&camera->link, &other->link)) {
        kind->describe(&camera->link, text, sizeof text);
        config_mistake(reader, place, "its link (%s) is that of \"%s\" already", text, other->name);
    } else if (kind->collides != NULL && kind->collides(&camera->link, &other->link, text, sizeof text)) {
        config_mistake(reader, place, "it shares %s with \"%s\", so both need %s", camera->link.device, other->name,
                       text);
    }
}

/* The lines of a camera, each with its key. */
enum { CAMERA_LINES = 3 };

static void list_lines(const struct camera_config *camera, struct gpio_use uses[CAMERA_LINES]) {
    uses[0] = (struct gpio_use){.role = "cs", .settings = &camera->link.cs};
    uses[1] = (struct gpio_use){.role = "ready", .settings = &camera->link.ready};
    uses[2] = (struct gpio_use){.role = "reset", .settings = &camera->reset.line};
}

/* A line has one holder. */
static void compare_lines(struct config_reader *reader, const struct config_place *place,
                          const struct camera_config *camera, const struct camera_config *other) {
    struct gpio_use ours[CAMERA_LINES], theirs[CAMERA_LINES];
    list_lines(camera, ours);
    list_lines(other, theirs);
    for (size_t i = 0; i < CAMERA_LINES; i++) {
        for (size_t j = 0; j < (camera == other ? i : CAMERA_LINES); j++) {
            if (gpio_settings_are_same(ours[i].settings, theirs[j].settings)) {
                char name[GPIO_NAME_SIZE];
                gpio_settings_describe(ours[i].settings, name, sizeof name);
                config_mistake(reader, place, "its \"%s\" line %s is the \"%s\" line of \"%s\" already", ours[i].role,
                               name, theirs[j].role, other->name);
            }
        }
    }
}

static void compare_links(struct config_reader *reader, const struct config_place *place,
                          const struct camera_config *camera, const struct camera_config *other) {
    if (camera->link.kind != NULL && camera->link.kind->is_same != NULL) {
        compare_by_kind(reader, place, camera, other);
        return;
    }
    for (size_t i = 0; i < IDENTITY_COUNT; i++) {
        const char *one = identity_of(&camera->link, i);
        const char *two = identity_of(&other->link, i);
        if (one != NULL && two != NULL && strcmp(one, two) == 0) {
            config_mistake(reader, place, "its %s %s is that of \"%s\" already", identities[i].what, one, other->name);
        }
    }
}

/* Where any camera on USB will do for a name, it has to be the only one: else which is which were left to chance, and to
 * the next start. */
static void check_choice(struct config_reader *reader, const struct config_place *place, const struct config *config,
                         const struct camera_config *camera) {
    const struct link_kind *usb = link_kind_find("usb");
    for (size_t i = 0; i < config->camera_count && camera->link.kind == usb && !is_identified(&camera->link); i++) {
        const struct camera_config *other = &config->cameras[i];
        if (other != camera && other->link.kind == usb) {
            config_mistake(
                reader, place,
                "\"%s\" is on USB as well; this one needs \"serial\", \"port\" or \"device\" to be told from it",
                other->name);
            return;
        }
    }
}

static void check_links(struct config_reader *reader, const struct config_place *place, const struct config *config) {
    for (size_t i = 0; i < config->camera_count; i++) {
        struct config_place camera_place = {place, config->cameras[i].name};
        check_choice(reader, &camera_place, config, &config->cameras[i]);
        for (size_t j = 0; j < i; j++) {
            compare_links(reader, &camera_place, &config->cameras[i], &config->cameras[j]);
        }
        for (size_t j = 0; j <= i; j++) {
            compare_lines(reader, &camera_place, &config->cameras[i], &config->cameras[j]);
        }
    }
}

void config_read_cameras(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         struct config *config) {
    if (!config_read_object(reader, place, value)) {
        return;
    }
    int count = cJSON_GetArraySize(value);
    if (count == 0) {
        return;
    }
    if (count > CONFIG_CAMERAS_MAX) {
        config_mistake(reader, place, "found %d cameras, expected at most %d", count, CONFIG_CAMERAS_MAX);
        return;
    }
    config->cameras = calloc((size_t)count, sizeof *config->cameras);
    for (const cJSON *item = value->child; item != NULL && config->cameras != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        if (!is_camera_name(item->string)) {
            config_mistake(reader, &item_place, "a camera's name is 1 to %d letters, digits, \"_\", \"-\" or \".\"",
                           CONFIG_CAMERA_NAME_MAX);
            continue;
        }
        struct camera_config *camera = &config->cameras[config->camera_count];
        camera->name = strdup(item->string);
        if (camera->name == NULL) {
            break;
        }
        config->camera_count++;
        read_camera(reader, &item_place, item, camera);
    }
    if (config->camera_count < (size_t)count && reader->mistakes == 0) {
        config_mistake(reader, place, "out of memory");
    }
    check_links(reader, place, config);
}

void config_add_default_camera(struct config_reader *reader, struct config *config) {
    config->cameras = calloc(1, sizeof *config->cameras);
    char *name = strdup(CONFIG_CAMERA_NAME);
    if (config->cameras == NULL || name == NULL) {
        free(name);
        config_mistake(reader, NULL, "out of memory");
        return;
    }
    config->cameras[0] = (struct camera_config){.name = name, .link = {.kind = link_kind_find("usb")}};
    config->camera_count = 1;
}
