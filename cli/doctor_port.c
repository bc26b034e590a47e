/* SPDX-License-Identifier: MIT */
/* The doctor's steps about the port, all without touching it: is it there, who may open it, who has it. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "doctor.h"
#include "kernel_file.h"
#include "need.h"
#include "port_rights.h"
#include "processes.h"
#include "serial_console.h"

#define PROC  "/proc"
#define SYSFS "/sys"

enum { HOLDERS_MOST = 8 };

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* Whether a camera on USB is the one that is meant. */
static bool is_meant(const struct doctor *doctor, const struct usb_camera *camera, const char *serial) {
    return (!serial || strcmp(serial, camera->serial) == 0) && (!doctor->tty || strcmp(doctor->tty, camera->tty) == 0);
}

void doctor_look_usb(struct doctor *doctor, struct doctor_finding *finding) {
    struct usb_camera cameras[USB_CAMERAS_MOST];
    const struct usb_camera *camera = NULL;
    const struct usb_camera *bootloader = NULL;
    size_t count = usb_cameras_find(SYSFS, cameras, USB_CAMERAS_MOST);
    char *serial = doctor_camera_member(doctor, "serial");
    for (size_t i = 0; i < count; i++) {
        const struct usb_camera *one = &cameras[i];
        bootloader = one->is_bootloader && !bootloader ? one : bootloader;
        camera = !one->is_bootloader && !camera && is_meant(doctor, one, serial) ? one : camera;
    }
    if (camera && camera->tty[0]) {
        doctor_find(finding, DOCTOR_OK, NULL, "\"%s\" %s (%04x:%04x) at USB port %s is /dev/%s", camera->name,
                    camera->serial, camera->vendor, camera->product, camera->port, camera->tty);
        if (!doctor->node) {
            doctor_take_node(doctor, need_text("/dev/%s", camera->tty));
        }
    } else if (camera) {
        doctor_find(finding, DOCTOR_FAIL, "load the driver: sudo modprobe cdc_acm; then plug the camera in anew",
                    "\"%s\" %s at USB port %s has no serial port here", camera->name, camera->serial, camera->port);
    } else if (bootloader) {
        doctor_find(
            finding, DOCTOR_FAIL,
            "press its reset button and wait 5 s; if it comes back like this, install firmware with the OpenMV IDE",
            "a board is in its bootloader (%04x:%04x, USB port %s), where it runs no script", bootloader->vendor,
            bootloader->product, bootloader->port);
    } else {
        doctor_find(finding, doctor->camera.length ? DOCTOR_FAIL : DOCTOR_SKIPPED,
                    "plug it in with a cable that carries data; 'lsusb' should show it",
                    serial ? "no OpenMV camera with USB serial number %s is plugged in"
                           : "no OpenMV camera is plugged in by USB%s",
                    serial ? serial : "");
    }
    free(serial);
}

/* What brings a node that is not there. */
static const char *missing_cure(const struct doctor *doctor) {
    bool is_usb = begins_with(doctor->tty, "ttyACM") || begins_with(doctor->tty, "ttyUSB") ||
                  begins_with(doctor->tty, "openmv/") || begins_with(doctor->tty, "serial/");
    if (doctor->link == DOCTOR_SPI) {
        return "on a Raspberry Pi: sudo raspi-config nonint do_spi 0 for spidev0, an overlay such as spi1-1cs for\n"
               "another, and a restart; 'ls /dev/spidev*' lists what there is";
    }
    if (doctor->link == DOCTOR_I2C) {
        return "on a Raspberry Pi: sudo raspi-config nonint do_i2c 0 for i2c-1, an overlay such as i2c-gpio for "
               "another;\n"
               "elsewhere sudo modprobe i2c-dev; 'ls /dev/i2c-*' lists what there is";
    }
    return is_usb ? "plug it in; 'ls -l /dev/serial/by-id' lists the ports there are"
                  : "'ls /dev/tty[A-Z]*' lists the ports there are; on a Raspberry Pi the UART is enabled by\n"
                    "sudo raspi-config nonint do_serial_hw 0, and a restart";
}

/* Whether the kernel knows a character device as something else than a terminal. Pseudo terminals it does not list. */
static bool is_no_terminal(const struct stat *node) {
    char kind[256];
    char *path = need_text(SYSFS "/dev/char/%u:%u/subsystem", major(node->st_rdev), minor(node->st_rdev));
    ssize_t length = readlink(path, kind, sizeof kind - 1);
    free(path);
    kind[length > 0 ? length : 0] = 0;
    const char *name = strrchr(kind, '/');
    return name && strcmp(name + 1, "tty") != 0;
}

