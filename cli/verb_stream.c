/* SPDX-License-Identifier: MIT */
/* `stream`: the pictures of a stream, one behind the other, or each into a file. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "ask.h"
#include "interrupt.h"
#include "need.h"
#include "output_file.h"
#include "reasons.h"
#include "repeat.h"
#include "screen.h"
#include "status_line.h"
#include "verbs.h"

#define STREAM_NAME      "jpeg_image_stream"
#define STREAM_ARGUMENTS "sensor.RGB565,sensor.QVGA"

/* How long Ctrl-C may take at most. */
#define TURN_MS   100

#define STATUS_MS 1000

/* The daemon goes on asking a camera whose callback begins no stream. So long it may turn out to be the wire's fault. */
#define REFUSED_MS 3000

/* Frames and bytes up to a moment. */
struct tally {
    int64_t when_ms;
    long frames;
    double bytes;
};

/*
 * Why it is over: by --count or Ctrl-C; because the reader, as a player that was closed, has left; because the camera
 * begins no stream; by a failure.
 */
enum stream_end { END_NOT_YET, END_ASKED, END_DESERTED, END_REFUSED, END_FAILED };

struct stream {
    const struct options *options;
    const char *pattern; /* of file names */
    bool to_stdout;
    bool live; /* a status line on the terminal is rewritten */
    enum stream_end end;
    size_t dropped;
    int64_t refused_ms; /* when the camera was told to begin no stream, or 0 */
    struct tally now;
    struct tally first;  /* just after the first frame */
    struct tally status; /* as of the status line */
};

static void clear_status(const struct stream *stream) {
    if (stream->live) {
        status_line_clear();
    }
}

/*
 * Writes to standard output in pieces that a pipe takes at once when it takes anything, so that a reader who has
 * stopped does not keep Ctrl-C from being heard. False, with errno set, when that failed or, by EINTR, was interrupted.
 */
