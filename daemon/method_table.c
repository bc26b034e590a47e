/* SPDX-License-Identifier: MIT */
/* The list of methods. */
#include "method.h"

#include "near_miss.h"

#include <string.h>

const struct method *const methods[] = {
    &method_acquire, &method_call,  &method_callbacks, &method_cameras,   &method_cancel, &method_ping,
    &method_release, &method_reset, &method_stats,     &method_subscribe, &method_trace,  &method_unsubscribe,
    &method_version, NULL,
};

const struct param params_none[] = {{.name = NULL}};

enum { METHOD_COUNT = sizeof methods / sizeof *methods - 1 };

const struct method *method_find(struct json_span name, struct error *error) {
    const char *names[METHOD_COUNT];
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (json_string_is(name, methods[i]->name, strlen(methods[i]->name))) {
            return methods[i];
        }
        names[i] = methods[i]->name;
    }
    char word[NEAR_MISS_WORD_MAX];
    size_t length = json_string_decode(name, word, sizeof word);
    size_t shown = length < sizeof word ? length : sizeof word;
    const char *near = near_miss_find(word, shown, names, METHOD_COUNT);
    if (near != NULL) {
        error_set(error, ERROR_NO_SUCH_METHOD, "there is no method \"%.*s\"; did you mean \"%s\"?", (int)shown, word,
                  near);
    } else {
        error_set(error, ERROR_NO_SUCH_METHOD, "there is no method \"%.*s\"", (int)shown, word);
    }
    return NULL;
}

bool method_names_callback(const struct method *method) {
    const struct param *param = method->params;
    while (param->name != NULL && strcmp(param->name, "name") != 0) {
        param++;
    }
    return param->name != NULL;
}
