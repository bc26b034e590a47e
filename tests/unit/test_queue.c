/* SPDX-License-Identifier: MIT */
/* Turns, priorities and places of a camera's queue. */

#include "queue.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *test_suite(void);

enum { ENTRIES = 64 };

static struct queue queue;
static struct queue_entry entries[ENTRIES];
static char client_a, client_b, client_c;

static void set_up(void) {
    queue_init(&queue);
    memset(entries, 0, sizeof entries);
}

static void put(size_t index, enum queue_priority priority, void *client) {
    ck_assert_int_eq(queue_put(&queue, &entries[index], priority, client, false), 0);
}

/* Takes the next entry out and returns its index, or -1. */
static int take(bool (*may_serve)(const struct queue_entry *entry, void *context)) {
    struct queue_entry *entry = queue_next(&queue, may_serve, &entries[0]);
    if (entry == NULL) {
        return -1;
    }
    queue_remove(&queue, entry);
    return (int)(entry - entries);
}

static void empty(void) {
    while (take(NULL) >= 0) {
    }
    ck_assert_uint_eq(queue.length, 0);
}

START_TEST(entries_of_one_client_keep_their_order) {
    for (size_t i = 0; i < 5; i++) {
        put(i, QUEUE_NORMAL, &client_a);
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(take(NULL), i);
    }
    ck_assert_int_eq(take(NULL), -1);
}
END_TEST

START_TEST(clients_are_served_in_turn) {
    for (size_t i = 0; i < 10; i++) {
        put(i, QUEUE_NORMAL, &client_a);
    }
    put(20, QUEUE_NORMAL, &client_b);
    put(21, QUEUE_NORMAL, &client_b);
    put(30, QUEUE_NORMAL, &client_c);
    static const int expected[] = {0, 20, 30, 1, 21, 2, 3};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert_int_eq(take(NULL), expected[i]);
    }
    empty();
}
END_TEST

START_TEST(a_client_that_comes_back_goes_to_the_end_of_the_round) {
    put(0, QUEUE_NORMAL, &client_a);
    put(1, QUEUE_NORMAL, &client_b);
    put(2, QUEUE_NORMAL, &client_c);
    ck_assert_int_eq(take(NULL), 0);
    put(3, QUEUE_NORMAL, &client_a);
    ck_assert_int_eq(take(NULL), 1);
    ck_assert_int_eq(take(NULL), 2);
    ck_assert_int_eq(take(NULL), 3);
}
END_TEST

START_TEST(a_client_that_comes_while_another_is_served_has_its_turn_before_that_one_has_the_next) {
    for (size_t i = 0; i < 4; i++) {
        put(i, QUEUE_NORMAL, &client_a);
    }
    ck_assert_int_eq(take(NULL), 0);
    put(10, QUEUE_NORMAL, &client_b);
    put(20, QUEUE_NORMAL, &client_c);
    put(11, QUEUE_NORMAL, &client_b);
    static const int expected[] = {10, 20, 1, 11, 2, 3};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert_int_eq(take(NULL), expected[i]);
    }
    empty();
}
END_TEST

START_TEST(clients_that_come_again_and_again_do_not_keep_another_from_its_turn) {
    put(0, QUEUE_NORMAL, &client_a);
    put(1, QUEUE_NORMAL, &client_a);
    ck_assert_int_eq(take(NULL), 0);
    put(10, QUEUE_NORMAL, &client_b);
    ck_assert_int_eq(take(NULL), 10);
    put(11, QUEUE_NORMAL, &client_b);
    put(20, QUEUE_NORMAL, &client_c);
    ck_assert_int_eq(take(NULL), 1);
    empty();
}
END_TEST

START_TEST(higher_priorities_come_first_and_lower_ones_are_not_starved) {
    put(0, QUEUE_LOW, &client_a);
    put(1, QUEUE_NORMAL, &client_b);
    for (size_t i = 10; i < 40; i++) {
        put(i, QUEUE_HIGH, &client_c);
    }
    for (int i = 0; i < QUEUE_PASSED_OVER_MAX; i++) {
        ck_assert_int_eq(take(NULL), 10 + i);
    }
    ck_assert_int_eq(take(NULL), 1);
    ck_assert_int_eq(take(NULL), 0);
    ck_assert_int_eq(take(NULL), 10 + QUEUE_PASSED_OVER_MAX);
    empty();
}
END_TEST

static bool is_not_the_first(const struct queue_entry *entry, void *context) {
    return entry != context;
}

START_TEST(clients_that_may_not_be_served_are_passed_by) {
    put(0, QUEUE_HIGH, &client_a);
    put(1, QUEUE_NORMAL, &client_b);
    ck_assert_int_eq(take(is_not_the_first), 1);
    ck_assert_int_eq(take(is_not_the_first), -1);
    ck_assert_int_eq(take(NULL), 0);
}
END_TEST

