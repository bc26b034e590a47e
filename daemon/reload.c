/* SPDX-License-Identifier: MIT */
/* Another configuration while the daemon runs: it is read whole, and then what is different is applied. */
#include "access.h"
#include "camera.h"
#include "config.h"
#include "daemon.h"
#include "log.h"
#include "method.h"
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the new configuration means for the cameras. */
struct change {
    struct config *config;
    struct camera **cameras; /* as the new configuration has them */
    size_t count;
    size_t kept, replaced, added, removed;
};

static struct camera *find_camera(struct camera *const *cameras, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(camera_name(cameras[i]), name) == 0) {
            return cameras[i];
        }
    }
    return NULL;
}

static bool contains(const struct change *change, const struct camera *camera) {
    for (size_t i = 0; i < change->count; i++) {
        if (change->cameras[i] == camera) {
            return true;
        }
    }
    return false;
}

/* Counts what happens to the cameras that run now. */
static void count_old(const struct daemon *daemon, struct change *change) {
    for (size_t i = 0; i < daemon->camera_count; i++) {
        const char *name = camera_name(daemon->cameras[i]);
        if (camera_is_said_by(daemon->cameras[i], change->config)) {
            change->kept++;
        } else if (config_find_camera(change->config, name) != NULL) {
            change->replaced++;
        } else {
            change->removed++;
        }
    }
    change->added = change->config->camera_count - change->kept - change->replaced;
}

/* Takes back what prepare() has made. Nothing knows of these cameras yet, and none has touched its link. */
static void give_up(struct daemon *daemon, struct change *change) {
    for (size_t i = 0; i < change->count; i++) {
        struct camera *camera = change->cameras[i];
        if (find_camera(daemon->cameras, daemon->camera_count, camera_name(camera)) != camera) {
            camera_leave(camera, camera);
        }
    }
    free(change->cameras);
}

/* Makes the new cameras, whose links wait while others leave. Returns false when memory or threads are short. */
static bool prepare(struct daemon *daemon, struct change *change) {
    struct config *config = change->config;
    count_old(daemon, change);
    bool waits = change->replaced + change->removed > 0 || !LIST_EMPTY(&daemon->leaving);
    change->cameras = calloc(config->camera_count, sizeof *change->cameras);
    while (change->cameras != NULL && change->count < config->camera_count) {
        struct camera_config *said = &config->cameras[change->count];
        struct camera *camera = find_camera(daemon->cameras, daemon->camera_count, said->name);
        if (camera == NULL || !camera_is_said_by(camera, config)) {
            camera = camera_new(daemon, config, said, waits);
        }
        if (camera == NULL) {
            give_up(daemon, change);
            return false;
        }
        change->cameras[change->count++] = camera;
    }
    return change->cameras != NULL;
}

/* Rules are found by who the peer is; a client of which the kernel does not tell that any more is not believed. */
static void find_rules_anew(struct daemon *daemon) {
    struct client *client;
    TAILQ_FOREACH(client, &daemon->server->clients, entry) {
        client->was_refused = false;
        if (access_find_rules(&daemon->config->access, client->fd, client->uid, client->gid, &client->access_rules) <
            0) {
            char label[CLIENT_LABEL_SIZE];
            log_error(CLIENT, "%s is closed: its rights cannot be found: %s", client_label(client, label),
                      strerror(errno));
            client->broken = true;
            client_wake(client);
        }
    }
}

/* Ends what is subscribed to beside callbacks and is not allowed any more. */
static void check_event_subscribers(struct daemon *daemon) {
    struct subscription *subscription, *next;
    for (subscription = TAILQ_FIRST(&daemon->event_subscriptions); subscription != NULL; subscription = next) {
        struct error error;
        next = TAILQ_NEXT(subscription, of_source);
        if (!access_check_events(subscription->client, &error)) {
            subscription_fail(subscription, &error);
        }
    }
}

/* Has the old cameras that are none of the new leave, after those have taken their places. */
static void exchange_cameras(struct daemon *daemon, struct change *change) {
    struct camera **before = daemon->cameras;
    size_t count = daemon->camera_count;
    daemon->cameras = change->cameras;
    daemon->camera_count = change->count;
    for (size_t i = 0; i < count; i++) {
        if (contains(change, before[i])) {
            camera_adjust(before[i]);
        } else {
            camera_leave(before[i], find_camera(change->cameras, change->count, camera_name(before[i])));
        }
    }
    free(before);
}

static void warn_of_what_stays(const struct daemon *daemon, const struct config *before) {
    const struct config *now = daemon->config;
    if (!config_is_same_section(before, now, "socket")) {
        log_warning(CONFIG, "the section \"socket\" has changed, which counts when the daemon is started anew");
    }
    if (before->realtime_priority != now->realtime_priority) {
        log_warning(CONFIG, "realtime_priority has changed, which counts when the daemon is started anew");
    }
}

static void apply(struct daemon *daemon, struct change *change) {
    struct config *before = daemon->config;
    daemon->config = change->config;
    daemon->source->apply(daemon->source->context, daemon->config);
    find_rules_anew(daemon);
    exchange_cameras(daemon, change);
    check_event_subscribers(daemon);
    if (!daemon_watch_devices(daemon)) {
        log_error(DAEMON, "out of memory: new devices are not announced any more");
    }
    warn_of_what_stays(daemon, before);
    config_free(before);
    log_info(CONFIG, "reloaded; cameras kept: %zu, replaced: %zu, added: %zu, removed: %zu", change->kept,
             change->replaced, change->added, change->removed);
    service_set_trouble(daemon, "");
    service_tell_status(daemon);
    daemon_serve_cameras(daemon);
}

/* Logs each line of what is wrong, and has the status show the first. */
static void refuse(struct daemon *daemon, char *report) {
    char trouble[SERVICE_TROUBLE_SIZE];
    const char *first = "out of memory";
    size_t count = config_log_mistakes(report, &first);
    snprintf(trouble, sizeof trouble, "reload refused: %s", first);
    log_error(CONFIG, "the configuration was not reloaded, and nothing has changed; mistakes: %zu", count);
    service_set_trouble(daemon, trouble);
}

void daemon_reload(struct daemon *daemon) {
    struct change change = {.count = 0};
    char *report = NULL;
    size_t size = 0;
    if (daemon->stopping) {
        log_info(DAEMON, "no reload: the daemon is stopping");
        return;
    }
    service_reloading(daemon);
    FILE *file = open_memstream(&report, &size);
    if (file != NULL) {
        change.config = daemon->source->load(daemon->source->context, file);
        fclose(file);
    }
    if (change.config == NULL) {
        refuse(daemon, report != NULL ? report : (char[]){"out of memory"});
    } else if (!prepare(daemon, &change)) {
        config_free(change.config);
        refuse(daemon, (char[]){"out of memory or threads for its cameras"});
    } else {
        apply(daemon, &change);
    }
    free(report);
    service_reloaded(daemon);
}

void daemon_camera_gone(struct daemon *daemon) {
    for (size_t i = 0; i < daemon->camera_count && LIST_EMPTY(&daemon->leaving); i++) {
        camera_announce_if_waiting(daemon->cameras[i]);
    }
}
