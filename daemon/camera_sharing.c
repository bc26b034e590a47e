/* SPDX-License-Identifier: MIT */
/* Answers that serve more than one call: those that the camera has given lately, and those that it is about to give. */
#include "camera_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Pictures stay with their client; of a call that waits to know its camera nobody can say yet what it asks. */
static bool may_share(const struct call *call) {
    return call->picture.read_command == 0 && !call->job->schedules && call->is_bound;
}

/* Fills the job as if it had been to the camera. */
static bool give(struct job *job, const uint8_t *result, size_t length, int64_t taken_us) {
    if (length > 0) {
        job->result = malloc(length);
        if (job->result == NULL) {
            return false;
        }
        memcpy(job->result, result, length);
    }
    job->result_length = length;
    job->taken_us = taken_us;
    job->ended_us = omvrpc_now_us();
    return true;
}

bool camera_recall_answer(struct camera *camera, struct call *call) {
    struct job *job = call->job;
    if (call->max_age_us == 0 || call->picture.read_command != 0 || job->schedules) {
        return false;
    }
    const struct answer *answer = answers_find(&camera->answers, job->command, job->argument, job->argument_length,
                                               omvrpc_now_us() - call->max_age_us);
    if (answer == NULL || !give(job, answer->result, answer->result_length, answer->taken_us)) {
        return false;
    }
    call->is_shared = true;
    camera->sharing.remembered++;
    return true;
}

void camera_remember_answer(struct camera *camera, const struct call *call) {
    const struct job *job = call->job;
    if (job->taken_us == 0 || call->picture.read_command != 0 || job->schedules) {
        return;
    }
    answers_put(&camera->answers, &(const struct answer){
                                      .command = job->command,
                                      .argument = job->argument,
                                      .argument_length = job->argument_length,
                                      .result = job->result,
                                      .result_length = job->result_length,
                                      .taken_us = job->taken_us,
                                  });
}

/*
 * So many calls may wait that comparing the bytes of each with those of a new one would hold everybody up. FNV-1a, begun
 * with a number that nobody outside knows: else arguments could be made that all look alike.
 */
static uint32_t fingerprint(struct camera *camera, const struct job *job) {
    if (camera->secret == 0 &&
        getrandom(&camera->secret, sizeof camera->secret, GRND_NONBLOCK) != (ssize_t)sizeof camera->secret) {
        camera->secret = (uint32_t)omvrpc_now_us();
    }
    uint32_t sum = camera->secret;
    for (size_t i = 0; i < job->argument_length; i++) {
        sum = (sum ^ job->argument[i]) * 16777619u;
    }
    return sum;
}

void camera_mark_call(struct camera *camera, struct call *call) {
    call->fingerprint = may_share(call) && call->job->repeatable ? fingerprint(camera, call->job) : 0;
}

void camera_forget_answer(struct camera *camera, const struct call *call) {
    const struct job *job = call->job;
    answers_remove(&camera->answers, job->command, job->argument, job->argument_length);
}

static bool is_equal(const struct call *call, const struct call *other) {
    const struct job *a = call->job, *b = other->job;
    return may_share(other) && a->command == b->command && a->argument_length == b->argument_length &&
           call->fingerprint == other->fingerprint &&
           (a->argument_length == 0 || memcmp(a->argument, b->argument, a->argument_length) == 0);
}

static const struct call *call_of(const struct queue_entry *entry) {
    return (const struct call *)((const char *)entry - offsetof(struct call, entry));
}

static bool is_begun_equal(const struct queue_entry *entry, const void *context) {
    const struct call *other = call_of(entry);
    return other->has_begun && is_equal(context, other);
}

static bool is_new_equal(const struct queue_entry *entry, const void *context) {
    const struct call *other = call_of(entry);
    return !other->has_begun && is_equal(context, other);
}

static bool shares(const struct call *call) {
    return call->job->repeatable && may_share(call);
}

struct call *camera_find_leader(struct camera *camera, const struct call *call) {
    if (!shares(call)) {
        return NULL;
    }
    if (camera->running != NULL && is_equal(call, camera->running)) {
        return camera->running;
    }
    struct queue_entry *entry = queue_find(&camera->queue, is_begun_equal, call);
    return entry != NULL ? (struct call *)call_of(entry) : NULL;
}

struct queue_entry **camera_list_equals(const struct camera *camera, const struct call *call, size_t *count) {
    *count = 0;
    return shares(call) ? queue_list(&camera->queue, is_new_equal, call, count) : NULL;
}

bool camera_copy_answer(struct call *follower, const struct call *leader) {
    const struct job *job = leader->job;
    int64_t taken_us = job->taken_us > 0 ? job->taken_us : job->ended_us;
    if (!give(follower->job, job->result, job->result_length, taken_us)) {
        return false;
    }
    follower->is_shared = true;
    follower->camera->sharing.shared++;
    return true;
}
