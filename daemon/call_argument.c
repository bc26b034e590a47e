/* SPDX-License-Identifier: MIT */
/* Names and arguments. See call_argument.h. */

#include "call_argument.h"

#include "description.h"
#include "encoding.h"
#include "near_miss.h"

#include <stdlib.h>
#include <string.h>

/* The extensions' own callbacks. Calls and reads of a session would end the daemon's. */
static const struct {
    const char *name;
    bool is_ours;
} reserved[] = {
    {OMVRPC_PROBE_NAME, false},
    {OMVRPC_DESCRIBE_NAME, false},
    {OMVRPC_CALL_NAME, true},
    {OMVRPC_READ_NAME, true},
};

static int find_reserved(uint32_t command) {
    for (int i = 0; i < (int)(sizeof reserved / sizeof reserved[0]); i++) {
        if (omvrpc_command_id(reserved[i].name, strlen(reserved[i].name)) == command) {
            return i;
        }
    }
    return -1;
}

bool call_is_reserved(uint32_t command) {
    return find_reserved(command) >= 0;
}

static void set_not_offered(struct error *error, const char *name, const struct callback_set *set) {
    const char *names[CALLBACKS_MAX];
    size_t count = 0;
    const struct callback *callback;
    struct callback_walk walk = callback_walk_begin(set);
    while (count < CALLBACKS_MAX && (callback = callback_walk_next(&walk)) != NULL) {
        names[count++] = callback->name;
    }
    const char *near = near_miss_find(name, strlen(name), names, count);
    error_set(error, ERROR_NO_SUCH_CALLBACK, "the camera has no callback \"%s\"%s%s%s", name,
              near != NULL ? "; did you mean \"" : ": \"callbacks\" lists what it has", near != NULL ? near : "",
              near != NULL ? "\"?" : "");
}

bool call_read_command(const char *name, const struct callback_set *set, uint32_t *command,
                       const struct callback **callback, struct error *error) {
    size_t length = strlen(name);
    if (length == 0 || length > CALLBACK_NAME_MAX) {
        error_set(error, ERROR_INVALID_PARAMS, "name: expected 1 to %zu bytes, found %zu", CALLBACK_NAME_MAX, length);
        return false;
    }
    if (name[0] != '#') {
        *callback = callback_find(set, name);
        *command = omvrpc_command_id(name, length);
        return true;
    }
    if (length != 9 || strspn(name + 1, "0123456789abcdefABCDEF") != 8) {
        error_set(error, ERROR_INVALID_PARAMS, "name: a command id is \"#\" and 8 hexadecimal digits, found \"%s\"",
                  name);
        return false;
    }
    *command = (uint32_t)strtoul(name + 1, NULL, 16);
    *callback = callback_find_id(set, *command);
    return true;
}

bool call_read_name(const char *name, const struct callback_set *set, uint32_t *command,
                    const struct callback **callback, struct error *error) {
    if (!call_read_command(name, set, command, callback, error)) {
        return false;
    }
    int place = find_reserved(*command);
    if (place >= 0 && reserved[place].is_ours) {
        error_set(error, ERROR_INVALID_PARAMS, "name: \"%s\" is how the daemon itself calls; name the callback",
                  reserved[place].name);
        return false;
    }
    if (place < 0 && !callback_set_offers(set, *command)) {
        set_not_offered(error, name, set);
        return false;
    }
    return true;
}

static bool decode_data(const struct params *params, struct job *job, struct error *error) {
    static const char *const words[] = {[CALL_DATA_BASE64] = "base64", [CALL_DATA_HEX] = "hexadecimal digits"};
    enum call_encoding encoding = (enum call_encoding)params_choice(params, "encoding", CALL_DATA_BASE64);
    char *text = params_copy_string(params, "data");
    size_t length = text != NULL ? strlen(text) : 0;
    uint8_t *bytes = malloc(length + 1);
    bool is_good = true;
    if (text == NULL || bytes == NULL) {
        error_set_out_of_memory(error);
        free(text);
        free(bytes);
        return false;
    }
    job->argument = bytes;
    switch (encoding) {
    case CALL_DATA_BASE64:
        is_good = base64_decode(text, length, bytes, &job->argument_length);
        break;
    case CALL_DATA_HEX:
        is_good = hex_decode(text, length, bytes, &job->argument_length);
        break;
    case CALL_DATA_UTF8:
        memcpy(bytes, text, length);
        job->argument_length = length;
        break;
    }
    free(text);
    if (!is_good) {
        error_set(error, ERROR_INVALID_PARAMS, "data: this is not %s", words[encoding]);
    }
    return is_good;
}

