/* SPDX-License-Identifier: MIT */
/* What docs/extensions.md says of the camera, sentence by sentence, asked of the library's slave in virtual time. */

#include "packet.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

#define MS          1000
#define SECOND      INT64_C(1000000)
#define SENT_MOST   65536
#define SESSION     0x5e551011u
#define PIECE       64
#define HELD        2
#define DESCRIPTION "{\"library\":\"1.0\",\"extensions\":1,\"callbacks\":{}}"

static struct omvrpc_slave *slave;
static int64_t now_us;
static uint8_t sent[SENT_MOST];
static size_t sent_length;

/* The result of the last stock call, and what came behind it. */
static const uint8_t *result, *behind;
static size_t result_length, behind_length;

/* What the next calls and reads carry, and the last reply. */
static struct omvrpc_envelope envelope;
static struct omvrpc_session_reply reply;

/* The callbacks: how often one ran, and what those shall do that ask. */
static unsigned executions;
static int64_t duration_us;
static uint8_t filling;

static void greet(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    (void)context;
    executions++;
    omvrpc_reply_append(out, "hello ", 6);
    omvrpc_reply_append(out, argument, length);
    omvrpc_reply_delay(out, duration_us);
}

/* So many bytes as its argument says, all of them `filling`, block by block. */
static void fill(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    uint8_t block[4096];
    (void)context;
    ck_assert_uint_eq(length, 4);
    executions++;
    memset(block, filling, sizeof block);
    for (size_t left = get_u32(argument); left > 0;) {
        size_t part = left < sizeof block ? left : sizeof block;
        omvrpc_reply_append(out, block, part);
        left -= part;
    }
}

/* One byte for each number from 0. */
static void count_up(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    (void)context;
    ck_assert_uint_eq(length, 1);
    executions++;
    for (uint8_t i = 0; i < argument[0]; i++) {
        omvrpc_reply_append(out, &i, 1);
    }
}

static void raise_error(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    char message[1024] = {0};
    (void)context;
    ck_assert_uint_lt(length, sizeof message);
    memcpy(message, argument, length);
    executions++;
    omvrpc_reply_append(out, "half a result", 13);
    omvrpc_reply_put_bytes(out, "never sent", 10);
    omvrpc_reply_delay(out, duration_us);
    omvrpc_reply_raise(out, "ValueError", message);
}

static void put_raw(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    (void)context;
    executions++;
    omvrpc_reply_append(out, "raw", 3);
    omvrpc_reply_put_bytes(out, argument, length);
}

static bool give_frame(void *context, int64_t at_us, const uint8_t **data, size_t *length, int64_t *due_us) {
    (void)context, (void)at_us, (void)due_us;
    *data = (const uint8_t *)"frame";
    *length = 5;
    return true;
}

static void stream(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    (void)context, (void)argument, (void)length;
    executions++;
    omvrpc_reply_stream(out, give_frame, NULL);
}

static void work(void) {
    struct omvrpc_step step;
    for (int turns = 0;; turns++) {
        ck_assert_int_lt(turns, 1000);
        omvrpc_slave_next(slave, now_us, &step);
        if (step.kind != OMVRPC_STEP_SEND) {
            return;
        }
        ck_assert_uint_le(step.length, SENT_MOST - sent_length);
        memcpy(sent + sent_length, step.data, step.length);
        sent_length += step.length;
        omvrpc_slave_sent(slave, step.length, now_us);
    }
}

static void hear(enum omvrpc_magic magic, const void *payload, size_t length) {
    uint8_t packet[4096];
    ck_assert_uint_le(length, sizeof packet - OMVRPC_PACKET_OVERHEAD);
    sent_length = 0;
    omvrpc_slave_received(slave, packet, packet_put(packet, magic, payload, length), now_us);
    work();
}

