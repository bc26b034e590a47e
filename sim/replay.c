/* SPDX-License-Identifier: MIT */
/* The loop that listens for the calls of a script and plays the answers. See replay.h. */

#include "replay.h"

#include "cutter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * INPUT_SIZE holds the largest command that a host sends unless told otherwise (OMVRPC_MAX_PAYLOAD_DEFAULT), and what
 * may come with it. SILENCE_US ends a packet whose rest does not come: hosts send packets without a pause.
 */
#define INPUT_SIZE (OMVRPC_MAX_PAYLOAD_DEFAULT + ((size_t)64 << 10))
#define SILENCE_US 100000

struct sim_replay {
    const struct sim_script *script;
    struct omvrpc_slave *slave; /* has no callbacks; answers what the script leaves out */
    size_t next_call;
    const struct sim_call *call; /* that began last; NULL where the host has given it up */
    size_t played;               /* of its answers */
    size_t written;              /* bytes of the answer under way */
    bool has_data, has_polled;   /* the host, since the call began */
    int64_t begun_us, polled_us;
    uint32_t command; /* of the last header */
    struct cutter cutter;
    int64_t heard_us;
    bool is_blocked; /* the descriptor takes no output */
    bool has_failed;
    char failure[240];
    size_t length;
    uint8_t input[INPUT_SIZE];
};

struct sim_replay *sim_replay_new(const struct sim_script *script) {
    struct sim_replay *replay = calloc(1, sizeof *replay);
    if (!replay) {
        return NULL;
    }
    replay->script = script;
    replay->slave = omvrpc_slave_new();
    if (!replay->slave) {
        free(replay);
        return NULL;
    }
    return replay;
}

void sim_replay_free(struct sim_replay *replay) {
    if (replay) {
        omvrpc_slave_free(replay->slave);
        free(replay);
    }
}

static bool has_answers_left(const struct sim_replay *replay) {
    return replay->call && replay->played < replay->call->answer_count;
}

const char *sim_replay_failure(const struct sim_replay *replay) {
    return replay->failure;
}

size_t sim_replay_position(const struct sim_replay *replay, unsigned *line) {
    bool at_end = replay->next_call == replay->script->call_count;
    bool under_way = has_answers_left(replay);
    *line = under_way ? replay->call->line : at_end ? 0 : replay->script->calls[replay->next_call].line;
    return replay->next_call - (under_way ? 1 : 0);
}

/* The host's side. */

static void diverge(struct sim_replay *replay, const char *what) {
    replay->has_failed = true;
    if (replay->next_call == replay->script->call_count) {
        snprintf(replay->failure, sizeof replay->failure, "the capture is at its end, and the host sent %s", what);
        return;
    }
    const struct sim_call *call = &replay->script->calls[replay->next_call];
    snprintf(replay->failure, sizeof replay->failure,
             "line %u: the capture goes on with command #%08" PRIx32 ", %zu bytes, and the host sent %s", call->line,
             call->command, call->argument_length, what);
}

static const struct sim_call *next_call(const struct sim_replay *replay) {
    return replay->next_call < replay->script->call_count ? &replay->script->calls[replay->next_call] : NULL;
}

static void begin_call(struct sim_replay *replay, int64_t now_us) {
    replay->call = &replay->script->calls[replay->next_call++];
    replay->played = 0;
    replay->written = 0;
    replay->has_data = false;
    replay->has_polled = false;
    replay->begun_us = now_us;
}

static void pass_to_slave(struct sim_replay *replay, const uint8_t *data, size_t length, int64_t now_us) {
    omvrpc_slave_received(replay->slave, data, length, now_us);
}

