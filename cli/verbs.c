/* SPDX-License-Identifier: MIT */
/* The table of verbs, and the help that is made from it. */
#include "verbs.h"

#include <string.h>

#include "options.h"
#include "reasons.h"

#define ASKING_OPTIONS   (OPTION_BIT(OPTION_MAX_AGE) | OPTION_BIT(OPTION_PRIORITY) | OPTION_BIT(OPTION_WAIT))
#define ARGUMENT_OPTIONS (OPTION_BIT(OPTION_ARGS) | OPTION_BIT(OPTION_DATA) | OPTION_BIT(OPTION_DATA_FILE))
#define CALL_OPTIONS                                                                                                   \
    (ASKING_OPTIONS | ARGUMENT_OPTIONS | OPTION_BIT(OPTION_REPLY) | OPTION_BIT(OPTION_OUT) |                           \
     OPTION_BIT(OPTION_PROGRESS))
#define SERIES_OPTIONS (OPTION_BIT(OPTION_EVERY) | OPTION_BIT(OPTION_COUNT))

#define WATCH_OPTIONS                                                                                                  \
    (ASKING_OPTIONS | ARGUMENT_OPTIONS | SERIES_OPTIONS | OPTION_BIT(OPTION_ON_CHANGE) | OPTION_BIT(OPTION_EVENTS))
#define STREAM_OPTIONS (ARGUMENT_OPTIONS | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_COUNT) | OPTION_BIT(OPTION_WAIT))

#define DEPLOY_OPTIONS                                                                                                 \
    (OPTION_BIT(OPTION_DRIVE) | OPTION_BIT(OPTION_SERIAL) | OPTION_BIT(OPTION_FROM) | OPTION_BIT(OPTION_DRY_RUN) |     \
     OPTION_BIT(OPTION_YES))

#define OPERANDS_LIMIT 256

static const char call_help[] =
    "NAME is a callback, as 'openmvctl callbacks' lists them, or a command id such as '#1a2b3c4d'.\n"
    "Arguments are all of the form KEY=VALUE, for fields by name, or all plain, for values by position.\n"
    "A VALUE that is JSON (12, -0.5, true, null, \"text\", [1,2], {\"a\":1}) is sent as that, any other as text:\n"
    "quote twice to send 12 as text ('\"12\"'). One plain argument is sent by itself, several as an array.\n"
    "\n"
    "  openmvctl call face_detection\n"
    "  openmvctl call color_detection 30 100 15 127 -10 60\n"
    "  openmvctl call read_gauge dial=3\n"
    "  openmvctl call jpeg_snapshot --out picture.jpg\n"
    "\n"
    "An empty result means that the camera saw nothing: 'nothing seen', which is no failure.\n"
    "--out asks for the raw bytes unless --reply says otherwise; no file is written when nothing was seen. While a\n"
    "large result comes, a terminal shows how much of it is there.\n";

static const char snapshot_help[] =
    "FILE is snapshot.jpg unless given; - is standard output. One %d, or %03d and the like, becomes the number of\n"
    "the picture, from 1 (%% is a percent sign); without it each picture replaces the one before. A picture gets\n"
    "its name only when it is complete. With --every but no --count it goes on until interrupted; once a first\n"
    "picture is there, a failed one is told and left out, and the series goes on.\n"
    "\n"
    "  openmvctl snapshot --every 2s --count 10 shots/%03d.jpg\n";

static const char watch_help[] =
    "NAME and its arguments are as in 'openmvctl call --help'. The daemon asks the camera every second, or as --every\n"
    "says, once for all who watch the same. On a terminal the latest answer is shown with how many there were, how\n"
    "often they come and how old the latest is; elsewhere each is a line. With --json each is the daemon's event, "
    "with\n"
    "its number and how many were missed. A call that fails is told, and the watch goes on, until Ctrl-C or --count.\n"
    "\n"
    "  openmvctl watch face_detection --every 100ms\n"
    "  openmvctl watch qrcode_detection --on-change --json\n"
    "  openmvctl watch --events\n";

