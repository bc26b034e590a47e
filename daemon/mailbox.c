/* SPDX-License-Identifier: MIT */
/* Orders and news of one camera. See mailbox.h. */

#include "mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mailbox_orders mailbox_take_orders(struct mailbox *mailbox) {
    const struct mailbox_orders orders = mailbox->orders;
    mailbox->orders = (struct mailbox_orders){.is_released = orders.is_released};
    return orders;
}

void mailbox_tell_state(struct mailbox *mailbox, enum camera_state state, const char *reason, int64_t now_us,
                        const struct omvrpc_link_info *link_info) {
    struct mailbox_news *news = &mailbox->news;
    if (!news->state_changed || news->state != state) {
        news->since_us = now_us;
    }
    news->state_changed = true;
    news->state = state;
    news->link_info = *link_info;
    snprintf(news->reason, sizeof news->reason, "%s", reason);
}

void mailbox_tell_frame(struct mailbox *mailbox, struct shared_bytes *frame) {
    struct mailbox_news *news = &mailbox->news;
    if (frame == NULL || news->frame != NULL) {
        news->missed++;
    }
    if (frame != NULL) {
        shared_bytes_free(news->frame);
        news->frame = frame;
    }
}

void mailbox_tell_reset_ended(struct mailbox *mailbox, const char *problem) {
    struct mailbox_news *news = &mailbox->news;
    news->reset_ended = true;
    snprintf(news->reset_problem, sizeof news->reset_problem, "%s", problem != NULL ? problem : "");
}

void mailbox_tell_job_ended(struct mailbox *mailbox, struct job *job) {
    job->next = mailbox->news.ended;
    mailbox->news.ended = job;
    mailbox->news.has_progress = false;
}

static bool is_empty(const struct mailbox_news *news) {
    return news->ended == NULL && !news->state_changed && !news->recording_full && news->frame == NULL &&
           !news->has_progress && !news->reset_ended && !news->removed;
}

/* In this order: a state is at least as new as a job that it has ended, and frames come before the end of their job. */
static void move_first(struct mailbox_news *news, struct worker_message *message) {
    if (news->state_changed) {
        message->kind = WORKER_STATE_CHANGED;
        message->state = news->state;
        message->since_us = news->since_us;
        message->link_info = news->link_info;
        memcpy(message->reason, news->reason, sizeof message->reason);
        news->state_changed = false;
    } else if (news->recording_full) {
        message->kind = WORKER_RECORDING_FULL;
        news->recording_full = false;
    } else if (news->frame != NULL) {
        message->kind = WORKER_FRAME;
        message->frame = news->frame;
        message->missed = news->missed;
        news->frame = NULL;
        news->missed = 0;
    } else if (news->has_progress) {
        message->kind = WORKER_PROGRESS;
        message->received = news->received;
        message->total = news->total;
        news->has_progress = false;
    } else if (news->reset_ended) {
        message->kind = WORKER_RESET_ENDED;
        memcpy(message->reason, news->reset_problem, sizeof message->reason);
        news->reset_ended = false;
    } else if (news->ended != NULL) {
        message->kind = WORKER_JOB_ENDED;
        message->job = news->ended;
        news->ended = message->job->next;
        message->job->next = NULL;
    } else {
        message->kind = WORKER_CAMERA_REMOVED;
        news->removed = false;
    }
}

struct worker_message *mailbox_take_message(struct mailbox *mailbox, bool *left) {
    if (is_empty(&mailbox->news)) {
        return NULL;
    }
    struct worker_message *message = calloc(1, sizeof *message);
    if (message == NULL) {
        *left = true;
        return NULL;
    }
    move_first(&mailbox->news, message);
    return message;
}

void mailbox_clear(struct mailbox *mailbox) {
    bus_camera_free(mailbox->orders.added);
    job_free(mailbox->orders.job);
    shared_bytes_free(mailbox->news.frame);
    while (mailbox->news.ended != NULL) {
        struct job *next = mailbox->news.ended->next;
        job_free(mailbox->news.ended);
        mailbox->news.ended = next;
    }
    *mailbox = (struct mailbox){.orders = {.added = NULL}};
}