static void take_header(struct sim_replay *replay, const uint8_t *data, const struct cut *cut, int64_t now_us) {
    const struct sim_call *next = next_call(replay);
    replay->command = (uint32_t)cut->payload[0] | (uint32_t)cut->payload[1] << 8 | (uint32_t)cut->payload[2] << 16 |
                      (uint32_t)cut->payload[3] << 24;
    if (sim_script_leaves_out(replay->command)) {
        /* A camera that has a call takes it for noise. */
        if (!has_answers_left(replay)) {
            pass_to_slave(replay, data, cut->length, now_us);
        }
    } else if (replay->call && replay->call->command == replay->command && !replay->has_polled) {
        return; /* a copy */
    } else if (next && next->command == replay->command) {
        begin_call(replay, now_us);
    } else {
        char what[40];
        snprintf(what, sizeof what, "command #%08" PRIx32, replay->command);
        diverge(replay, what);
    }
}

static bool has_argument(const struct sim_call *call, const struct cut *cut) {
    return !call->argument || (call->argument_length == cut->payload_length &&
                               memcmp(call->argument, cut->payload, cut->payload_length) == 0);
}

static void take_data(struct sim_replay *replay, const uint8_t *data, const struct cut *cut, int64_t now_us) {
    const struct sim_call *next = next_call(replay);
    if (sim_script_leaves_out(replay->command)) {
        if (has_answers_left(replay)) {
            replay->call = NULL;
        } else {
            pass_to_slave(replay, data, cut->length, now_us);
        }
    } else if (replay->call && has_argument(replay->call, cut)) {
        replay->has_data = true;
    } else if (replay->call && !replay->has_polled && next && next->command == replay->command &&
               has_argument(next, cut)) {
        begin_call(replay, now_us);
        replay->has_data = true;
    } else if (replay->call) {
        char what[80];
        snprintf(what, sizeof what, "another argument, of %zu bytes, for command #%08" PRIx32, cut->payload_length,
                 replay->command);
        diverge(replay, what);
    }
}

static void take_packet(struct sim_replay *replay, const uint8_t *data, const struct cut *cut, int64_t now_us) {
    switch (cut->magic) {
    case OMVRPC_COMMAND_HEADER:
        take_header(replay, data, cut, now_us);
        break;
    case OMVRPC_COMMAND_DATA:
        take_data(replay, data, cut, now_us);
        break;
    case OMVRPC_RESULT_HEADER:
    case OMVRPC_RESULT_DATA:
        if (!replay->has_polled) {
            replay->polled_us = now_us;
        }
        replay->has_polled = true;
        if (!has_answers_left(replay)) {
            pass_to_slave(replay, data, cut->length, now_us);
        }
        break;
    case OMVRPC_STREAM_OPEN:
    case OMVRPC_STREAM_FRAME:
        break;
    }
}

/* Takes the whole packets out of the input. Returns when what is left of it counts as noise. */
static int64_t take_input(struct sim_replay *replay, int64_t now_us) {
    size_t taken = 0;
    bool is_end = now_us - replay->heard_us >= SILENCE_US || replay->length == INPUT_SIZE;
    while (taken < replay->length && !replay->has_failed) {
        const uint8_t *data = replay->input + taken;
        struct cut cut;
        cutter_next(&replay->cutter, data, replay->length - taken, is_end, &cut);
        if (cut.kind == CUT_MORE) {
            break;
        }
        if (cut.kind == CUT_PACKET) {
            take_packet(replay, data, &cut, now_us);
        }
        taken += cut.length;
    }
    replay->length -= taken;
    memmove(replay->input, replay->input + taken, replay->length);
    return replay->length > 0 ? replay->heard_us + SILENCE_US : INT64_MAX;
}

/* The camera's side. */

/* Writes what the descriptor takes. Returns how much that was, or a negative errno. */
static ssize_t write_some(struct sim_replay *replay, int descriptor, const uint8_t *data, size_t length) {
    ssize_t count = write(descriptor, data, length);
    replay->is_blocked = count < 0 && (errno == EAGAIN || errno == EINTR);
    return count >= 0 ? count : replay->is_blocked ? 0 : -errno;
}