/* A whole call, as a stock master makes it; its result is not asked for before the callback has computed. */
static void call_stock(const char *name, const void *argument, size_t length) {
    uint8_t numbers[8];
    put_u32(numbers, omvrpc_command_id(name, strlen(name)));
    put_u32(numbers + 4, (uint32_t)length);
    hear(OMVRPC_COMMAND_HEADER, numbers, sizeof numbers);
    ck_assert(packet_is_valid(sent, sent_length, OMVRPC_COMMAND_HEADER));
    hear(OMVRPC_COMMAND_DATA, argument, length);
    ck_assert(packet_is_valid(sent, sent_length, OMVRPC_COMMAND_DATA));
    now_us += duration_us;
    work();
    hear(OMVRPC_RESULT_HEADER, NULL, 0);
    ck_assert(packet_is_valid(sent, sent_length, OMVRPC_RESULT_HEADER));
    result_length = get_u32(sent + 2);
    hear(OMVRPC_RESULT_DATA, NULL, 0);
    size_t packet = result_length + OMVRPC_PACKET_OVERHEAD;
    ck_assert_uint_ge(sent_length, packet);
    ck_assert(packet_is_valid(sent, packet, OMVRPC_RESULT_DATA));
    result = sent + 2;
    behind = sent + packet;
    behind_length = sent_length - packet;
}

static void take_reply(void) {
    ck_assert(omvrpc_session_reply_read(result, result_length, &reply));
}

static void exchange(const char *reserved, const void *argument, size_t length) {
    uint8_t bytes[2048];
    ck_assert_uint_le(length, sizeof bytes - OMVRPC_ENVELOPE_SIZE);
    omvrpc_envelope_write(&envelope, argument, length, bytes);
    call_stock(reserved, bytes, length + OMVRPC_ENVELOPE_SIZE);
    take_reply();
    ck_assert_uint_eq(reply.session, envelope.session);
    ck_assert_uint_eq(reply.number, envelope.number);
}

static void call_bytes(uint32_t number, const char *name, const void *argument, size_t length) {
    envelope.number = number;
    envelope.target = omvrpc_command_id(name, strlen(name));
    exchange(OMVRPC_CALL_NAME, argument, length);
    ck_assert_uint_eq(reply.offset, 0);
}

static void call(uint32_t number, const char *name, const char *argument) {
    call_bytes(number, name, argument, strlen(argument));
}

static void call_fill(uint32_t number, uint32_t length, uint8_t value) {
    uint8_t argument[4];
    put_u32(argument, length);
    filling = value;
    call_bytes(number, "fill", argument, sizeof argument);
}

static void read_at(uint32_t number, uint32_t offset) {
    envelope.number = number;
    envelope.target = offset;
    exchange(OMVRPC_READ_NAME, NULL, 0);
    ck_assert_uint_eq(reply.offset, offset);
}

static void expect_bytes(enum omvrpc_status status, size_t total, const void *data, size_t length) {
    ck_assert_uint_eq(reply.status, status);
    ck_assert_uint_eq(reply.total, total);
    ck_assert_uint_eq(reply.length, length);
    if (length > 0) {
        ck_assert_mem_eq(reply.data, data, length);
    }
}

/* A reply that holds the whole. */
static void expect(enum omvrpc_status status, const char *data) {
    expect_bytes(status, strlen(data), data, strlen(data));
}

static void expect_filled(size_t total, size_t length, uint8_t value) {
    uint8_t bytes[SENT_MOST];
    memset(bytes, value, length);
    expect_bytes(OMVRPC_STATUS_DONE, total, bytes, length);
}

static void expect_no_session(uint32_t uptime_ms) {
    uint8_t bytes[4];
    put_u32(bytes, uptime_ms);
    expect_bytes(OMVRPC_STATUS_NO_SESSION, sizeof bytes, bytes, sizeof bytes);
}

static void offer(const char *description, uint32_t piece) {
    ck_assert_int_eq(omvrpc_slave_offer_extensions(slave, &(struct omvrpc_extension_options){description, piece, HELD}),
                     0);
}

static void open_session(uint32_t session) {
    envelope = (struct omvrpc_envelope){.session = session, .piece = 1 << 20};
    call(0, "greet", "");
}

static void set_up_stock(void) {
    static const struct {
        const char *name;
        omvrpc_callback *run;
    } callbacks[] = {{"greet", greet},      {"fill", fill},       {"count_up", count_up},
                     {"fail", raise_error}, {"put_raw", put_raw}, {"stream", stream}};
    slave = omvrpc_slave_new();
    ck_assert_ptr_nonnull(slave);
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
        ck_assert_int_eq(omvrpc_slave_register(slave, callbacks[i].name, callbacks[i].run, NULL), 0);
    }
    now_us = 100 * SECOND;
    duration_us = 0;
    executions = 0;
    work();
}

static void set_up(void) {
    set_up_stock();
    offer(DESCRIPTION, PIECE);
    open_session(SESSION);
}

