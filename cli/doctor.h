/* SPDX-License-Identifier: MIT */
/*
 * What `doctor` finds out about one camera's link, step by step. A step is a function and a row in the table of
 * doctor.c, which says for which kinds of link it is. Steps that look for causes come before those that meet their
 * consequences, because the first that fails gives the verdict.
 */
#ifndef OPENMVCTL_DOCTOR_H
#define OPENMVCTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "openmvrpc.h"
#include "reply.h"
#include "usb_camera.h"

struct client;
struct options;

enum doctor_outcome { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIPPED };

/* What a step has found, and what cures it; both owned, `cure` NULL where there is nothing to cure. */
struct doctor_finding {
    enum doctor_outcome outcome;
    char *found;
    char *cure;
};

/* Kinds of link, as a set. One that is not known here gets only the steps that are for all. */
enum {
    DOCTOR_USB = 1,
    DOCTOR_SERIAL = 2,
    DOCTOR_SIM = 4,
    DOCTOR_SPI = 8,
    DOCTOR_I2C = 16,
    DOCTOR_CAN = 32,
    DOCTOR_ALL = 0xff
};

/* What is known so far; each step may add to it. */
struct doctor {
    const struct options *options;
    struct client *client;
    const char *wanted; /* the camera's name, or NULL for the only one */

    bool has_daemon;
    pid_t daemon_pid; /* 0 where it is not known */
    struct reply cameras;
    struct json_text camera; /* a row of `cameras`; empty without a daemon or such a camera */
    char *name;              /* of the camera, owned, or NULL */
    unsigned link;           /* one of the kinds of link, or 0 */
    bool is_online;

    char *node;     /* the port as it was named, owned, or NULL */
    char *tty;      /* the kernel's name of it, as "ttyAMA0", owned, or NULL */
    bool is_usable; /* the node is there and a character device */
};

typedef void doctor_look(struct doctor *doctor, struct doctor_finding *finding);

struct doctor_step {
    const char *name;
    unsigned links;
    doctor_look *look;
};

/* The steps in their order; the row behind the last has no name. */
extern const struct doctor_step doctor_steps[];

/* Writes a finding; `cure` is copied and may be NULL, what was found is formatted. */
void doctor_find(struct doctor_finding *finding, enum doctor_outcome outcome, const char *cure, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Takes the node over as the one that is looked at. */
void doctor_take_node(struct doctor *doctor, char *node);

/* Asks the daemon anew how the camera is; false where it does not tell. */
bool doctor_ask_cameras(struct doctor *doctor);

/* A member of the camera's row as text to be freed; NULL where there is none, or it is null. */
char *doctor_camera_member(const struct doctor *doctor, const char *name);

/* Whether the camera is in the state of that name, as far as the daemon was last asked. */
bool doctor_is_in_state(const struct doctor *doctor, const char *state);

/* A member of any object as text to be freed; an empty one where there is none, or it is null. */
char *doctor_text(struct json_text object, const char *name);

/*
 * Finds out whether the daemon, or else whoever runs this, may open a node; where it may not, or that cannot be known,
 * the finding says so. `group` is the one that nodes of this kind usually belong to.
 */
bool doctor_judge_rights(const struct doctor *doctor, struct doctor_finding *finding, const char *path,
                         const char *group);

/* Says how a CAN interface is, from what omvrpc_can_read_state() returned and, where that was 0, told. */
void doctor_judge_interface(struct doctor_finding *finding, const char *interface, int error,
                            const struct omvrpc_can_state *state);

/* Frees what was gathered. */
void doctor_clear(struct doctor *doctor);

/* The steps, by the files they are in: doctor_daemon.c, doctor_port.c, doctor_bus.c, doctor_link.c. */
doctor_look doctor_look_daemon, doctor_look_camera;
doctor_look doctor_look_usb, doctor_look_node, doctor_look_rights, doctor_look_console, doctor_look_login,
    doctor_look_holder, doctor_look_modem_manager;
doctor_look doctor_look_interface, doctor_look_lines;
doctor_look doctor_look_answer, doctor_look_describe, doctor_look_wire, doctor_look_round_trip, doctor_look_calls;

#endif
