/* SPDX-License-Identifier: MIT */
/* The doctor's steps that need the daemon's help: does the camera answer, what is it, how well do they talk. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "doctor.h"
#include "need.h"
#include "reasons.h"

/*
 * A daemon that has just found a port waits 3 s before it calls the camera offline; until then there is nothing to
 * tell. SETTLE_MS is a little more, looked at every LOOK_MS.
 */
#define SETTLE_MS 4000
#define LOOK_MS   100

/* The reserved name that no script has: a camera answers it with nothing. A call that takes longer than this has failed. */
#define PROBE_NAME       "omvrpc.probe"
#define PROBE_TIMEOUT_MS 2000

enum { PROBE_COUNT = 20, PROBE_FAILURES_MOST = 3 };

/* An empty call takes some ms on the slowest usual link; USB adapters of FTDI add up to 16 ms to each packet. */
#define SLOW_ROUND_TRIP_MS 50.0
#define FTDI_ROUND_TRIP_MS 8.0

/* Damage below this share of what came is what settling at a start leaves, or the odd spark. */
#define SKIPPED_SHARE 0.01
#define SKIPPED_LEAST 64.0
#define DAMAGED_SHARE 0.001
#define DAMAGED_LEAST 3.0

/* On SPI and I2C an answer is read, now and then before the camera has it, or half; every third poll at the worst. */
#define MISSED_SHARE 0.5

static bool ask(struct doctor *doctor, const char *method, cJSON *params, struct reply *reply) {
    char *text = need_memory(cJSON_PrintUnformatted(params));
    *reply = (struct reply){0};
    int code = client_request(doctor->client, method, text, PROBE_TIMEOUT_MS + CLIENT_GRACE_MS, reply);
    cJSON_free(text);
    cJSON_Delete(params);
    return code == CTL_OK;
}

static cJSON *camera_params(const struct doctor *doctor) {
    cJSON *params = need_memory(cJSON_CreateObject());
    cJSON_AddStringToObject(params, "camera", doctor->name);
    return params;
}

/* The counters of the camera's wire, lying in `reply`; empty where the daemon does not tell. */
static struct json_text ask_wire(struct doctor *doctor, struct reply *reply) {
    struct json_text cameras, name, camera;
    struct json_text wire = {0};
    if (ask(doctor, "stats", camera_params(doctor), reply) && json_text_member(reply->result, "cameras", &cameras)) {
        struct json_walk walk = json_walk_begin(cameras);
        if (json_walk_next(&walk, &name, &camera)) {
            json_text_member(camera, "wire", &wire);
        }
    }
    return wire;
}

static double number_of(struct json_text object, const char *name) {
    struct json_text member;
    double number = 0;
    return json_text_member(object, name, &member) && json_text_double(member, &number) ? number : 0;
}

static void wait_while_connecting(struct doctor *doctor) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    for (int waited = 0; doctor_is_in_state(doctor, "connecting") && waited < SETTLE_MS; waited += LOOK_MS) {
        nanosleep(&pause, NULL);
        if (!doctor_ask_cameras(doctor)) {
            return;
        }
    }
}

/* What to do about a camera that does not answer, by its link and whether anything comes. The last row is for all. */
static const struct silence {
    unsigned link;
    const char *with_bytes, *without;
} silences[] = {
    {DOCTOR_SERIAL,
     "bytes come, but no answers: give the script and \"baud\" in the configuration the same rate,\n"
     "and see that nothing else prints on this port",
     "is main.py on the camera (openmvctl deploy), with omvrpc.uart() in it? Then: TX to RX and RX to TX,\n"
     "a common ground, the same rate on both sides"},
    {DOCTOR_SPI,
     "bytes come, but no answers: try \"speed_hz\": 250000, and \"mode\": 2; look at the wire of the chip select",
     "is main.py on the camera (openmvctl deploy), with omvrpc.spi() in it? Then: SCLK, MOSI, MISO, chip select\n"
     "and ground, each to the pin of the same name"},
    {DOCTOR_I2C,
     "bytes come, but no answers: does another chip have this address ('i2cdetect -y 1' without the camera)? A\n"
     "Raspberry Pi 1 to 4 damages bytes of a camera that holds the clock: use the overlay i2c-gpio",
     "is main.py on the camera (openmvctl deploy), with omvrpc.i2c() and this address in it? Then: SDA to SDA, SCL\n"
     "to SCL, a common ground, and pull-ups of 2 to 5 kOhm to 3.3 V"},
    {DOCTOR_CAN, "bytes come, but no answers: does another device send with this id? 'candump' shows it",
     "is main.py on the camera (openmvctl deploy), with omvrpc.can() in it? Then: a transceiver at each side, CANH\n"
     "to CANH, CANL to CANL, 120 Ohm at both ends, and the same bit rate"},
    {DOCTOR_ALL,
     "bytes come, but no answers: another script runs, or the camera is at its prompt:\n"
     "openmvctl deploy, then press its reset button",
     "put the scripts on the camera: openmvctl deploy; then press its reset button"},
};

