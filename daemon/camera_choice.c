/* SPDX-License-Identifier: MIT */
/* Finding a camera by its name, and helping where there is none of that name. */
#include "camera_choice.h"

#include "config.h"
#include "daemon.h"
#include "near_miss.h"

#include <stdio.h>
#include <string.h>

enum { LIST_SIZE = 300 };

static void list_cameras(const struct daemon *daemon, char *text) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < daemon->camera_count && length < LIST_SIZE; i++) {
        length += (size_t)snprintf(text + length, LIST_SIZE - length, "%s%s", i > 0 ? ", " : "",
                                   camera_name(daemon->cameras[i]));
    }
}

struct camera *camera_choose(const struct daemon *daemon, const struct params *params, struct error *error) {
    struct json_span wanted = params_get(params, "camera");
    const char *names[CONFIG_CAMERAS_MAX];
    char list[LIST_SIZE];
    char word[CONFIG_CAMERA_NAME_MAX];
    if (wanted.text == NULL && daemon->camera_count == 1) {
        return daemon->cameras[0];
    }
    list_cameras(daemon, list);
    if (wanted.text == NULL) {
        error_set(error, ERROR_INVALID_PARAMS, "parameter \"camera\" is missing, and there are several: %s", list);
        return NULL;
    }
    for (size_t i = 0; i < daemon->camera_count; i++) {
        names[i] = camera_name(daemon->cameras[i]);
        if (json_string_is(wanted, names[i], strlen(names[i]))) {
            return daemon->cameras[i];
        }
    }
    size_t length = json_string_decode(wanted, word, sizeof word);
    size_t shown = length < sizeof word ? length : sizeof word;
    const char *near = near_miss_find(word, shown, names, daemon->camera_count);
    if (near != NULL) {
        error_set(error, ERROR_NO_SUCH_CAMERA, "there is no camera \"%.*s\"; did you mean \"%s\"?", (int)shown, word,
                  near);
    } else {
        error_set(error, ERROR_NO_SUCH_CAMERA, "there is no camera \"%.*s\"; there are: %s", (int)shown, word, list);
    }
    return NULL;
}
