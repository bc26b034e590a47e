/* SPDX-License-Identifier: MIT */
/* Watching udev, or the kernel, and folders. */

#include "hotplug.h"

#include "log.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <libudev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* udevd makes it as long as it runs. */
#define UDEV_RUNS "/run/udev/control"

/* Events handled before the loop looks at its clients again. */
enum { EVENTS_PER_TURN = 64 };

/* A path that may appear. Where its folder does not exist either, the nearest folder above is watched for the next part
 * of the path. */
struct watched_node {
    char *path;
    int watch;        /* of inotify, or -1 */
    const char *name; /* what has to appear in the folder watched: a part of `path` */
    size_t name_length;
};

struct hotplug {
    void (*appeared)(void *context);
    void *context;
    struct udev *udev;
    struct udev_monitor *monitor;
    struct event monitor_event;
    int inotify;
    struct event inotify_event;
    size_t count;
    struct watched_node nodes[];
};

static void on_monitor(evutil_socket_t fd, short what, void *context) {
    (void)fd;
    (void)what;
    struct hotplug *hotplug = context;
    bool appeared = false;
    struct udev_device *device;
    for (int i = 0; i < EVENTS_PER_TURN && (device = udev_monitor_receive_device(hotplug->monitor)) != NULL; i++) {
        const char *action = udev_device_get_action(device);
        appeared = appeared || (action != NULL && strcmp(action, "remove") != 0);
        udev_device_unref(device);
    }
    if (appeared) {
        hotplug->appeared(hotplug->context);
    }
}

static bool watch_monitor(struct hotplug *hotplug, struct event_base *base) {
    const char *source = access(UDEV_RUNS, F_OK) == 0 ? "udev" : "kernel";
    hotplug->udev = udev_new();
    hotplug->monitor = hotplug->udev != NULL ? udev_monitor_new_from_netlink(hotplug->udev, source) : NULL;
    if (hotplug->monitor == NULL ||
        udev_monitor_filter_add_match_subsystem_devtype(hotplug->monitor, "tty", NULL) < 0 ||
        udev_monitor_enable_receiving(hotplug->monitor) < 0 ||
        event_assign(&hotplug->monitor_event, base, udev_monitor_get_fd(hotplug->monitor), EV_READ | EV_PERSIST,
                     on_monitor, hotplug) < 0 ||
        event_add(&hotplug->monitor_event, NULL) < 0) {
        return false;
    }
    log_debug(DAEMON, "new serial ports are announced by %s", source);
    return true;
}

/* Watches the folder of a node, or the nearest one above it that exists. */
static void watch_node(struct hotplug *hotplug, struct watched_node *node) {
    char *folder = strdup(node->path);
    node->watch = -1;
    for (char *slash; folder != NULL && node->watch < 0 && (slash = strrchr(folder, '/')) != NULL;) {
        size_t begin = (size_t)(slash - folder) + 1;
        node->name = node->path + begin;
        node->name_length = strcspn(node->name, "/");
        *slash = '\0';
        node->watch = inotify_add_watch(hotplug->inotify, begin == 1 ? "/" : folder,
                                        IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
        if (node->watch < 0 && errno != ENOENT && errno != ENOTDIR) {
            log_warning(DAEMON, "the folder of %s cannot be watched: %s", node->path, strerror(errno));
            break;
        }
    }
    free(folder);
}

static bool concerns(const struct inotify_event *event, const struct watched_node *node) {
    if (event->wd != node->watch) {
        return false;
    }
    /* The folder itself has gone: another one has to be watched. */
    if ((event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        return true;
    }
    return event->len > 0 && strlen(event->name) == node->name_length &&
           memcmp(event->name, node->name, node->name_length) == 0;
}

static void on_inotify(evutil_socket_t fd, short what, void *context) {
    (void)what;
    struct hotplug *hotplug = context;
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t length = read(fd, buffer, sizeof buffer);
    bool appeared = false;
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);
        at += (ssize_t)(sizeof *event + event->len);
        bool is_lost = (event->mask & IN_Q_OVERFLOW) != 0;
        for (size_t i = 0; i < hotplug->count; i++) {
            if (is_lost || concerns(event, &hotplug->nodes[i])) {
                watch_node(hotplug, &hotplug->nodes[i]);
                appeared = true;
            }
        }
    }
    if (appeared) {
        hotplug->appeared(hotplug->context);
    }
}

static bool watch_nodes(struct hotplug *hotplug, struct event_base *base) {
    hotplug->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (hotplug->inotify < 0 ||
        event_assign(&hotplug->inotify_event, base, hotplug->inotify, EV_READ | EV_PERSIST, on_inotify, hotplug) < 0 ||
        event_add(&hotplug->inotify_event, NULL) < 0) {
        return false;
    }
    for (size_t i = 0; i < hotplug->count; i++) {
        watch_node(hotplug, &hotplug->nodes[i]);
    }
    return true;
}

struct hotplug *hotplug_new(struct event_base *base, const char *const *nodes, size_t count,
                            void (*appeared)(void *context), void *context) {
    struct hotplug *hotplug = calloc(1, sizeof *hotplug + count * sizeof hotplug->nodes[0]);
    if (hotplug == NULL) {
        return NULL;
    }
    hotplug->appeared = appeared;
    hotplug->context = context;
    hotplug->inotify = -1;
    for (size_t i = 0; i < count; i++) {
        char *path = strdup(nodes[i]);
        if (path == NULL) {
            hotplug_free(hotplug);
            return NULL;
        }
        hotplug->nodes[hotplug->count++] = (struct watched_node){.path = path, .watch = -1};
    }
    if (!watch_monitor(hotplug, base)) {
        log_warning(DAEMON, "new devices are not announced here: %s; they are looked for instead", strerror(errno));
    }
    if (count > 0 && !watch_nodes(hotplug, base)) {
        log_warning(DAEMON, "no folders can be watched: %s", strerror(errno));
    }
    return hotplug;
}

void hotplug_free(struct hotplug *hotplug) {
    if (hotplug == NULL) {
        return;
    }
    if (event_initialized(&hotplug->monitor_event)) {
        event_del(&hotplug->monitor_event);
    }
    if (event_initialized(&hotplug->inotify_event)) {
        event_del(&hotplug->inotify_event);
    }
    udev_monitor_unref(hotplug->monitor);
    udev_unref(hotplug->udev);
    if (hotplug->inotify >= 0) {
        close(hotplug->inotify);
    }
    for (size_t i = 0; i < hotplug->count; i++) {
        free(hotplug->nodes[i].path);
    }
    free(hotplug);
}
