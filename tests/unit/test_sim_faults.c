/* SPDX-License-Identifier: MIT */
/* Faults as text, and what a line with them does to packets. */

#include "sim/faults.h"
#include "sim/line.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS     20000
#define PACKET_SIZE 40

static struct sim_faults parse(const char *text) {
    struct sim_faults faults;
    char error[160] = "";
    int result = sim_faults_parse(text, &faults, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    return faults;
}

START_TEST(every_word_is_read) {
    struct sim_faults faults =
        parse("seed=7,drop=1%,damage=0.5%,cut=0.1%,double=100%,delay=2ms..8.5ms,stall=500ms@1%,slow=9600");
    ck_assert_uint_eq(faults.seed, 7);
    ck_assert_uint_eq(faults.drop, 10000);
    ck_assert_uint_eq(faults.damage, 5000);
    ck_assert_uint_eq(faults.cut, 1000);
    ck_assert_uint_eq(faults.twice, SIM_CERTAIN);
    ck_assert_int_eq(faults.delay_min_us, 2000);
    ck_assert_int_eq(faults.delay_max_us, 8500);
    ck_assert_int_eq(faults.stall_us, 500000);
    ck_assert_uint_eq(faults.stall, 10000);
    ck_assert_uint_eq(faults.baud, 9600);
    ck_assert_int_eq(parse("delay=300us").delay_max_us, 300);
    ck_assert_uint_eq(parse("seed=18446744073709551615").seed, UINT64_MAX);
    struct sim_faults none = {0}, empty = parse("");
    ck_assert_mem_eq(&empty, &none, sizeof none);
}
END_TEST

START_TEST(faults_are_refused_with_a_sentence_that_helps) {
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"drp=1%", "\"drp\" is no fault; did you mean \"drop\"?"},
        {"Damage=1%", "did you mean \"damage\"?"},
        {"lightning=1%", "known are seed, drop, damage, cut, double, delay, stall, slow"},
        {"a_word_longer_than_any_of_the_table=1%", "\"a_word_longer_than_a\" is no fault"},
        {",", "is no fault"},
        {"drop", "expected a percentage"},
        {"drop=1", "expected a percentage"},
        {"drop=-1%", "expected a percentage"},
        {"drop=101%", "expected a percentage"},
        {"drop=nan%", "expected a percentage"},
        {"drop=1%%", "expected a percentage"},
        {"drop=1%,", "expected a percentage"},
        {"drop=1%,drop=2%", "\"drop\" is given twice"},
        {"seed=18446744073709551616", "expected a whole number"},
        {"seed=", "expected a whole number"},
        {"delay=8ms..2ms", "the smaller first"},
        {"delay=2", "expected a time"},
        {"delay=4000000000s", "up to 10s"},
        {"delay=99999999999999999999999s", "up to 10s"},
        {"delay=2ms...8ms", "expected a time"},
        {"stall=1s", "a time up to 60s and a percentage"},
        {"slow=299", "a baud rate from 300"},
        {"slow=9600.5", "a baud rate from 300"},
    };
    ck_assert_int_lt(_i, (int)(sizeof bad / sizeof bad[0]));
    struct sim_faults faults = {.seed = 42};
    char error[160] = "";
    ck_assert_int_eq(sim_faults_parse(bad[_i].text, &faults, error, sizeof error), -EINVAL);
    ck_assert_msg(strstr(error, bad[_i].sentence) != NULL, "%s: %s", bad[_i].text, error);
    ck_assert_uint_eq(faults.seed, 42);
}
END_TEST

START_TEST(error_sentence_keeps_to_its_buffer) {
    struct sim_faults faults;
    char error[12];
    memset(error, '#', sizeof error);
    ck_assert_int_eq(sim_faults_parse("unheard_of", &faults, error, 8), -EINVAL);
    ck_assert_uint_eq(strlen(error), 7);
    ck_assert_int_eq(error[8], '#');
}
END_TEST

/* Takes all that has arrived. */
static size_t drain(struct sim_line *line, int64_t now_us, uint8_t *into, size_t capacity) {
    size_t total = 0, length;
    const uint8_t *bytes;
    while ((bytes = sim_line_arrived(line, now_us, &length)), length > 0) {
        ck_assert_uint_le(total + length, capacity);
        memcpy(into + total, bytes, length);
        sim_line_take(line, length);
        total += length;
    }
    return total;
}

