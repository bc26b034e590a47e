/* SPDX-License-Identifier: MIT */
/* Two cameras on one I2C adapter or SPI controller: the bus is theirs in turn, for a transaction at a time, and nobody's while they compute. */

#include "bus.h"
#include "packet.h"
#include "tests/sim/stock_slave.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define MS        1000
#define SECOND    1000000
#define CAMERAS   2
#define SETTLE_US 100
#define BYTE_RATE 44444
#define COMMAND   77
#define STREAM    78
#define LOOK_SIZE 64
#define LONG      2000
#define PATIENT   (60 * (int64_t)SECOND)

/* A camera with its link. Its callback takes `duration_us` and answers with its number. */
struct camera {
    struct omvrpc_link link; /* first */
    struct stock_slave *slave;
    uint8_t number;
    int64_t duration_us;
    int64_t last_us;      /* when its last transaction began */
    const uint8_t *bytes; /* of the answer; NULL for the number */
    size_t length;
    struct job *ended;
    enum camera_state state;
    unsigned transactions;
    size_t longest;
    bool goes_dumb; /* when it has announced a frame */
    bool is_dumb;
};

static struct camera cameras[CAMERAS];
static bool is_spi;
static struct bus *bus;
static int64_t now_us, next_us, line_us; /* the line is in use until then */

static void never_send(void *context, const uint8_t *data, size_t length, int64_t at_us) {
    (void)context, (void)data, (void)length, (void)at_us;
    ck_abort();
}

static bool give_frame(void *context, int64_t at_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    static const uint8_t frame[LONG] = {1};
    (void)context;
    *due_us = at_us;
    *data = frame;
    *length = sizeof frame;
    return true;
}

static void answer(void *context, uint32_t command, const uint8_t *argument, size_t length,
                   struct stock_slave_reply *reply) {
    struct camera *camera = context;
    (void)argument, (void)length;
    reply->source = command == STREAM ? give_frame : NULL;
    if (command == COMMAND) {
        reply->result = camera->bytes != NULL ? camera->bytes : &camera->number;
        reply->length = camera->bytes != NULL ? camera->length : 1;
        reply->duration_us = camera->duration_us;
    }
}

/* SPI: as the link does, which looks at the first bytes of a packet before it fetches the rest. */
static ssize_t clock_all(struct camera *camera, bool reads, uint8_t *bytes, size_t length, int64_t begin_us) {
    size_t look = reads && length > LOOK_SIZE ? LOOK_SIZE : length;
    int64_t look_us = begin_us + (int64_t)look * SECOND / BYTE_RATE;
    stock_slave_step(camera->slave, now_us, never_send, NULL);
    stock_slave_select(camera->slave, true, now_us);
    stock_slave_step(camera->slave, begin_us, never_send, NULL);
    stock_slave_clock(camera->slave, reads ? NULL : bytes, reads ? bytes : NULL, look, begin_us, look_us);
    stock_slave_step(camera->slave, look_us, never_send, NULL);
    bool nobody = reads && memcmp(bytes, bytes + 1, look - 1) == 0;
    if (nobody) {
        line_us = look_us;
    } else if (look < length) {
        stock_slave_clock(camera->slave, NULL, bytes + look, length - look, look_us, line_us);
    }
    stock_slave_select(camera->slave, false, line_us);
    stock_slave_step(camera->slave, line_us, never_send, NULL);
    return nobody ? 0 : (ssize_t)length;
}

static ssize_t transact(struct omvrpc_link *link, bool reads, uint8_t *bytes, size_t length) {
    struct camera *camera = (struct camera *)link;
    /* The one before has ended, and this camera has had no other in this turn. */
    ck_assert_int_ge(now_us, line_us);
    ck_assert_int_ne(camera->last_us, now_us);
    camera->last_us = now_us;
    camera->transactions++;
    camera->longest = length > camera->longest ? length : camera->longest;
    int64_t begin_us = now_us + SETTLE_US;
    line_us = begin_us + (int64_t)length * SECOND / BYTE_RATE;
    if (camera->is_dumb) {
        line_us = is_spi ? line_us : begin_us + 20;
        return is_spi && !reads ? (ssize_t)length : 0;
    }
    if (is_spi) {
        return clock_all(camera, reads, bytes, length, begin_us);
    }
    stock_slave_step(camera->slave, begin_us, never_send, NULL);
    int status = stock_slave_message(camera->slave, reads, bytes, length, begin_us, line_us);
    line_us = status == 0 ? line_us : begin_us + 20;
    stock_slave_step(camera->slave, line_us, never_send, NULL);
    return status == 0 ? (ssize_t)length : 0;
}