void doctor_look_node(struct doctor *doctor, struct doctor_finding *finding) {
    struct stat status;
    if (!doctor->node) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "no port is known");
    } else if (stat(doctor->node, &status) < 0) {
        doctor_find(finding, DOCTOR_FAIL, missing_cure(doctor), "%s cannot be reached: %s", doctor->node,
                    strerror(errno));
    } else if (!S_ISCHR(status.st_mode)) {
        doctor_find(finding, DOCTOR_FAIL, "look at \"device\" in the daemon's configuration", "%s is no device",
                    doctor->node);
    } else if ((doctor->link & (DOCTOR_USB | DOCTOR_SERIAL)) && is_no_terminal(&status)) {
        doctor_find(finding, DOCTOR_FAIL, missing_cure(doctor), "%s is no serial port", doctor->node);
    } else {
        doctor->is_usable = true;
        doctor_find(finding, DOCTOR_OK, NULL, "%s is there", doctor->node);
    }
}

/* Who is to open the port: the daemon where there is one, else whoever runs this. */
static bool find_user(const struct doctor *doctor, struct port_user *user) {
    char status[4096];
    char *path = doctor->daemon_pid > 0 ? need_text(PROC "/%ld/status", (long)doctor->daemon_pid)
                                        : need_text(PROC "/self/status");
    bool found = kernel_file_read(path, status, sizeof status) && port_user_parse(status, user);
    free(path);
    return found;
}

/* `usual` is the group that nodes of this kind belong to on most machines. Returns whether it may be opened. */
static bool tell_rights(const struct doctor *doctor, struct doctor_finding *finding, const char *path,
                        const struct stat *node, const struct port_user *user, const char *usual) {
    const struct passwd *entry = getpwuid(user->uid);
    char *user_name = entry ? need_memory(strdup(entry->pw_name)) : need_text("%ld", (long)user->uid);
    const struct group *group_entry = getgrgid(node->st_gid);
    char *group = group_entry ? need_memory(strdup(group_entry->gr_name)) : need_text("%ld", (long)node->st_gid);
    const char *restart = doctor->daemon_pid > 0 ? ", then start openmvd again" : "";
    char *cure = NULL;
    enum port_rights rights = port_rights_judge(node, user, port_user_has_joined(user->uid, node->st_gid));
    switch (rights) {
    case PORT_OPEN:
        doctor_find(finding, DOCTOR_OK, NULL, "%s may open it", user_name);
        break;
    case PORT_NOT_YET:
        cure = need_text("log out and in again%s", restart);
        doctor_find(finding, DOCTOR_FAIL, cure, "%s has joined the group %s, but after this session began", user_name,
                    group);
        break;
    case PORT_NO_MEMBER:
        cure = need_text("sudo usermod -aG %s %s, then log out and in again%s", group, user_name, restart);
        doctor_find(finding, DOCTOR_FAIL, cure, "%s may not open %s: it belongs to the group %s", user_name, path,
                    group);
        break;
    case PORT_CLOSED:
        cure = need_text("sudo chgrp %s %s && sudo chmod g+rw %s; a udev rule keeps it so", usual, path, path);
        doctor_find(finding, DOCTOR_FAIL, cure, "%s may not open %s, nor may its group %s", user_name, path, group);
        break;
    }
    free(cure);
    free(group);
    free(user_name);
    return rights == PORT_OPEN;
}

bool doctor_judge_rights(const struct doctor *doctor, struct doctor_finding *finding, const char *path,
                         const char *group) {
    struct stat node;
    struct port_user user;
    if (stat(path, &node) < 0 || !find_user(doctor, &user)) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "the kernel does not tell who the daemon is");
        return false;
    }
    return tell_rights(doctor, finding, path, &node, &user, group);
}

void doctor_look_rights(struct doctor *doctor, struct doctor_finding *finding) {
    const char *group = doctor->link == DOCTOR_SPI ? "spi" : doctor->link == DOCTOR_I2C ? "i2c" : "dialout";
    if (!doctor->is_usable) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "there is no port to open");
    } else if (doctor->is_online) {
        doctor_find(finding, DOCTOR_OK, NULL, "the daemon has it open");
    } else {
        doctor_judge_rights(doctor, finding, doctor->node, group);
    }
}