START_TEST(line_without_faults_passes_everything_in_order_at_once) {
    struct sim_faults none = {0};
    struct sim_line *line = sim_line_new(&none, 0);
    ck_assert_int_eq(sim_line_due(line), INT64_MAX);
    ck_assert_int_eq(sim_line_put(line, (const uint8_t *)"abc", 3, 10), 0);
    ck_assert_int_eq(sim_line_put(line, (const uint8_t *)"defg", 4, 11), 0);
    ck_assert_uint_eq(sim_line_pending(line), 7);
    ck_assert_int_eq(sim_line_due(line), 10);
    uint8_t got[16];
    ck_assert_uint_eq(drain(line, 11, got, sizeof got), 7);
    ck_assert_mem_eq(got, "abcdefg", 7);
    ck_assert_uint_eq(sim_line_pending(line), 0);
    sim_line_free(line);
}
END_TEST

struct counts {
    int lost, shortened, damaged, doubled;
};

/* Sends numbered packets one at a time and counts what became of them. */
static struct counts send_packets(const char *text, unsigned direction) {
    struct sim_faults faults = parse(text);
    struct sim_line *line = sim_line_new(&faults, direction);
    struct counts counts = {0};
    for (int i = 0; i < PACKETS; i++) {
        uint8_t sent[PACKET_SIZE], got[2 * PACKET_SIZE];
        memset(sent, i, sizeof sent);
        ck_assert_int_eq(sim_line_put(line, sent, sizeof sent, i), 0);
        size_t length = drain(line, i, got, sizeof got);
        size_t compared = length < PACKET_SIZE ? length : PACKET_SIZE;
        counts.lost += length == 0;
        counts.shortened += length > 0 && length < PACKET_SIZE;
        counts.damaged += length > 0 && memcmp(sent, got, compared) != 0;
        counts.doubled += length == 2 * PACKET_SIZE && memcmp(got, got + PACKET_SIZE, PACKET_SIZE) == 0;
    }
    sim_line_free(line);
    return counts;
}

static void check_share(int count, double share) {
    ck_assert_msg(count > PACKETS * share * 0.8 && count < PACKETS * share * 1.2, "%d of %d", count, PACKETS);
}

START_TEST(each_fault_comes_as_often_as_asked_and_no_other_one) {
    struct counts drop = send_packets("seed=3,drop=5%", 0), damage = send_packets("seed=3,damage=5%", 0);
    struct counts cut = send_packets("seed=3,cut=5%", 0), twice = send_packets("seed=3,double=5%", 0);
    check_share(drop.lost, 0.05);
    ck_assert_int_eq(drop.shortened + drop.damaged + drop.doubled, 0);
    check_share(damage.damaged, 0.05);
    ck_assert_int_eq(damage.lost + damage.shortened + damage.doubled, 0);
    check_share(cut.lost + cut.shortened, 0.05);
    ck_assert_int_eq(cut.damaged + cut.doubled, 0);
    check_share(twice.doubled, 0.05);
    ck_assert_int_eq(twice.lost + twice.shortened + twice.damaged, 0);
}
END_TEST

START_TEST(damage_is_one_to_three_bits_within_sixteen) {
    struct sim_faults faults = parse("damage=100%");
    struct sim_line *line = sim_line_new(&faults, 0);
    for (int i = 0; i < 2000; i++) {
        uint8_t zeros[PACKET_SIZE] = {0}, got[PACKET_SIZE];
        size_t size = 1 + (size_t)i % PACKET_SIZE;
        sim_line_put(line, zeros, size, i);
        ck_assert_uint_eq(drain(line, i, got, sizeof got), size);
        int flips = 0, first = -1, last = -1;
        for (int bit = 0; bit < (int)size * 8; bit++) {
            if (got[bit / 8] >> (bit % 8) & 1) {
                flips++;
                first = first < 0 ? bit : first;
                last = bit;
            }
        }
        ck_assert(flips >= 1 && flips <= 3);
        ck_assert_int_lt(last - first, 16);
    }
    sim_line_free(line);
}
END_TEST

START_TEST(same_seed_gives_the_same_faults_and_the_two_directions_differ) {
    const char *text = "seed=9,drop=10%,damage=10%,cut=10%,double=10%";
    struct counts first = send_packets(text, 0), again = send_packets(text, 0), other = send_packets(text, 1);
    ck_assert_mem_eq(&first, &again, sizeof first);
    ck_assert_mem_ne(&first, &other, sizeof first);
}
END_TEST

