/* SPDX-License-Identifier: MIT */
/* Reading access rules. */
#include "config_access.h"

#include "method.h"
#include "near_miss.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* What stands before the name of a callback. */
static const char callback_prefix[] = "call:";

/* Enough for any index of a list, in decimal digits. */
enum { INDEX_SIZE = 24, METHODS_SHOWN_MAX = 64 };

/* Whether a text that begins with '#' is a command id. */
static bool read_command_id(const char *text, uint32_t *command) {
    if (strlen(text) != 9 || strspn(text + 1, "0123456789abcdefABCDEF") != 8) {
        return false;
    }
    *command = (uint32_t)strtoul(text + 1, NULL, 16);
    return true;
}

static bool check_callback(struct config_reader *reader, const struct config_place *place, const char *name,
                           struct access_pattern *pattern) {
    size_t length = strlen(name);
    if (length == 0 || length > CALLBACK_NAME_MAX) {
        config_mistake(reader, place, "found a callback's name of %zu bytes, expected 1 to %zu", length,
                       CALLBACK_NAME_MAX);
        return false;
    }
    pattern->has_wildcard = access_has_wildcard(name);
    pattern->command = omvrpc_command_id(name, length);
    if (name[0] == '#' && !read_command_id(name, &pattern->command)) {
        config_mistake(reader, place, "a command id is \"#\" and 8 hexadecimal digits, found \"%.70s\"", name);
        return false;
    }
    return true;
}

static bool check_method(struct config_reader *reader, const struct config_place *place, const char *text) {
    const char *known[METHODS_SHOWN_MAX];
    size_t count = 0;
    for (; count < METHODS_SHOWN_MAX && methods[count] != NULL; count++) {
        if (fnmatch(text, methods[count]->name, FNM_NOESCAPE) == 0) {
            return true;
        }
        known[count] = methods[count]->name;
    }
    const char *near = near_miss_find(text, strlen(text), known, count);
    if (near != NULL) {
        config_mistake(reader, place, "there is no method \"%.70s\"; did you mean \"%s\"?", text, near);
    } else {
        config_mistake(reader, place, "there is no method \"%.70s\"; a callback is written as \"%sNAME\"", text,
                       callback_prefix);
    }
    return false;
}

static bool read_pattern(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                         struct access_pattern *pattern) {
    char *text = NULL;
    if (!config_read_string(reader, place, value, &text)) {
        return false;
    }
    size_t prefix = strlen(callback_prefix);
    pattern->is_of_callback = strncmp(text, callback_prefix, prefix) == 0;
    bool is_good = pattern->is_of_callback ? check_callback(reader, place, text + prefix, pattern)
                                           : check_method(reader, place, text);
    if (is_good && pattern->is_of_callback) {
        memmove(text, text + prefix, strlen(text + prefix) + 1);
    }
    if (!is_good) {
        free(text);
        return false;
    }
    pattern->text = text;
    return true;
}

static void read_patterns(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                          struct access_rule *rule) {
    int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : 0;
    if (count < 1 || count > ACCESS_PATTERNS_MAX) {
        char expected[100];
        snprintf(expected, sizeof expected, "a list of 1 to %d methods and callbacks, such as [\"reset\", \"%s*\"]",
                 ACCESS_PATTERNS_MAX, callback_prefix);
        config_unexpected(reader, place, expected);
        return;
    }
    rule->patterns = calloc((size_t)count, sizeof *rule->patterns);
    if (rule->patterns == NULL) {
        config_mistake(reader, place, "out of memory");
        return;
    }
    int index = 0;
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        char number[INDEX_SIZE];
        snprintf(number, sizeof number, "%d", index++);
        struct config_place item_place = {place, number};
        rule->pattern_count += read_pattern(reader, &item_place, item, &rule->patterns[rule->pattern_count]);
    }
}

static void read_rule(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                      struct access_rule *rule) {
    static const char *const known[] = {"allow", "deny", "user", "group"};
    if (!config_read_object(reader, place, value)) {
        return;
    }
    const cJSON *allow = cJSON_GetObjectItemCaseSensitive(value, "allow");
    const cJSON *deny = cJSON_GetObjectItemCaseSensitive(value, "deny");
    if ((allow == NULL) == (deny == NULL)) {
        config_mistake(reader, place, "a rule has \"allow\" or \"deny\", found %s", allow == NULL ? "neither" : "both");
        return;
    }
    rule->allows = allow != NULL;
    rule->line = config_line(reader, place);
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        struct config_place item_place = {place, item->string};
        if (item == allow || item == deny) {
            read_patterns(reader, &item_place, item, rule);
        } else if (strcmp(item->string, "user") == 0) {
            config_read_string(reader, &item_place, item, &rule->user);
        } else if (strcmp(item->string, "group") == 0) {
            config_read_string(reader, &item_place, item, &rule->group);
        } else {
            config_unknown(reader, &item_place, "key", known, sizeof known / sizeof *known);
        }
    }
}

void config_read_access(struct config_reader *reader, const struct config_place *place, const cJSON *value,
                        struct config *config) {
    int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : -1;
    if (count < 0 || count > ACCESS_RULES_MAX) {
        char expected[100];
        snprintf(expected, sizeof expected,
                 "a list of at most %d rules, such as {\"deny\": [\"reset\"], \"user\": \"pi\"}", ACCESS_RULES_MAX);
        config_unexpected(reader, place, expected);
        return;
    }
    if (count == 0) {
        return;
    }
    config->access.rules = calloc((size_t)count, sizeof *config->access.rules);
    if (config->access.rules == NULL) {
        config_mistake(reader, place, "out of memory");
        return;
    }
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        char number[INDEX_SIZE];
        snprintf(number, sizeof number, "%zu", config->access.count);
        struct config_place item_place = {place, number};
        read_rule(reader, &item_place, item, &config->access.rules[config->access.count++]);
    }
}
