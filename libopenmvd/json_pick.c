/* SPDX-License-Identifier: MIT */
/* Picking a member out of JSON text, for programs without a JSON library. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "openmvd.h"

static bool find_element(struct json_text array, size_t index, struct json_text *found) {
    struct json_walk walk = json_walk_begin(array);
    struct json_text name;
    while (json_walk_next(&walk, &name, found)) {
        if (index-- == 0) {
            return true;
        }
    }
    return false;
}

static bool find(const char *json, const char *member, struct json_text *found) {
    struct json_text whole;
    size_t index = 0;
    if (!json || !json_text_check(json, strlen(json), &whole)) {
        return false;
    }
    if (!member) {
        *found = whole;
        return true;
    }
    if (json_text_kind(whole) == JSON_ARRAY) {
        return json_text_size((struct json_text){member, strlen(member)}, SIZE_MAX - 1, &index) &&
               find_element(whole, index, found);
    }
    return json_text_member(whole, member, found);
}

bool openmvd_json_number(const char *json, const char *member, double *number) {
    struct json_text found;
    return find(json, member, &found) && json_text_double(found, number);
}

bool openmvd_json_string(const char *json, const char *member, char *text, size_t size) {
    struct json_text found;
    size_t length = 0;
    if (!find(json, member, &found) || json_text_kind(found) != JSON_STRING) {
        return false;
    }
    char *decoded = json_text_decode(found, &length);
    bool fits = decoded && length < size && strlen(decoded) == length;
    if (fits) {
        memcpy(text, decoded, length + 1);
    }
    free(decoded);
    return fits;
}