static const char stream_help[] =
    "NAME is a callback that streams, jpeg_image_stream unless given, which is asked for sensor.RGB565,sensor.QVGA\n"
    "unless given another pixel format and size. The pictures go to standard output one behind the other, which\n"
    "players call MJPEG; or to the file of --out: numbered ones where it has %d, or %03d and the like, else one that\n"
    "is replaced as a whole by each picture. The rate is shown on a terminal, and told at the end. Who is too slow\n"
    "misses pictures. A camera without a stream is asked for one picture after the other.\n"
    "\n"
    "  openmvctl stream | ffplay -\n"
    "  openmvctl stream jpeg_image_stream sensor.GRAYSCALE,sensor.QQVGA --count 100 --out shots/%03d.jpg\n";

static const char request_help[] =
    "Sends METHOD with PARAMS-JSON as they are and prints the result as JSON, to look at the daemon from near.\n"
    "\n"
    "  openmvctl request call '{\"name\":\"face_detection\",\"reply\":\"hex\"}'\n";

static const char trace_help[] =
    "Records what goes over the wire of CAMERA, for 10 s unless --for says otherwise, and writes it to FILE (- is\n"
    "standard output). CAMERA may be left out where there is only one. Ctrl-C ends it early, and what was recorded\n"
    "until then is written. --max bounds the file: 1M unless given, 4M at most.\n"
    "\n"
    "  openmvctl trace front capture.txt --for 30s\n";

static const char replay_help[] =
    "Needs no daemon. FILE is what 'openmvctl trace' has written; - is standard input. Each packet is a line: the "
    "time\n"
    "in seconds, the time since the line before, -> to the camera or <- from it, and what it is. With --json only the\n"
    "counts are printed.\n";

static const char release_help[] =
    "CAMERA may be left out where there is only one. 'openmvctl acquire' takes the port back; with --for, the daemon\n"
    "does so by itself.\n"
    "\n"
    "  openmvctl release --for 10m\n";

static const char deploy_help[] =
    "The files are those of openmvd, main.py and what it needs. The drive is found by the camera's USB id, mounted if\n"
    "need be (as root, or by udisksctl), and unmounted again. Only what differs is written. The daemon may run\n"
    "meanwhile. With --camera, the daemon is asked to reset that camera afterwards.\n"
    "\n"
    "  openmvctl deploy --dry-run\n"
    "  openmvctl deploy --drive /media/pi/OPENMV\n";

static const char doctor_help[] =
    "Goes through all that can be wrong with the link of one camera, and ends with what is wrong and what cures it.\n"
    "CAMERA may be left out where there is only one. As root it also sees who holds a port. With --json: the steps as\n"
    "an array, each with its outcome (ok, warn, fail or skipped), and a verdict.\n"
    "\n"
    "  openmvctl doctor --device /dev/ttyAMA0\n";

