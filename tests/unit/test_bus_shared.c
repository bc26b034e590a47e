/* SPDX-License-Identifier: MIT */
/* Several cameras on one bus that moves bytes by transactions: I2C, and SPI for what is different there, in virtual time,
 * with the stock camera's model behind each address or chip select. */

#include "bus.h"
#include "packet.h"
#include "tests/sim/stock_slave.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define MS        1000
#define SECOND    1000000
#define RATE_HZ   400000
#define SETTLE_US 100
#define SPI_HZ    355552
#define LOOK_SIZE 64
#define BLOB      8000
#define SPI_BLOB  2000
#define WAKE_US   30

enum { CAMERAS = 3 };

/* A camera at its address, with what the bus says of it. */
struct station {
    struct omvrpc_link link; /* first */
    struct stock_slave *slave;
    bool is_absent;
    bool goes_dumb; /* when it has announced a frame */
    bool is_dumb;
    unsigned opened, closed;
    uint64_t transactions;
    size_t longest;      /* of them, in bytes */
    int64_t duration_us; /* of its callback */
    enum camera_state state;
    struct job *ended;
    unsigned ends;
};

static struct station stations[CAMERAS];
static struct bus *bus;
static bool is_spi, has_transacted; /* the latter: in this step of the bus */
static int64_t now_us;
static uint8_t blob[BLOB];

static int64_t line_time(size_t length) {
    return is_spi ? (int64_t)length * 8 * SECOND / SPI_HZ : 1 + (int64_t)(length + 1) * 9 * SECOND / RATE_HZ;
}

static void never_send(void *context, const uint8_t *data, size_t length, int64_t at_us) {
    (void)context, (void)data, (void)length, (void)at_us;
    ck_abort_msg("a camera on I2C sent something by itself");
}

static bool give_frame(void *context, int64_t at_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    (void)context;
    *due_us = at_us;
    *data = blob;
    *length = SPI_BLOB;
    return true;
}

/* "blob" is a large result, "stream" gives such frames; anything else echoes. */
static void run_callback(void *context, uint32_t command, const uint8_t *argument, size_t length,
                         struct stock_slave_reply *reply) {
    const struct station *station = context;
    bool is_blob = command == omvrpc_command_id("blob", 4);
    reply->source = command == omvrpc_command_id("stream", 6) ? give_frame : NULL;
    reply->result = is_blob ? blob : argument;
    reply->length = !is_blob ? length : is_spi ? SPI_BLOB : BLOB;
    reply->duration_us = station->duration_us;
}

/* SPI: as the link does, which looks at the first bytes of a packet before it fetches the rest. Returns when that was. */
static int64_t clock_all(struct station *station, bool reads, uint8_t *bytes, size_t length, int64_t begin_us,
                         bool *taken) {
    struct stock_slave *slave = station->slave;
    size_t look = reads && length > LOOK_SIZE ? LOOK_SIZE : length;
    int64_t look_us = begin_us + line_time(look), end_us = begin_us + line_time(length);
    stock_slave_step(slave, now_us, never_send, NULL);
    stock_slave_select(slave, true, now_us);
    stock_slave_step(slave, begin_us, never_send, NULL);
    stock_slave_clock(slave, reads ? NULL : bytes, reads ? bytes : NULL, look, begin_us, look_us);
    stock_slave_step(slave, look_us, never_send, NULL);
    *taken = !reads || memcmp(bytes, bytes + 1, look - 1) != 0;
    if (!*taken) {
        end_us = look_us;
    } else if (look < length) {
        stock_slave_clock(slave, NULL, bytes + look, length - look, look_us, end_us);
    }
    stock_slave_select(slave, false, end_us);
    return end_us;
}

static int64_t send_message(struct station *station, bool reads, uint8_t *bytes, size_t length, int64_t begin_us,
                            bool *taken) {
    int64_t end_us = begin_us + line_time(length);
    stock_slave_step(station->slave, begin_us, never_send, NULL);
    *taken = !station->is_absent && stock_slave_message(station->slave, reads, bytes, length, begin_us, end_us) == 0;
    return *taken ? end_us : begin_us + line_time(0);
}

/* What a camera that is dumb does to the line. */
static int64_t wait_in_vain(bool reads, size_t length, int64_t begin_us, bool *taken) {
    *taken = is_spi && !reads;
    return begin_us + line_time(is_spi ? length : 0);
}

static ssize_t transact(struct station *station, bool reads, uint8_t *bytes, size_t length) {
    bool taken;
    ck_assert_msg(!has_transacted, "two transactions at once");
    has_transacted = true;
    station->transactions++;
    station->longest = length > station->longest ? length : station->longest;
    if (station->is_dumb) {
        now_us = wait_in_vain(reads, length, now_us + SETTLE_US, &taken);
        return taken ? (ssize_t)length : 0;
    }
    now_us = (is_spi ? clock_all : send_message)(station, reads, bytes, length, now_us + SETTLE_US, &taken);
    stock_slave_step(station->slave, now_us, never_send, NULL);
    return taken ? (ssize_t)length : 0;
}

