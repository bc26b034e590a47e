/* SPDX-License-Identifier: MIT */
/* Resetting the cameras of a bus by their lines: the last step of healing, or because somebody asks. */

#include "bus_internal.h"

#include <stdio.h>

/*
 * HURRY_US       After a reset the link is tried often for so long: a node vanishes and comes back.
 * DOUBLINGS_MAX  A reset that was in vain is tried again after twice the time, up to so many doublings: what does not
 *                help need not be done every half minute for days, and whoever works on the camera's script wants peace.
 */
enum { HURRY_US = 5000000, DOUBLINGS_MAX = 5 };

/* The line is pulled, and for how long is not known yet. */
#define RESET_BEGUN INT64_MAX

void bus_begin_reset(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    const struct bus_opener *opener = &camera->opener;
    char problem[BUS_REASON_SIZE] = "no reset line is wired";
    camera->dumb_us = now_us;
    camera->resets_in_vain += camera->resets_in_vain < DOUBLINGS_MAX;
    if (opener->pull_reset == NULL || !opener->pull_reset(opener->reset_context, true, problem, sizeof problem)) {
        if (camera->reset_is_asked && bus->events.reset_ended != NULL) {
            bus->events.reset_ended(bus->events.context, index, problem);
        } else if (!camera->reset_is_asked) {
            bus_set_state(bus, index, camera->state, problem, now_us);
        }
        camera->reset_is_asked = false;
        return;
    }
    camera->reset_line_is_free = true; /* once this pulse is over */
    bus_count(bus, index, HEALING_RESETS);
    if (camera->state == CAMERA_ONLINE) {
        camera->is_lost = true;
        bus_count(bus, index, HEALING_LOSSES);
    }
    camera->reset_until_us = RESET_BEGUN;
    camera->retry_us = now_us;
    camera->lost_us = now_us;
    bus_set_state(bus, index, CAMERA_CONNECTING, "it is being reset by its GPIO line", now_us);
    bus_close_link(bus, camera, now_us);
}

void bus_free_reset_line(struct bus_camera *camera) {
    const struct bus_opener *opener = &camera->opener;
    char problem[BUS_REASON_SIZE];
    if (opener->pull_reset != NULL && !camera->reset_line_is_free) {
        (void)opener->pull_reset(opener->reset_context, false, problem, sizeof problem);
    }
    camera->reset_line_is_free = true;
}

bool bus_is_in_reset(struct bus_camera *camera, int64_t now_us) {
    if (camera->reset_until_us == RESET_BEGUN) {
        /* To find and take the line took its time, and the pulse is to be as long as it was asked for. */
        camera->reset_until_us = now_us + ms_to_us(camera->opener.reset_pulse_ms);
    }
    return camera->reset_until_us != 0 && now_us < camera->reset_until_us;
}

void bus_end_reset(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    char problem[BUS_REASON_SIZE];
    if (camera->reset_until_us == 0) {
        return;
    }
    /* It is let go in any case when it is given back. */
    (void)camera->opener.pull_reset(camera->opener.reset_context, false, problem, sizeof problem);
    camera->reset_until_us = 0;
    camera->lost_us = now_us;
    camera->retry_us = now_us;
    camera->retry_pause_us = ms_to_us(camera->healing.retry_min_ms);
    camera->hurry_until_us = now_us + HURRY_US;
    if (camera->reset_is_asked && bus->events.reset_ended != NULL) {
        bus->events.reset_ended(bus->events.context, index, NULL);
    }
    camera->reset_is_asked = false;
}

void bus_reset(struct bus *bus, size_t camera, int64_t now_us) {
    struct bus_camera *reset = bus->cameras[camera];
    if (reset->state == CAMERA_RELEASED) {
        if (bus->events.reset_ended != NULL) {
            bus->events.reset_ended(bus->events.context, camera, "it is lent to other software");
        }
        return;
    }
    reset->reset_is_asked = true;
    if (reset->reset_until_us == 0) {
        bus_begin_reset(bus, camera, now_us);
        reset->resets_in_vain = 0;
    }
}

int64_t bus_reset_due(const struct bus_camera *camera) {
    if (camera->opener.pull_reset == NULL || camera->healing.reset_after_ms == HEALING_NEVER || camera->dumb_us == 0) {
        return INT64_MAX;
    }
    return camera->dumb_us + (ms_to_us(camera->healing.reset_after_ms) << camera->resets_in_vain);
}
