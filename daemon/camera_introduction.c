/* SPDX-License-Identifier: MIT */
/* Who is it? Each camera that comes online is asked to open a session; what it answers says what it is and has. */
#include "camera_internal.h"

#include "call_order.h"
#include "log.h"

#include <stdlib.h>
#include <sys/random.h>

/*
 * Constants, in microseconds.
 *
 * PIECE_US  A piece of a result takes about so long on a slow line: others wait no longer than that for their turn.
 */
enum { PIECE_US = 100000 };

/* Bytes. */
enum { PIECE_MIN = 512, PIECE_MAX = 65536, DESCRIPTION_MAX = 65536 };

/* What surrounds a piece in the packet that carries it. */
enum { PIECE_OVERHEAD = OMVRPC_ENVELOPE_SIZE + OMVRPC_PACKET_OVERHEAD };

static uint32_t bounded(uint64_t bytes, uint32_t most) {
    return bytes < PIECE_MIN ? PIECE_MIN : bytes > most ? most : (uint32_t)bytes;
}

uint32_t camera_piece(const struct camera *camera) {
    const struct omvrpc_link_info *info = &camera->link_info;
    uint32_t most = info->packet_max != 0 ? info->packet_max - PIECE_OVERHEAD : PIECE_MAX;
    return info->byte_rate == 0 ? most : bounded((uint64_t)info->byte_rate * PIECE_US / 1000000, most);
}

static size_t description_limit(const struct config *config) {
    return config->limits.payload_bytes > DESCRIPTION_MAX ? config->limits.payload_bytes : DESCRIPTION_MAX;
}

size_t camera_result_limit(const struct config *config) {
    return description_limit(config) + OMVRPC_ENVELOPE_SIZE;
}

static uint32_t random_id(void) {
    uint32_t id;
    if (getrandom(&id, sizeof id, GRND_NONBLOCK) != (ssize_t)sizeof id) {
        /* Early in a boot; the time of another run is another one, too. */
        id = (uint32_t)omvrpc_now_us();
    }
    return id;
}

static void forget_introduction(struct camera *camera) {
    job_free(camera->introduction.job);
    exchange_clear(&camera->introduction);
    if (camera->is_strange && camera->is_introduced) {
        camera_tell_state(camera);
    }
}

static void give_up_for_now(struct camera *camera) {
    log_error(CAMERA, "%s: no memory to ask it what it is", camera_name(camera));
    camera->introduce_again_us = omvrpc_now_us() + INTRODUCTION_AGAIN_US;
    forget_introduction(camera);
}

static void submit_next(struct camera *camera) {
    struct job *job = exchange_next(&camera->introduction, omvrpc_now_us());
    if (job != NULL) {
        camera_submit(camera, job);
    } else {
        give_up_for_now(camera);
    }
}

void camera_introduce(struct camera *camera) {
    struct job *job = job_new();
    session_begin(&camera->session, random_id(), camera_piece(camera));
    camera->is_introduced = true;
    camera->introduce_again_us = 0;
    if (job == NULL) {
        give_up_for_now(camera);
        return;
    }
    job->command = omvrpc_command_id(OMVRPC_DESCRIBE_NAME, sizeof OMVRPC_DESCRIBE_NAME - 1);
    job->deadline_us = omvrpc_now_us() + INTRODUCTION_US;
    job->repeatable = true;
    exchange_begin(&camera->introduction, EXCHANGE_OPENING, job, &camera->session,
                   description_limit(camera->daemon->config));
    submit_next(camera);
}

void camera_expect_stranger(struct camera *camera) {
    /* What is under way through the session is asked for first: the camera may well be the same. */
    bool is_at_call = camera->running != NULL && camera->running->exchange.session != NULL;
    if (camera->clinging == NULL && camera->session.held == 0 && !is_at_call) {
        camera->session.is_open = false;
        camera->is_introduced = false;
    }
}

static void report_fault(void *context, const char *what) {
    log_warning(CAMERA, "%s: its description is wrong: %s", camera_name(context), what);
}

static void believe(struct camera *camera, const struct job *job) {
    struct description description;
    char problem[160];
    if (!description_read(&description, job->result, job->result_length, camera->daemon->config->callbacks,
                          report_fault, camera, problem, sizeof problem)) {
        log_warning(CAMERA, "%s: its description cannot be read: %s", camera_name(camera), problem);
        return;
    }
    camera->description = description;
    session_open(&camera->session, description.piece, description.held);
    log_info(CAMERA, "%s: %s, firmware %s, library %s", camera_name(camera),
             description.board[0] != '\0' ? description.board : "unknown board",
             description.firmware[0] != '\0' ? description.firmware : "unknown",
             description.library[0] != '\0' ? description.library : "unknown");
}

/* It has said who it is, or nothing of use; or it forgets whenever it is asked. */
static void end_introduction(struct camera *camera, bool forgets) {
    const struct job *job = camera->introduction.job;
    /* What was known is another camera's for all that anybody knows. */
    description_clear(&camera->description);
    answers_clear(&camera->answers);
    if (forgets) {
        log_warning(CAMERA, "%s: it forgets each session while that is opened; it is called the stock way",
                    camera_name(camera));
        camera->introduce_again_us = omvrpc_now_us() + INTRODUCTION_AGAIN_US;
    } else if (job->outcome != OMVRPC_DONE || camera->introduction.end != EXCHANGE_BY_OUTCOME) {
        log_info(CAMERA, "%s: it does not say what it is (%s); it is called the stock way", camera_name(camera),
                 omvrpc_outcome_name(job->outcome));
        camera->introduce_again_us = omvrpc_now_us() + INTRODUCTION_AGAIN_US;
    } else if (job->result_length == 0) {
        log_debug(CAMERA, "%s: a stock camera", camera_name(camera));
    } else {
        believe(camera, job);
    }
}

void camera_take_introduction(struct camera *camera, struct job *ended) {
    enum exchange_verdict taken = exchange_take(&camera->introduction, ended, omvrpc_now_us());
    enum introduction_verdict verdict =
        call_order_judge(taken, camera->state == CAMERA_ONLINE, &camera->introduction_restarts);
    if (verdict == INTRODUCTION_GOES_ON) {
        submit_next(camera);
        return;
    }
    if (verdict == INTRODUCTION_RESTARTS) {
        camera->is_introduced = false;
    } else {
        end_introduction(camera, verdict == INTRODUCTION_IS_VAIN);
    }
    forget_introduction(camera);
}
