/* SPDX-License-Identifier: MIT */
/* Where drives are mounted, and mounting them. */

#include "cli/camera_drive.h"
#include "cli/mounts.h"

#include "fake_folder.h"

Suite *test_suite(void);

static struct fake_folder folder;

static void set_up(void) {
    fake_folder_make(&folder);
}

static void tear_down(void) {
    fake_folder_remove(&folder);
}

static bool find(const char *list, const char *number, struct mount_place *place) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/mountinfo", folder.path);
    fake_folder_write(&folder, "mountinfo", list);
    return mounts_find(path, number, place);
}

static void check_found(const char *list, const char *number, const char *where, bool read_only) {
    struct mount_place place;
    ck_assert(find(list, number, &place));
    ck_assert_str_eq(place.folder, where);
    ck_assert_int_eq(place.read_only, read_only);
    free(place.folder);
}

START_TEST(a_mounted_drive_is_found_by_its_device_number) {
    const char *list = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
                       "90 22 8:17 / /media/pi/OPEN\\040MV rw,nosuid shared:5 master:1 - vfat /dev/sdb1 rw,utf8\n";
    check_found(list, "8:17", "/media/pi/OPEN MV", false);
    check_found(list, "8:1", "/", false);
}
END_TEST

START_TEST(a_part_of_a_drive_is_not_the_drive) {
    struct mount_place place;
    ck_assert(!find("9 2 8:17 /sub /x rw - vfat /dev/sdb1 rw\n", "8:17", &place));
    ck_assert(!find("9 2 8:170 / /x rw - vfat /dev/sdb1 rw\n", "8:17", &place));
}
END_TEST

START_TEST(a_drive_may_be_read_only_by_its_mount_or_after_an_error) {
    check_found("9 2 8:17 / /x ro,nosuid - vfat /dev/sdb1 rw,utf8\n", "8:17", "/x", true);
    check_found("9 2 8:17 / /x rw,nosuid - vfat /dev/sdb1 ro,errors=remount-ro\n", "8:17", "/x", true);
    check_found("9 2 8:17 / /x rw - vfat /dev/sdb1 rw,errors=remount-ro\n", "8:17", "/x", false);
}
END_TEST

START_TEST(lines_that_are_cut_or_strange_are_passed_over) {
    struct mount_place place;
    ck_assert(!find("\n \n8:17\n1 2 8:17\n1 2 8:17 /\n1 2 8:17 / /x\n\xff\xff 8:17 8:17\n", "8:17", &place));
    check_found("\n1 2 8:17 /\n9 2 8:17 / /x\\04 rw", "8:17", "/x\\04", false);
    ck_assert(!mounts_find("/nonexistent/mountinfo", "8:17", &place));
}
END_TEST

/* A udisksctl that notes how it was called. */
static void install_udisksctl(const char *end) {
    char script[PATH_MAX];
    char path[PATH_MAX];
    snprintf(script, sizeof script, "#!/bin/sh\necho \"$@\" >>%s/calls\n%s\n", folder.path, end);
    fake_folder_write(&folder, "udisksctl", script);
    snprintf(path, sizeof path, "%s/udisksctl", folder.path);
    ck_assert_int_eq(chmod(path, 0755), 0);
    snprintf(path, sizeof path, "%s:/bin:/usr/bin", folder.path);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
}

START_TEST(what_cannot_be_mounted_gives_the_command_that_can) {
    struct camera_drive drive;
    char *problem;
    char *hint;
    install_udisksctl("exit 1");
    ck_assert(!camera_drive_open(&drive, "no-such-drive1", "0:0", false, &problem, &hint));
    ck_assert_ptr_nonnull(strstr(problem, "/dev/no-such-drive1 cannot be mounted: "));
    ck_assert_uint_gt(strlen(hint), 0);
    free(problem);
    free(hint);
    char calls[256] = "";
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/calls", folder.path);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(calls, sizeof calls, file));
    fclose(file);
    ck_assert_str_eq(calls, "mount --block-device /dev/no-such-drive1 --no-user-interaction\n");
}
END_TEST

START_TEST(a_udisks_that_mounted_nothing_is_not_believed) {
    struct camera_drive drive;
    char *problem;
    char *hint;
    install_udisksctl("exit 0");
    ck_assert(!camera_drive_open(&drive, "no-such-drive1", "0:0", true, &problem, &hint));
    free(problem);
    free(hint);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("camera_drive");
    TCase *tests = tcase_create("camera_drive");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_mounted_drive_is_found_by_its_device_number);
    tcase_add_test(tests, a_part_of_a_drive_is_not_the_drive);
    tcase_add_test(tests, a_drive_may_be_read_only_by_its_mount_or_after_an_error);
    tcase_add_test(tests, lines_that_are_cut_or_strange_are_passed_over);
    tcase_add_test(tests, what_cannot_be_mounted_gives_the_command_that_can);
    tcase_add_test(tests, a_udisks_that_mounted_nothing_is_not_believed);
    suite_add_tcase(suite, tests);
    return suite;
}