static void tear_down(void) {
    omvrpc_slave_free(slave);
}

START_TEST(a_stock_slave_answers_the_reserved_names_with_an_empty_result) {
    static const char *const names[] = {OMVRPC_DESCRIBE_NAME, OMVRPC_CALL_NAME, OMVRPC_READ_NAME};
    for (size_t i = 0; i < 3; i++) {
        call_stock(names[i], "anything", 8);
        ck_assert_uint_eq(result_length, 0);
    }
}
END_TEST

START_TEST(options_out_of_range_are_refused) {
    static const struct omvrpc_extension_options wrong[] = {
        {NULL, 1, 1}, {"", 0, 1}, {"", (1 << 20) + 1, 1}, {"", 1, 0}, {"", 1, 17},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(omvrpc_slave_offer_extensions(slave, &wrong[i]), -EINVAL);
    }
    char *endless = calloc(1, (1 << 20) + 2);
    ck_assert_ptr_nonnull(endless);
    memset(endless, ' ', (1 << 20) + 1);
    ck_assert_int_eq(omvrpc_slave_offer_extensions(slave, &(struct omvrpc_extension_options){endless, 1, 1}), -EINVAL);
    free(endless);
    call_stock(OMVRPC_DESCRIBE_NAME, NULL, 0);
    ck_assert_uint_eq(result_length, 0);
}
END_TEST

START_TEST(the_description_is_also_there_without_a_session) {
    offer(DESCRIPTION, PIECE);
    call_stock(OMVRPC_DESCRIBE_NAME, NULL, 0);
    ck_assert_uint_eq(result_length, strlen(DESCRIPTION));
    ck_assert_mem_eq(result, DESCRIPTION, result_length);
}
END_TEST

START_TEST(extensions_offered_again_have_the_new_description_and_no_session) {
    offer("{}", PIECE);
    call(1, "greet", "");
    expect_no_session(0);
    open_session(SESSION);
    expect(OMVRPC_STATUS_DONE, "{}");
}
END_TEST

START_TEST(number_0_opens_a_session_and_gives_the_description_whatever_the_command_says) {
    expect(OMVRPC_STATUS_DONE, DESCRIPTION);
    ck_assert_uint_eq(executions, 0);
    call(0, "no such callback", "an argument");
    expect(OMVRPC_STATUS_DONE, DESCRIPTION);
}
END_TEST