void doctor_look_console(struct doctor *doctor, struct doctor_finding *finding) {
    char asked[8192];
    char active[256];
    if (!doctor->tty) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "no port is known");
        return;
    }
    kernel_file_read(PROC "/cmdline", asked, sizeof asked);
    kernel_file_read(SYSFS "/class/tty/console/active", active, sizeof active);
    if (serial_console_is_asked_for(asked, doctor->tty) || serial_console_is_active(active, doctor->tty)) {
        char *cure = need_text("on a Raspberry Pi: sudo raspi-config nonint do_serial_cons 1; elsewhere take\n"
                               "console=%s out of the kernel's command line; then restart the machine",
                               doctor->tty);
        doctor_find(finding, DOCTOR_FAIL, cure, "the kernel writes its messages to %s", doctor->tty);
        free(cure);
    } else {
        doctor_find(finding, DOCTOR_OK, NULL, "the kernel writes no messages to %s", doctor->tty);
    }
}

static bool is_login(const struct process *process, void *context) {
    return serial_console_is_login(process->name, process->command_line, context);
}

void doctor_look_login(struct doctor *doctor, struct doctor_finding *finding) {
    struct process login;
    if (!doctor->tty) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "no port is known");
    } else if (processes_find(PROC, is_login, doctor->tty, &login)) {
        char *cure = need_text("sudo systemctl disable --now serial-getty@%s.service", doctor->tty);
        doctor_find(finding, DOCTOR_FAIL, cure, "a login prompt is on %s: %s (pid %ld)", doctor->tty, login.name,
                    (long)login.pid);
        free(cure);
    } else {
        doctor_find(finding, DOCTOR_OK, NULL, "no login prompt is on %s", doctor->tty);
    }
}

void doctor_look_holder(struct doctor *doctor, struct doctor_finding *finding) {
    struct process holders[HOLDERS_MOST];
    struct stat node;
    const struct process *holder = NULL;
    size_t hidden = 0;
    if (!doctor->is_usable || stat(doctor->node, &node) < 0) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "there is no port to hold");
        return;
    }
    size_t count = processes_with_port(PROC, &node, holders, HOLDERS_MOST, &hidden);
    for (size_t i = 0; i < count; i++) {
        holder = holders[i].pid != doctor->daemon_pid && holders[i].pid != getpid() ? &holders[i] : holder;
    }
    if (holder) {
        char *cure = need_text("close it there, or: sudo kill %ld", (long)holder->pid);
        /* To whom a port was lent has a right to it. */
        bool is_cause = !doctor->is_online && !doctor_is_in_state(doctor, "released");
        doctor_find(finding, is_cause ? DOCTOR_FAIL : DOCTOR_WARN, cure, "%s is in use by %s (pid %ld)%s", doctor->node,
                    holder->name, (long)holder->pid, doctor->is_online ? ", which takes bytes from the daemon" : "");
        free(cure);
    } else if (hidden && !doctor->is_online) {
        doctor_find(finding, DOCTOR_OK, NULL,
                    "nobody is seen to hold it, but %zu processes are hidden from you; sudo shows them", hidden);
    } else {
        doctor_find(finding, DOCTOR_OK, NULL, "nobody else holds it");
    }
}

static bool is_modem_manager(const struct process *process, void *context) {
    return strcmp(process->name, context) == 0;
}

/* Whether udev keeps for this device that ModemManager is to leave it alone. */
static bool is_kept_away(const char *tty) {
    char number[32];
    char kept[8192];
    char *path = need_text(SYSFS "/class/tty/%s/dev", tty);
    bool known = kernel_file_read(path, number, sizeof number);
    free(path);
    path = need_text("/run/udev/data/c%s", number);
    known = known && kernel_file_read(path, kept, sizeof kept);
    free(path);
    return known && (strstr(kept, "ID_MM_DEVICE_IGNORE=1") || strstr(kept, "ID_MM_PORT_IGNORE=1"));
}

void doctor_look_modem_manager(struct doctor *doctor, struct doctor_finding *finding) {
    struct process manager;
    char name[] = "ModemManager";
    if (!doctor->tty) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "no port is known");
    } else if (!begins_with(doctor->tty, "ttyACM") && !begins_with(doctor->tty, "ttyUSB")) {
        doctor_find(finding, DOCTOR_OK, NULL, "it does not look at ports of this kind");
    } else if (!processes_find(PROC, is_modem_manager, name, &manager)) {
        doctor_find(finding, DOCTOR_OK, NULL, "it does not run");
    } else if (is_kept_away(doctor->tty)) {
        doctor_find(finding, DOCTOR_OK, NULL, "it runs (pid %ld), and leaves %s alone", (long)manager.pid, doctor->tty);
    } else {
        doctor_find(finding, DOCTOR_WARN, "if you have no modem: sudo systemctl disable --now ModemManager",
                    "it runs (pid %ld), and writes to new ports to see whether they are modems", (long)manager.pid);
    }
}
