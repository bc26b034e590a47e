/* SPDX-License-Identifier: MIT */
/* The links of a bus and the states of its cameras: losing, looking, judging. See bus_internal.h. */

#include "bus_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Constants of links, in microseconds; those that a configuration may change are in healing.c.
 *
 * HURRY_US          After a device was announced, its opening is tried again every retry_min_ms for so long: a node
 *                   appears before it has its group, and a symbolic link to it a little later.
 * EXPLAIN_AGAIN_US  A silence is explained again after so long, since that may read files of other processes.
 */
enum {
    HURRY_US = 1000000,
    EXPLAIN_AGAIN_US = 2000000,
};

/* What there is to say of a camera that answers. */
static const char *online_reason(const struct bus_camera *camera) {
    if (camera->is_ready_line_noise) {
        return "its ready line changes all the time and is not heeded: is it wired to the camera, and does the script "
               "drive it?";
    }
    if (omvrpc_master_doubts_ready_line(camera->master)) {
        return "its ready line says no while it answers and is not heeded: is it wired to the camera, does the script "
               "drive it, is \"active_low\" right?";
    }
    return "";
}

void bus_count(struct bus *bus, size_t index, enum healing_step step) {
    uint64_t count = ++bus->cameras[index]->steps[step];
    if (bus->events.healed != NULL) {
        bus->events.healed(bus->events.context, index, step, count);
    }
}

void bus_set_state(struct bus *bus, size_t index, enum camera_state state, const char *reason, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    if (state == camera->state && strcmp(reason, camera->reason) == 0) {
        return;
    }
    if (state == CAMERA_ONLINE && camera->is_lost) {
        camera->is_lost = false;
        bus_count(bus, index, HEALING_RETURNS);
    }
    camera->state = state;
    if (reason != camera->reason) {
        snprintf(camera->reason, sizeof camera->reason, "%s", reason);
    }
    bus->events.state_changed(bus->events.context, index, state, camera->reason, now_us);
}

/* Not online: connecting while that is news, offline afterwards. */
static void set_lost(struct bus *bus, size_t index, const char *reason, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    if (camera->state == CAMERA_ONLINE || camera->state == CAMERA_RELEASED) {
        camera->lost_us = now_us;
    }
    if (camera->state == CAMERA_ONLINE) {
        camera->is_lost = true;
        bus_count(bus, index, HEALING_LOSSES);
    }
    bool offline =
        camera->state == CAMERA_OFFLINE || now_us - camera->lost_us >= ms_to_us(camera->healing.offline_after_ms);
    bus_set_state(bus, index, offline ? CAMERA_OFFLINE : CAMERA_CONNECTING, reason, now_us);
}

void bus_close_link(struct bus *bus, struct bus_camera *camera, int64_t now_us) {
    if (camera->link != NULL) {
        omvrpc_link_close(camera->link);
        camera->link = NULL;
    }
    camera->output_blocked = false;
    camera->transaction = BUS_NO_TRANSACTION;
    omvrpc_master_link_gone(camera->master, now_us);
    bus_collect_end(bus, camera, now_us);
}

static void plan_retry(struct bus_camera *camera, int64_t now_us) {
    camera->retry_us = now_us + camera->retry_pause_us;
    if (now_us < camera->hurry_until_us) {
        return;
    }
    camera->retry_pause_us *= 2;
    if (camera->retry_pause_us > ms_to_us(camera->healing.retry_max_ms)) {
        camera->retry_pause_us = ms_to_us(camera->healing.retry_max_ms);
    }
}

void bus_open_link(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    char reason[BUS_REASON_SIZE] = "";
    bus_free_reset_line(camera);
    camera->link = camera->opener.open(camera->opener.context, reason, sizeof reason);
    bool had_been_away = camera->could_not_open;
    camera->could_not_open = camera->link == NULL;
    if (camera->link == NULL) {
        bus_count(bus, index, HEALING_FAILED_OPENINGS);
        plan_retry(camera, now_us);
        set_lost(bus, index, reason, now_us);
        return;
    }
    camera->retry_pause_us = ms_to_us(camera->healing.retry_min_ms);
    camera->opened_us = now_us;
    camera->link_info = camera->link->info;
    camera->explained_us = 0;
    camera->heard_length = 0;
    camera->was_settled = camera->has_said_packet = false;
    camera->is_ready_line_noise = false;
    omvrpc_master_link_opened(camera->master, &camera->link->info, now_us);
    if (had_been_away) {
        /* It has come back: that is news again, and calls may wait for it. */
        camera->lost_us = now_us;
        bus_set_state(bus, index, CAMERA_CONNECTING, "waiting for the camera to answer", now_us);
    } else if (camera->state == CAMERA_CONNECTING) {
        bus_set_state(bus, index, CAMERA_CONNECTING, "waiting for the camera to answer", now_us);
    }
}

void bus_lose_link(struct bus *bus, size_t index, int error, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    char reason[BUS_REASON_SIZE];
    const char *what = camera->opener.description != NULL ? camera->opener.description : "the link";
    bool gone = error == -EIO || error == -EPIPE || error == -ENXIO || error == -ENODEV;
    if (camera->opener.explain_loss != NULL) {
        camera->opener.explain_loss(camera->opener.context, -error, reason, sizeof reason);
    } else {
        snprintf(reason, sizeof reason, gone ? "%s has gone: unplugged or reset?" : "%s failed: %s", what,
                 strerror(-error));
    }
    bus_close_link(bus, camera, now_us);
    camera->retry_pause_us = ms_to_us(camera->healing.retry_min_ms);
    plan_retry(camera, now_us);
    set_lost(bus, index, reason, now_us);
}

