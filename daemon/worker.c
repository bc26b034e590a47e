/* SPDX-License-Identifier: MIT */
/* A thread that steps one bus in real time. See worker.h. */

#include "worker.h"

#include "log.h"
#include "mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* The deepest path (a link's opening with its messages) needs a few kilobytes; the sanitizers multiply that. */
#define STACK_SIZE ((size_t)256 << 10)

/* How often the loop is told how much of a result has come, in microseconds. One that comes faster is not worth waking
 * it. */
#define PROGRESS_US 50000

/* So long a thread has to end, in microseconds. Links wait for less, but where a slow line moves a long packet: that is cut
 * off. */
#define END_PATIENCE_US INT64_C(5000000)

struct worker_camera {
    bool is_taken;                /* of the loop alone: from worker_add() until worker_vacate() */
    struct mailbox mailbox;       /* under the lock */
    struct recording *recordings; /* under the lock */
    bool is_released;             /* as the bus has it, of the thread alone */
    int64_t progress_us;          /* when the loop was told of it last, or could have been; of the thread alone */
    const char *name;             /* of the thread while the bus has the camera */
    struct omvrpc_statistics statistics; /* under the lock, and the next */
    uint64_t steps[HEALING_STEPS];
};

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    int to_thread;
    int to_loop;
    bool stopping;          /* under the lock */
    int64_t end_until_us;   /* how long is waited for its end, of the loop alone; 0 before it is stopping */
    bool has_ended;         /* under the lock */
    pthread_cond_t ended;   /* told when that changes; by the clock that no one sets */
    bool announced;         /* under the lock */
    size_t count;           /* places that were ever taken, under the lock; grows alone */
    uint64_t beats;         /* turns taken, under the lock */
    int64_t moves_until_us; /* how long the transaction of this turn may take, under the lock; 0 for no time */
    struct bus *bus;
    struct pollfd pollfds[1 + BUS_CAMERAS_MAX];
    struct worker_camera cameras[BUS_CAMERAS_MAX];
};

static void signal_descriptor(int descriptor) {
    uint64_t one = 1;
    /* It cannot block before 2^64 signals that nobody took, and what it says is said by the first. */
    (void)!write(descriptor, &one, sizeof one);
}

static void clear_descriptor(int descriptor) {
    uint64_t count;
    (void)!read(descriptor, &count, sizeof count);
}

/* The mailbox of a camera for one of the two, until what is put into it is sent. */
static struct mailbox *open_mailbox(struct worker *worker, size_t place) {
    pthread_mutex_lock(&worker->lock);
    return &worker->cameras[place].mailbox;
}

static void send_to_loop(struct worker *worker) {
    pthread_mutex_unlock(&worker->lock);
    signal_descriptor(worker->to_loop);
}

static void send_to_thread(struct worker *worker) {
    pthread_mutex_unlock(&worker->lock);
    signal_descriptor(worker->to_thread);
}

static void on_job_ended(void *context, struct job *job) {
    struct worker *worker = context;
    mailbox_tell_job_ended(open_mailbox(worker, job->camera), job);
    send_to_loop(worker);
}

static void on_frame(void *context, size_t camera, const uint8_t *data, size_t length) {
    struct worker *worker = context;
    struct shared_bytes *frame = shared_bytes_new(data, length);
    mailbox_tell_frame(open_mailbox(worker, camera), frame);
    send_to_loop(worker);
}

/* To be called under the lock. */
static void record(struct worker *worker, size_t camera, enum capture_kind kind, const void *bytes, size_t length,
                   int64_t now_us) {
    struct worker_camera *recorded = &worker->cameras[camera];
    if (recordings_add(recorded->recordings, kind, now_us, bytes, length)) {
        recorded->mailbox.news.recording_full = true;
        signal_descriptor(worker->to_loop);
    }
}

