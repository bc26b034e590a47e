/* SPDX-License-Identifier: MIT */
/* The simulated camera as a kind of link: it runs on a thread of its own, at the other end of a link inside this
 * process. */

#include "link_kinds.h"

#include "sim/camera.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* Of the camera's thread. It is small since all of a stack is there where memory is locked; making pictures takes the most. */
#define STACK_SIZE ((size_t)512 << 10)

struct host {
    struct sim_camera *camera;
    struct omvrpc_link *end; /* the camera's */
    pthread_t thread;
    bool running;
};

static void *run(void *context) {
    struct host *host = context;
    (void)prctl(PR_SET_NAME, "sim camera");
    /* It ends by itself when the daemon's end of the link is closed. */
    sim_camera_run(host->camera, host->end->operations->descriptor(host->end), -1);
    return NULL;
}

static int start(struct host *host) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    error = pthread_create(&host->thread, &attributes, run, host);
    pthread_attr_destroy(&attributes);
    host->running = error == 0;
    return error;
}

static void stop(struct host *host) {
    if (host->running) {
        pthread_join(host->thread, NULL);
        omvrpc_link_close(host->end);
        host->running = false;
    }
}

bool link_sim_check(const struct link_settings *settings, char *problem, size_t size) {
    struct sim_faults faults;
    return settings->faults == NULL || sim_faults_parse(settings->faults, &faults, problem, size) == 0;
}

static struct host *host_new(const struct link_settings *settings, char *reason, size_t size) {
    struct sim_options options = sim_options_default();
    if (settings->faults != NULL && sim_faults_parse(settings->faults, &options.faults, reason, size) != 0) {
        return NULL;
    }
    options.behaviour.stock = settings->stock;
    struct host *host = calloc(1, sizeof *host);
    if (host != NULL) {
        host->camera = sim_camera_new(&options);
    }
    if (host == NULL || host->camera == NULL) {
        free(host);
        snprintf(reason, size, "no memory for a simulated camera");
        return NULL;
    }
    return host;
}

struct omvrpc_link *link_sim_open(void *context, char *reason, size_t size) {
    struct link_settings *settings = context;
    struct host *host = settings->state;
    if (host == NULL) {
        host = settings->state = host_new(settings, reason, size);
        if (host == NULL) {
            return NULL;
        }
    }
    stop(host);
    struct omvrpc_link *ends[2];
    int error = omvrpc_memory_open(ends);
    if (error != 0) {
        snprintf(reason, size, "no link to the simulated camera: %s", strerror(-error));
        return NULL;
    }
    host->end = ends[1];
    error = start(host);
    if (error != 0) {
        omvrpc_link_close(ends[0]);
        omvrpc_link_close(ends[1]);
        snprintf(reason, size, "no thread for the simulated camera: %s", strerror(error));
        return NULL;
    }
    return ends[0];
}

void link_sim_describe(const struct link_settings *settings, char *text, size_t size) {
    (void)settings;
    snprintf(text, size, "simulated camera");
}

void link_sim_clear(struct link_settings *settings) {
    struct host *host = settings->state;
    if (host != NULL) {
        stop(host);
        sim_camera_free(host->camera);
        free(host);
        settings->state = NULL;
    }
}