static ssize_t link_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    static uint8_t copy[16384];
    ck_assert_uint_le(length, sizeof copy);
    memcpy(copy, data, length);
    return transact((struct station *)link, false, copy, length);
}

static ssize_t link_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    struct station *station = (struct station *)link;
    ssize_t received = transact(station, true, buffer, size);
    bool announces = received == (ssize_t)PACKET_STREAM_SIZE && packet_is_valid(buffer, size, OMVRPC_STREAM_FRAME);
    station->is_dumb = station->is_dumb || (station->goes_dumb && announces);
    return received;
}

static void link_discard(struct omvrpc_link *link) {
    (void)link;
}

static int link_descriptor(struct omvrpc_link *link) {
    (void)link;
    return -1;
}

static void link_close(struct omvrpc_link *link) {
    ((struct station *)link)->closed++;
}

static const struct omvrpc_link_operations operations = {
    .type = "test",
    .send = link_send,
    .receive = link_receive,
    .discard = link_discard,
    .descriptor = link_descriptor,
    .close = link_close,
};

static struct omvrpc_link *open_link(void *context, char *reason, size_t size) {
    struct station *station = context;
    (void)reason, (void)size;
    station->opened++;
    station->link.operations = &operations;
    station->link.info = (struct omvrpc_link_info){
        .byte_rate = is_spi ? SPI_HZ / 8 : RATE_HZ / 9,
        .receive_buffer = 64,
        .transactions = true,
        .acknowledges = !is_spi,
        .packet_max = is_spi ? 0 : OMVRPC_I2C_MESSAGE_MAX,
    };
    return &station->link;
}

static void on_job_ended(void *context, struct job *job) {
    (void)context;
    struct station *station = &stations[job->camera];
    ck_assert_ptr_null(station->ended);
    station->ended = job;
    station->ends++;
}

static void on_state_changed(void *context, size_t camera, enum camera_state state, const char *reason, int64_t at_us) {
    (void)context, (void)reason;
    ck_assert_int_le(at_us, now_us);
    stations[camera].state = state;
}

static void add(size_t i) {
    const struct bus_opener opener = {.open = open_link, .context = &stations[i], .description = "the test's link"};
    struct bus_camera *camera = bus_camera_new(&opener, 65536);
    ck_assert_ptr_nonnull(camera);
    stations[i].state = CAMERA_CONNECTING;
    bus_add(bus, i, camera, now_us);
}