static void on_wire(void *context, size_t camera, bool sent, const uint8_t *data, size_t length, int64_t now_us) {
    struct worker *worker = context;
    pthread_mutex_lock(&worker->lock);
    record(worker, camera, sent ? CAPTURE_TO_CAMERA : CAPTURE_FROM_CAMERA, data, length, now_us);
    pthread_mutex_unlock(&worker->lock);
}

static void on_state_changed(void *context, size_t camera, enum camera_state state, const char *reason,
                             int64_t now_us) {
    struct worker *worker = context;
    const struct omvrpc_link_info link_info = bus_link_info(worker->bus, camera);
    char event[BUS_REASON_SIZE + 32];
    int length = snprintf(event, sizeof event, "%s%s%s", camera_state_name(state), *reason != '\0' ? ": " : "", reason);
    mailbox_tell_state(open_mailbox(worker, camera), state, reason, now_us, &link_info);
    record(worker, camera, CAPTURE_EVENT, event, (size_t)length < sizeof event ? (size_t)length : sizeof event - 1,
           now_us);
    send_to_loop(worker);
}

static void on_healed(void *context, size_t camera, enum healing_step step, uint64_t count) {
    const struct worker *worker = context;
    const char *sentence = healing_step_sentence(step);
    if (sentence != NULL) {
        log_info(BUS, "%s: %s (%s: %llu)", worker->cameras[camera].name, sentence, healing_step_name(step),
                 (unsigned long long)count);
    }
}

static void on_reset_ended(void *context, size_t camera, const char *problem) {
    struct worker *worker = context;
    mailbox_tell_reset_ended(open_mailbox(worker, camera), problem);
    send_to_loop(worker);
}

static void on_long_transaction(void *context, int64_t until_us) {
    struct worker *worker = context;
    pthread_mutex_lock(&worker->lock);
    worker->moves_until_us = until_us;
    pthread_mutex_unlock(&worker->lock);
}

static struct mailbox_orders take_orders_of(struct worker *worker, size_t place) {
    const struct mailbox_orders orders = mailbox_take_orders(open_mailbox(worker, place));
    pthread_mutex_unlock(&worker->lock);
    return orders;
}

static void remove_camera(struct worker *worker, size_t place, int64_t now_us) {
    bus_remove(worker->bus, place, now_us);
    open_mailbox(worker, place)->news.removed = true;
    send_to_loop(worker);
}

static void obey(struct worker *worker, size_t place, bool announced) {
    struct worker_camera *camera = &worker->cameras[place];
    const struct mailbox_orders orders = take_orders_of(worker, place);
    int64_t now_us = omvrpc_now_us();
    if (orders.added != NULL) {
        camera->is_released = false;
        bus_add(worker->bus, place, orders.added, now_us);
    }
    if (!bus_has(worker->bus, place)) {
        return;
    }
    if (orders.is_adjusted) {
        bus_adjust(worker->bus, place, &orders.healing, orders.max_payload);
    }
    if (orders.is_released != camera->is_released) {
        camera->is_released = orders.is_released;
        (orders.is_released ? bus_release : bus_acquire)(worker->bus, place, now_us);
    }
    if (announced) {
        bus_announce(worker->bus, place, now_us);
    }
    if (orders.resets) {
        bus_reset(worker->bus, place, now_us);
    }
    if (orders.job != NULL && bus_submit(worker->bus, orders.job, now_us) != 0) {
        orders.job->outcome = OMVRPC_NOT_DELIVERED;
        orders.job->ended_us = now_us;
        on_job_ended(worker, orders.job);
    }
    if (orders.stops_stream) {
        /* Of that job; or of one that has ended meanwhile, and then a stream that follows has its first frame. */
        bus_stop_stream(worker->bus, place, now_us);
    }
    if (orders.removes) {
        remove_camera(worker, place, now_us);
    }
}

/* Takes what the loop has left in the mailboxes. Returns how many places to look at, or -1 when the thread is to stop. */
static ptrdiff_t take_orders(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    bool stopping = worker->stopping;
    bool announced = worker->announced;
    size_t count = worker->count;
    worker->announced = false;
    worker->beats++;
    worker->moves_until_us = 0;
    pthread_mutex_unlock(&worker->lock);
    if (stopping) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        obey(worker, i, announced);
    }
    return (ptrdiff_t)count;
}