/* Plays the answers that are due. Sets when the next one is. */
static int play_answers(struct sim_replay *replay, int descriptor, int64_t now_us, int64_t *until_us) {
    *until_us = INT64_MAX;
    while (has_answers_left(replay) && !replay->is_blocked) {
        const struct sim_answer *answer = &replay->script->answers[replay->call->first_answer + replay->played];
        if ((answer->after_data && !replay->has_data) || (answer->after_poll && !replay->has_polled)) {
            return 0;
        }
        *until_us = (answer->after_poll ? replay->polled_us : replay->begun_us) + answer->delay_us;
        if (now_us < *until_us) {
            return 0;
        }
        ssize_t count =
            write_some(replay, descriptor, answer->bytes + replay->written, answer->length - replay->written);
        if (count < 0) {
            return (int)count;
        }
        replay->written += (size_t)count;
        if (replay->written == answer->length) {
            replay->written = 0;
            replay->played++;
        }
        *until_us = INT64_MAX;
    }
    return 0;
}

static int step_slave(struct sim_replay *replay, int descriptor, int64_t now_us, int64_t *until_us) {
    struct omvrpc_step step;
    for (;;) {
        omvrpc_slave_next(replay->slave, now_us, &step);
        *until_us = step.until_us;
        if (step.kind != OMVRPC_STEP_SEND || replay->is_blocked) {
            return 0;
        }
        ssize_t count = write_some(replay, descriptor, step.data, step.length);
        if (count < 0) {
            return (int)count;
        }
        omvrpc_slave_sent(replay->slave, (size_t)count, now_us);
    }
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Does all that can be done now. Sets when to be called again if nothing comes before. */
static int work(struct sim_replay *replay, int descriptor, int64_t *until_us) {
    int64_t now_us = omvrpc_now_us();
    int64_t input_us = take_input(replay, now_us), answers_us, slave_us;
    int error = play_answers(replay, descriptor, now_us, &answers_us);
    error = error ? error : step_slave(replay, descriptor, now_us, &slave_us);
    if (error) {
        return error;
    }
    *until_us = earlier(input_us, earlier(answers_us, slave_us));
    return replay->has_failed ? 1 : 0;
}

static int read_input(struct sim_replay *replay, int descriptor) {
    ssize_t count = read(descriptor, replay->input + replay->length, INPUT_SIZE - replay->length);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (count < 0) {
        return -errno;
    }
    replay->length += (size_t)count;
    replay->heard_us = omvrpc_now_us();
    return count == 0 ? -EIO : 0;
}

static int run(struct sim_replay *replay, int descriptor, int stop_descriptor) {
    for (;;) {
        int64_t until_us;
        int result = work(replay, descriptor, &until_us);
        if (result) {
            return result;
        }
        struct pollfd polled[] = {
            {.fd = descriptor, .events = (short)(POLLIN | (replay->is_blocked ? POLLOUT : 0))},
            {.fd = stop_descriptor, .events = POLLIN},
        };
        int64_t wait_us = until_us == INT64_MAX ? 0 : until_us - omvrpc_now_us();
        wait_us = wait_us < 0 ? 0 : wait_us;
        struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000 * 1000)};
        if (ppoll(polled, 2, until_us == INT64_MAX ? NULL : &wait, NULL) < 0 && errno != EINTR) {
            return -errno;
        }
        if (polled[1].revents) {
            return 0;
        }
        replay->is_blocked = replay->is_blocked && !(polled[0].revents & POLLOUT);
        if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            result = read_input(replay, descriptor);
        }
        if (result) {
            return result;
        }
    }
}

int sim_replay_run(struct sim_replay *replay, int descriptor, int stop_descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    omvrpc_slave_reset(replay->slave);
    replay->call = NULL;
    replay->cutter = (struct cutter){.from_master = true};
    replay->length = 0;
    replay->is_blocked = false;
    int result = run(replay, descriptor, stop_descriptor);
    return result == -EIO ? 0 : result;
}