/* Where a packet is one transaction, whether this is one that nothing has damaged, whatever it means. */
static bool is_packet(const uint8_t *data, size_t length) {
    return length >= OMVRPC_PACKET_OVERHEAD &&
           omvrpc_crc16(OMVRPC_CRC16_INITIAL, data, length - 2) == (uint16_t)(data[length - 2] | data[length - 1] << 8);
}

void bus_note_heard(struct bus_camera *camera, const uint8_t *data, size_t length) {
    camera->has_said_packet = camera->has_said_packet || (camera->link_info.transactions && is_packet(data, length));
    if (camera->has_said_packet) {
        /* It is a camera on the right bus. What else comes is a read that it was not ready for. */
        camera->heard_length = 0;
        return;
    }
    if (length > BUS_HEARD_SIZE) {
        data += length - BUS_HEARD_SIZE;
        length = BUS_HEARD_SIZE;
    }
    size_t kept = camera->heard_length < BUS_HEARD_SIZE - length ? camera->heard_length : BUS_HEARD_SIZE - length;
    memmove(camera->heard, camera->heard + camera->heard_length - kept, kept);
    memcpy(camera->heard + kept, data, length);
    camera->heard_length = kept + length;
}

static void explain_silence(struct bus_camera *camera, int64_t now_us, char *reason, size_t size) {
    const struct bus_opener *opener = &camera->opener;
    if (camera->explained_us != 0 && now_us - camera->explained_us < EXPLAIN_AGAIN_US) {
        memcpy(reason, camera->reason, size);
        return;
    }
    camera->explained_us = now_us;
    if (opener->explain_silence != NULL) {
        opener->explain_silence(opener->context, camera->heard, camera->heard_length, reason, size);
    } else {
        const char *what = opener->description != NULL ? opener->description : "the camera";
        snprintf(reason, size, "no answer from %s: is the camera script running, and at this rate?", what);
    }
}

int64_t bus_judge_absence(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    int64_t offline_us = camera->lost_us + ms_to_us(camera->healing.offline_after_ms);
    if (camera->state != CAMERA_CONNECTING) {
        return INT64_MAX;
    }
    if (now_us < offline_us) {
        return offline_us;
    }
    set_lost(bus, index, camera->reason, now_us);
    return INT64_MAX;
}

int64_t bus_judge(struct bus *bus, size_t index, int64_t now_us) {
    struct bus_camera *camera = bus->cameras[index];
    const int64_t patience_us = ms_to_us(camera->healing.silent_after_ms);
    const int64_t reopen_us = ms_to_us(camera->healing.reopen_after_ms);
    bool is_settled = omvrpc_master_is_settled(camera->master);
    if (is_settled && !camera->was_settled) {
        /* Those were answers after all; what comes from here on while nobody is asked is none. */
        camera->heard_length = 0;
    }
    camera->was_settled = is_settled;
    if (is_settled) {
        camera->dumb_us = 0;
        camera->resets_in_vain = 0;
        bus_set_state(bus, index, CAMERA_ONLINE, online_reason(camera), now_us);
    }
    int64_t silent_us = omvrpc_master_silent_since(camera->master);
    if (silent_us == 0) {
        camera->explained_us = 0;
        return INT64_MAX;
    }
    if (now_us - silent_us < patience_us) {
        return silent_us + patience_us;
    }
    char reason[BUS_REASON_SIZE];
    explain_silence(camera, now_us, reason, sizeof reason);
    set_lost(bus, index, reason, now_us);
    if (camera->state == CAMERA_OFFLINE && camera->job != NULL) {
        bus_stop_job(bus, camera, now_us);
    }
    camera->dumb_us = camera->dumb_us == 0 ? silent_us : camera->dumb_us;
    const int64_t reset_us = bus_reset_due(camera);
    if (now_us >= reset_us) {
        bus_begin_reset(bus, index, now_us);
        return now_us;
    }
    int64_t since_us = silent_us > camera->opened_us ? silent_us : camera->opened_us;
    if (now_us - since_us >= reopen_us) {
        bus_count(bus, index, HEALING_REOPENS);
        bus_close_link(bus, camera, now_us);
        camera->retry_us = now_us + ms_to_us(camera->healing.retry_min_ms);
        return camera->retry_us;
    }
    int64_t again_us = camera->lost_us + ms_to_us(camera->healing.offline_after_ms);
    int64_t next_us = reset_us < since_us + reopen_us ? reset_us : since_us + reopen_us;
    return again_us > now_us && again_us < next_us ? again_us : next_us;
}

void bus_announce(struct bus *bus, size_t camera, int64_t now_us) {
    struct bus_camera *waiting = bus->cameras[camera];
    if (waiting->state == CAMERA_RELEASED || waiting->link != NULL) {
        return;
    }
    if (waiting->retry_us != INT64_MAX) {
        bus_count(bus, camera, HEALING_ANNOUNCEMENTS);
    }
    waiting->retry_us = now_us;
    waiting->retry_pause_us = ms_to_us(waiting->healing.retry_min_ms);
    waiting->hurry_until_us = now_us + HURRY_US;
}