/* What to do about a camera that does not answer, by what came from it. */
static const char *silence_cure(struct doctor *doctor) {
    struct reply reply;
    struct json_text wire = ask_wire(doctor, &reply);
    struct json_text learned = {0};
    json_text_member(wire, "learned", &learned);
    double received = number_of(wire, "bytes_received");
    /* The round trip is learned from answers. */
    bool has_answered = number_of(learned, "round_trip_ms") > 0;
    bool was_open = number_of(wire, "bytes_sent") > 0;
    reply_free(&reply);
    if (!was_open) {
        return "the sentence says what to do; sudo openmvctl doctor sees more";
    }
    if (has_answered) {
        return "it has answered before: press its reset button, and look at its cable and its power supply";
    }
    const struct silence *silence = silences;
    while (silence->link != DOCTOR_ALL && silence->link != doctor->link) {
        silence++;
    }
    return received >= SKIPPED_LEAST ? silence->with_bytes : silence->without;
}

void doctor_look_answer(struct doctor *doctor, struct doctor_finding *finding) {
    if (!doctor->camera.length) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "only a daemon can ask a camera");
        return;
    }
    wait_while_connecting(doctor);
    if (doctor->is_online) {
        doctor_find(finding, DOCTOR_OK, NULL, "the camera answers");
    } else if (doctor_is_in_state(doctor, "released")) {
        char *cure = need_text("openmvctl acquire %s", doctor->name);
        doctor_find(finding, DOCTOR_FAIL, cure, "its port is lent to other software");
        free(cure);
    } else {
        char *reason = doctor_text(doctor->camera, "reason");
        doctor_find(finding, DOCTOR_FAIL, silence_cure(doctor), "%s", reason);
        free(reason);
    }
}

/* Steps behind this need a camera that answers. */
static bool is_away(const struct doctor *doctor, struct doctor_finding *finding) {
    if (!doctor->is_online) {
        doctor_find(finding, DOCTOR_SKIPPED, NULL, "it needs a camera that answers");
    }
    return !doctor->is_online;
}

void doctor_look_describe(struct doctor *doctor, struct doctor_finding *finding) {
    struct reply reply;
    if (is_away(doctor, finding)) {
        return;
    }
    /* The daemon asks a camera what it is when it comes online, perhaps after the last look. */
    doctor_ask_cameras(doctor);
    size_t count = ask(doctor, "callbacks", camera_params(doctor), &reply) ? json_text_count(reply.result) : 0;
    char *firmware = doctor_camera_member(doctor, "firmware");
    char *board = doctor_camera_member(doctor, "board");
    char *library = doctor_camera_member(doctor, "library");
    if (firmware || board || library) {
        doctor_find(finding, DOCTOR_OK, NULL, "%s, firmware %s, library %s, %zu callbacks", board ? board : "a board",
                    firmware ? firmware : "unknown", library ? library : "unknown", count);
    } else {
        doctor_find(finding, DOCTOR_OK, NULL, "it does not describe itself, as stock scripts do not; %zu callbacks",
                    count);
    }
    free(library);
    free(board);
    free(firmware);
    reply_free(&reply);
}

