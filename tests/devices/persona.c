/* SPDX-License-Identifier: MIT */
/* The personas, each a function that runs until its wire is cut. See persona.h. */

#include "persona.h"

#include "sim/camera.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct persona {
    void (*run)(struct persona *persona);
    struct sim_camera *camera;
    pthread_t thread;
    int wire[2]; /* the device's end and the persona's, or -1 */
};

static void say(int wire, const char *text, size_t length) {
    /* Where nobody listens, the wire is about to be cut. */
    (void)send(wire, text, length, MSG_NOSIGNAL);
}

static void run_camera(struct persona *persona) {
    (void)sim_camera_run(persona->camera, persona->wire[1], -1);
}

/* MicroPython's prompt as far as keystrokes go: it echoes what can be printed, tries to run a line at its end, and drops
 * the line on Ctrl-C. */
static void run_repl(struct persona *persona) {
    static const char prompt[] = "\r\n>>> ";
    static const char complaint[] =
        "\r\nTraceback (most recent call last):\r\n  File \"<stdin>\", line 1\r\nSyntaxError: invalid syntax";
    static const char banner[] =
        "\r\nMicroPython v1.24; OpenMV Virtual Camera with nothing\r\nType \"help()\" for more information.";
    bool is_empty = true;
    char key;
    while (recv(persona->wire[1], &key, 1, 0) == 1) {
        if (key == '\r' && !is_empty) {
            say(persona->wire[1], complaint, sizeof complaint - 1);
        } else if (key == '\2') {
            say(persona->wire[1], banner, sizeof banner - 1);
        }
        if (key == '\r' || key == '\2' || key == '\3') {
            say(persona->wire[1], prompt, sizeof prompt - 1);
            is_empty = true;
        } else if (key >= ' ' && key <= '~') {
            say(persona->wire[1], &key, 1);
            is_empty = false;
        }
    }
}

static void run_silent(struct persona *persona) {
    char ignored[512];
    while (recv(persona->wire[1], ignored, sizeof ignored, 0) > 0) {
    }
}

static const struct {
    const char *name;
    void (*run)(struct persona *persona);
} kinds[] = {
    {"camera", run_camera},
    {"repl", run_repl},
    {"silent", run_silent},
};

static void *run(void *context) {
    struct persona *persona = context;
    persona->run(persona);
    return NULL;
}

struct persona *persona_new(uint64_t seed) {
    struct sim_options options = sim_options_default();
    options.behaviour.seed = seed;
    struct persona *persona = calloc(1, sizeof *persona);
    struct sim_camera *camera = sim_camera_new(&options);
    if (persona == NULL || camera == NULL) {
        free(persona);
        sim_camera_free(camera);
        return NULL;
    }
    *persona = (struct persona){.camera = camera, .wire = {-1, -1}};
    return persona;
}

void persona_free(struct persona *persona) {
    if (persona != NULL) {
        persona_stop(persona);
        sim_camera_free(persona->camera);
        free(persona);
    }
}

static int start(struct persona *persona) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, persona->wire) < 0) {
        return -errno;
    }
    int flags = fcntl(persona->wire[0], F_GETFL);
    int error = fcntl(persona->wire[0], F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
    if (error == 0) {
        error = pthread_create(&persona->thread, NULL, run, persona);
    }
    if (error != 0) {
        close(persona->wire[0]);
        close(persona->wire[1]);
        persona->wire[0] = persona->wire[1] = -1;
        return -error;
    }
    return persona->wire[0];
}

int persona_start(struct persona *persona, const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            persona->run = kinds[i].run;
            return start(persona);
        }
    }
    return -EINVAL;
}

void persona_stop(struct persona *persona) {
    if (persona->wire[0] < 0) {
        return;
    }
    shutdown(persona->wire[0], SHUT_RDWR);
    pthread_join(persona->thread, NULL);
    close(persona->wire[0]);
    close(persona->wire[1]);
    persona->wire[0] = persona->wire[1] = -1;
}
