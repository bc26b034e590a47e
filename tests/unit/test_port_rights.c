/* SPDX-License-Identifier: MIT */
/* Who may open a port, for made-up nodes and users. */

#include "cli/port_rights.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *test_suite(void);

enum { ROOT = 0, PI = 1000, DIALOUT = 20 };

static enum port_rights judge(mode_t mode, uid_t uid, gid_t group, bool joined) {
    const struct stat node = {.st_mode = S_IFCHR | mode, .st_uid = ROOT, .st_gid = DIALOUT};
    const struct port_user user = {.uid = uid, .groups = {PI, group}, .group_count = 2};
    return port_rights_judge(&node, &user, joined);
}

START_TEST(a_member_of_the_group_may_open_the_port) {
    ck_assert_int_eq(judge(0660, PI, DIALOUT, true), PORT_OPEN);
}
END_TEST

START_TEST(a_user_in_no_such_group_has_to_join_it) {
    ck_assert_int_eq(judge(0660, PI, PI, false), PORT_NO_MEMBER);
}
END_TEST

START_TEST(a_user_who_has_joined_since_has_to_log_in_again) {
    ck_assert_int_eq(judge(0660, PI, PI, true), PORT_NOT_YET);
}
END_TEST

START_TEST(a_node_that_is_closed_to_its_group_is_no_matter_of_joining) {
    ck_assert_int_eq(judge(0600, PI, PI, false), PORT_CLOSED);
    ck_assert_int_eq(judge(0640, PI, DIALOUT, true), PORT_CLOSED);
    ck_assert_int_eq(judge(0606, PI, DIALOUT, true), PORT_CLOSED);
}
END_TEST

START_TEST(nobody_is_told_to_join_the_group_of_root) {
    const struct stat node = {.st_mode = S_IFCHR | 0660, .st_uid = ROOT, .st_gid = ROOT};
    const struct port_user user = {.uid = PI, .groups = {PI}, .group_count = 1};
    ck_assert_int_eq(port_rights_judge(&node, &user, false), PORT_CLOSED);
}
END_TEST

START_TEST(root_may_open_everything_and_others_what_is_open_to_all) {
    ck_assert_int_eq(judge(0000, ROOT, ROOT, false), PORT_OPEN);
    ck_assert_int_eq(judge(0666, PI, PI, false), PORT_OPEN);
}
END_TEST

START_TEST(a_process_is_its_effective_user_and_all_its_groups) {
    struct port_user user;
    ck_assert(port_user_parse(
        "Name:\tx\nUid:\t1000\t1001\t1000\t1000\nGid:\t7\t8\t7\t7\nGroups:\t20 46 1000 \nSeccomp:\t0\n", &user));
    ck_assert_uint_eq(user.uid, 1001);
    ck_assert_uint_eq(user.group_count, 4);
    ck_assert_uint_eq(user.groups[0], 8);
    ck_assert_uint_eq(user.groups[1], 20);
    ck_assert_uint_eq(user.groups[3], 1000);
    ck_assert(port_user_parse("Uid:\t1\t1\nGid:\t1\t1\nGroups:\t", &user));
    ck_assert_uint_eq(user.group_count, 1);
}
END_TEST

START_TEST(a_status_without_the_lines_or_with_too_many_groups_is_refused) {
    struct port_user user;
    static const char *const texts[] = {"", "Uid:\t1\t1\n", "Uid:\t1\t1\nGid:\t1\t1\n",
                                        "Uid:\t1\nGid:\t1\t1\nGroups:\t1\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(!port_user_parse(texts[i], &user), "%s", texts[i]);
    }
    char many[64 + 2 * PORT_GROUPS_MOST] = "Uid:\t1\t1\nGid:\t1\t1\nGroups:\t";
    for (int i = 0; i < PORT_GROUPS_MOST; i++) {
        strcat(many, "1 ");
    }
    ck_assert(!port_user_parse(many, &user));
}
END_TEST

START_TEST(everybody_has_joined_the_group_of_their_own) {
    ck_assert(port_user_has_joined(ROOT, ROOT));
    ck_assert(!port_user_has_joined(ROOT, (gid_t)-2));
    ck_assert(!port_user_has_joined((uid_t)-2, ROOT));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("port_rights");
    TCase *tests = tcase_create("port_rights");
    tcase_add_test(tests, a_member_of_the_group_may_open_the_port);
    tcase_add_test(tests, a_user_in_no_such_group_has_to_join_it);
    tcase_add_test(tests, a_user_who_has_joined_since_has_to_log_in_again);
    tcase_add_test(tests, a_node_that_is_closed_to_its_group_is_no_matter_of_joining);
    tcase_add_test(tests, nobody_is_told_to_join_the_group_of_root);
    tcase_add_test(tests, root_may_open_everything_and_others_what_is_open_to_all);
    tcase_add_test(tests, a_process_is_its_effective_user_and_all_its_groups);
    tcase_add_test(tests, a_status_without_the_lines_or_with_too_many_groups_is_refused);
    tcase_add_test(tests, everybody_has_joined_the_group_of_their_own);
    suite_add_tcase(suite, tests);
    return suite;
}