static ssize_t link_send(struct omvrpc_link *link, const uint8_t *data, size_t length) {
    uint8_t copy[256];
    ck_assert_uint_le(length, sizeof copy);
    memcpy(copy, data, length);
    return transact(link, false, copy, length);
}

static ssize_t link_receive(struct omvrpc_link *link, uint8_t *buffer, size_t size) {
    struct camera *camera = (struct camera *)link;
    ssize_t received = transact(link, true, buffer, size);
    bool announces = received == (ssize_t)PACKET_STREAM_SIZE && packet_is_valid(buffer, size, OMVRPC_STREAM_FRAME);
    camera->is_dumb = camera->is_dumb || (camera->goes_dumb && announces);
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
    (void)link;
}

static const struct omvrpc_link_operations operations = {
    .type = "test",
    .send = link_send,
    .receive = link_receive,
    .discard = link_discard,
    .descriptor = link_descriptor,
    .close = link_close,
};

static struct omvrpc_link *link_open(void *context, char *reason, size_t size) {
    struct camera *camera = context;
    (void)reason, (void)size;
    camera->link.operations = &operations;
    camera->link.info = (struct omvrpc_link_info){.byte_rate = BYTE_RATE,
                                                  .receive_buffer = 64,
                                                  .transactions = true,
                                                  .acknowledges = !is_spi,
                                                  .packet_max = is_spi ? 0 : OMVRPC_I2C_MESSAGE_MAX};
    return &camera->link;
}

static void job_ended(void *context, struct job *job) {
    (void)context;
    ck_assert_ptr_null(cameras[job->camera].ended);
    cameras[job->camera].ended = job;
}

static void state_changed(void *context, size_t camera, enum camera_state state, const char *reason, int64_t at_us) {
    (void)context, (void)reason, (void)at_us;
    cameras[camera].state = state;
}

/* A turn of the bus, and the time until it wants the next, or until its transactions are over. */
static void live(int64_t end_us) {
    while (now_us < end_us) {
        /* Each camera may make one; they follow each other on the line. */
        next_us = bus_step(bus, now_us);
        int64_t wake_us = next_us > now_us ? next_us : now_us + 1;
        wake_us = wake_us < end_us ? wake_us : end_us;
        now_us = line_us > now_us ? line_us : wake_us;
    }
}

static void set_up_bus(bool with_spi) {
    const struct bus_events events = {.job_ended = job_ended, .state_changed = state_changed};
    memset(cameras, 0, sizeof cameras);
    is_spi = with_spi;
    now_us = SECOND;
    line_us = 0;
    bus = bus_new(&events);
    ck_assert_ptr_nonnull(bus);
    for (size_t i = 0; i < CAMERAS; i++) {
        const struct stock_slave_options options = {.kind = is_spi ? STOCK_SLAVE_SPI : STOCK_SLAVE_I2C,
                                                    .seed = i + 1,
                                                    .callback = answer,
                                                    .context = &cameras[i],
                                                    .gc = {500, 1500},
                                                    .packet = {20, 150},
                                                    .arm = {20, 80}};
        const struct bus_opener opener = {.open = link_open, .context = &cameras[i], .description = "a camera"};
        cameras[i].number = (uint8_t)(i + 1);
        cameras[i].slave = stock_slave_new(&options);
        ck_assert_ptr_nonnull(cameras[i].slave);
        struct bus_camera *camera = bus_camera_new(&opener, 65536);
        ck_assert_ptr_nonnull(camera);
        bus_add(bus, i, camera, now_us);
    }
    live(now_us + 2 * SECOND);
    ck_assert_int_eq(cameras[0].state, CAMERA_ONLINE);
    ck_assert_int_eq(cameras[1].state, CAMERA_ONLINE);
}

static void set_up(void) {
    set_up_bus(false);
}

static void set_up_spi(void) {
    set_up_bus(true);
}

static void tear_down(void) {
    bus_free(bus, now_us);
    for (size_t i = 0; i < CAMERAS; i++) {
        job_free(cameras[i].ended);
        stock_slave_free(cameras[i].slave);
    }
}

static void submit_command(size_t camera, uint32_t command) {
    struct job *job = job_new();
    ck_assert_ptr_nonnull(job);
    job->camera = camera;
    job->command = command;
    job->stream_depth = command == STREAM ? 1 : 0;
    job->deadline_us = now_us + PATIENT;
    job_free(cameras[camera].ended);
    cameras[camera].ended = NULL;
    ck_assert_int_eq(bus_submit(bus, job, now_us), 0);
}