START_TEST(delay_is_within_its_range_and_keeps_the_order) {
    struct sim_faults faults = parse("seed=5,delay=2ms..8ms");
    struct sim_line *line = sim_line_new(&faults, 0);
    int64_t shortest = INT64_MAX, longest = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t now = i * INT64_C(20000);
        uint8_t byte = (uint8_t)i, got[1];
        sim_line_put(line, &byte, 1, now);
        int64_t due = sim_line_due(line);
        ck_assert_uint_eq(drain(line, due - 1, got, 1), 0);
        ck_assert_uint_eq(drain(line, due, got, 1), 1);
        shortest = due - now < shortest ? due - now : shortest;
        longest = due - now > longest ? due - now : longest;
    }
    ck_assert(shortest >= 2000 && shortest < 2200 && longest <= 8000 && longest > 7800);

    uint8_t all[256];
    for (int i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        sim_line_put(line, &byte, 1, INT64_C(30000000) + i);
    }
    ck_assert_uint_eq(drain(line, INT64_C(40000000), all, sizeof all), 256);
    for (int i = 0; i < 256; i++) {
        ck_assert_int_eq(all[i], i);
    }
    sim_line_free(line);
}
END_TEST

START_TEST(stall_holds_back_everything_behind_it) {
    struct sim_faults faults = parse("stall=500ms@100%");
    struct sim_line *line = sim_line_new(&faults, 0);
    uint8_t got[4];
    sim_line_put(line, (const uint8_t *)"a", 1, 0);
    sim_line_put(line, (const uint8_t *)"b", 1, 1);
    ck_assert_uint_eq(drain(line, 499999, got, sizeof got), 0);
    ck_assert_uint_eq(drain(line, 500001, got, sizeof got), 2);
    sim_line_free(line);
}
END_TEST

START_TEST(slow_line_carries_its_rate_and_is_never_asked_in_vain) {
    struct sim_faults faults = parse("slow=9600");
    struct sim_line *line = sim_line_new(&faults, 0);
    uint8_t sent[960] = {0}, got[960];
    sim_line_put(line, sent, sizeof sent, 0);
    ck_assert_uint_eq(drain(line, 500000, got, sizeof got), 480);
    int64_t last = 0;
    while (sim_line_pending(line) > 0) {
        last = sim_line_due(line);
        ck_assert_uint_gt(drain(line, last, got, sizeof got), 0);
    }
    ck_assert_int_eq(last, 1000000);
    sim_line_free(line);
}
END_TEST

START_TEST(cleared_line_is_empty_and_usable) {
    struct sim_faults faults = parse("stall=60s@100%");
    struct sim_line *line = sim_line_new(&faults, 0);
    uint8_t got[4];
    sim_line_put(line, (const uint8_t *)"a", 1, 0);
    sim_line_clear(line);
    ck_assert_uint_eq(sim_line_pending(line), 0);
    ck_assert_int_eq(sim_line_due(line), INT64_MAX);
    sim_line_put(line, (const uint8_t *)"b", 1, 0);
    ck_assert_uint_eq(drain(line, 60000000, got, sizeof got), 1);
    ck_assert_int_eq(got[0], 'b');
    sim_line_free(line);
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void) {
    Suite *suite = suite_create("sim_faults");
    TCase *text = tcase_create("text");
    tcase_add_test(text, every_word_is_read);
    tcase_add_loop_test(text, faults_are_refused_with_a_sentence_that_helps, 0, 23);
    tcase_add_test(text, error_sentence_keeps_to_its_buffer);
    suite_add_tcase(suite, text);
    TCase *line = tcase_create("line");
    tcase_add_test(line, line_without_faults_passes_everything_in_order_at_once);
    tcase_add_test(line, each_fault_comes_as_often_as_asked_and_no_other_one);
    tcase_add_test(line, damage_is_one_to_three_bits_within_sixteen);
    tcase_add_test(line, same_seed_gives_the_same_faults_and_the_two_directions_differ);
    tcase_add_test(line, delay_is_within_its_range_and_keeps_the_order);
    tcase_add_test(line, stall_holds_back_everything_behind_it);
    tcase_add_test(line, slow_line_carries_its_rate_and_is_never_asked_in_vain);
    tcase_add_test(line, cleared_line_is_empty_and_usable);
    suite_add_tcase(suite, line);
    return suite;
}