static void publish_statistics(struct worker *worker, size_t place) {
    struct worker_camera *camera = &worker->cameras[place];
    pthread_mutex_lock(&worker->lock);
    camera->statistics = *bus_statistics(worker->bus, place);
    memcpy(camera->steps, bus_healing(worker->bus, place), sizeof camera->steps);
    pthread_mutex_unlock(&worker->lock);
}

/* Tells the loop how much of a result has come, now and then. */
static void publish_progress(struct worker *worker, size_t place, int64_t now_us) {
    struct worker_camera *camera = &worker->cameras[place];
    size_t received, total;
    if (!bus_progress(worker->bus, place, &received, &total)) {
        camera->progress_us = now_us;
    } else if (now_us - camera->progress_us >= PROGRESS_US) {
        camera->progress_us = now_us;
        struct mailbox_news *news = &open_mailbox(worker, place)->news;
        news->has_progress = true;
        news->received = received;
        news->total = total;
        send_to_loop(worker);
    }
}

static void wait_for_events(struct worker *worker, size_t count, int64_t until_us) {
    for (size_t i = 0; i < count; i++) {
        bool is_there = bus_has(worker->bus, i);
        worker->pollfds[i + 1].fd = is_there ? bus_descriptor(worker->bus, i) : -1;
        worker->pollfds[i + 1].events = is_there && bus_wants_output(worker->bus, i) ? POLLIN | POLLOUT : POLLIN;
    }
    int64_t wait_us = until_us - omvrpc_now_us();
    if (wait_us < 0) {
        wait_us = 0;
    }
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000 * 1000)};
    int ready = ppoll(worker->pollfds, count + 1, until_us == INT64_MAX ? NULL : &timeout, NULL);
    if (ready > 0 && worker->pollfds[0].revents != 0) {
        clear_descriptor(worker->to_thread);
    }
}

static void *run(void *context) {
    struct worker *worker = context;
    ptrdiff_t count;
    /* Polls are a millisecond apart: the default slack of 50 us for each wait would be 5 % of that. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    while ((count = take_orders(worker)) >= 0) {
        int64_t now_us = omvrpc_now_us();
        int64_t until_us = bus_step(worker->bus, now_us);
        for (size_t i = 0; i < (size_t)count; i++) {
            if (bus_has(worker->bus, i)) {
                publish_statistics(worker, i);
                publish_progress(worker, i, now_us);
            }
        }
        wait_for_events(worker, (size_t)count, until_us);
    }
    pthread_mutex_lock(&worker->lock);
    worker->has_ended = true;
    pthread_cond_signal(&worker->ended);
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void set_priority(pthread_t thread, unsigned realtime_priority) {
    const struct sched_param param = {.sched_priority = (int)realtime_priority};
    /* A simulated camera's thread, which a worker starts, is to be like the others. */
    int policy = SCHED_FIFO | SCHED_RESET_ON_FORK;
    int error = realtime_priority > 0 ? pthread_setschedparam(thread, policy, &param) : 0;
    if (error != 0) {
        log_warning(BUS,
                    "a worker cannot have the real-time priority %u: %s; the limit RTPRIO has to allow it (systemd: "
                    "LimitRTPRIO=, see realtime.conf)",
                    realtime_priority, strerror(error));
    }
}

static int start_thread(struct worker *worker, unsigned realtime_priority) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    error = pthread_create(&worker->thread, &attributes, run, worker);
    pthread_attr_destroy(&attributes);
    if (error == 0) {
        (void)pthread_setname_np(worker->thread, "worker");
        set_priority(worker->thread, realtime_priority);
    }
    return error;
}