static void submit(size_t camera) {
    submit_command(camera, COMMAND);
}

static int64_t await_end(size_t camera) {
    int64_t begun_us = now_us;
    while (cameras[camera].ended == NULL) {
        ck_assert_int_lt(now_us, begun_us + PATIENT);
        live(now_us + 50);
    }
    const struct job *job = cameras[camera].ended;
    ck_assert_int_eq(job->outcome, OMVRPC_DONE);
    ck_assert_uint_eq(job->result_length, 1);
    ck_assert_uint_eq(job->result[0], cameras[camera].number);
    return now_us - begun_us;
}

START_TEST(a_callback_of_ten_seconds_on_one_camera_does_not_delay_the_other) {
    int64_t alone_us = 0, beside_us = 0;
    for (int i = 0; i < 100; i++) {
        submit(1);
        alone_us += await_end(1);
    }
    cameras[0].duration_us = 10 * (int64_t)SECOND;
    submit(0);
    live(now_us + 200 * MS);
    for (int i = 0; i < 100; i++) {
        submit(1);
        beside_us += await_end(1);
    }
    ck_assert_ptr_null(cameras[0].ended);
    /* Another's poll and its refusal now and then, and no more. */
    ck_assert_int_lt(beside_us, alone_us + alone_us / 5);
    await_end(0);
}
END_TEST

START_TEST(two_cameras_compute_at_the_same_time) {
    cameras[0].duration_us = cameras[1].duration_us = SECOND;
    int64_t begun_us = now_us;
    submit(0);
    submit(1);
    await_end(0);
    await_end(1);
    ck_assert_int_lt(now_us - begun_us, 1200 * MS);
}
END_TEST

START_TEST(an_idle_bus_is_left_alone) {
    unsigned before = cameras[0].transactions;
    live(now_us + SECOND);
    ck_assert_uint_eq(cameras[0].transactions, before);
}
END_TEST

START_TEST(no_transaction_is_longer_than_its_packet) {
    submit(0);
    await_end(0);
    ck_assert_uint_eq(cameras[0].longest, PACKET_COMMAND_HEADER_SIZE);
}
END_TEST

/* A stock camera on SPI has its result lost when nobody comes for it within 2 ms; another's takes 45 ms here. */
START_TEST(long_results_of_one_camera_cost_the_other_none) {
    static uint8_t bytes[LONG];
    memset(bytes, 0x5a, sizeof bytes);
    cameras[0].bytes = bytes;
    cameras[0].length = sizeof bytes;
    submit(0);
    unsigned long_ones = 0;
    for (int i = 0; i < 300 || long_ones < 100; i++) {
        if (cameras[0].ended != NULL) {
            ck_assert_int_eq(cameras[0].ended->outcome, OMVRPC_DONE);
            long_ones++;
            submit(0);
        }
        submit(1);
        await_end(1);
    }
}
END_TEST

START_TEST(a_frame_that_was_announced_and_does_not_come_keeps_nobody_from_the_bus) {
    cameras[0].goes_dumb = true;
    submit_command(0, STREAM);
    for (int i = 0; i < 1000 && !cameras[0].is_dumb; i++) {
        live(now_us + MS);
    }
    ck_assert(cameras[0].is_dumb);
    int64_t frame_us = SETTLE_US + (int64_t)LONG * SECOND / BYTE_RATE;
    for (int i = 0; i < 10; i++) {
        submit(1);
        /* On SPI each look for the frame takes the line for its length. */
        ck_assert_int_lt(await_end(1), is_spi ? 4 * frame_us : 20 * MS);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("bus_transactions");
    TCase *shared = tcase_create("shared");
    tcase_add_checked_fixture(shared, set_up, tear_down);
    tcase_add_test(shared, a_callback_of_ten_seconds_on_one_camera_does_not_delay_the_other);
    tcase_add_test(shared, two_cameras_compute_at_the_same_time);
    tcase_add_test(shared, an_idle_bus_is_left_alone);
    tcase_add_test(shared, no_transaction_is_longer_than_its_packet);
    tcase_add_test(shared, a_frame_that_was_announced_and_does_not_come_keeps_nobody_from_the_bus);
    suite_add_tcase(suite, shared);
    TCase *spi = tcase_create("SPI");
    tcase_add_checked_fixture(spi, set_up_spi, tear_down);
    tcase_add_test(spi, long_results_of_one_camera_cost_the_other_none);
    tcase_add_test(spi, a_frame_that_was_announced_and_does_not_come_keeps_nobody_from_the_bus);
    suite_add_tcase(suite, spi);
    return suite;
}