static void set_up_bus(bool with_spi) {
    const struct bus_events events = {.job_ended = on_job_ended, .state_changed = on_state_changed};
    memset(stations, 0, sizeof stations);
    is_spi = with_spi;
    now_us = 10 * (int64_t)SECOND;
    bus = bus_new(&events);
    ck_assert_ptr_nonnull(bus);
    for (size_t i = 0; i < sizeof blob; i++) {
        blob[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < CAMERAS; i++) {
        const struct stock_slave_options options = {
            .kind = is_spi ? STOCK_SLAVE_SPI : STOCK_SLAVE_I2C,
            .seed = i + 1,
            .callback = run_callback,
            .context = &stations[i],
            .gc = {300, 400},
            .packet = {20, 60},
        };
        stations[i].slave = stock_slave_new(&options);
        ck_assert_ptr_nonnull(stations[i].slave);
        stock_slave_step(stations[i].slave, now_us, never_send, NULL);
        add(i);
    }
}

static void set_up(void) {
    set_up_bus(false);
}

static void set_up_spi(void) {
    set_up_bus(true);
}

static void free_ended(size_t i) {
    job_free(stations[i].ended);
    stations[i].ended = NULL;
}

static void tear_down(void) {
    for (size_t i = 0; i < CAMERAS; i++) {
        free_ended(i);
    }
    bus_free(bus, now_us);
    for (size_t i = 0; i < CAMERAS; i++) {
        free_ended(i);
        stock_slave_free(stations[i].slave);
    }
}

/* Lives until the time has come or the station's job has ended, if one is given. */
static void live_until(int64_t end_us, const struct station *awaited) {
    while (now_us < end_us && (awaited == NULL || awaited->ended == NULL)) {
        has_transacted = false;
        int64_t next_us = bus_step(bus, now_us);
        if (next_us > now_us && (awaited == NULL || awaited->ended == NULL)) {
            int64_t wake_us = next_us > INT64_MAX - WAKE_US ? next_us : next_us + WAKE_US;
            now_us = wake_us < end_us ? wake_us : end_us;
        }
    }
}

static void go_online(void) {
    for (int i = 0; i < 100; i++) {
        live_until(now_us + 100 * MS, NULL);
    }
    for (size_t i = 0; i < CAMERAS; i++) {
        ck_assert_int_eq(stations[i].state, CAMERA_ONLINE);
    }
}

static void submit(size_t i, const char *name) {
    struct job *job = job_new();
    ck_assert_ptr_nonnull(job);
    free_ended(i);
    job->camera = i;
    job->command = omvrpc_command_id(name, strlen(name));
    job->argument = malloc(4);
    ck_assert_ptr_nonnull(job->argument);
    memcpy(job->argument, "abc", 4);
    job->argument_length = 4;
    job->stream_depth = strcmp(name, "stream") == 0 ? 1 : 0;
    job->deadline_us = now_us + 60 * (int64_t)SECOND;
    ck_assert_int_eq(bus_submit(bus, job, now_us), 0);
}

/* The time that a call of this camera takes, which has to succeed. */
static int64_t call(size_t i) {
    int64_t begun_us = now_us;
    submit(i, "echo");
    live_until(now_us + 60 * (int64_t)SECOND, &stations[i]);
    ck_assert_ptr_nonnull(stations[i].ended);
    ck_assert_str_eq(omvrpc_outcome_name(stations[i].ended->outcome), "done");
    ck_assert_uint_eq(stations[i].ended->result_length, 4);
    ck_assert_mem_eq(stations[i].ended->result, "abc", 4);
    return now_us - begun_us;
}

enum { CALLS = 300 };

static int compare(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* Times of many calls, sorted. */
static void call_often(size_t i, int64_t times[CALLS]) {
    for (int n = 0; n < CALLS; n++) {
        times[n] = call(i);
        live_until(now_us + 3 * MS, NULL);
    }
    qsort(times, CALLS, sizeof times[0], compare);
}

START_TEST(a_camera_that_computes_delays_another_by_no_more_than_a_transaction) {
    static int64_t alone[CALLS], beside[CALLS];
    go_online();
    stations[1].duration_us = 2 * MS;
    call_often(1, alone);
    stations[0].duration_us = 10 * (int64_t)SECOND;
    submit(0, "echo");
    live_until(now_us + 20 * MS, NULL);
    call_often(1, beside);
    ck_assert_msg(stations[0].ended == NULL, "the long callback was to go on meanwhile");
    /* The longest packet of such a wait: a result header of 8 bytes. */
    int64_t transaction_us = SETTLE_US + line_time(8) + WAKE_US;
    ck_assert_int_le(beside[CALLS / 2] - alone[CALLS / 2], transaction_us);
    ck_assert_int_le(beside[CALLS * 99 / 100] - alone[CALLS * 99 / 100], transaction_us + MS);
    live_until(now_us + 20 * (int64_t)SECOND, &stations[0]);
    ck_assert_int_eq(stations[0].ended->outcome, OMVRPC_DONE);
}
END_TEST

START_TEST(cameras_compute_at_the_same_time) {
    go_online();
    for (size_t i = 0; i < CAMERAS; i++) {
        stations[i].duration_us = SECOND;
        submit(i, "echo");
    }
    int64_t begun_us = now_us;
    for (size_t i = 0; i < CAMERAS; i++) {
        live_until(now_us + 10 * (int64_t)SECOND, &stations[i]);
        ck_assert_int_eq(stations[i].ended->outcome, OMVRPC_DONE);
    }
    ck_assert_int_le(now_us - begun_us, SECOND + 150 * MS);
}
END_TEST

START_TEST(large_results_and_small_calls_take_turns) {
    go_online();
    int64_t large_us = SETTLE_US + line_time(BLOB + OMVRPC_PACKET_OVERHEAD);
    unsigned blobs = 0;
    for (int n = 0; n < 60; n++) {
        if (stations[0].ended != NULL || stations[0].ends == 0) {
            blobs += stations[0].ended != NULL && stations[0].ended->outcome == OMVRPC_DONE;
            submit(0, "blob");
        }
        /* About ten transactions, each of which may meet a large one; but the other fetches one in about as many. */
        ck_assert_int_le(call(1), 3 * large_us);
    }
    ck_assert_uint_ge(blobs, 3);
}
END_TEST

START_TEST(an_idle_bus_is_left_alone) {
    go_online();
    uint64_t before = stations[0].transactions;
    /* The sign of life is due every 5 s. */
    for (int i = 0; i < 4 && stations[0].transactions == before; i++) {
        live_until(now_us + 2 * (int64_t)SECOND, NULL);
    }
    ck_assert_uint_gt(stations[0].transactions, before);
    live_until(now_us + SECOND, NULL);
    before = stations[0].transactions;
    live_until(now_us + SECOND, NULL);
    ck_assert_uint_eq(stations[0].transactions, before);
}
END_TEST

START_TEST(no_transaction_is_longer_than_its_packet) {
    go_online();
    call(0);
    ck_assert_uint_eq(stations[0].longest, PACKET_COMMAND_HEADER_SIZE);
}
END_TEST

/* A stock camera on SPI has its result lost when nobody comes for it within 2 ms; another's takes 45 ms here. */
START_TEST(long_results_of_one_camera_cost_the_other_none) {
    go_online();
    submit(0, "blob");
    unsigned blobs = 0;
    for (int i = 0; i < 300 || blobs < 100; i++) {
        if (stations[0].ended != NULL) {
            ck_assert_str_eq(omvrpc_outcome_name(stations[0].ended->outcome), "done");
            blobs++;
            submit(0, "blob");
        }
        call(1);
    }
}
END_TEST

START_TEST(a_frame_that_was_announced_and_does_not_come_keeps_nobody_from_the_bus) {
    go_online();
    stations[0].goes_dumb = true;
    submit(0, "stream");
    for (int i = 0; i < 1000 && !stations[0].is_dumb; i++) {
        live_until(now_us + MS, NULL);
    }
    ck_assert(stations[0].is_dumb);
    int64_t frame_us = SETTLE_US + line_time(SPI_BLOB);
    for (int i = 0; i < 10; i++) {
        /* On SPI each look for the frame takes the line for its length. */
        ck_assert_int_lt(call(1), is_spi ? 4 * frame_us : 20 * MS);
    }
}
END_TEST

START_TEST(a_camera_that_is_not_there_does_not_starve_the_others) {
    stations[0].is_absent = true;
    for (int i = 0; i < 100; i++) {
        live_until(now_us + 100 * MS, NULL);
    }
    ck_assert_int_eq(stations[0].state, CAMERA_OFFLINE);
    ck_assert_int_eq(stations[1].state, CAMERA_ONLINE);
    static int64_t times[CALLS];
    call_often(1, times);
    ck_assert_int_le(times[CALLS * 99 / 100], 30 * MS);
    stations[0].is_absent = false;
    live_until(now_us + 5 * (int64_t)SECOND, NULL);
    ck_assert_int_eq(stations[0].state, CAMERA_ONLINE);
}
END_TEST

START_TEST(a_camera_that_leaves_ends_its_job_and_nothing_else) {
    go_online();
    submit(0, _i == 0 ? "echo" : "blob");
    stations[0].duration_us = SECOND;
    submit(1, "echo");
    live_until(now_us + (_i == 0 ? 0 : 4) * MS, NULL);
    bus_remove(bus, 0, now_us);
    ck_assert(!bus_has(bus, 0));
    ck_assert_uint_eq(stations[0].ends, 1);
    ck_assert_int_ne(stations[0].ended->outcome, OMVRPC_DONE);
    ck_assert_uint_eq(stations[0].closed, stations[0].opened);
    uint64_t transactions = stations[0].transactions;
    live_until(now_us + SECOND, &stations[1]);
    ck_assert_int_eq(stations[1].ended->outcome, OMVRPC_DONE);
    ck_assert_uint_eq(stations[0].transactions, transactions);
    stations[0].duration_us = 0;
    add(0);
    live_until(now_us + 3 * (int64_t)SECOND, NULL);
    ck_assert_int_eq(stations[0].state, CAMERA_ONLINE);
    call(0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("bus_shared");
    TCase *tests = tcase_create("bus_shared");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_camera_that_computes_delays_another_by_no_more_than_a_transaction);
    tcase_add_test(tests, cameras_compute_at_the_same_time);
    tcase_add_test(tests, large_results_and_small_calls_take_turns);
    tcase_add_test(tests, a_camera_that_is_not_there_does_not_starve_the_others);
    tcase_add_loop_test(tests, a_camera_that_leaves_ends_its_job_and_nothing_else, 0, 2);
    tcase_add_test(tests, an_idle_bus_is_left_alone);
    tcase_add_test(tests, no_transaction_is_longer_than_its_packet);
    tcase_add_test(tests, a_frame_that_was_announced_and_does_not_come_keeps_nobody_from_the_bus);
    suite_add_tcase(suite, tests);
    TCase *spi = tcase_create("SPI");
    tcase_set_timeout(spi, 60);
    tcase_add_checked_fixture(spi, set_up_spi, tear_down);
    tcase_add_test(spi, long_results_of_one_camera_cost_the_other_none);
    tcase_add_test(spi, a_frame_that_was_announced_and_does_not_come_keeps_nobody_from_the_bus);
    suite_add_tcase(suite, spi);
    return suite;
}