START_TEST(opening_the_open_session_again_forgets_nothing) {
    call_fill(1, PIECE + 1, 'x');
    call(2, "greet", "you");
    open_session(SESSION);
    call(2, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
    ck_assert_uint_eq(executions, 2);
    read_at(1, PIECE);
    expect_bytes(OMVRPC_STATUS_DONE, PIECE + 1, "x", 1);
}
END_TEST

START_TEST(another_session_ends_the_first_and_all_that_was_held_for_it) {
    call_fill(1, PIECE + 1, 'x');
    open_session(SESSION + 1);
    expect(OMVRPC_STATUS_DONE, DESCRIPTION);
    read_at(1, 0);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
    call(1, "greet", "new");
    expect(OMVRPC_STATUS_DONE, "hello new");
    envelope.session = SESSION;
    call(2, "greet", "old");
    expect_no_session(0);
    ck_assert_uint_eq(executions, 2);
}
END_TEST

START_TEST(a_session_has_to_be_opened_first) {
    offer(DESCRIPTION, PIECE);
    envelope = (struct omvrpc_envelope){.session = SESSION, .piece = PIECE};
    call(1, "greet", "");
    expect_no_session(0);
    read_at(0, 0);
    expect_no_session(0);
    ck_assert_uint_eq(executions, 0);
}
END_TEST

START_TEST(session_0_is_none) {
    offer(DESCRIPTION, PIECE);
    for (uint32_t number = 0; number < 2; number++) {
        envelope = (struct omvrpc_envelope){.piece = PIECE};
        call(number, "greet", "");
        expect_no_session(0);
        read_at(number, 0);
        expect_no_session(0);
    }
    ck_assert_uint_eq(executions, 0);
}
END_TEST

START_TEST(a_number_above_all_earlier_ones_runs_the_callback) {
    call(1, "greet", "one");
    expect(OMVRPC_STATUS_DONE, "hello one");
    call(2, "greet", "two");
    expect(OMVRPC_STATUS_DONE, "hello two");
    call(1000, "greet", "a thousand");
    expect(OMVRPC_STATUS_DONE, "hello a thousand");
    call(UINT32_MAX, "greet", "last");
    expect(OMVRPC_STATUS_DONE, "hello last");
    ck_assert_uint_eq(executions, 4);
}
END_TEST

START_TEST(the_last_number_is_answered_again_as_often_as_it_is_asked_and_runs_nothing) {
    for (int i = 0; i < 10; i++) {
        call(1, "greet", "you");
        expect(OMVRPC_STATUS_DONE, "hello you");
        now_us += 100 * SECOND;
    }
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_smaller_number_is_forgotten_and_runs_nothing) {
    call(1, "greet", "one");
    call(5, "greet", "five");
    for (uint32_t number = 1; number < 5; number++) {
        call(number, "greet", "again");
        expect(OMVRPC_STATUS_FORGOTTEN, "");
    }
    ck_assert_uint_eq(executions, 2);
    call(5, "greet", "again");
    expect(OMVRPC_STATUS_DONE, "hello five");
}
END_TEST

START_TEST(an_empty_result_is_a_result) {
    call_fill(1, 0, 'x');
    expect(OMVRPC_STATUS_DONE, "");
    call_fill(1, 0, 'x');
    expect(OMVRPC_STATUS_DONE, "");
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_callback_that_raised_says_what_and_runs_once) {
    for (int i = 0; i < 3; i++) {
        call(1, "fail", "no dial 7");
        expect(OMVRPC_STATUS_RAISED, "ValueError: no dial 7");
        ck_assert_uint_eq(behind_length, 0);
    }
    ck_assert_uint_eq(executions, 1);
    call(2, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
}
END_TEST

START_TEST(a_long_text_of_what_was_raised_is_cut_between_characters) {
    char message[602] = "x";
    for (size_t i = 0; i < 300; i++) {
        memcpy(message + 1 + 2 * i, "\xc3\xa4", 2);
    }
    call(1, "fail", message);
    ck_assert_uint_eq(reply.status, OMVRPC_STATUS_RAISED);
    /* This camera's piece is smaller than the text: of it, only whole characters as well. */
    ck_assert_uint_le(reply.length, PIECE);
    ck_assert_uint_ge(reply.length, PIECE - 1);
    ck_assert_uint_eq(reply.total, reply.length);
    ck_assert_mem_eq(reply.data, "ValueError: x\xc3\xa4", 15);
    ck_assert_uint_eq(reply.length % 2, strlen("ValueError: x") % 2);
    read_at(1, 0);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
}
END_TEST

static void name_and_message(void *context, const uint8_t *argument, size_t length, struct omvrpc_reply *out) {
    char name[200];
    (void)context, (void)argument, (void)length;
    memset(name, 'N', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    omvrpc_reply_raise(out, "First", "raised");
    omvrpc_reply_raise(out, name, "");
}

START_TEST(a_long_name_leaves_room_for_the_message_and_the_last_raise_counts) {
    ck_assert_int_eq(omvrpc_slave_register(slave, "name", name_and_message, NULL), 0);
    offer(DESCRIPTION, 4096);
    open_session(SESSION);
    call(1, "name", "");
    ck_assert_uint_eq(reply.status, OMVRPC_STATUS_RAISED);
    ck_assert_uint_eq(reply.length, 66);
    ck_assert_mem_eq(reply.data + 62, "NN: ", 4);
}
END_TEST

START_TEST(a_stock_call_of_a_callback_that_raised_gives_an_empty_result) {
    call_stock("fail", "whatever", 8);
    ck_assert_uint_eq(result_length, 0);
    ck_assert_uint_eq(behind_length, 0);
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_name_that_is_not_registered_is_no_such_callback) {
    for (int i = 0; i < 2; i++) {
        call(1, "nonsense", "argument");
        expect(OMVRPC_STATUS_NO_SUCH_CALLBACK, "");
    }
    call(2, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
}
END_TEST

START_TEST(reserved_names_are_not_called_by_number) {
    static const char *const names[] = {OMVRPC_DESCRIBE_NAME, OMVRPC_CALL_NAME, OMVRPC_READ_NAME};
    uint8_t inner[OMVRPC_ENVELOPE_SIZE];
    struct omvrpc_envelope other = {.session = SESSION + 1, .piece = PIECE};
    omvrpc_envelope_write(&other, NULL, 0, inner);
    for (uint32_t i = 0; i < 3; i++) {
        call_bytes(1 + i, names[i], inner, sizeof inner);
        expect(OMVRPC_STATUS_NO_SUCH_CALLBACK, "");
    }
}
END_TEST

START_TEST(whatever_is_damaged_is_told_and_runs_nothing) {
    static const char *const names[] = {OMVRPC_CALL_NAME, OMVRPC_READ_NAME};
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 3];
    envelope.number = 1;
    envelope.target = omvrpc_command_id("greet", 5);
    omvrpc_envelope_write(&envelope, "you", 3, bytes);
    for (size_t i = 0; i < 2; i++) {
        for (size_t length = 0; length < sizeof bytes; length++) {
            call_stock(names[i], bytes, length);
            take_reply();
            expect(OMVRPC_STATUS_DAMAGED, "");
            ck_assert_uint_eq(reply.session | reply.number | reply.offset, 0);
        }
        for (size_t at = 0; at < sizeof bytes; at++) {
            bytes[at] ^= 0x10;
            call_stock(names[i], bytes, sizeof bytes);
            take_reply();
            expect(OMVRPC_STATUS_DAMAGED, "");
            ck_assert_uint_eq(reply.session | reply.number | reply.offset, 0);
            bytes[at] ^= 0x10;
        }
    }
    ck_assert_uint_eq(executions, 0);
    call(1, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
}
END_TEST

START_TEST(a_read_that_carries_something_is_damaged) {
    uint8_t bytes[OMVRPC_ENVELOPE_SIZE + 1];
    call_fill(1, PIECE + 1, 'x');
    omvrpc_envelope_write(&envelope, "", 1, bytes);
    call_stock(OMVRPC_READ_NAME, bytes, sizeof bytes);
    take_reply();
    expect(OMVRPC_STATUS_DAMAGED, "");
}
END_TEST

START_TEST(a_reset_is_told_with_the_milliseconds_since_the_camera_runs_again) {
    call_fill(1, PIECE + 1, 'x');
    now_us += 10 * SECOND;
    omvrpc_slave_reset(slave);
    now_us += 5 * SECOND;
    work();
    now_us += 1234 * MS + 999;
    read_at(1, 0);
    expect_no_session(1234);
    call(1, "greet", "");
    expect_no_session(1234);
    now_us += (int64_t)UINT32_MAX * 1000;
    call(2, "greet", "");
    expect_no_session(UINT32_MAX);
    ck_assert_uint_eq(executions, 1);
    open_session(SESSION);
    call(1, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
}
END_TEST

START_TEST(the_milliseconds_count_from_when_a_session_was_forgotten_last) {
    now_us += 7 * SECOND;
    envelope.session = SESSION + 1;
    call(1, "greet", "");
    expect_no_session(7000);
    envelope.piece = 3;
    call(1, "greet", "");
    expect_bytes(OMVRPC_STATUS_NO_SESSION, 0, NULL, 0);
    open_session(SESSION + 1);
    now_us += 2 * SECOND;
    envelope.session = SESSION;
    envelope.piece = 4;
    call(1, "greet", "");
    expect_no_session(2000);
}
END_TEST

START_TEST(a_long_result_is_read_in_pieces_in_any_order_and_as_often_as_needed) {
    static const uint32_t offsets[] = {192, 0, 64, 199, 64, 128, 150, 1};
    uint8_t numbers[200];
    for (size_t i = 0; i < sizeof numbers; i++) {
        numbers[i] = (uint8_t)i;
    }
    call_bytes(1, "count_up", "\xc8", 1);
    expect_bytes(OMVRPC_STATUS_DONE, 200, numbers, PIECE);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        size_t left = 200 - offsets[i];
        read_at(1, offsets[i]);
        expect_bytes(OMVRPC_STATUS_DONE, 200, numbers + offsets[i], left < PIECE ? left : PIECE);
    }
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_reply_holds_no_more_than_master_and_camera_allow) {
    envelope.piece = 10;
    call_fill(1, 30, 'x');
    expect_filled(30, 10, 'x');
    read_at(1, 5);
    expect_filled(30, 10, 'x');
    envelope.piece = PIECE + 1;
    call_fill(2, 2 * PIECE, 'y');
    expect_filled(2 * PIECE, PIECE, 'y');
    envelope.piece = UINT32_MAX;
    read_at(1, 0);
    expect_filled(30, 30, 'x');
    read_at(2, 0);
    expect_filled(2 * PIECE, PIECE, 'y');
}
END_TEST

START_TEST(a_piece_of_0_bytes_tells_the_length) {
    envelope.piece = 0;
    call_fill(1, 30, 'x');
    expect_bytes(OMVRPC_STATUS_DONE, 30, NULL, 0);
    read_at(1, 0);
    expect_bytes(OMVRPC_STATUS_DONE, 30, NULL, 0);
    envelope.piece = PIECE;
    read_at(1, 0);
    expect_filled(30, 30, 'x');
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(a_read_beyond_the_end_has_no_data) {
    static const uint32_t offsets[] = {100, 101, 1 << 20, INT32_MAX, UINT32_MAX};
    call_fill(1, 100, 'x');
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        read_at(1, offsets[i]);
        expect_bytes(OMVRPC_STATUS_DONE, 100, NULL, 0);
    }
}
END_TEST

START_TEST(a_result_of_one_piece_is_not_held) {
    call_fill(1, PIECE, 'x');
    expect_filled(PIECE, PIECE, 'x');
    read_at(1, 0);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
    read_at(2, 0);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
}
END_TEST

START_TEST(a_call_asked_again_with_a_smaller_piece_is_held_from_then_on) {
    call_fill(1, 40, 'x');
    envelope.piece = 16;
    call_fill(1, 40, 'x');
    expect_filled(40, 16, 'x');
    call(2, "greet", "you");
    read_at(1, 32);
    expect_filled(40, 8, 'x');
    ck_assert_uint_eq(executions, 2);
}
END_TEST

START_TEST(other_calls_may_be_made_between_the_reads) {
    call_fill(1, PIECE + 1, 'x');
    for (uint32_t number = 2; number < 10; number++) {
        call(number, "greet", "you");
        expect(OMVRPC_STATUS_DONE, "hello you");
    }
    call_stock("greet", "you", 3);
    ck_assert_uint_eq(result_length, 9);
    call_fill(1, 0, 'y');
    expect_filled(PIECE + 1, PIECE, 'x');
    read_at(1, PIECE);
    expect_filled(PIECE + 1, 1, 'x');
    ck_assert_uint_eq(executions, 10);
}
END_TEST

START_TEST(a_released_result_is_forgotten_and_naming_it_twice_does_no_harm) {
    call_fill(1, 100, 'x');
    call_fill(2, 100, 'y');
    envelope.released = 1;
    for (int i = 0; i < 2; i++) {
        read_at(2, 0);
        expect_filled(100, PIECE, 'y');
        read_at(1, 0);
        expect(OMVRPC_STATUS_FORGOTTEN, "");
    }
    envelope.released = 2;
    call(3, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
    envelope.released = 0;
    read_at(2, 0);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
}
END_TEST

START_TEST(releasing_the_last_result_does_not_make_its_number_run_again) {
    call_fill(1, 100, 'x');
    envelope.released = 1;
    call_fill(1, 100, 'x');
    expect(OMVRPC_STATUS_FORGOTTEN, "");
    ck_assert_uint_eq(executions, 1);
}
END_TEST

START_TEST(only_what_is_held_can_be_released) {
    call(1, "greet", "you");
    envelope.released = 1;
    call(1, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
    envelope.released = UINT32_MAX;
    call(2, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
}
END_TEST

START_TEST(the_oldest_held_result_goes_when_another_needs_its_room) {
    for (uint32_t number = 1; number <= HELD; number++) {
        call_fill(number, 100, (uint8_t)number);
    }
    call(HELD + 1, "greet", "you");
    for (uint32_t number = 1; number <= HELD; number++) {
        read_at(number, PIECE);
        expect_filled(100, 100 - PIECE, (uint8_t)number);
    }
    call_fill(HELD + 2, 100, 'n');
    expect_filled(100, PIECE, 'n');
    read_at(1, 0);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
    for (uint32_t number = 2; number <= HELD; number++) {
        read_at(number, PIECE);
        expect_filled(100, 100 - PIECE, (uint8_t)number);
    }
    read_at(HELD + 2, PIECE);
    expect_filled(100, 100 - PIECE, 'n');
}
END_TEST

START_TEST(a_number_of_another_session_releases_nothing) {
    call_fill(1, 100, 'x');
    envelope.released = 1;
    envelope.session = SESSION + 1;
    read_at(1, 0);
    expect_no_session(0);
    envelope.released = 0;
    envelope.session = SESSION;
    read_at(1, PIECE);
    expect_filled(100, 100 - PIECE, 'x');
}
END_TEST

START_TEST(a_long_description_is_read_as_number_0_until_the_next_call) {
    offer(DESCRIPTION, 20);
    open_session(SESSION);
    size_t total = strlen(DESCRIPTION);
    expect_bytes(OMVRPC_STATUS_DONE, total, DESCRIPTION, 20);
    for (uint32_t offset = 0; offset <= total; offset += 10) {
        size_t left = total - offset;
        read_at(0, offset);
        expect_bytes(OMVRPC_STATUS_DONE, total, &DESCRIPTION[offset], left < 20 ? left : 20);
    }
    call(1, "greet", "you");
    read_at(0, 20);
    expect(OMVRPC_STATUS_FORGOTTEN, "");
    open_session(SESSION);
    read_at(0, 20);
    expect_bytes(OMVRPC_STATUS_DONE, total, &DESCRIPTION[20], 20);
}
END_TEST

START_TEST(a_result_that_nothing_can_hold_is_too_large_and_says_its_length) {
    for (int i = 0; i < 2; i++) {
        call_fill(1, (4 << 20) + 1, 'x');
        expect_bytes(OMVRPC_STATUS_TOO_LARGE, (4 << 20) + 1, NULL, 0);
    }
    ck_assert_uint_eq(executions, 1);
    call_fill(2, 4 << 20, 'x');
    expect_filled(4 << 20, PIECE, 'x');
    read_at(2, (4 << 20) - 1);
    expect_filled(4 << 20, 1, 'x');
}
END_TEST

START_TEST(a_reply_takes_as_long_as_its_callback_and_is_repeated_at_once) {
    duration_us = 300 * MS;
    call(1, "greet", "you");
    expect(OMVRPC_STATUS_DONE, "hello you");
    call(2, "fail", "late");
    expect(OMVRPC_STATUS_RAISED, "ValueError: late");
    duration_us = 0;
    call(2, "fail", "late");
    expect(OMVRPC_STATUS_RAISED, "ValueError: late");
}
END_TEST

START_TEST(a_callback_that_computes_answers_no_poll_before_its_time) {
    uint8_t numbers[8], bytes[OMVRPC_ENVELOPE_SIZE];
    duration_us = 300 * MS;
    envelope.number = 1;
    envelope.target = omvrpc_command_id("greet", 5);
    omvrpc_envelope_write(&envelope, NULL, 0, bytes);
    put_u32(numbers, omvrpc_command_id(OMVRPC_CALL_NAME, strlen(OMVRPC_CALL_NAME)));
    put_u32(numbers + 4, sizeof bytes);
    hear(OMVRPC_COMMAND_HEADER, numbers, sizeof numbers);
    hear(OMVRPC_COMMAND_DATA, bytes, sizeof bytes);
    now_us += duration_us - 1;
    hear(OMVRPC_RESULT_HEADER, NULL, 0);
    ck_assert_uint_eq(sent_length, 0);
    now_us += 1;
    work();
    hear(OMVRPC_RESULT_HEADER, NULL, 0);
    ck_assert(packet_is_valid(sent, sent_length, OMVRPC_RESULT_HEADER));
    ck_assert_uint_eq(get_u32(sent + 2), OMVRPC_ENVELOPE_SIZE + 6);
}
END_TEST

START_TEST(raw_bytes_follow_the_reply_and_are_not_repeated_with_it) {
    call(1, "put_raw", "cut through");
    expect(OMVRPC_STATUS_DONE, "raw");
    ck_assert_uint_eq(behind_length, 11);
    ck_assert_mem_eq(behind, "cut through", 11);
    call(1, "put_raw", "cut through");
    expect(OMVRPC_STATUS_DONE, "raw");
    ck_assert_uint_eq(behind_length, 0);
}
END_TEST

START_TEST(a_stream_follows_the_reply) {
    uint8_t depth[4];
    call(1, "stream", "");
    expect(OMVRPC_STATUS_DONE, "");
    put_u32(depth, 1);
    hear(OMVRPC_STREAM_OPEN, depth, sizeof depth);
    ck_assert_uint_eq(sent_length, PACKET_STREAM_SIZE + 5);
    ck_assert(packet_is_valid(sent, PACKET_STREAM_SIZE, OMVRPC_STREAM_FRAME));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("slave_session");
    TCase *stock = tcase_create("stock");
    tcase_add_checked_fixture(stock, set_up_stock, tear_down);
    tcase_add_test(stock, a_stock_slave_answers_the_reserved_names_with_an_empty_result);
    tcase_add_test(stock, options_out_of_range_are_refused);
    tcase_add_test(stock, the_description_is_also_there_without_a_session);
    tcase_add_test(stock, a_session_has_to_be_opened_first);
    tcase_add_test(stock, session_0_is_none);
    suite_add_tcase(suite, stock);

    TCase *calls = tcase_create("calls");
    tcase_add_checked_fixture(calls, set_up, tear_down);
    tcase_add_test(calls, number_0_opens_a_session_and_gives_the_description_whatever_the_command_says);
    tcase_add_test(calls, opening_the_open_session_again_forgets_nothing);
    tcase_add_test(calls, another_session_ends_the_first_and_all_that_was_held_for_it);
    tcase_add_test(calls, extensions_offered_again_have_the_new_description_and_no_session);
    tcase_add_test(calls, a_number_above_all_earlier_ones_runs_the_callback);
    tcase_add_test(calls, the_last_number_is_answered_again_as_often_as_it_is_asked_and_runs_nothing);
    tcase_add_test(calls, a_smaller_number_is_forgotten_and_runs_nothing);
    tcase_add_test(calls, an_empty_result_is_a_result);
    tcase_add_test(calls, a_callback_that_raised_says_what_and_runs_once);
    tcase_add_test(calls, a_long_text_of_what_was_raised_is_cut_between_characters);
    tcase_add_test(calls, a_long_name_leaves_room_for_the_message_and_the_last_raise_counts);
    tcase_add_test(calls, a_stock_call_of_a_callback_that_raised_gives_an_empty_result);
    tcase_add_test(calls, a_name_that_is_not_registered_is_no_such_callback);
    tcase_add_test(calls, reserved_names_are_not_called_by_number);
    tcase_add_test(calls, whatever_is_damaged_is_told_and_runs_nothing);
    tcase_add_test(calls, a_read_that_carries_something_is_damaged);
    tcase_add_test(calls, a_reset_is_told_with_the_milliseconds_since_the_camera_runs_again);
    tcase_add_test(calls, the_milliseconds_count_from_when_a_session_was_forgotten_last);
    tcase_add_test(calls, a_reply_takes_as_long_as_its_callback_and_is_repeated_at_once);
    tcase_add_test(calls, a_callback_that_computes_answers_no_poll_before_its_time);
    tcase_add_test(calls, raw_bytes_follow_the_reply_and_are_not_repeated_with_it);
    tcase_add_test(calls, a_stream_follows_the_reply);
    suite_add_tcase(suite, calls);

    TCase *pieces = tcase_create("pieces");
    tcase_add_checked_fixture(pieces, set_up, tear_down);
    tcase_add_test(pieces, a_long_result_is_read_in_pieces_in_any_order_and_as_often_as_needed);
    tcase_add_test(pieces, a_reply_holds_no_more_than_master_and_camera_allow);
    tcase_add_test(pieces, a_piece_of_0_bytes_tells_the_length);
    tcase_add_test(pieces, a_read_beyond_the_end_has_no_data);
    tcase_add_test(pieces, a_result_of_one_piece_is_not_held);
    tcase_add_test(pieces, a_call_asked_again_with_a_smaller_piece_is_held_from_then_on);
    tcase_add_test(pieces, other_calls_may_be_made_between_the_reads);
    tcase_add_test(pieces, a_released_result_is_forgotten_and_naming_it_twice_does_no_harm);
    tcase_add_test(pieces, releasing_the_last_result_does_not_make_its_number_run_again);
    tcase_add_test(pieces, only_what_is_held_can_be_released);
    tcase_add_test(pieces, the_oldest_held_result_goes_when_another_needs_its_room);
    tcase_add_test(pieces, a_number_of_another_session_releases_nothing);
    tcase_add_test(pieces, a_long_description_is_read_as_number_0_until_the_next_call);
    tcase_add_test(pieces, a_result_that_nothing_can_hold_is_too_large_and_says_its_length);
    suite_add_tcase(suite, pieces);
    return suite;
}