static const struct verb verbs[] = {
    {"call", verb_run_call, "NAME [KEY=VALUE ... | VALUE ...]", "call a callback and print what it answers", call_help,
     CALL_OPTIONS, 1, OPERANDS_LIMIT},
    {"snapshot", verb_run_snapshot, "[FILE]", "save a picture, or a series", snapshot_help,
     ASKING_OPTIONS | SERIES_OPTIONS | OPTION_BIT(OPTION_PROGRESS), 0, 1},
    {"watch", verb_run_watch, "NAME [KEY=VALUE ... | VALUE ...]", "show a callback's answers as they come", watch_help,
     WATCH_OPTIONS, 0, OPERANDS_LIMIT},
    {"stream", verb_run_stream, "[NAME [KEY=VALUE ... | VALUE ...]]", "write a stream of pictures, for players",
     stream_help, STREAM_OPTIONS, 0, OPERANDS_LIMIT},
    {"cameras", verb_run_cameras, "", "list the cameras and their states", NULL, 0, 0, 0},
    {"callbacks", verb_run_callbacks, "", "list what a camera can be asked, and how", NULL, 0, 0, 0},
    {"stats", verb_run_stats, "", "show counters and latencies", NULL, OPTION_BIT(OPTION_WATCH) | SERIES_OPTIONS, 0, 0},
    {"trace", verb_run_trace, "[CAMERA] FILE", "record what goes over a camera's wire", trace_help,
     OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_MAX), 1, 2},
    {"replay", verb_run_replay, "FILE", "show what was recorded, decoded", replay_help, 0, 1, 1},
    {"release", verb_run_release, "[CAMERA]", "lend a camera's port to other software", release_help,
     OPTION_BIT(OPTION_FOR), 0, 1},
    {"acquire", verb_run_acquire, "[CAMERA]", "take a lent port back", NULL, 0, 0, 1},
    {"reset", verb_run_reset, "[CAMERA]", "reset a camera by its GPIO line", NULL, 0, 0, 1},
    {"deploy", verb_run_deploy, "", "copy openmvd's scripts to a camera's drive", deploy_help, DEPLOY_OPTIONS, 0, 0},
    {"doctor", verb_run_doctor, "[CAMERA]", "find out what is wrong with a camera's link", doctor_help,
     OPTION_BIT(OPTION_DEVICE), 0, 1},
    {"ping", verb_run_ping, "", "see whether the daemon answers", NULL, 0, 0, 0},
    {"version", verb_run_version, "", "show the daemon's version", NULL, 0, 0, 0},
    {"request", verb_run_request, "METHOD [PARAMS-JSON]", "send any request as it is, for debugging", request_help,
     OPTION_BIT(OPTION_OUT), 1, 2},
};

#define VERB_COUNT (sizeof verbs / sizeof *verbs)

const struct verb *verb_find(const char *name) {
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static size_t common_start(const char *one, const char *other) {
    size_t length = 0;
    while (one[length] && one[length] == other[length]) {
        length++;
    }
    return length;
}

/* A near miss agrees at both ends and leaves at most two letters between: enough for what fingers do to short words. */
static int is_near(const char *typed, const char *name) {
    size_t typed_length = strlen(typed);
    size_t name_length = strlen(name);
    size_t shorter = typed_length < name_length ? typed_length : name_length;
    size_t longer = typed_length < name_length ? name_length : typed_length;
    size_t start = common_start(typed, name);
    size_t tail = 0;
    while (tail < shorter - start && typed[typed_length - 1 - tail] == name[name_length - 1 - tail]) {
        tail++;
    }
    return start + tail > 1 && longer - start - tail <= 2;
}

const struct verb *verb_find_near(const char *name) {
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (is_near(name, verbs[i].name)) {
            return &verbs[i];
        }
    }
    return NULL;
}

void verb_print_all_help(FILE *out) {
    fputs("openmvctl asks OpenMV cameras through openmvd.\n\nUsage: openmvctl [OPTIONS] VERB ...\n\nVerbs:\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        fprintf(out, "  %-11s %s\n", verbs[i].name, verbs[i].doc);
    }
    fputs("\n'openmvctl VERB --help' tells more of each. Options for all:\n", out);
    options_print(out, OPTIONS_OF_EVERYBODY);
    fputs("\nThe socket: --socket, else $OPENMVD_SOCKET, else /run/openmvd/openmvd.sock, else\n"
          "$XDG_RUNTIME_DIR/openmvd.sock. NO_COLOR switches colours off.\n\n",
          out);
    reason_print_exit_codes(out);
}

void verb_print_help(const struct verb *verb, FILE *out) {
    fprintf(out, "openmvctl %s: %s\n\nUsage: openmvctl [OPTIONS] %s%s%s\n\n", verb->name, verb->doc, verb->name,
            *verb->usage ? " " : "", verb->usage);
    if (verb->more) {
        fprintf(out, "%s\n", verb->more);
    }
    fputs("Options:\n", out);
    options_print(out, verb->options | OPTIONS_OF_EVERYBODY);
}
