/* SPDX-License-Identifier: MIT */
/*
 * Frames of one id as a link of bytes.
 *
 * Both sides send with the same id, and two nodes that do so at once destroy each other's frames; who sends when is the
 * master's matter, which on a link without pairs awaits each answer. What is left to the link is not to send more than
 * the camera can take, and not to pile up frames in the kernel that nobody can take back.
 */

#include "can.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * The stock script's rate, for interfaces that tell none.
 *
 * A classic frame of n bytes takes 47 + 8 n bits with the space behind it, and with the most stuffed bits (one after
 * each four of the 34 + 8 n that may need them) 24 more for n = 8: 111 to 135 (ISO 11898-1). The first paces: no line is
 * faster. The second says how long to wait: no line is slower.
 */
#define BIT_RATE_DEFAULT   250000
#define FRAME_BITS(length) (47 + 8 * (length))
#define FRAME_BITS_MAX     135

/* The receive FIFO of the cameras' controllers: so many frames may come while the script looks elsewhere. */
#define FIFO_FRAMES 3

/* A queue that others have filled tells nobody when it has room again; it is tried again after this. */
#define QUEUE_RETRY_US 1000

/* Frames that are none of the camera's are skipped, but no more than this many in one call. */
#define SKIPPED_MAX 64

/* More than that is a peer that sends without end, and is left to the next receive. */
#define DISCARD_MAX 4096

struct can_link {
    struct omvrpc_link link;
    int socket;
    int timer; /* says when a paced or refused frame may be tried again */
    int poll;  /* all there is to wait for, as one descriptor */
    canid_t id;
    uint32_t bit_rate;
    int64_t line_free_us; /* when a line of this rate has moved what was sent */
    int64_t timer_us;     /* what the timer is set to, 0 where it is not */
    bool awaits_output;
    bool due_was_seen; /* of what was awaited for sending: it has come, and was there at the last look for input */
    int error;         /* of the bus, to be told when what came before it was taken */
    struct ready ready;
    struct can_frame frame; /* taken from `frame_at` on; a caller may have room for a part only */
    size_t frame_at;
};

static struct can_link *of(struct omvrpc_link *link) {
    return (struct can_link *)link;
}

static void await_output(struct can_link *link, bool awaits) {
    if (link->awaits_output != awaits) {
        struct epoll_event event = {.events = awaits ? EPOLLIN | EPOLLOUT : EPOLLIN};
        link->awaits_output = awaits;
        (void)epoll_ctl(link->poll, EPOLL_CTL_MOD, link->socket, &event);
    }
}

