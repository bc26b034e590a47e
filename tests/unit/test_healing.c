/* SPDX-License-Identifier: MIT */
/* How links heal: the times that can be set, the steps that are counted, and the explanation of a silence. */

#include "bus_bench.h"
#include "bus_internal.h"
#include "packet.h"

Suite *test_suite(void);

static uint64_t count(enum healing_step step) {
    return bus_healing(bus, 0)[step];
}

static void unplug(void) {
    line.error = -EIO;
    line.open_errno = ENOENT;
}

static void plug_in(void) {
    omvrpc_slave_reset(line.camera);
    line.error = 0;
    line.open_errno = 0;
}

/* Begins anew, with other times. */
static void heal_with(struct healing times) {
    tear_down();
    healing = times;
    set_up_bus(false);
}

static void explain(void) {
    tear_down();
    healing = (struct healing){0};
    set_up_bus(true);
}

START_TEST(every_time_has_a_default_within_its_range) {
    struct healing complete = {0};
    healing_complete(&complete, NULL);
    for (const struct healing_row *row = healing_rows; row->key != NULL; row++) {
        ck_assert_uint_eq(*healing_place(&complete, row), row->fallback);
        /* 0 is for what may be switched off. */
        ck_assert(row->minimum > 0 || row->offset == offsetof(struct healing, reset_after_ms));
        ck_assert_uint_le(row->minimum, row->fallback);
        ck_assert_uint_ge(row->maximum, row->fallback);
    }
    ck_assert_uint_eq(complete.offline_after_ms, 3000);
}
END_TEST

START_TEST(a_camera_s_own_times_go_before_the_general_ones) {
    struct healing own = {.retry_max_ms = 700}, general = {.retry_max_ms = 900, .reopen_after_ms = 2000};
    healing_complete(&own, &general);
    ck_assert_uint_eq(own.retry_max_ms, 700);
    ck_assert_uint_eq(own.reopen_after_ms, 2000);
    ck_assert_uint_eq(own.retry_min_ms, 50);
}
END_TEST

START_TEST(pauses_never_shrink) {
    struct healing own = {.retry_min_ms = 2000};
    healing_complete(&own, NULL);
    ck_assert_uint_eq(own.retry_max_ms, 2000);
}
END_TEST

START_TEST(a_loss_and_a_return_are_counted_once_each) {
    go_online();
    for (uint64_t i = 1; i <= 20; i++) {
        unplug();
        live_for(i % 2 == 0 ? 200 * MS : 5 * (int64_t)SECOND);
        ck_assert_uint_eq(count(HEALING_LOSSES), i);
        ck_assert_uint_eq(count(HEALING_RETURNS), i - 1);
        plug_in();
        live_for(2 * SECOND);
        ck_assert_int_eq(state, CAMERA_ONLINE);
        ck_assert_uint_eq(count(HEALING_RETURNS), i);
    }
    ck_assert_uint_eq(line.closed, 20);
}
END_TEST

START_TEST(lending_the_port_is_no_loss) {
    go_online();
    bus_release(bus, 0, now_us);
    live_for(10 * (int64_t)SECOND);
    bus_acquire(bus, 0, now_us);
    go_online();
    ck_assert_uint_eq(count(HEALING_LOSSES), 0);
    ck_assert_uint_eq(count(HEALING_RETURNS), 0);
}
END_TEST

START_TEST(a_camera_that_nobody_looks_for_yet_is_offline_in_time) {
    heal_with((struct healing){.retry_min_ms = 60000, .retry_max_ms = 60000, .offline_after_ms = 1000});
    line.open_errno = ENOENT;
    live_for(990 * MS);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    live_for(20 * MS);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    ck_assert_str_eq(reason, "cannot open: No such file or directory");
    ck_assert_uint_eq(line.opened, 1);
}
END_TEST

START_TEST(openings_follow_the_configured_pauses) {
    heal_with((struct healing){.retry_min_ms = 100, .retry_max_ms = 1000});
    line.open_errno = ENOENT;
    live_for(99 * MS);
    ck_assert_uint_eq(line.opened, 1);
    /* At 0, 100, 300, 700, 1500 and then every second. */
    live_until(now_us + 1401 * MS);
    ck_assert_uint_eq(line.opened, 5);
    live_for(10 * (int64_t)SECOND);
    ck_assert_uint_eq(line.opened, 15);
    ck_assert_uint_eq(count(HEALING_FAILED_OPENINGS), 15);
}
END_TEST