static void destroy(struct worker *worker) {
    bus_free(worker->bus, omvrpc_now_us());
    for (size_t i = 0; i < worker->count; i++) {
        mailbox_clear(&worker->cameras[i].mailbox);
    }
    if (worker->to_thread >= 0) {
        close(worker->to_thread);
    }
    if (worker->to_loop >= 0) {
        close(worker->to_loop);
    }
    pthread_cond_destroy(&worker->ended);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

struct worker *worker_new(unsigned realtime_priority) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return NULL;
    }
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->ended, &clock);
    pthread_condattr_destroy(&clock);
    worker->to_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->to_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->pollfds[0] = (struct pollfd){.fd = worker->to_thread, .events = POLLIN};
    const struct bus_events events = {
        .job_ended = on_job_ended,
        .state_changed = on_state_changed,
        .wire = on_wire,
        .frame = on_frame,
        .context = worker,
        .healed = on_healed,
        .reset_ended = on_reset_ended,
        .long_transaction = on_long_transaction,
    };
    worker->bus = bus_new(&events);
    int error = worker->to_thread < 0 || worker->to_loop < 0 ? EMFILE
                : worker->bus == NULL                        ? ENOMEM
                                                             : start_thread(worker, realtime_priority);
    if (error != 0) {
        destroy(worker);
        errno = error;
        return NULL;
    }
    return worker;
}

uint64_t worker_beats(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    uint64_t beats = worker->beats;
    pthread_mutex_unlock(&worker->lock);
    /* In this order: a turn that this asks for must not be counted already, or it would be missing the next time. */
    signal_descriptor(worker->to_thread);
    return beats;
}

bool worker_is_moving(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    bool is_moving = omvrpc_now_us() < worker->moves_until_us;
    pthread_mutex_unlock(&worker->lock);
    return is_moving;
}

bool worker_await_end(struct worker *worker) {
    /* On the clock of omvrpc_now_us(). */
    struct timespec until = {.tv_sec = (time_t)(worker->end_until_us / 1000000),
                             .tv_nsec = (long)(worker->end_until_us % 1000000 * 1000)};
    int error = 0;
    pthread_mutex_lock(&worker->lock);
    while (!worker->has_ended && error == 0) {
        error = pthread_cond_timedwait(&worker->ended, &worker->lock, &until);
    }
    bool has_ended = worker->has_ended;
    pthread_mutex_unlock(&worker->lock);
    return has_ended;
}

/* What a link does cannot be broken off, and nothing that it uses may be freed before. */
static void leave_behind(struct worker *worker) {
    if (worker_is_moving(worker)) {
        log_warning(BUS, "a worker moves a long packet on a slow line: the daemon ends in the middle of it");
        _exit(EXIT_SUCCESS);
    }
    log_error(BUS, "a worker hangs in its driver: the daemon ends without it");
    _exit(EXIT_FAILURE);
}

void worker_stop(struct worker *worker) {
    if (worker->end_until_us == 0) {
        worker->end_until_us = omvrpc_now_us() + END_PATIENCE_US;
    }
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    send_to_thread(worker);
}

void worker_free(struct worker *worker) {
    if (worker == NULL) {
        return;
    }
    worker_stop(worker);
    if (!worker_await_end(worker)) {
        leave_behind(worker);
    }
    pthread_join(worker->thread, NULL);
    destroy(worker);
}

int worker_add(struct worker *worker, const struct bus_opener *opener, size_t max_payload) {
    int place = 0;
    while (place < BUS_CAMERAS_MAX && worker->cameras[place].is_taken) {
        place++;
    }
    if (place == BUS_CAMERAS_MAX) {
        return -ENOSPC;
    }
    struct bus_camera *added = bus_camera_new(opener, max_payload);
    if (added == NULL) {
        return -ENOMEM;
    }
    struct worker_camera *camera = &worker->cameras[place];
    /* The thread has nothing here now but the mailbox. */
    pthread_mutex_lock(&worker->lock);
    *camera = (struct worker_camera){
        .is_taken = true,
        .mailbox = {.orders = {.added = added}},
        .name = opener->name != NULL ? opener->name : "a camera",
    };
    worker->count = worker->count > (size_t)place ? worker->count : (size_t)place + 1;
    send_to_thread(worker);
    return place;
}

