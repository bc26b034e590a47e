/* SPDX-License-Identifier: MIT */
/*
 * A program with a loop of its own, which shares its cameras with whoever else asks: ten times a second it does its own
 * work and asks for a face, and whenever a camera comes or goes it says so. Nothing in it ever waits for a camera.
 *
 *     cc own_loop.c $(pkg-config --cflags --libs openmvd) -o own_loop && ./own_loop 20
 */

#include <openmvd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Says what came. Returns whether it was the answer to `asked`. */
static int say(const struct openmvd_answer *answer, int64_t asked) {
    if (answer->reason != NULL) {
        printf("%s\n", answer->message);
    } else if (answer->request == (uint64_t)asked) {
        printf("face %s\n", answer->value);
    } else if (answer->request == 0) {
        printf("camera %s\n", answer->value);
    }
    return answer->request == (uint64_t)asked;
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
    int64_t asked = 0; /* the question that has no answer yet */
    struct openmvd *daemon = openmvd_connect(NULL, 1000);
    struct openmvd_answer answer = {0};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const struct itimerspec pace = {{0, 100000000}, {0, 1}};
    if (daemon == NULL || timer < 0 || timerfd_settime(timer, 0, &pace, NULL) < 0) {
        perror("cannot reach openmvd");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    openmvd_send_subscribe(daemon, &(struct openmvd_question){.events = true});
    while (rounds != 0 || asked != 0) {
        struct pollfd watched[] = {
            {.fd = openmvd_descriptor(daemon), .events = openmvd_events(daemon)},
            {.fd = rounds != 0 ? timer : -1, .events = POLLIN},
        };
        int got = 0;
        if (poll(watched, 2, -1) < 0) {
            break;
        }
        if (watched[1].revents & POLLIN) {
            /* Its own work would be done here, such as driving wheels. A slow camera is not asked twice at a time. */
            uint64_t beats = 0;
            rounds -= read(timer, &beats, sizeof beats) == sizeof beats && rounds > 0;
            if (asked == 0) {
                const struct openmvd_question face = {.name = "face_detection", .timeout_ms = 1000, .max_age_ms = 100};
                asked = openmvd_send_call(daemon, &face);
            }
        }
        while ((got = openmvd_receive(daemon, 0, &answer)) > 0) {
            asked = say(&answer, asked) ? 0 : asked;
        }
        if (got < 0) {
            fprintf(stderr, "%s\n", answer.message);
            break;
        }
    }
    int status = openmvd_descriptor(daemon) < 0;
    openmvd_close(daemon);
    return status;
}