START_TEST(an_announced_device_is_opened_at_once) {
    heal_with((struct healing){.retry_min_ms = 60000, .retry_max_ms = 60000});
    line.open_errno = ENOENT;
    live_for(10 * (int64_t)SECOND);
    ck_assert_int_eq(state, CAMERA_OFFLINE);
    line.open_errno = 0;
    bus_announce(bus, 0, now_us);
    step();
    ck_assert_uint_eq(line.opened, 2);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    live_for(500 * MS);
    ck_assert_int_eq(state, CAMERA_ONLINE);
    ck_assert_uint_eq(count(HEALING_ANNOUNCEMENTS), 1);
}
END_TEST

START_TEST(a_device_without_its_permissions_yet_is_tried_often_for_a_second) {
    heal_with((struct healing){.retry_min_ms = 50, .retry_max_ms = 10000});
    line.open_errno = EACCES;
    live_for(60 * (int64_t)SECOND);
    unsigned before = line.opened;
    bus_announce(bus, 0, now_us);
    live_for(SECOND);
    ck_assert_uint_ge(line.opened - before, 20);
    before = line.opened;
    live_for(10 * (int64_t)SECOND);
    ck_assert_uint_le(line.opened - before, 10);
}
END_TEST

START_TEST(announcements_mean_nothing_to_a_camera_that_has_its_link_or_is_lent) {
    go_online();
    bus_announce(bus, 0, now_us);
    live_for(MS);
    ck_assert_uint_eq(line.opened, 1);
    bus_release(bus, 0, now_us);
    bus_announce(bus, 0, now_us);
    live_for(SECOND);
    ck_assert_uint_eq(line.opened, 1);
    ck_assert_int_eq(state, CAMERA_RELEASED);
    ck_assert_uint_eq(count(HEALING_ANNOUNCEMENTS), 0);
}
END_TEST

START_TEST(a_silent_camera_gets_a_new_link_as_often_as_configured) {
    heal_with((struct healing){.reopen_after_ms = 1000, .silent_after_ms = 500});
    line.silent = true;
    live_for(10 * (int64_t)SECOND);
    ck_assert_uint_ge(count(HEALING_REOPENS), 8);
    ck_assert_uint_le(count(HEALING_REOPENS), 10);
    ck_assert_uint_eq(line.closed, count(HEALING_REOPENS));
    ck_assert_uint_eq(count(HEALING_LOSSES), 0);
    line.silent = false;
    live_for(3 * (int64_t)SECOND);
    ck_assert_int_eq(state, CAMERA_ONLINE);
}
END_TEST

START_TEST(an_idle_camera_is_probed_as_often_as_configured_and_its_silence_seen) {
    heal_with((struct healing){.probe_interval_ms = 500, .probe_timeout_ms = 200, .silent_after_ms = 200});
    go_online();
    live_for(10 * (int64_t)SECOND);
    ck_assert_uint_ge(count(HEALING_PROBES), 18);
    ck_assert_uint_le(count(HEALING_PROBES), 22);
    line.silent = true;
    live_for(2 * SECOND);
    ck_assert_int_ne(state, CAMERA_ONLINE);
    ck_assert_uint_eq(count(HEALING_LOSSES), 1);
}
END_TEST

START_TEST(calls_wait_for_as_long_as_configured) {
    heal_with((struct healing){.offline_after_ms = 20000});
    go_online();
    unplug();
    live_for(10 * MS);
    submit(60 * (int64_t)SECOND, false);
    live_for(19 * (int64_t)SECOND);
    ck_assert_int_eq(state, CAMERA_CONNECTING);
    ck_assert_uint_eq(ends, 0);
    plug_in();
    live_for(2 * SECOND);
    expect_end(OMVRPC_DONE, OMVRPC_CAUSE_NONE);
}
END_TEST

START_TEST(a_silence_is_explained_by_what_was_heard_and_not_all_the_time) {
    explain();
    line.silent = true;
    live_for(100 * MS);
    memcpy(line.bytes, ">>> ", 4);
    line.length = 4;
    live_for(2 * SECOND);
    ck_assert_uint_eq(explanations, 1);
    ck_assert_str_eq(reason, "explained 1");
    ck_assert_uint_eq(heard_length, 4);
    ck_assert_mem_eq(heard, ">>> ", 4);
    live_for(4 * SECOND);
    ck_assert_uint_ge(explanations, 2);
    ck_assert_uint_le(explanations, 4);
}
END_TEST