static int compare_doubles(const void *one, const void *other) {
    double a = *(const double *)one;
    double b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Calls nothing, a few times; `last` is the last reply, to be freed. Returns how many calls succeeded. */
static size_t call_probe(struct doctor *doctor, double elapsed_ms[PROBE_COUNT], struct reply *last) {
    size_t done = 0;
    size_t failed = 0;
    *last = (struct reply){0};
    while (done + failed < PROBE_COUNT && failed < PROBE_FAILURES_MOST) {
        cJSON *params = camera_params(doctor);
        cJSON_AddStringToObject(params, "name", PROBE_NAME);
        cJSON_AddNumberToObject(params, "timeout_ms", PROBE_TIMEOUT_MS);
        reply_free(last);
        if (ask(doctor, "call", params, last)) {
            elapsed_ms[done++] = number_of(last->result, "elapsed_ms");
        } else {
            failed++;
        }
    }
    return done;
}

void doctor_look_calls(struct doctor *doctor, struct doctor_finding *finding) {
    double elapsed_ms[PROBE_COUNT];
    struct reply last;
    if (is_away(doctor, finding)) {
        return;
    }
    size_t done = call_probe(doctor, elapsed_ms, &last);
    if (done < PROBE_COUNT) {
        char *message = doctor_text(last.error, "message");
        doctor_find(finding, done ? DOCTOR_WARN : DOCTOR_FAIL,
                    "a shorter or better cable, a lower rate, a common ground; 'openmvctl stats' counts what is lost",
                    done ? "some of %d empty calls failed; the last reply: %s" : "none of %d empty calls succeeded: %s",
                    PROBE_COUNT, last.error.length ? message : "good");
        free(message);
    } else {
        qsort(elapsed_ms, done, sizeof *elapsed_ms, compare_doubles);
        doctor_find(finding, DOCTOR_OK, NULL, "%d empty calls: %.3g ms each (median), %.3g ms at most", PROBE_COUNT,
                    elapsed_ms[done / 2], elapsed_ms[done - 1]);
    }
    reply_free(&last);
}

void doctor_look_round_trip(struct doctor *doctor, struct doctor_finding *finding) {
    struct reply reply;
    struct json_text learned = {0};
    if (is_away(doctor, finding)) {
        return;
    }
    json_text_member(ask_wire(doctor, &reply), "learned", &learned);
    double round_trip_ms = number_of(learned, "round_trip_ms");
    double turnaround_ms = number_of(learned, "turnaround_ms");
    bool is_adapter = doctor->tty && strncmp(doctor->tty, "ttyUSB", strlen("ttyUSB")) == 0;
    if (is_adapter && round_trip_ms >= FTDI_ROUND_TRIP_MS) {
        char *cure = need_text("echo 1 | sudo tee /sys/bus/usb-serial/devices/%s/latency_timer", doctor->tty);
        doctor_find(finding, DOCTOR_WARN, cure, "%.3g ms: the USB adapter holds bytes back", round_trip_ms);
        free(cure);
    } else {
        bool is_slow = round_trip_ms >= SLOW_ROUND_TRIP_MS;
        doctor_find(finding, is_slow ? DOCTOR_WARN : DOCTOR_OK,
                    is_slow ? "a higher rate helps on a UART, and a script that does less between calls" : NULL,
                    "%.3g ms there and back; the camera needs %.3g ms between calls", round_trip_ms, turnaround_ms);
    }
    reply_free(&reply);
}

void doctor_look_wire(struct doctor *doctor, struct doctor_finding *finding) {
    struct reply reply;
    if (is_away(doctor, finding)) {
        return;
    }
    struct json_text wire = ask_wire(doctor, &reply);
    double received = number_of(wire, "bytes_received");
    double skipped = number_of(wire, "skipped_bytes");
    double damaged = number_of(wire, "crc_errors");
    double polls = number_of(wire, "polls");
    bool is_read = doctor->link == DOCTOR_SPI || doctor->link == DOCTOR_I2C;
    bool is_noisy = !is_read && skipped >= SKIPPED_LEAST && skipped >= received * SKIPPED_SHARE;
    bool is_damaging = damaged >= DAMAGED_LEAST && damaged >= polls * (is_read ? MISSED_SHARE : DAMAGED_SHARE);
    doctor_find(finding, is_noisy || is_damaging ? DOCTOR_WARN : DOCTOR_OK,
                is_damaging ? "a shorter or better cable, a lower rate, a common ground"
                : is_noisy  ? "something else prints on this line: take print() out of the camera's script"
                            : NULL,
                "%.0f packets with a wrong CRC, %.0f of %.0f bytes that were no answer, settled %.0f times", damaged,
                skipped, received, number_of(wire, "settlings"));
    reply_free(&reply);
}