START_TEST(an_entry_may_be_put_first_or_taken_out_anywhere) {
    put(0, QUEUE_NORMAL, &client_a);
    put(1, QUEUE_NORMAL, &client_a);
    ck_assert_int_eq(queue_put(&queue, &entries[2], QUEUE_NORMAL, &client_a, true), 0);
    queue_remove(&queue, &entries[0]);
    queue_remove(&queue, &entries[0]);
    ck_assert_uint_eq(queue.length, 2);
    ck_assert_int_eq(take(NULL), 2);
    ck_assert_int_eq(take(NULL), 1);
}
END_TEST

START_TEST(the_entries_of_a_client_are_found_in_every_priority) {
    put(0, QUEUE_NORMAL, &client_a);
    put(1, QUEUE_LOW, &client_b);
    put(2, QUEUE_HIGH, &client_b);
    ck_assert_ptr_eq(queue_first(&queue, &client_b), &entries[2]);
    queue_remove(&queue, &entries[2]);
    ck_assert_ptr_eq(queue_first(&queue, &client_b), &entries[1]);
    queue_remove(&queue, &entries[1]);
    ck_assert_ptr_null(queue_first(&queue, &client_b));
    ck_assert_ptr_eq(queue_first(&queue, NULL), &entries[0]);
    empty();
}
END_TEST

static void put_subscription(size_t index, void *client) {
    entries[index].lane = QUEUE_SUBSCRIPTIONS;
    put(index, QUEUE_NORMAL, client);
}

START_TEST(the_subscriptions_of_a_client_take_every_other_of_its_turns) {
    for (size_t i = 0; i < 3; i++) {
        put(i, QUEUE_NORMAL, &client_a);
        put_subscription(10 + i, &client_a);
        put(20 + i, QUEUE_NORMAL, &client_b);
    }
    static const int expected[] = {0, 20, 10, 21, 1, 22, 11, 2, 12, -1};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ck_assert_int_eq(take(NULL), expected[i]);
    }
    ck_assert_uint_eq(queue.length, 0);
}
END_TEST

START_TEST(one_kind_is_served_where_the_other_may_not_be) {
    put(0, QUEUE_NORMAL, &client_a);
    put_subscription(1, &client_a);
    put_subscription(2, &client_a);
    ck_assert_int_eq(take(is_not_the_first), 1);
    ck_assert_int_eq(take(is_not_the_first), 2);
    ck_assert_int_eq(take(is_not_the_first), -1);
    empty();
}
END_TEST

START_TEST(what_a_client_watches_is_not_among_its_requests) {
    put_subscription(0, &client_a);
    ck_assert_ptr_null(queue_first(&queue, &client_a));
    put(1, QUEUE_NORMAL, &client_a);
    ck_assert_ptr_eq(queue_first(&queue, &client_a), &entries[1]);
    queue_remove(&queue, &entries[1]);
    ck_assert_ptr_eq(queue_first(&queue, NULL), &entries[0]);
    empty();
}
END_TEST

static bool is_even(const struct queue_entry *entry, const void *first) {
    return (entry - (const struct queue_entry *)first) % 2 == 0;
}

START_TEST(what_is_listed_is_what_is_wanted_in_the_order_of_its_places) {
    static const size_t expected[] = {8, 2, 4, 6};
    size_t count = 1;
    free(queue_list(&queue, is_even, entries, &count));
    ck_assert_uint_eq(count, 0);
    put(2, QUEUE_NORMAL, &client_b);
    put(3, QUEUE_NORMAL, &client_a);
    put(4, QUEUE_NORMAL, &client_b);
    put_subscription(6, &client_a);
    put(8, QUEUE_HIGH, &client_a);
    struct queue_entry **listed = queue_list(&queue, is_even, entries, &count);
    ck_assert_uint_eq(count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_eq(listed[i], &entries[expected[i]]);
    }
    free(listed);
    empty();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("queue");
    TCase *tests = tcase_create("queue");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, entries_of_one_client_keep_their_order);
    tcase_add_test(tests, clients_are_served_in_turn);
    tcase_add_test(tests, a_client_that_comes_back_goes_to_the_end_of_the_round);
    tcase_add_test(tests, a_client_that_comes_while_another_is_served_has_its_turn_before_that_one_has_the_next);
    tcase_add_test(tests, clients_that_come_again_and_again_do_not_keep_another_from_its_turn);
    tcase_add_test(tests, higher_priorities_come_first_and_lower_ones_are_not_starved);
    tcase_add_test(tests, clients_that_may_not_be_served_are_passed_by);
    tcase_add_test(tests, an_entry_may_be_put_first_or_taken_out_anywhere);
    tcase_add_test(tests, the_entries_of_a_client_are_found_in_every_priority);
    tcase_add_test(tests, the_subscriptions_of_a_client_take_every_other_of_its_turns);
    tcase_add_test(tests, one_kind_is_served_where_the_other_may_not_be);
    tcase_add_test(tests, what_a_client_watches_is_not_among_its_requests);
    tcase_add_test(tests, what_is_listed_is_what_is_wanted_in_the_order_of_its_places);
    suite_add_tcase(suite, tests);
    return suite;
}