static bool put_frame(const char *bytes, size_t length) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (length > 0) {
        if (interrupt_came()) {
            errno = EINTR;
            return false;
        }
        if (poll(&out, 1, TURN_MS) <= 0) {
            continue;
        }
        ssize_t written = write(STDOUT_FILENO, bytes, length < PIPE_BUF ? length : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            return false;
        }
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* False when the stream is over; then its end says why. */
static bool write_to_stdout(struct stream *stream, const struct reply *event) {
    if (put_frame(event->bytes, event->byte_count)) {
        return true;
    }
    stream->end = errno == EINTR ? END_ASKED : errno == EPIPE ? END_DESERTED : END_FAILED;
    if (stream->end == END_FAILED) {
        clear_status(stream);
        fprintf(stderr, "openmvctl: cannot write standard output: %s\n", strerror(errno));
    }
    return false;
}

static bool write_to_file(struct stream *stream, const struct reply *event) {
    char *name = output_file_name(stream->pattern, (unsigned)stream->now.frames + 1);
    bool written = output_file_write(name, event->bytes, event->byte_count);
    free(name);
    if (written && stream->options->value[OPTION_JSON]) {
        reply_print_json(event);
        fflush(stdout);
    }
    stream->end = written ? stream->end : END_FAILED;
    return written;
}

static void put_rates(FILE *out, const struct tally *from, const struct tally *to) {
    double seconds = (double)(to->when_ms - from->when_ms) / 1000;
    if (seconds > 0) {
        fprintf(out, "%.1f frames/s, ", (double)(to->frames - from->frames) / seconds);
        screen_put_size(out, (to->bytes - from->bytes) / seconds);
        fputs("/s, ", out);
    }
}

static void show_status(struct stream *stream) {
    stream->now.when_ms = clock_now_ms();
    if (!stream->live || stream->now.when_ms - stream->status.when_ms < STATUS_MS) {
        return;
    }
    struct status_line line;
    FILE *out = status_line_begin(&line);
    put_rates(out, &stream->status, &stream->now);
    fprintf(out, "%ld frame%s, %zu missed", stream->now.frames, stream->now.frames == 1 ? "" : "s", stream->dropped);
    status_line_show(&line);
    stream->status = stream->now;
}

/* A pipe that breaks is an end without words. */
static void show_summary(const struct stream *stream) {
    clear_status(stream);
    if (stream->end != END_DESERTED) {
        if (stream->now.frames > 1) {
            put_rates(stderr, &stream->first, &stream->now);
        }
        fprintf(stderr, "%ld frame%s, ", stream->now.frames, stream->now.frames == 1 ? "" : "s");
        screen_put_size(stderr, stream->now.bytes);
        fprintf(stderr, ", %zu missed\n", stream->dropped);
    }
}

/* A frame, or the news that there is none for a reason. */
static void take_event(struct stream *stream, const struct reply *event) {
    struct json_text member;
    if (json_text_member(event->result, "dropped", &member)) {
        json_text_size(member, SIZE_MAX / 2, &stream->dropped);
    }
    if (json_text_member(event->result, "error", &member) && json_text_kind(member) == JSON_OBJECT) {
        clear_status(stream);
        fputs("openmvctl: ", stderr);
        reply_put_message(stderr, member);
        fputc('\n', stderr);
        const struct reply refusal = {.error = member};
        stream->refused_ms = reply_has_cause(&refusal, "no_stream") ? clock_now_ms() : 0;
    }
    if (event->bytes && (stream->to_stdout ? write_to_stdout(stream, event) : write_to_file(stream, event))) {
        stream->now.frames++;
        stream->now.bytes += (double)event->byte_count;
        stream->now.when_ms = clock_now_ms();
        stream->first = stream->now.frames == 1 ? stream->now : stream->first;
    }
}

static int take_stream(struct stream *stream, struct client *client, long most) {
    struct reply event = {0};
    int code = CTL_OK;
    interrupt_catch();
    signal(SIGPIPE, SIG_IGN);
    stream->status.when_ms = clock_now_ms();
    while (code == CTL_OK && stream->end == END_NOT_YET) {
        code = client_next_event(client, TURN_MS, &event);
        if (code != CTL_OK) {
            clear_status(stream);
            reply_report_failure(&event, stream->options->value[OPTION_JSON] != NULL);
        } else if (event.line) {
            take_event(stream, &event);
            stream->end = reply_has_ended(&event) ? END_FAILED : stream->end;
        }
        reply_free(&event);
        if (stream->end == END_NOT_YET && (interrupt_came() || stream->now.frames == most)) {
            stream->end = END_ASKED;
        }
        if (stream->end == END_NOT_YET && stream->refused_ms && !stream->now.frames &&
            clock_now_ms() - stream->refused_ms > REFUSED_MS) {
            stream->end = END_REFUSED;
            code = CTL_REFUSED;
        }
        show_status(stream);
    }
    show_summary(stream);
    return stream->end == END_FAILED ? CTL_FAILED : code;
}

static cJSON *build_params(const struct options *options) {
    const char *given = options_operand(options, 0);
    const char *name = given ? given : STREAM_NAME;
    long unused_ms = 0;
    cJSON *params = ask_call_params(options, NULL, "raw", &unused_ms);
    if (!params || !arguments_add(params, options)) {
        cJSON_Delete(params);
        return NULL;
    }
    cJSON_AddStringToObject(params, "stream", name);
    if (strcmp(name, STREAM_NAME) == 0 && !cJSON_HasObjectItem(params, "args") &&
        !cJSON_HasObjectItem(params, "data")) {
        cJSON_AddStringToObject(params, "args", STREAM_ARGUMENTS);
    }
    return params;
}

/* CTL_OK where the pictures can go where they are to go. */
static int check_output(const struct stream *stream) {
    const struct options *options = stream->options;
    char *first = output_file_name(stream->pattern, 1);
    free(first);
    if (!first) {
        return usage_error(options, OUTPUT_FILE_NO_NAME, stream->pattern);
    }
    if (stream->to_stdout && options->value[OPTION_JSON]) {
        return usage_error(options, "pictures and --json cannot share standard output: name a file with --out");
    }
    if (stream->to_stdout && isatty(STDOUT_FILENO)) {
        return usage_error(options, "pictures would upset the terminal: name a file with --out, or pipe them to a "
                                    "player, as 'openmvctl stream | ffplay -'");
    }
    return CTL_OK;
}

int verb_run_stream(const struct options *options, struct client *client) {
    const char *out = options->value[OPTION_OUT];
    struct stream stream = {.options = options, .pattern = out ? out : "-"};
    long most = -1;
    stream.to_stdout = strcmp(stream.pattern, "-") == 0;
    stream.live = screen_is_terminal(stderr) && !options->value[OPTION_JSON];
    if (!options_count(options, OPTION_COUNT, &most) || check_output(&stream) != CTL_OK) {
        return CTL_USAGE;
    }
    cJSON *params = build_params(options);
    if (!params) {
        return CTL_USAGE;
    }
    int code = ask_subscribe(options, client, params);
    cJSON_Delete(params);
    return code == CTL_OK ? take_stream(&stream, client, most) : code;
}
