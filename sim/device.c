/* SPDX-License-Identifier: MIT */
/* What the program plugs in. See device.h. */

#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool open_replay(struct sim_device *device, const char *path) {
    char sentence[160] = "";
    struct capture_error error = {.line = 0, .message = ""};
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "openmv-sim: cannot open %s: %s\n", path, strerror(errno));
        return false;
    }
    bool read = capture_read(file, &device->capture, &error) == 0;
    fclose(file);
    if (!read && error.line > 0) {
        snprintf(sentence, sizeof sentence, "line %u: %s", error.line, error.message);
    } else if (!read) {
        snprintf(sentence, sizeof sentence, "%s", error.message);
    } else if (sim_script_init(&device->script, &device->capture, sentence, sizeof sentence) == 0) {
        device->replay = sim_replay_new(&device->script);
        snprintf(sentence, sizeof sentence, "out of memory");
    }
    if (!device->replay) {
        fprintf(stderr, "openmv-sim: %s: %s\n", path, sentence);
    }
    return device->replay != NULL;
}

bool sim_device_open(struct sim_device *device, const struct sim_options *options, const char *capture) {
    *device = (struct sim_device){.camera = NULL};
    if (capture) {
        return open_replay(device, capture);
    }
    device->camera = sim_camera_new(options);
    if (!device->camera) {
        fputs("openmv-sim: out of memory\n", stderr);
    }
    return device->camera != NULL;
}

void sim_device_close(struct sim_device *device) {
    sim_camera_free(device->camera);
    sim_replay_free(device->replay);
    sim_script_clear(&device->script);
    capture_clear(&device->capture);
}

int sim_device_run(struct sim_device *device, int descriptor, int stop_descriptor) {
    if (device->camera) {
        return sim_camera_run(device->camera, descriptor, stop_descriptor);
    }
    int result = sim_replay_run(device->replay, descriptor, stop_descriptor);
    if (result > 0) {
        fprintf(stderr, "openmv-sim: %s\n", sim_replay_failure(device->replay));
    }
    return result;
}

bool sim_device_is_done(const struct sim_device *device) {
    unsigned line = 0;
    size_t calls = device->replay ? sim_replay_position(device->replay, &line) : 0;
    if (line > 0) {
        fprintf(stderr, "openmv-sim: stopped at line %u of the capture: %zu of %zu calls were played\n", line, calls,
                device->script.call_count);
    }
    return line == 0;
}
