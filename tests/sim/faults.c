/* SPDX-License-Identifier: MIT */
/* Resets, unplugging, silence and preemption. See faults.h. */

#include "world_internal.h"

#include <string.h>

/* Longest time that the host is kept from running; with it a call is still in time. */
#define PREEMPTION_MAX_US 40000

static const struct profile profiles[] = {
    {"clean", {0, 0, 0, 0, 0}, {0, 0, 0, 0}},
    {"one-percent", {5000, 5000, 0, 0, 0}, {0, 0, 0, 0}},
    {"dropping", {50000, 0, 0, 0, 0}, {0, 0, 0, 0}},
    {"noisy", {0, 50000, 0, 0, 0}, {0, 0, 0, 0}},
    {"mixed", {15000, 15000, 10000, 10000, 0}, {300000, 0, 0, 0}},
    {"busy-host", {0, 0, 0, 0, 0}, {30000, 0, 0, 0}},
    {"resetting", {2000, 2000, 0, 0, 0}, {0, 2500000, 0, 0}},
    {"unplugged", {2000, 2000, 0, 0, 0}, {0, 0, 1500000, 0}},
    {"silent", {2000, 2000, 0, 0, 0}, {0, 0, 0, 1500000}},
    {"forged", {2000, 2000, 0, 0, 3000}, {0, 5000000, 0, 0}},
    {"everything", {10000, 10000, 5000, 5000, 1000}, {200000, 4000000, 4000000, 4000000}},
};

#define PROFILES (sizeof profiles / sizeof profiles[0])

const char *const *world_profiles(void) {
    static const char *names[PROFILES + 1];
    for (size_t i = 0; i < PROFILES; i++) {
        names[i] = profiles[i].name;
    }
    return names;
}

const struct profile *faults_choose_profile(struct random *random, const char *name) {
    const struct profile *profile = &profiles[random_range(random, 0, PROFILES - 1)];
    for (size_t i = 0; i < PROFILES && name != NULL; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            profile = &profiles[i];
        }
    }
    return profile;
}

/* Draws when a kind comes next, from `since_us` on. */
static void plan(struct world *world, enum fault_kind kind, int64_t since_us) {
    int64_t every_us = world->faults.profile->every_us[kind];
    world->faults.next_us[kind] =
        every_us == 0 ? INT64_MAX : since_us + random_range(&world->random, every_us / 10, 2 * every_us);
}

void faults_set_up(struct world *world, const struct profile *profile) {
    world->faults = (struct faults){
        .profile = profile,
        .plugged = true,
        .plug_us = INT64_MAX,
        .unsilence_us = INT64_MAX,
        .stop_us = INT64_MAX,
    };
    for (enum fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
        plan(world, kind, world->now_us);
    }
}

static void quiet_from(struct faults *faults, int64_t time_us) {
    if (faults->quiet_since_us < time_us) {
        faults->quiet_since_us = time_us;
    }
}

/* Each begins a fault, and returns the time from which the next of its kind is planned. */

static int64_t preempt(struct world *world) {
    struct faults *faults = &world->faults;
    world->report->preemptions++;
    faults->preempted_until_us = world->now_us + random_range(&world->random, 100, PREEMPTION_MAX_US);
    trace_add(&world->trace, world->now_us, "host preempted until %.3f", (double)faults->preempted_until_us / 1000.0);
    return faults->preempted_until_us;
}

static int64_t reset(struct world *world) {
    world->report->resets++;
    trace_add(&world->trace, world->now_us, "camera reset");
    model_reset(&world->model, world->now_us);
    quiet_from(&world->faults, world->now_us + BOOT_US);
    return world->now_us;
}

static int64_t unplug(struct world *world) {
    struct faults *faults = &world->faults;
    world->report->unplugs++;
    trace_add(&world->trace, world->now_us, "unplugged");
    faults->plugged = false;
    wire_clear(&world->to_camera);
    wire_clear(&world->to_host);
    model_reset(&world->model, world->now_us);
    faults->plug_us = world->now_us + random_range(&world->random, 1000, 4000000);
    quiet_from(faults, faults->plug_us + BOOT_US);
    return faults->plug_us;
}

static int64_t silence(struct world *world) {
    struct faults *faults = &world->faults;
    world->report->silences++;
    trace_add(&world->trace, world->now_us, "the line to the camera goes dead");
    faults->silenced = true;
    faults->unsilence_us = world->now_us + random_range(&world->random, 1000, 2000000);
    quiet_from(faults, faults->unsilence_us);
    return faults->unsilence_us;
}

static int64_t (*const begin[FAULT_KINDS])(struct world *world) = {
    [FAULT_PREEMPTION] = preempt,
    [FAULT_RESET] = reset,
    [FAULT_UNPLUG] = unplug,
    [FAULT_SILENCE] = silence,
};

void faults_play(struct world *world) {
    struct faults *faults = &world->faults;
    if (world->now_us >= faults->plug_us) {
        trace_add(&world->trace, world->now_us, "plugged in");
        faults->plugged = true;
        faults->plug_us = INT64_MAX;
    }
    if (world->now_us >= faults->unsilence_us) {
        trace_add(&world->trace, world->now_us, "the line to the camera works again");
        faults->silenced = false;
        faults->unsilence_us = INT64_MAX;
    }
    for (enum fault_kind kind = 0; kind < FAULT_KINDS && faults->end_us == 0; kind++) {
        if (world->now_us >= faults->next_us[kind]) {
            plan(world, kind, begin[kind](world));
        }
    }
}

int64_t faults_next_us(const struct world *world) {
    const struct faults *faults = &world->faults;
    int64_t next_us = earlier(faults->plug_us, faults->unsilence_us);
    if (faults->end_us == 0) {
        next_us = earlier(next_us, faults->stop_us);
        for (enum fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
            next_us = earlier(next_us, faults->next_us[kind]);
        }
    }
    return next_us;
}

void faults_stop(struct world *world) {
    struct faults *faults = &world->faults;
    trace_add(&world->trace, world->now_us, "no more faults");
    world->to_camera.faults = world->to_host.faults = (struct wire_faults){.drop = 0};
    faults->preempted_until_us = 0;
    quiet_from(faults, world->now_us);
    faults->end_us = faults->quiet_since_us;
}
