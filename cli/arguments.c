/* SPDX-License-Identifier: MIT */
/* key=value, plain values, --args, --data and --data-file. */
#include "arguments.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "need.h"
#include "options.h"

/* No daemon takes longer arguments, whatever its limits say: the protocol's payloads end far below. */
#define DATA_LIMIT ((size_t)16 << 20)

/* JSON stays as it was typed, so that no digit is lost; everything else becomes a string. */
static cJSON *value_from_word(const char *word) {
    struct json_text value;
    bool is_json = json_text_check(word, strlen(word), &value);
    return need_memory(is_json ? cJSON_CreateRaw(word) : cJSON_CreateString(word));
}

/* The length of NAME in NAME=VALUE, where NAME is a word such as a field may have; 0 for any other operand. */
static size_t key_length(const char *word) {
    size_t length = 0;
    while (isalnum((unsigned char)word[length]) || word[length] == '_') {
        length++;
    }
    return length > 0 && !isdigit((unsigned char)word[0]) && word[length] == '=' ? length : 0;
}

static bool add_fields(cJSON *params, const struct options *options) {
    cJSON *fields = need_memory(cJSON_AddObjectToObject(params, "args"));
    const char *word;
    for (int i = 1; (word = options_operand(options, i)); i++) {
        size_t length = key_length(word);
        if (length == 0) {
            usage_error(options,
                        "'%s' has no name, but the arguments before it have: use KEY=VALUE for all or for none", word);
            return false;
        }
        char *key = need_memory(strndup(word, length));
        bool doubled = cJSON_GetObjectItemCaseSensitive(fields, key) != NULL;
        if (doubled) {
            usage_error(options, "'%s' is given twice", key);
        } else {
            cJSON_AddItemToObject(fields, key, value_from_word(word + length + 1));
        }
        free(key);
        if (doubled) {
            return false;
        }
    }
    return true;
}

/* One value goes by itself: a schema of one item takes it so, and one of text takes it only so. */
static bool add_positions(cJSON *params, const struct options *options) {
    const char *word = options_operand(options, 1);
    if (!options_operand(options, 2)) {
        cJSON_AddItemToObject(params, "args", value_from_word(word));
        return true;
    }
    cJSON *list = need_memory(cJSON_AddArrayToObject(params, "args"));
    for (int i = 1; (word = options_operand(options, i)); i++) {
        if (key_length(word)) {
            usage_error(options,
                        "'%s' has a name, but the arguments before it have none: use KEY=VALUE for all or for none",
                        word);
            return false;
        }
        cJSON_AddItemToArray(list, value_from_word(word));
    }
    return true;
}

static bool add_operands(cJSON *params, const struct options *options) {
    return key_length(options_operand(options, 1)) ? add_fields(params, options) : add_positions(params, options);
}

static bool add_args(cJSON *params, const struct options *options) {
    const char *text = options->value[OPTION_ARGS];
    struct json_text value;
    if (!json_text_check(text, strlen(text), &value)) {
        usage_error(options, "--args is not JSON: %s", text);
        return false;
    }
    cJSON_AddRawToObject(params, "args", text);
    return true;
}

static void add_data_text(cJSON *params, const char *text, const char *encoding) {
    cJSON_AddStringToObject(params, "data", text);
    cJSON_AddStringToObject(params, "encoding", encoding);
}

static bool add_data(cJSON *params, const struct options *options) {
    const char *text = options->value[OPTION_DATA];
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (text[digits] || digits % 2) {
        usage_error(options, "--data takes pairs of hexadecimal digits, such as 01ff, not '%s'", text);
        return false;
    }
    add_data_text(params, text, "hex");
    return true;
}

static char *encode_base64(const unsigned char *bytes, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = need_memory(malloc((length + 2) / 3 * 4 + 1));
    char *out = text;
    for (size_t i = 0; i < length; i += 3) {
        size_t there = length - i;
        unsigned group =
            (unsigned)bytes[i] << 16 | (there > 1 ? (unsigned)bytes[i + 1] << 8 : 0) | (there > 2 ? bytes[i + 2] : 0);
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = there > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = there > 2 ? digits[group & 63] : '=';
    }
    *out = 0;
    return text;
}

/* Everything in the file, as memory to free; NULL after telling on stderr why not. */
static unsigned char *read_file(const char *path, size_t *length, const struct options *options) {
    bool standard_input = strcmp(path, "-") == 0;
    FILE *file = standard_input ? stdin : fopen(path, "rb");
    unsigned char *bytes = NULL;
    size_t count = 0;
    size_t got = 1;
    for (size_t room = 0; file && got > 0 && count <= DATA_LIMIT; count += got) {
        if (count == room) {
            room = room ? room * 2 : 4096;
            bytes = need_memory(realloc(bytes, room));
        }
        got = fread(bytes + count, 1, room - count, file);
    }
    const char *problem = !file || ferror(file) ? strerror(errno) : count > DATA_LIMIT ? "too long" : NULL;
    if (file && !standard_input) {
        fclose(file);
    }
    if (problem) {
        usage_error(options, "cannot read %s: %s", path, problem);
        free(bytes);
        return NULL;
    }
    *length = count;
    return bytes;
}

static bool add_data_file(cJSON *params, const struct options *options) {
    size_t length = 0;
    unsigned char *bytes = read_file(options->value[OPTION_DATA_FILE], &length, options);
    if (!bytes) {
        return false;
    }
    char *text = encode_base64(bytes, length);
    add_data_text(params, text, "base64");
    free(text);
    free(bytes);
    return true;
}

bool arguments_add(cJSON *params, const struct options *options) {
    const struct {
        bool given;
        bool (*add)(cJSON *params, const struct options *options);
    } ways[] = {
        {options_operand(options, 1) != NULL, add_operands},
        {options->value[OPTION_ARGS] != NULL, add_args},
        {options->value[OPTION_DATA] != NULL, add_data},
        {options->value[OPTION_DATA_FILE] != NULL, add_data_file},
    };
    bool (*chosen)(cJSON *, const struct options *) = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].given && chosen) {
            usage_error(options, "arguments are given in two ways; take one of KEY=VALUE, --args, --data, --data-file");
            return false;
        }
        chosen = ways[i].given ? ways[i].add : chosen;
    }
    return !chosen || chosen(params, options);
}
