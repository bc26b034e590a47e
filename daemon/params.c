/* SPDX-License-Identifier: MIT */
/* Checking what a client gave against a method's table of parameters. */
#include "params.h"

#include "json_number.h"
#include "near_miss.h"
#include "schema_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool span_is(struct json_span value, const char *word) {
    return value.length == strlen(word) && memcmp(value.text, word, value.length) == 0;
}

static bool is_boolean(struct json_span value) {
    return span_is(value, "true") || span_is(value, "false");
}

static bool is_string(struct json_span value) {
    return value.text[0] == '"';
}

static bool read_integer(struct json_span value, int64_t *result) {
    struct json_integer integer;
    if (!json_is_number(value) || json_integer_read(value, &integer) != JSON_INTEGER || integer.magnitude > INT64_MAX) {
        return false;
    }
    *result = integer.is_negative ? -(int64_t)integer.magnitude : (int64_t)integer.magnitude;
    return true;
}

static int find_choice(const struct param *param, struct json_span value) {
    for (int i = 0; i < PARAM_CHOICES_MAX && param->choices[i] != NULL; i++) {
        if (is_string(value) && json_string_is(value, param->choices[i], strlen(param->choices[i]))) {
            return i;
        }
    }
    return -1;
}

static bool fits(const struct param *param, struct json_span value) {
    int64_t integer;
    switch (param->type) {
    case PARAM_ANY:
        return true;
    case PARAM_STRING:
        return is_string(value);
    case PARAM_BOOLEAN:
        return is_boolean(value);
    case PARAM_INTEGER:
        return read_integer(value, &integer) && integer >= param->minimum && integer <= param->maximum;
    case PARAM_CHOICE:
        return find_choice(param, value) >= 0;
    case PARAM_ID:
        return is_string(value) || json_is_number(value) || span_is(value, "null");
    }
    return false;
}

static void describe_expected(const struct param *param, char *text, size_t size) {
    static const char *const words[] = {[PARAM_ANY] = "a value",
                                        [PARAM_STRING] = "a string",
                                        [PARAM_BOOLEAN] = "true or false",
                                        [PARAM_ID] = "a string, a number or null"};
    if (param->type == PARAM_INTEGER) {
        snprintf(text, size, "an integer from %" PRId64 " to %" PRId64, param->minimum, param->maximum);
    } else if (param->type == PARAM_CHOICE) {
        int length = snprintf(text, size, "one of");
        for (int i = 0; i < PARAM_CHOICES_MAX && param->choices[i] != NULL; i++) {
            length += snprintf(text + length, size - (size_t)length, "%s \"%s\"", i > 0 ? "," : "", param->choices[i]);
        }
    } else {
        snprintf(text, size, "%s", words[param->type]);
    }
}

static void set_unknown(struct error *error, const struct param *table, struct json_span name) {
    char word[NEAR_MISS_WORD_MAX + 1];
    const char *names[PARAMS_MAX];
    size_t count = 0;
    size_t length = json_string_decode(name, word, sizeof word);
    for (; table[count].name != NULL; count++) {
        names[count] = table[count].name;
    }
    const char *near = length < sizeof word ? near_miss_find(word, length, names, count) : NULL;
    int shown = (int)(length < sizeof word ? length : sizeof word);
    if (near != NULL) {
        error_set(error, ERROR_INVALID_PARAMS, "there is no parameter \"%.*s\"; did you mean \"%s\"?", shown, word,
                  near);
    } else {
        error_set(error, ERROR_INVALID_PARAMS, "there is no parameter \"%.*s\"", shown, word);
    }
}

/* Returns the row's place, or -1. */
static int find_param(const struct param *table, struct json_span name) {
    for (int i = 0; table[i].name != NULL; i++) {
        if (json_string_is(name, table[i].name, strlen(table[i].name))) {
            return i;
        }
    }
    return -1;
}

bool params_read(const struct param *table, struct json_span object, struct params *params, struct error *error) {
    *params = (struct params){.table = table, .object = object};
    struct json_cursor cursor = {.at = NULL};
    struct json_span name, value;
    bool is_given = object.text != NULL && json_cursor_open(object, &cursor);
    if (is_given && !cursor.is_object) {
        error_set(error, ERROR_INVALID_PARAMS, "params are an object of names and values here, not a list by position");
        return false;
    }
    while (is_given && json_cursor_next(&cursor, &name, &value)) {
        int place = find_param(table, name);
        if (place < 0) {
            set_unknown(error, table, name);
            return false;
        }
        if (params->values[place].text != NULL) {
            error_set(error, ERROR_INVALID_PARAMS, "parameter \"%s\" is given twice", table[place].name);
            return false;
        }
        params->values[place] = value;
        if (!fits(&table[place], value)) {
            char expected[160];
            char found[JSON_FOUND_SIZE];
            describe_expected(&table[place], expected, sizeof expected);
            error_set(error, ERROR_INVALID_PARAMS, "%s: expected %s, found %s", table[place].name, expected,
                      json_span_describe(value, found));
            return false;
        }
    }
    for (int i = 0; table[i].name != NULL; i++) {
        if (table[i].is_required && params->values[i].text == NULL) {
            error_set(error, ERROR_INVALID_PARAMS, "parameter \"%s\" is missing", table[i].name);
            return false;
        }
    }
    return true;
}

static int place_of(const struct params *params, const char *name) {
    int place = 0;
    while (strcmp(params->table[place].name, name) != 0) {
        place++;
    }
    return place;
}

struct json_span params_get(const struct params *params, const char *name) {
    return params->values[place_of(params, name)];
}

char *json_string_copy(struct json_span value) {
    char *copy = malloc(value.length + 1);
    if (copy != NULL) {
        copy[json_string_decode(value, copy, value.length)] = '\0';
    }
    return copy;
}

char *params_copy_string(const struct params *params, const char *name) {
    struct json_span value = params_get(params, name);
    return value.text != NULL ? json_string_copy(value) : NULL;
}

int64_t params_integer(const struct params *params, const char *name, int64_t fallback) {
    struct json_span value = params_get(params, name);
    int64_t integer = fallback;
    if (value.text != NULL) {
        read_integer(value, &integer);
    }
    return integer;
}

bool params_boolean(const struct params *params, const char *name, bool fallback) {
    struct json_span value = params_get(params, name);
    return value.text != NULL ? span_is(value, "true") : fallback;
}

int params_choice(const struct params *params, const char *name, int fallback) {
    int place = place_of(params, name);
    return params->values[place].text != NULL ? find_choice(&params->table[place], params->values[place]) : fallback;
}