/* Makes the link's descriptor readable at that time, or no more for 0. */
static void set_timer(struct can_link *link, int64_t when_us) {
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(when_us / 1000000), .tv_nsec = (long)(when_us % 1000000 * 1000)},
    };
    link->timer_us = when_us;
    /* Setting it also takes back that it has expired. */
    (void)timerfd_settime(link->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Whoever still wants to send says so anew. */
static void forget_wakes(struct can_link *link) {
    link->due_was_seen = false;
    await_output(link, false);
    if (link->timer_us != 0) {
        set_timer(link, 0);
    }
}

/*
 * Wakes nobody a second time for what has happened. A caller may well look for input between a refused send and its
 * wait, so that this does not take what has happened since the send: only what was there at the look before.
 */
static void take_wakes(struct can_link *link) {
    struct pollfd output = {.fd = link->socket, .events = POLLOUT};
    bool due =
        (link->timer_us != 0 && omvrpc_now_us() >= link->timer_us) || (link->awaits_output && poll(&output, 1, 0) == 1);
    if (due && link->due_was_seen) {
        forget_wakes(link);
    } else {
        link->due_was_seen = due;
    }
}

static int64_t frame_time(const struct can_link *link, size_t length) {
    return (int64_t)FRAME_BITS(length) * 1000000 / link->bit_rate;
}

/* Sends one frame. Returns 1, 0 when the line is busy, or a negative errno. */
static int send_frame(struct can_link *link, const uint8_t *data, size_t length, int64_t now_us) {
    int64_t ahead_us = link->line_free_us - now_us;
    int64_t allowed_us = (FIFO_FRAMES - 1) * frame_time(link, CAN_MAX_DLEN);
    if (ahead_us > allowed_us) {
        set_timer(link, link->line_free_us - allowed_us);
        return 0;
    }
    struct can_frame frame = {.can_id = link->id, .len = (uint8_t)length};
    memcpy(frame.data, data, length);
    if (send(link->socket, &frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        link->line_free_us = (ahead_us > 0 ? link->line_free_us : now_us) + frame_time(link, length);
        return 1;
    }
    switch (errno) {
    case EAGAIN:
        await_output(link, true);
        return 0;
    case ENOBUFS:
        set_timer(link, now_us + QUEUE_RETRY_US);
        return 0;
    case EINTR:
        set_timer(link, now_us);
        return 0;
    case ENXIO:
        return -ENODEV; /* what send() says of an interface that was taken away */
    default:
        return -errno;
    }
}

static ssize_t can_send(struct omvrpc_link *of_link, const uint8_t *data, size_t length) {
    struct can_link *link = of(of_link);
    forget_wakes(link);
    int sent = 1;
    size_t done = 0;
    while (sent > 0 && done < length) {
        size_t size = length - done < CAN_MAX_DLEN ? length - done : CAN_MAX_DLEN;
        sent = send_frame(link, data + done, size, omvrpc_now_us());
        done += sent > 0 ? size : 0;
    }
    /* An error behind frames that went out comes again. */
    return done > 0 ? (ssize_t)done : sent;
}

/* Judges a frame of the controller's. Returns 0 or a negative errno. */
static int judge_error_frame(const struct can_frame *frame) {
    return frame->can_id & CAN_ERR_BUSOFF ? -ENOLINK : 0;
}

/* Reads the next frame of the camera's into the link. Returns 1, 0 when there is none, or a negative errno. */
static int receive_frame(struct can_link *link) {
    for (int skipped = 0; skipped < SKIPPED_MAX; skipped++) {
        struct can_frame *frame = &link->frame;
        ssize_t size = recv(link->socket, frame, sizeof *frame, MSG_DONTWAIT);
        link->frame_at = 0;
        if (size != (ssize_t)sizeof *frame || frame->len > CAN_MAX_DLEN) {
            frame->len = 0;
        }
        if (size < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        }
        if (size == 0) {
            return -EPIPE;
        }
        if (size == (ssize_t)sizeof *frame && frame->can_id & CAN_ERR_FLAG) {
            int error = judge_error_frame(frame);
            frame->len = 0;
            if (error != 0) {
                return error;
            }
        }
        /* The socket's filter lets nothing else through; frames that came before it was set may be there. */
        if (frame->len > 0 && frame->can_id == link->id) {
            return 1;
        }
        frame->len = 0;
    }
    return 0;
}

static ssize_t can_receive(struct omvrpc_link *of_link, uint8_t *buffer, size_t size) {
    struct can_link *link = of(of_link);
    size_t done = 0;
    take_wakes(link);
    while (done < size) {
        if (link->frame_at == link->frame.len) {
            int got = link->error != 0 ? link->error : receive_frame(link);
            if (got < 0 && done > 0) {
                link->error = got;
            }
            if (got <= 0) {
                return done > 0 ? (ssize_t)done : got;
            }
        }
        size_t left = link->frame.len - link->frame_at;
        size_t taken = left < size - done ? left : size - done;
        memcpy(buffer + done, link->frame.data + link->frame_at, taken);
        link->frame_at += taken;
        done += taken;
        if (link->frame.len < CAN_MAX_DLEN && link->frame_at == link->frame.len) {
            break; /* a shorter frame ends its packet */
        }
    }
    return (ssize_t)done;
}

static void can_discard(struct omvrpc_link *of_link) {
    struct can_link *link = of(of_link);
    for (int i = 0; i < DISCARD_MAX && link->error == 0; i++) {
        int got = receive_frame(link);
        if (got <= 0) {
            link->error = got;
            break;
        }
    }
    link->frame.len = 0;
    link->frame_at = 0;
}

static int can_descriptor(struct omvrpc_link *link) {
    return of(link)->poll;
}

static int can_ready(struct omvrpc_link *link) {
    return ready_is_up(&of(link)->ready);
}

static void free_link(struct can_link *link) {
    close(link->poll);
    close(link->timer);
    free(link);
}

static void can_close(struct omvrpc_link *link) {
    close(of(link)->socket);
    ready_close(&of(link)->ready);
    free_link(of(link));
}

static const struct omvrpc_link_operations can_operations = {
    .type = "can",
    .send = can_send,
    .receive = can_receive,
    .discard = can_discard,
    .descriptor = can_descriptor,
    .close = can_close,
    .ready = can_ready,
};

static int poll_too(const struct can_link *link, int descriptor) {
    return epoll_ctl(link->poll, EPOLL_CTL_ADD, descriptor, &(struct epoll_event){.events = EPOLLIN});
}

struct omvrpc_link *can_link_new(int descriptor, uint32_t id, uint32_t bit_rate, const struct ready *ready) {
    struct can_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    link->link.operations = &can_operations;
    link->bit_rate = bit_rate != 0 ? bit_rate : BIT_RATE_DEFAULT;
    link->link.info = (struct omvrpc_link_info){
        .pairs = false,
        .byte_rate = (uint32_t)((uint64_t)link->bit_rate * CAN_MAX_DLEN / FRAME_BITS_MAX),
        .receive_buffer = FIFO_FRAMES * CAN_MAX_DLEN,
    };
    link->socket = descriptor;
    link->id = id;
    link->ready = *ready;
    link->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    link->poll = epoll_create1(EPOLL_CLOEXEC);
    int edges = ready_descriptor(ready);
    if (link->timer < 0 || link->poll < 0 || poll_too(link, descriptor) < 0 || poll_too(link, link->timer) < 0 ||
        (edges >= 0 && poll_too(link, edges) < 0)) {
        int error = errno;
        free_link(link);
        errno = error;
        return NULL;
    }
    return &link->link;
}
