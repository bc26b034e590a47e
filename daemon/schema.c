/* SPDX-License-Identifier: MIT */
/* Schemas as they are written in JSON, and read from there. */

#include "schema.h"

#include "near_miss.h"
#include "schema_private.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct {
    const char *name;
    enum schema_kind kind;
} named_schemas[] = {
    {"utf8", SCHEMA_UTF8},
    {"json", SCHEMA_JSON},
    {"jpeg", SCHEMA_JPEG},
    {"bytes", SCHEMA_BYTES},
};

static const char *const members[] = {"format", "fields", "repeat", "optional"};

static bool find_named(const char *name, enum schema_kind *kind) {
    for (size_t i = 0; i < COUNT(named_schemas); i++) {
        if (strcmp(name, named_schemas[i].name) == 0) {
            *kind = named_schemas[i].kind;
            return true;
        }
    }
    return false;
}

static bool read_named(struct schema *schema, const cJSON *json, struct schema_error *error) {
    if (find_named(json->valuestring, &schema->kind)) {
        return true;
    }
    char found[JSON_FOUND_SIZE];
    return schema_error_set(error, "expected \"utf8\", \"json\", \"jpeg\", \"bytes\" or {\"format\": …}, found %s",
                            json_value_describe(json, found));
}

static bool is_known_member(const char *name) {
    for (size_t i = 0; i < COUNT(members); i++) {
        if (strcmp(name, members[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_members(const cJSON *json, struct schema_error *error) {
    const cJSON *member;
    cJSON_ArrayForEach(member, json) {
        if (!is_known_member(member->string)) {
            const char *near = near_miss_find(member->string, strlen(member->string), members, COUNT(members));
            schema_error_set(error, "expected only format, fields, repeat and optional in a schema%s%s%s",
                             near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                             near != NULL ? "\"?" : "");
            schema_error_prepend(error, member->string, 0);
            return false;
        }
    }
    return true;
}

static bool read_format(struct schema *schema, const cJSON *json, struct schema_error *error) {
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(json, "format");
    enum schema_kind kind;
    char found[JSON_FOUND_SIZE];

    if (!cJSON_IsString(format)) {
        return schema_error_set(error, "expected a format string such as \"<HH\", found %s",
                                json_value_describe(format, found));
    }
    if (find_named(format->valuestring, &kind)) {
        return schema_error_set(error,
                                "expected a format string such as \"<HH\", found %s, which stands without \"format\"",
                                json_value_describe(format, found));
    }
    schema->format_text = strdup(format->valuestring);
    if (schema->format_text == NULL) {
        return schema_error_set(error, "out of memory");
    }
    return format_parse(format->valuestring, &schema->format, error);
}

static bool read_field(struct schema *schema, const cJSON *name, size_t index, struct schema_error *error) {
    char found[JSON_FOUND_SIZE];

    if (!cJSON_IsString(name) || name->valuestring[0] == '\0' || strlen(name->valuestring) > SCHEMA_NAME_MAX) {
        return schema_error_set(error, "expected a name of 1 to %zu bytes, found %s", SCHEMA_NAME_MAX,
                                json_value_describe(name, found));
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(schema->field_names[i], name->valuestring) == 0) {
            return schema_error_set(error, "expected every name once, found %s twice",
                                    json_value_describe(name, found));
        }
    }
    schema->field_names[index] = strdup(name->valuestring);
    return schema->field_names[index] != NULL || schema_error_set(error, "out of memory");
}

static bool read_fields(struct schema *schema, const cJSON *json, struct schema_error *error) {
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(json, "fields");
    const size_t item_count = schema->format.item_count;
    char found[JSON_FOUND_SIZE];

    if (fields == NULL) {
        return true;
    }
    if (!cJSON_IsArray(fields)) {
        return schema_error_set(error, "expected an array of names, found %s", json_value_describe(fields, found));
    }
    const size_t name_count = (size_t)cJSON_GetArraySize(fields);
    if (name_count != item_count) {
        return schema_error_set(error, "expected %zu name%s, one for each item of \"%.40s\", found %zu", item_count,
                                item_count == 1 ? "" : "s", schema->format_text, name_count);
    }
    if (name_count > SCHEMA_FIELDS_MAX) {
        return schema_error_set(error, "expected at most %zu names, found %zu", SCHEMA_FIELDS_MAX, name_count);
    }
    if (name_count == 0) {
        return true;
    }
    schema->field_names = calloc(name_count, sizeof schema->field_names[0]);
    if (schema->field_names == NULL) {
        return schema_error_set(error, "out of memory");
    }

    const cJSON *name;
    size_t index = 0;
    cJSON_ArrayForEach(name, fields) {
        if (!read_field(schema, name, index, error)) {
            schema_error_prepend(error, NULL, index);
            return false;
        }
        index++;
    }
    return true;
}

static bool read_switch(const cJSON *json, const char *name, bool *is_on, struct schema_error *error) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    char found[JSON_FOUND_SIZE];

    if (value != NULL && !cJSON_IsBool(value)) {
        return schema_error_set(error, "expected true or false, found %s", json_value_describe(value, found));
    }
    *is_on = cJSON_IsTrue(value);
    return true;
}

static bool read_repeats(struct schema *schema, const cJSON *json, struct schema_error *error) {
    if (!read_switch(json, "repeat", &schema->repeats, error)) {
        return false;
    }
    if (schema->repeats && schema->format.size == 0) {
        return schema_error_set(error, "expected a format of at least one byte to repeat, found \"%.40s\"",
                                schema->format_text);
    }
    return true;
}

static bool read_optional(struct schema *schema, const cJSON *json, struct schema_error *error) {
    return read_switch(json, "optional", &schema->is_optional, error);
}

static bool read_record(struct schema *schema, const cJSON *json, struct schema_error *error) {
    /* In the order of `members`, whose names the paths of errors begin with; the fields need the format. */
    static bool (*const readers[])(struct schema *, const cJSON *, struct schema_error *) = {
        read_format,
        read_fields,
        read_repeats,
        read_optional,
    };

    schema->kind = SCHEMA_FORMAT;
    if (!check_members(json, error)) {
        return false;
    }
    for (size_t i = 0; i < COUNT(readers); i++) {
        if (!readers[i](schema, json, error)) {
            schema_error_prepend(error, members[i], 0);
            return false;
        }
    }
    return true;
}

struct schema *schema_parse(const cJSON *json, struct schema_error *error) {
    char found[JSON_FOUND_SIZE];
    struct schema *schema = calloc(1, sizeof *schema);
    bool is_good;

    if (schema == NULL) {
        schema_error_set(error, "out of memory");
        return NULL;
    }
    if (cJSON_IsString(json)) {
        is_good = read_named(schema, json, error);
    } else if (cJSON_IsObject(json)) {
        is_good = read_record(schema, json, error);
    } else {
        is_good = schema_error_set(error, "expected a schema such as \"utf8\" or {\"format\": \"<HH\"}, found %s",
                                   json_value_describe(json, found));
    }
    if (is_good) {
        schema->text = cJSON_PrintUnformatted(json);
        is_good = schema->text != NULL || schema_error_set(error, "out of memory");
    }
    if (!is_good) {
        schema_free(schema);
        return NULL;
    }
    return schema;
}

void schema_free(struct schema *schema) {
    if (schema == NULL) {
        return;
    }
    for (size_t i = 0; schema->field_names != NULL && i < schema->format.item_count; i++) {
        free(schema->field_names[i]);
    }
    free(schema->field_names);
    format_clear(&schema->format);
    free(schema->format_text);
    cJSON_free(schema->text);
    free(schema);
}

enum schema_kind schema_kind(const struct schema *schema) {
    return schema != NULL ? schema->kind : SCHEMA_BYTES;
}

bool schema_is_optional(const struct schema *schema) {
    return schema != NULL && schema->is_optional;
}

const char *schema_text(const struct schema *schema) {
    return schema != NULL ? schema->text : "null";
}