START_TEST(only_the_last_bytes_heard_are_kept) {
    explain();
    line.silent = true;
    step();
    uint8_t next = 0;
    for (int i = 0; i < 40; i++) {
        for (size_t at = 0; at < 100; at++) {
            line.bytes[at] = next++;
        }
        line.length = 100;
        live_for(10 * MS);
    }
    live_for(2 * SECOND);
    ck_assert_uint_eq(heard_length, BUS_HEARD_SIZE);
    for (size_t at = 0; at < BUS_HEARD_SIZE; at++) {
        ck_assert_uint_eq(heard[at], (uint8_t)(next - BUS_HEARD_SIZE + at));
    }
}
END_TEST

static void hear(const uint8_t *bytes, size_t length) {
    bus_note_heard(bus->cameras[0], bytes, length);
}

/* On SPI a slow camera is read from when it is not ready, and what comes then is anything. */
START_TEST(what_a_camera_says_between_packets_does_not_explain_its_silence) {
    static const uint8_t noise[4] = {0x00, 0x12, 0x09, 0xff};
    explain();
    line.silent = true;
    live_for(100 * MS);
    bus->cameras[0]->link_info.transactions = true;
    hear(noise, sizeof noise);
    ck_assert_uint_eq(bus->cameras[0]->heard_length, 4);
    uint8_t packet[PACKET_ACK_SIZE];
    hear(packet, packet_put(packet, OMVRPC_COMMAND_HEADER, NULL, 0));
    hear(noise, sizeof noise);
    ck_assert_uint_eq(bus->cameras[0]->heard_length, 0);
}
END_TEST

START_TEST(what_a_camera_has_answered_does_not_explain_its_silence) {
    explain();
    go_online();
    line.silent = true;
    for (int i = 0; i < 300 && explanations == 0; i++) {
        live_for(100 * MS);
    }
    ck_assert_uint_eq(explanations, 1);
    ck_assert_uint_eq(heard_length, 0);
}
END_TEST

START_TEST(what_was_heard_before_a_link_was_opened_is_forgotten) {
    explain();
    line.silent = true;
    live_for(100 * MS);
    line.length = 4;
    live_for(100 * MS);
    unplug();
    live_for(100 * MS);
    line.error = 0;
    line.open_errno = 0;
    live_for(3 * (int64_t)SECOND);
    ck_assert_uint_gt(explanations, 0);
    ck_assert_uint_eq(heard_length, 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("healing");
    TCase *times = tcase_create("times");
    tcase_add_test(times, every_time_has_a_default_within_its_range);
    tcase_add_test(times, a_camera_s_own_times_go_before_the_general_ones);
    tcase_add_test(times, pauses_never_shrink);
    suite_add_tcase(suite, times);
    TCase *steps = tcase_create("steps");
    tcase_add_checked_fixture(steps, set_up, tear_down);
    tcase_add_test(steps, a_loss_and_a_return_are_counted_once_each);
    tcase_add_test(steps, lending_the_port_is_no_loss);
    tcase_add_test(steps, a_camera_that_nobody_looks_for_yet_is_offline_in_time);
    tcase_add_test(steps, openings_follow_the_configured_pauses);
    tcase_add_test(steps, an_announced_device_is_opened_at_once);
    tcase_add_test(steps, a_device_without_its_permissions_yet_is_tried_often_for_a_second);
    tcase_add_test(steps, announcements_mean_nothing_to_a_camera_that_has_its_link_or_is_lent);
    tcase_add_test(steps, a_silent_camera_gets_a_new_link_as_often_as_configured);
    tcase_add_test(steps, an_idle_camera_is_probed_as_often_as_configured_and_its_silence_seen);
    tcase_add_test(steps, calls_wait_for_as_long_as_configured);
    tcase_add_test(steps, a_silence_is_explained_by_what_was_heard_and_not_all_the_time);
    tcase_add_test(steps, only_the_last_bytes_heard_are_kept);
    tcase_add_test(steps, what_a_camera_says_between_packets_does_not_explain_its_silence);
    tcase_add_test(steps, what_a_camera_has_answered_does_not_explain_its_silence);
    tcase_add_test(steps, what_was_heard_before_a_link_was_opened_is_forgotten);
    suite_add_tcase(suite, steps);
    return suite;
}