void worker_remove(struct worker *worker, size_t camera) {
    open_mailbox(worker, camera)->orders.removes = true;
    send_to_thread(worker);
}

void worker_vacate(struct worker *worker, size_t camera) {
    worker->cameras[camera].is_taken = false;
}

void worker_submit(struct worker *worker, struct job *job) {
    job->next = NULL;
    open_mailbox(worker, job->camera)->orders.job = job;
    send_to_thread(worker);
}

void worker_adjust(struct worker *worker, size_t camera, const struct healing *healing, size_t max_payload) {
    struct mailbox_orders *orders = &open_mailbox(worker, camera)->orders;
    orders->is_adjusted = true;
    orders->healing = *healing;
    orders->max_payload = max_payload;
    send_to_thread(worker);
}

void worker_stop_stream(struct worker *worker, size_t camera) {
    open_mailbox(worker, camera)->orders.stops_stream = true;
    send_to_thread(worker);
}

void worker_reset(struct worker *worker, size_t camera) {
    open_mailbox(worker, camera)->orders.resets = true;
    send_to_thread(worker);
}

void worker_release(struct worker *worker, size_t camera) {
    open_mailbox(worker, camera)->orders.is_released = true;
    send_to_thread(worker);
}

void worker_acquire(struct worker *worker, size_t camera) {
    open_mailbox(worker, camera)->orders.is_released = false;
    send_to_thread(worker);
}

void worker_record(struct worker *worker, size_t camera, struct recording *recording) {
    pthread_mutex_lock(&worker->lock);
    recording->next = worker->cameras[camera].recordings;
    worker->cameras[camera].recordings = recording;
    pthread_mutex_unlock(&worker->lock);
}

void worker_end_recording(struct worker *worker, size_t camera, struct recording *recording) {
    pthread_mutex_lock(&worker->lock);
    recordings_remove(&worker->cameras[camera].recordings, recording);
    pthread_mutex_unlock(&worker->lock);
}

struct recording *worker_take_full_recording(struct worker *worker, size_t camera) {
    pthread_mutex_lock(&worker->lock);
    struct recording *recording = recordings_find_full(worker->cameras[camera].recordings);
    recordings_remove(&worker->cameras[camera].recordings, recording);
    pthread_mutex_unlock(&worker->lock);
    return recording;
}

void worker_announce(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    worker->announced = true;
    send_to_thread(worker);
}

int worker_descriptor(const struct worker *worker) {
    return worker->to_loop;
}

struct worker_message *worker_take(struct worker *worker) {
    struct worker_message *first = NULL;
    struct worker_message **last = &first;
    bool left = false;
    clear_descriptor(worker->to_loop);
    pthread_mutex_lock(&worker->lock);
    for (size_t i = 0; i < worker->count; i++) {
        struct worker_message *message;
        while ((message = mailbox_take_message(&worker->cameras[i].mailbox, &left)) != NULL) {
            message->camera = i;
            *last = message;
            last = &message->next;
        }
    }
    pthread_mutex_unlock(&worker->lock);
    if (left) {
        signal_descriptor(worker->to_loop);
    }
    return first;
}

void worker_message_free(struct worker_message *message) {
    free(message);
}

void worker_statistics(struct worker *worker, size_t camera, struct omvrpc_statistics *statistics) {
    pthread_mutex_lock(&worker->lock);
    *statistics = worker->cameras[camera].statistics;
    pthread_mutex_unlock(&worker->lock);
}

void worker_healing(struct worker *worker, size_t camera, uint64_t steps[HEALING_STEPS]) {
    pthread_mutex_lock(&worker->lock);
    memcpy(steps, worker->cameras[camera].steps, sizeof worker->cameras[camera].steps);
    pthread_mutex_unlock(&worker->lock);
}
