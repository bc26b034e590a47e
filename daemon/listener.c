/* SPDX-License-Identifier: MIT */
/* Creating the daemon's socket safely. */
#include "listener.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Connections that may wait to be accepted; the kernel lowers it to net.core.somaxconn. */
enum { BACKLOG = 512 };

static void get_folder(const char *path, char *folder, size_t size) {
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    snprintf(folder, size, "%.*s", length, slash == NULL ? "." : path);
}

int listener_choose_path(char *path, size_t size) {
    char folder[sizeof LISTENER_DEFAULT_PATH];
    get_folder(LISTENER_DEFAULT_PATH, folder, sizeof folder);
    /* Where the system has not prepared the folder and we may, as root may, we do. */
    if (mkdir(folder, 0755) == 0) {
        log_info(SERVER, "made the folder %s", folder);
    }
    if (access(folder, W_OK | X_OK) == 0) {
        snprintf(path, size, "%s", LISTENER_DEFAULT_PATH);
        return 0;
    }
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime == NULL || runtime[0] != '/') {
        log_error(SERVER,
                  "no place for the socket: %s cannot be written and XDG_RUNTIME_DIR is not set; use --socket PATH",
                  folder);
        return -1;
    }
    if ((size_t)snprintf(path, size, "%s/openmvd.sock", runtime) >= size) {
        log_error(SERVER, "no place for the socket: XDG_RUNTIME_DIR is too long; use --socket PATH");
        return -1;
    }
    return 0;
}

/* Whether somebody listens at the address. A listener whose backlog is full lives as well. */
static bool is_alive(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return true;
    }
    bool alive = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
                 (errno != ECONNREFUSED && errno != ENOENT);
    close(fd);
    return alive;
}

/* Makes room at the address. Returns false after logging why there is none. */
static bool remove_stale(const struct sockaddr_un *address) {
    struct stat status;
    if (lstat(address->sun_path, &status) < 0) {
        return true;
    }
    if (!S_ISSOCK(status.st_mode)) {
        log_error(SERVER, "%s exists and is no socket: remove it, or choose another path with --socket",
                  address->sun_path);
        return false;
    }
    if (is_alive(address)) {
        log_error(SERVER, "%s is in use: another openmvd is running; stop it, or choose another path with --socket",
                  address->sun_path);
        return false;
    }
    if (unlink(address->sun_path) < 0) {
        log_error(SERVER, "%s was left by a daemon that is gone, and cannot be removed: %s", address->sun_path,
                  strerror(errno));
        return false;
    }
    log_info(SERVER, "removed %s, left by a daemon that is gone", address->sun_path);
    return true;
}

const struct group *listener_find_group(const char *name) {
    const struct group *group = getgrnam(name);
    if (group == NULL) {
        log_warning(SERVER, "group \"%s\" does not exist, so the socket stays with the daemon's own group", name);
    }
    return group;
}

static void give_group(const char *path, const char *group) {
    const struct group *entry = listener_find_group(group);
    if (entry != NULL && lchown(path, (uid_t)-1, entry->gr_gid) < 0) {
        log_warning(SERVER, "%s cannot be given to group \"%s\": %s", path, group, strerror(errno));
    }
}

/*
 * Keeps two daemons that start together from removing each other's socket. The lock is on the folder, so that nothing
 * is left behind, and only for the moment of creation. Returns the descriptor that holds it, or -1 after logging why
 * not.
 */
static int lock_folder(const char *path) {
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    get_folder(path, folder, sizeof folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return fd;
    }
    if (fd >= 0 && errno == EWOULDBLOCK) {
        log_error(SERVER, "another program is creating a socket in %s right now; try again", folder);
    } else {
        log_error(SERVER, "folder %s for the socket: %s", folder, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

int listener_open(const char *path, mode_t mode, const char *group) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        log_error(SERVER, "the socket's path %s is too long: at most %zu bytes", path, sizeof address.sun_path - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    int lock = lock_folder(path);
    if (lock < 0) {
        return -1;
    }
    int fd = -1;
    if (!remove_stale(&address)) {
        goto done;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old_mask = umask(0777 & ~mode);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int saved_errno = errno;
    umask(old_mask);
    errno = saved_errno;
    /* Nobody can connect before it listens, so the group is in place when the first client comes. */
    if (bound && group != NULL) {
        give_group(path, group);
    }
    if (!bound || listen(fd, BACKLOG) < 0) {
        log_error(SERVER, "cannot listen at %s: %s", path, strerror(errno));
        if (bound) {
            unlink(path);
        }
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
done:
    close(lock);
    return fd;
}

/* An abstract address, which begins with a NUL, is written as usual, with an "@". */
static void print_address(int fd, char *text, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 || length <= offsetof(struct sockaddr_un, sun_path)) {
        snprintf(text, size, "a socket without a name");
        return;
    }
    size_t room = length - offsetof(struct sockaddr_un, sun_path);
    if (address.sun_path[0] == '\0') {
        address.sun_path[0] = '@';
    }
    snprintf(text, size, "%.*s", (int)strnlen(address.sun_path, room), address.sun_path);
}

bool listener_take_passed(int *fd, char *path, size_t size) {
    int count = sd_listen_fds(1);
    *fd = -1;
    if (count == 0) {
        return true;
    }
    if (count < 0) {
        log_error(SERVER, "the sockets that were passed (LISTEN_FDS) cannot be used: %s", strerror(-count));
        return false;
    }
    if (count > 1) {
        log_error(SERVER, "%d sockets were passed, expected one: openmvd.socket has to have one ListenStream=", count);
        return false;
    }
    int passed = SD_LISTEN_FDS_START;
    if (sd_is_socket_unix(passed, SOCK_STREAM, 1, NULL, 0) <= 0) {
        log_error(SERVER, "what was passed is no Unix stream socket that listens: openmvd.socket has to have "
                          "ListenStream= with a path, and Accept=no");
        return false;
    }
    int flags = fcntl(passed, F_GETFL);
    if (flags < 0 || fcntl(passed, F_SETFL, flags | O_NONBLOCK) < 0) {
        log_error(SERVER, "the socket that was passed cannot be used: %s", strerror(errno));
        return false;
    }
    print_address(passed, path, size);
    log_info(SERVER,
             "listening at %s, which the service manager has passed: the configured path, mode and group do not count",
             path);
    *fd = passed;
    return true;
}
