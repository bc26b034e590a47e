/* SPDX-License-Identifier: MIT */
/* Mounting and unmounting a camera's drive. */
#include "camera_drive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounts.h"
#include "need.h"

#define MOUNT_LIST "/proc/self/mountinfo"

/* udisksctl waits for the drive, which may be slow, and not for people: it is told not to ask for passwords. */
#define UDISKS_PATIENCE_MS 30000

static int wait_for(pid_t process) {
    int status = -1;
    int handle = (int)syscall(SYS_pidfd_open, process, 0);
    if (handle >= 0) {
        struct pollfd ended = {.fd = handle, .events = POLLIN};
        if (poll(&ended, 1, UDISKS_PATIENCE_MS) == 0) {
            kill(process, SIGKILL);
        }
        close(handle);
    }
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Runs "udisksctl VERB -b NODE ..." without a shell. False when it is not installed or did not succeed. */
static bool run_udisks(const char *verb, const char *node, const char *options) {
    const char *arguments[] = {
        "udisksctl", verb, "--block-device", node, "--no-user-interaction", options ? "-o" : NULL, options, NULL};
    posix_spawn_file_actions_t actions;
    pid_t process;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&process, arguments[0], &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 && wait_for(process) == 0;
}

/* Returns 0 or the errno of mount(2). */
static int mount_here(struct camera_drive *drive) {
    char *folder = need_text("/tmp/openmvctl-drive-XXXXXX");
    if (!mkdtemp(folder)) {
        int error = errno;
        free(folder);
        return error;
    }
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (drive->read_only ? MS_RDONLY : 0);
    if (mount(drive->node, folder, "vfat", flags, NULL) < 0) {
        int error = errno;
        rmdir(folder);
        free(folder);
        return error;
    }
    drive->folder = folder;
    drive->how = DRIVE_MOUNTED_HERE;
    return 0;
}

static bool mount_by_udisks(struct camera_drive *drive, const char *number) {
    struct mount_place place;
    if (!run_udisks("mount", drive->node, drive->read_only ? "ro" : NULL) || !mounts_find(MOUNT_LIST, number, &place)) {
        return false;
    }
    drive->folder = place.folder;
    drive->how = DRIVE_MOUNTED_BY_UDISKS;
    return true;
}

bool camera_drive_open(struct camera_drive *drive, const char *name, const char *number, bool to_read, char **problem,
                       char **hint) {
    struct mount_place place;
    *drive = (struct camera_drive){.node = need_text("/dev/%s", name), .read_only = to_read};
    if (mounts_find(MOUNT_LIST, number, &place)) {
        drive->folder = place.folder;
        drive->read_only = place.read_only;
        drive->how = DRIVE_WAS_MOUNTED;
        return true;
    }
    int error = mount_here(drive);
    if (error == 0 || mount_by_udisks(drive, number)) {
        return true;
    }
    *problem = need_text("the camera's drive %s cannot be mounted: %s", drive->node, strerror(error));
    *hint =
        error == EPERM || error == EACCES
            ? need_text("that takes root: sudo openmvctl deploy\n"
                        "or mount it yourself: sudo mount -o uid=$USER %s /mnt && openmvctl deploy --drive /mnt",
                        drive->node)
            : need_text("reset the camera and try again; a drive that stays like this is damaged, and the OpenMV IDE "
                        "can erase it");
    free(drive->node);
    *drive = (struct camera_drive){0};
    return false;
}

static bool unmount(const struct camera_drive *drive) {
    switch (drive->how) {
    case DRIVE_MOUNTED_HERE:
        return umount2(drive->folder, UMOUNT_NOFOLLOW) == 0 && rmdir(drive->folder) == 0;
    case DRIVE_MOUNTED_BY_UDISKS:
        return run_udisks("unmount", drive->node, NULL);
    case DRIVE_WAS_MOUNTED:
        break;
    }
    return true;
}

bool camera_drive_close(struct camera_drive *drive, char **left) {
    bool done = unmount(drive);
    *left = done ? NULL : need_memory(strdup(drive->node));
    free(drive->folder);
    free(drive->node);
    *drive = (struct camera_drive){0};
    return done;
}