static bool pack_args(const struct params *params, const struct callback *callback, size_t limit, struct job *job,
                      struct error *error) {
    const struct schema *schema = callback != NULL ? callback->args : NULL;
    struct schema_error misfit;
    char where[SCHEMA_ERROR_PATH_SIZE + SCHEMA_ERROR_MESSAGE_SIZE];
    switch (schema_pack(schema, params_get(params, "args"), limit, &job->argument, &job->argument_length, &misfit)) {
    case SCHEMA_GOOD:
        return true;
    case SCHEMA_MISFIT:
        schema_error_print(&misfit, "args", where, sizeof where);
        error_set(error, ERROR_INVALID_PARAMS, "%s", where);
        return false;
    case SCHEMA_TOO_LARGE:
        error_set(error, ERROR_TOO_LARGE, "args: longer than limits.payload_bytes (%zu)", limit);
        return false;
    case SCHEMA_OUT_OF_MEMORY:
        break;
    }
    error_set_out_of_memory(error);
    return false;
}

bool call_read_argument(const struct params *params, const struct callback *callback, size_t limit, struct job *job,
                        struct error *error) {
    bool has_data = params_get(params, "data").text != NULL;
    if (has_data && params_get(params, "args").text != NULL) {
        error_set(error, ERROR_INVALID_PARAMS, "\"args\" and \"data\" cannot be given together");
        return false;
    }
    if (!has_data && params_get(params, "encoding").text != NULL) {
        error_set(error, ERROR_INVALID_PARAMS, "\"encoding\" says how \"data\" is written, and there is none");
        return false;
    }
    if (!has_data) {
        return pack_args(params, callback, limit, job, error);
    }
    if (!decode_data(params, job, error)) {
        return false;
    }
    if (job->argument_length > limit) {
        error_set(error, ERROR_TOO_LARGE, "data: %zu bytes are more than limits.payload_bytes (%zu)",
                  job->argument_length, limit);
        return false;
    }
    return true;
}

int64_t call_usual_timeout_us(const struct callback *callback) {
    bool has_timeout = callback != NULL && callback->timeout_ms != 0;
    return (has_timeout ? callback->timeout_ms : CALL_TIMEOUT_DEFAULT_MS) * INT64_C(1000);
}

int64_t call_deadline(const struct params *params, const struct callback *callback, int64_t since_us) {
    return since_us + params_integer(params, "timeout_ms", call_usual_timeout_us(callback) / 1000) * 1000;
}

/* The camera would have to throw a longer one away, and may not be able to say so. */
static bool fits_camera(const struct job *job, const struct camera *camera, struct error *error) {
    const struct description *description = camera_description(camera);
    if (description == NULL || job->argument_length <= description->argument) {
        return true;
    }
    error_set(error, ERROR_TOO_LARGE, "%zu bytes of argument are more than camera \"%s\" takes (%u, as it says)",
              job->argument_length, camera_name(camera), description->argument);
    return false;
}

bool call_bind(struct job *job, const char *name, struct camera *camera, const struct params *params, size_t limit,
               int64_t since_us, struct callback_set **set, const struct callback **callback, struct error *error) {
    callback_set_free(*set);
    *set = callback_set_share(camera_callbacks(camera));
    free(job->argument);
    job->argument = NULL;
    job->argument_length = 0;
    if (!call_read_name(name, *set, &job->command, callback, error) ||
        !call_read_argument(params, *callback, limit, job, error) || !fits_camera(job, camera, error)) {
        return false;
    }
    job->deadline_us = call_deadline(params, *callback, since_us);
    job->repeatable = *callback != NULL && (*callback)->is_repeatable;
    return true;
}
