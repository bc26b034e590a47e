/* SPDX-License-Identifier: MIT */
/*
 * How much of a line's own rate the host makes use of: for each kind of line, a result of 200 kB by the library's own link
 * and master, and the gaps that they leave. Prints an array of JSON, an object a line; --quick measures once and not
 * three times. See bench/README.md.
 */

#include "virtual_line.h"

#include "libopenmvrpc/link/can.h"
#include "packet.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define RESULT_BYTES 200000
#define REPEATS      3
#define PATIENCE_US  120000000

/* A piece of a result over I2C: as the daemon makes them, one packet with its envelope. */
#define I2C_PIECE (OMVRPC_I2C_MESSAGE_MAX - OMVRPC_ENVELOPE_SIZE - OMVRPC_PACKET_OVERHEAD)

static uint8_t result[RESULT_BYTES];

/* The argument is offset and length, as of callbacks that read in pieces. */
static void give_piece(void *context, uint32_t command, const uint8_t *argument, size_t length,
                       struct stock_slave_reply *reply) {
    (void)context, (void)command;
    if (length == 8 && get_u32(argument) <= RESULT_BYTES && get_u32(argument + 4) <= RESULT_BYTES - get_u32(argument)) {
        reply->result = result + get_u32(argument);
        reply->length = get_u32(argument + 4);
    }
}

static struct omvrpc_link *open_uart(uint32_t rate) {
    return omvrpc_descriptor_open(
        line_descriptor(), &(struct omvrpc_link_info){.pairs = true, .byte_rate = rate / 10, .receive_buffer = 64});
}

static struct omvrpc_link *open_can(uint32_t rate) {
    return can_link_new(line_descriptor(), OMVRPC_CAN_ID_DEFAULT, rate, &(struct ready){.gpio = NULL});
}

static struct omvrpc_link *open_i2c(uint32_t rate) {
    return omvrpc_i2c_open(&(struct omvrpc_i2c_options){.device = "/dev/i2c-1", .address = 0x12, .rate_hz = rate});
}

static struct omvrpc_link *open_spi(uint32_t rate) {
    return omvrpc_spi_open(&(struct omvrpc_spi_options){.device = "/dev/spidev0.0", .speed_hz = rate, .mode = 2});
}

static const struct {
    const char *name;
    enum line_kind kind;
    uint32_t rate;
    size_t piece;
    double goal_percent;
    struct omvrpc_link *(*open)(uint32_t rate);
} lines[] = {
    {"UART", LINE_UART, 115200, RESULT_BYTES, 97, open_uart},
    {"CAN", LINE_CAN, 250000, RESULT_BYTES, 97, open_can},
    {"I2C", LINE_I2C, 400000, I2C_PIECE, 95, open_i2c},
    {"SPI", LINE_SPI, 10000000, RESULT_BYTES, 95, open_spi},
};

static void end_because(const char *name, const char *what) {
    fprintf(stderr, "line_share: %s: %s\n", name, what);
    exit(EXIT_FAILURE);
}

/* Fetches a piece of the result; ends the program where it is not that piece. */
static void fetch(struct omvrpc_master *master, struct omvrpc_link *link, const char *name, size_t offset,
                  size_t length) {
    uint8_t argument[8];
    struct omvrpc_result got;
    put_u32(argument, (uint32_t)offset);
    put_u32(argument + 4, (uint32_t)length);
    const struct omvrpc_request request = {
        .command = 1,
        .argument = argument,
        .argument_length = sizeof argument,
        .deadline_us = omvrpc_now_us() + PATIENCE_US,
        .repeatable = true,
    };
    if (omvrpc_call_request(master, link, &request, &got) != 0 || got.outcome != OMVRPC_DONE) {
        end_because(name, "a call failed");
    }
    if (got.length != length || memcmp(got.data, result + offset, length) != 0) {
        end_because(name, "a wrong answer");
    }
}

static int compare(const void *left, const void *right) {
    double a = ((const struct line_times *)left)->total_us, b = ((const struct line_times *)right)->total_us;
    return (a > b) - (a < b);
}

/* The median of a few runs. */
static struct line_times measure(size_t index, int repeats, double *line_us) {
    struct line_times runs[REPEATS];
    line_open(lines[index].kind, lines[index].rate, give_piece, NULL);
    struct omvrpc_link *link = lines[index].open(lines[index].rate);
    struct omvrpc_master *master = omvrpc_master_new();
    if (link == NULL || master == NULL) {
        end_because(lines[index].name, "the link does not open");
    }
    /* It settles, and learns how long the callback takes. */
    for (int i = 0; i < 3; i++) {
        fetch(master, link, lines[index].name, 0, 8);
    }
    for (int i = 0; i < repeats; i++) {
        line_begin();
        for (size_t at = 0; at < RESULT_BYTES; at += lines[index].piece) {
            size_t left = RESULT_BYTES - at;
            fetch(master, link, lines[index].name, at, left < lines[index].piece ? left : lines[index].piece);
        }
        runs[i] = line_end();
    }
    *line_us = line_time_us(RESULT_BYTES);
    omvrpc_master_free(master);
    omvrpc_link_close(link);
    line_close();
    qsort(runs, (size_t)repeats, sizeof runs[0], compare);
    return runs[repeats / 2];
}

int main(int argc, char **argv) {
    int repeats = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 1 : REPEATS;
    cJSON *rows = cJSON_CreateArray();
    /* As the daemon's workers have it. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    for (size_t i = 0; i < RESULT_BYTES; i++) {
        result[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        double line_us;
        struct line_times times = measure(i, repeats, &line_us);
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "line", lines[i].name);
        cJSON_AddNumberToObject(row, "rate", lines[i].rate);
        cJSON_AddNumberToObject(row, "bytes", RESULT_BYTES);
        cJSON_AddNumberToObject(row, "transfers", times.transfers);
        cJSON_AddNumberToObject(row, "line_ms", line_us / 1000);
        cJSON_AddNumberToObject(row, "settle_ms", times.settle_us / 1000);
        cJSON_AddNumberToObject(row, "packets_ms", (times.line_us - line_us) / 1000);
        cJSON_AddNumberToObject(row, "gaps_ms", (times.total_us - times.settle_us - times.line_us) / 1000);
        cJSON_AddNumberToObject(row, "share_percent", 100 * line_us / (times.total_us - times.settle_us));
        cJSON_AddNumberToObject(row, "goal_percent", lines[i].goal_percent);
        cJSON_AddItemToArray(rows, row);
    }
    char *text = cJSON_PrintUnformatted(rows);
    printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(rows);
    return EXIT_SUCCESS;
}
